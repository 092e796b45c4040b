"""Mask files -> arrays: the foreground of a binary mask, the classes of a coloured one, plain labels."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smearprep import images
from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.geometry import Mask

BACKGROUND = "background"
"""The label, in a map of colours or levels, whose pixels are no cell."""

_NOISE = 16  # grey levels: sound lossy masks stay this near to black, to white and to grey
_PHOTOGRAPH = 0.4  # share of px in between; the lossiest masks of the counting paper have 0.15
_DAMAGED = 5e-4  # share of px; sound masks of the counting paper reach 0 (colour) and 4e-4 (grey)

Colour = tuple[int, int, int]
Values = NDArray[Any]  # (H, W) of integers or bool


def read_mask(
    path: Path, threshold: int = 127, file: str = "", findings: list[Finding] | None = None
) -> Mask:
    """The foreground of a binary mask.

    A lossless channel that holds one value besides 0 is cut at 0, whatever that value is. All else is
    cut at the threshold; three channels by their luma, the part of a JPEG that is stored best.

    Args:
        path: An image of any mode.
        threshold: A grey value above it, of 0..255, is foreground; 16-bit masks are scaled to that.
        file: How findings name the file.
        findings: Where a damaged file is reported.

    Returns:
        (H, W) bool.

    Raises:
        DataError: Not a readable image, or a photograph.
    """
    values = one_channel(path)
    if values is not None:
        if len(levels(values)) <= 1:
            return np.asarray(values != 0)
        return np.asarray(values > (threshold if values.max() <= 255 else threshold * 257))
    import cv2

    rgb = images.read(path)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    between = np.count_nonzero((np.asarray(grey) > 2 * _NOISE) & (np.asarray(grey) < 255 - 2 * _NOISE))
    if between > _PHOTOGRAPH * grey.size:
        what = f"{between / grey.size:.0%} of its pixels are neither black nor white: a photograph, no mask"
        raise DataError(path, f"{what}; of a colour-coded mask, name the colours")
    if findings is not None:
        findings += _doubts(rgb, np.asarray(grey), threshold, file or path.name)
    return np.asarray(grey > threshold)


def _doubts(rgb: images.RGB, grey: Values, threshold: int, file: str) -> list[Finding]:
    """What speaks against a binary mask: colours, or nothing above the threshold."""
    import cv2

    red, green, blue = cv2.split(rgb)
    spread = cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
    coloured = int(np.count_nonzero(np.asarray(spread) > _NOISE))
    between = int(np.count_nonzero((grey > 2 * _NOISE) & (grey < 255 - 2 * _NOISE)))
    if min(coloured, between) >= _DAMAGED * grey.size:
        what = (
            f"not a clean binary mask: {coloured} px are coloured and {between} px are neither black nor "
            f"white; kept, cut at grey {threshold}. If it is colour-coded, name its colours"
        )
        return [Finding("damaged", what, file)]
    if _NOISE < grey.max() <= threshold:
        what = f"no pixel is above the threshold {threshold}, the brightest is {grey.max()}; read as empty"
        return [Finding("damaged", what, file)]
    return []


def read_classes(path: Path, colours: Mapping[str, Colour]) -> dict[str, Mask]:
    """The masks of a colour-coded image: each pixel takes the label of the nearest colour.

    Black and white are background unless a label has them, or a label is called "background".

    Args:
        path: An image; grey levels are colours of three equal values.
        colours: Label -> (R, G, B), each 0..255.

    Returns:
        Label (without "background") -> (H, W) bool.

    Raises:
        DataError: Not a readable image.
    """
    rgb = images.read(path)
    plain = [(0, 0, 0), (255, 255, 255)]
    known = [] if BACKGROUND in colours else [c for c in plain if c not in colours.values()]
    targets = list(colours.values()) + known
    nearest = np.zeros(rgb.shape[:2], np.intp)
    best = np.full(rgb.shape[:2], np.iinfo(np.int32).max, np.int32)
    for n, colour in enumerate(targets):
        far = ((rgb.astype(np.int32) - np.array(colour, np.int32)) ** 2).sum(axis=2, dtype=np.int32)
        nearest[far < best] = n
        np.minimum(best, far, out=best)
    return {label: nearest == n for n, label in enumerate(colours) if label != BACKGROUND}


def read_labels(path: Path) -> Values:
    """The values of a label image, (H, W) integers, 16 bit unscaled; 0 is background.

    Raises:
        DataError: Not a readable image, or not of one lossless channel.
    """
    values = one_channel(path)
    if values is None:
        raise DataError(path, "is no label image: one lossless channel of whole numbers was expected")
    return values


def one_channel(path: Path) -> Values | None:
    """The stored values (H, W) of a lossless image of one whole-number channel, else None.

    Raises:
        DataError: Not a readable image.
    """
    from PIL import Image, ImageOps

    header = images.probe(path)
    if header.format in ("JPEG", "WEBP") or not header.mode.startswith(("1", "L", "P", "I")):
        return None
    if header.mode in ("LA", "PA", "LAB"):
        return None
    images.check_complete(images.read_bytes(path), header, path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd tags do not change the values
            with Image.open(path) as image:
                return np.asarray(ImageOps.exif_transpose(image) if header.orientation != 1 else image)
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise DataError(path, f"its pixels cannot be decoded ({error})") from None


def levels(values: Values) -> NDArray[np.intp]:
    """The values besides 0 that occur, in order."""
    if values.dtype.kind in "bu" and values.dtype.itemsize <= 2:  # counting is faster than sorting
        present = np.flatnonzero(count_values(values))
    else:
        found = [np.unique(band) for band in bands(values)]
        present = np.unique(np.concatenate([np.zeros(0, values.dtype), *found])).astype(np.intp)
    some: NDArray[np.intp] = present[present != 0]
    return some


def count_values(values: NDArray[np.uint8] | NDArray[np.uint16] | Values) -> NDArray[np.intp]:
    """How many px have each value from 0 on, (65536,) of unsigned values of at most 16 bit."""
    count = np.zeros(1 << 16, np.intp)
    for band in bands(values):
        found = np.bincount(band.ravel())
        count[: len(found)] += found
    return count


def bands(values: Values) -> Iterator[Values]:
    """The image in bands of rows: what is worked out of them takes eight times the memory of the pixels."""
    rows = max((1 << 20) // max(values.shape[1], 1), 1)
    return (values[top : top + rows] for top in range(0, len(values), rows))


def is_label_image(values: Values) -> bool:
    """False for two values, and for a smoothed binary mask, most of whose foreground is 255."""
    if values.dtype.kind == "i" and values.min(initial=0) < 0:
        return False
    if len(levels(values)) < 2:
        return False
    return values.dtype != np.uint8 or int(np.argmax(count_values(values)[1:])) + 1 != 255


def size_of(values: Values) -> tuple[int, int]:
    """(width, height) of an array (H, W)."""
    return int(values.shape[1]), int(values.shape[0])
