"""Fingerprints of images: bits that stay nearly the same when an image is encoded again or brightened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from smearprep.errors import DataError
from smearprep.images import RGB, check_complete, decode, probe, read_bytes
from smearprep.pools import Lost, each, pool
from smearprep.rendering import Progress

R = TypeVar("R")

LEAST_SIDE = 128
"""The shorter side, px, below which `read_small` does not shrink an image."""

_GRID, _WAVES = 64, 16  # px of the grey image, and its lowest spatial frequencies along each side
_FLAT = 1.0  # grey levels: an image whose grey values spread less shows nothing that could be compared
_BLACK = 16  # what padding becomes in a JPEG file, at most

Fingerprint = NDArray[np.uint64]
"""(4,) uint64: 255 bits, and one that is never set."""


def read_small(path: Path) -> RGB:
    """Decode an image to a half, a quarter or an eighth of its size, as long as `LEAST_SIDE` px remain.

    JPEG files are decoded at that size, which is several times faster. As stored: EXIF is not applied.

    Returns:
        (h, w, 3) uint8 RGB.

    Raises:
        DataError: Not an image, truncated or damaged.
    """
    import cv2

    data = read_bytes(path)
    header = probe(path, data)
    check_complete(data, header, path)
    part = max(k for k in (1, 2, 4, 8) if k == 1 or min(header.size) >= k * LEAST_SIDE)
    flags = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}
    if part > 1 and header.format == "JPEG" and header.mode in ("RGB", "L"):
        buffer = np.frombuffer(data, np.uint8)
        small = cv2.imdecode(buffer, flags[part] | cv2.IMREAD_IGNORE_ORIENTATION)
        if small is None:
            raise DataError(path, "its pixels cannot be decoded; the file is damaged")
        return np.asarray(small[..., ::-1], np.uint8)
    image = decode(data, path, oriented=False)
    if part == 1:
        return image
    size = image.shape[1] // part, image.shape[0] // part
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def look_through(
    prepared: Path, names: Sequence[str], function: Callable[[RGB], R], progress: Progress | None = None
) -> Iterator[tuple[str, R | DataError]]:
    """Read many images of a set small, without their padding, on all cores.

    Args:
        prepared: The set's folder.
        names: The images, relative to it.
        function: What is done with each.
        progress: Told of images read, of all.

    Yields:
        Its name and what the function returned, or why it cannot be read; in any order.
    """
    with pool(None, None) as (threads, in_flight):
        looked = each(threads, partial(_look, prepared, function), names, in_flight)
        for done, (name, seen) in enumerate(looked, 1):
            assert not isinstance(seen, Lost)  # a thread is never lost
            yield name, seen
            if progress:
                progress(done, len(names))


def _look(prepared: Path, function: Callable[[RGB], R], name: str) -> R | DataError:
    try:
        return function(without_padding(read_small(prepared / name)))
    except DataError as error:
        return error


def without_padding(image: RGB) -> RGB:
    """The image without the black rows and columns along its borders; the whole image if all is black.

    Where there is padding, the outermost row or column of the image goes, too: on an image that was shrunk or
    compressed, image and padding are mixed in it.

    Args:
        image: (H, W, 3) uint8.
    """
    bright = np.maximum(np.maximum(image[..., 0], image[..., 1]), image[..., 2]) > _BLACK
    # A row is padding if hardly any of its pixels is bright: JPEG smears the image's edge over the border.
    rows, columns = (bright.mean(axis=axis) > 0.02 for axis in (1, 0))
    return image[_inner(rows), _inner(columns)] if rows.any() and columns.any() else image


def _inner(shown: NDArray[np.bool_]) -> slice:
    """Of rows or columns, those of the image, less the outermost one beside padding.

    Args:
        shown: (n,) of each row or column, whether it shows the image; at least one does.
    """
    first, last = np.flatnonzero(shown)[[0, -1]].tolist()
    start, stop = first + (first > 0), last + (last == len(shown) - 1)
    return slice(start, stop) if start < stop else slice(first, last + 1)


def fingerprint(image: RGB) -> Fingerprint | None:
    """255 bits that say which of an image's lowest spatial frequencies are strong (perceptual hash).

    The grey image is averaged to 64x64 px; of its cosine transform the lowest 16x16 coefficients but the
    mean are compared with their median (after Zauner, Implementation and benchmarking of perceptual
    image hash functions, 2010, with 16 instead of 8 frequencies: 63 bits do not tell windows of
    different smears apart).

    Args:
        image: (H, W, 3) uint8 RGB, without padding.

    Returns:
        (4,) uint64, or None for an image that shows nothing.
    """
    import cv2

    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_GRID, _GRID), interpolation=cv2.INTER_AREA).astype(np.float32)
    if small.std() < _FLAT:
        return None
    waves = cv2.dct(small)[:_WAVES, :_WAVES].ravel()[1:]
    bits = np.append(waves > np.median(waves), False)
    return np.packbits(bits).view(np.uint64)
