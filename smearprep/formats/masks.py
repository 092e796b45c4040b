"""Masks: binary (lossy JPEG included), colour-coded, grey levels, and label images of instances.

The kind is told apart by the file. Colours were given: each pixel takes the nearest one. One lossless
channel of more than two values, of which 255 is not the commonest: a label image, each value one
instance. All else: one class, cut at a threshold. Class masks do not say where one cell ends and its
neighbour begins, so their regions have the outline "component".
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon

from smearprep import images
from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats.reading import ReadOptions
from smearprep.geometry import Mask, mask_to_shapes
from smearprep.records import Cell, ImageCells, Outline

TITLE = "masks (image files: binary, colour-coded or one value an instance)"
BACKGROUND = "background"
"""The label, in a map of colours or levels, whose pixels are no cell."""

_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"BM")
_NOISE = 16  # grey levels: sound lossy masks stay this near to black, to white and to grey
_PHOTOGRAPH = 0.4  # share of px in between; the lossiest masks of the counting paper have 0.15
_DAMAGED = 5e-4  # share of px; sound masks of the counting paper reach 0 (colour) and 4e-4 (grey)

Colour = tuple[int, int, int]
Values = NDArray[Any]  # (H, W) of integers or bool


def sniff(path: Path, head: bytes) -> bool:
    """True if the file is an image."""
    return head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def read(path: Path, options: ReadOptions, findings: list[Finding]) -> Iterator[ImageCells]:
    """The cells of one mask; its image is the one of the same stem.

    Raises:
        DataError: Not a readable image.
    """
    file = options.name(path)
    annotated = frozenset({options.label})
    cells: tuple[Cell, ...]
    if options.colours:
        classes = read_classes(path, options.colours)
        size = _size(next(iter(classes.values())))
        annotated = frozenset(classes)
        cells = tuple(
            cell
            for label, mask in classes.items()
            for cell in mask_to_cells(mask, label, options.min_area.get(label, 1), file, findings)
        )
    else:
        min_area = options.min_area.get(options.label, 1)
        values = _one_channel(path)
        if values is not None and _is_label_image(values):
            size = _size(values)
            cells = labels_to_cells(values, options.label, min_area, file, findings)
        else:
            mask = read_mask(path, options.threshold, file, findings)
            size = _size(mask)
            cells = mask_to_cells(mask, options.label, min_area, file, findings)
    yield ImageCells(path.stem, size, cells, str(path), annotated)


# ---------------------------------------------------------------- files to arrays


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
    values = _one_channel(path)
    if values is not None:
        if len(_levels(values)) <= 1:
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
    values = _one_channel(path)
    if values is None:
        raise DataError(path, "is no label image: one lossless channel of whole numbers was expected")
    return values


def _one_channel(path: Path) -> Values | None:
    """The stored values (H, W) of a lossless image of one whole-number channel, else None."""
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


def _levels(values: Values) -> NDArray[np.intp]:
    """The values besides 0 that occur."""
    if values.dtype.kind in "bu" and values.dtype.itemsize <= 2:  # counting is faster than sorting
        present = np.flatnonzero(np.bincount(values.ravel()))
    else:
        present = np.unique(values).astype(np.intp)
    found: NDArray[np.intp] = present[present != 0]
    return found


def _is_label_image(values: Values) -> bool:
    """False for two values, and for a smoothed binary mask, most of whose foreground is 255."""
    if values.dtype.kind == "i" and values.min(initial=0) < 0:
        return False
    if len(_levels(values)) < 2:
        return False
    if values.dtype != np.uint8:
        return True
    count = np.bincount(values.ravel(), minlength=256)
    return int(np.argmax(count[1:])) + 1 != 255


def _size(array: NDArray[Any]) -> tuple[int, int]:
    return int(array.shape[1]), int(array.shape[0])


# ---------------------------------------------------------------- arrays to cells


def mask_to_cells(
    mask: NDArray[Any],
    label: str,
    min_area: int,
    file: str,
    findings: list[Finding],
    outline: Outline = "component",
) -> tuple[Cell, ...]:
    """One cell for each 4-connected region of a class mask.

    Args:
        mask: (H, W), nonzero is foreground.
        label: Of the cells.
        min_area: Regions of fewer px are specks: left out, one finding for all of them.
        file: For the findings.
        findings: Where specks are reported.
        outline: "drawn" where regions never run together, as in masks of one cell an image.

    Returns:
        In the order of their first pixels.
    """
    shapes, specks = mask_to_shapes(mask, min_area)
    _report_specks(specks, label, min_area, file, findings)
    return tuple(Cell(label, shape, outline) for shape in shapes)


def labels_to_cells(
    values: Values, label: str, min_area: int, file: str, findings: list[Finding]
) -> tuple[Cell, ...]:
    """One cell for each value of a label image; what is apart under one value stays one cell.

    Args:
        values: (H, W) integers, 0 is background.
        label: Of the cells.
        min_area: Instances of fewer px are specks: left out, one finding for all of them.
        file: For the findings.
        findings: Where specks are reported.

    Returns:
        In the order of their values; attribute "instance" is the value.
    """
    y, x = np.nonzero(values)
    present, owner = np.unique(values[y, x], return_inverse=True)
    low = np.full((len(present), 2), np.iinfo(np.intp).max)
    high = np.zeros((len(present), 2), np.intp)
    for axis, at in enumerate((x, y)):
        np.minimum.at(low[:, axis], owner, at)
        np.maximum.at(high[:, axis], owner, at)
    area = np.bincount(owner, minlength=len(present))
    cells = []
    for n, value in enumerate(present.tolist()):
        if area[n] < min_area:
            continue
        (x0, y0), (x1, y1) = low[n], high[n] + 1
        parts, _ = mask_to_shapes(values[y0:y1, x0:x1] == value)
        shape = parts[0] if len(parts) == 1 else MultiPolygon(parts)
        moved = shapely.transform(shape, lambda xy, by=(x0, y0): xy + by)
        cells.append(Cell(label, moved, "drawn", {"instance": value}))
    _report_specks(len(present) - len(cells), label, min_area, file, findings)
    return tuple(cells)


def _report_specks(count: int, label: str, min_area: int, file: str, findings: list[Finding]) -> None:
    if count:
        what = f"{count} {label} region{'s' * (count > 1)} below {min_area} px; left out"
        findings.append(Finding("speck", what, file))
