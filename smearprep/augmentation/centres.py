"""Where the centres of chips may lie: found once for a set, so that drawing never tries in vain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smearprep.errors import RecipeError
from smearprep.targets import MASK, Target

MIN_OBJECT = 6
"""Object px that a chip must show in its output window to count as one with the object."""


@dataclass(frozen=True)
class Centres:
    """The admissible centres of chips in a set of images.

    A centre is admissible if the output window around it lies inside the image. It covers
    [y - size // 2, y - size // 2 + size), and the same along x. In an image that is smaller than the window
    only the centred one is admissible. The input window may reach beyond the image.

    Of the centres that show the object, whole rows of neighbours are kept as runs: a few MB for a hundred
    images.

    Args:
        output_size: Side of the output window in px.
        boxes: (images, 4) int64: first y, first x, rows and columns of each image's admissible centres.
        runs: (n, 4) int32: image, y, first x and length of each run of centres that show the object.
        weights: (n,) float64: running sum over the runs of the share of their image's admissible centres
            that is in the run. Drawing runs by these weights is what "pick an image, pick a centre, try
            again from the start until it shows the object" amounts to.
    """

    output_size: int
    boxes: NDArray[np.int64]
    runs: NDArray[np.int32]
    weights: NDArray[np.float64]


def centres_of(targets: Iterable[Target], output_size: int, min_object: int = MIN_OBJECT) -> Centres:
    """Find the admissible centres, and those that show the object.

    Args:
        targets: (H, W) uint8 of each image, as `targets.rasterise` makes them.
        output_size: Side of the output window in px.
        min_object: Px with the bit `MASK` that a window must hold to show the object.

    Raises:
        RecipeError: There is no image.
    """
    boxes: list[tuple[int, int, int, int]] = []
    runs: list[NDArray[np.int32]] = []
    shares: list[NDArray[np.float64]] = []
    for image, target in enumerate(targets):
        (y, rows), (x, columns) = (_admissible(length, output_size) for length in target.shape)
        counts = _object_px(target, y, x, rows, columns, output_size)
        own = _runs(counts >= min_object)
        own[:, 1:3] += (y, x)
        own[:, 0] = image
        boxes.append((y, x, rows, columns))
        runs.append(own)
        shares.append(own[:, 3] / (rows * columns))
    if not boxes:
        raise RecipeError("there are no images to cut chips from")
    weights = np.cumsum(np.concatenate(shares))
    return Centres(output_size, np.array(boxes, np.int64), np.concatenate(runs), weights)


def _admissible(length: int, size: int) -> tuple[int, int]:
    """First admissible centre along an axis of an image, and how many there are."""
    over = length - size
    first = over // 2 if over < 0 else 0  # where the window starts
    return first + size // 2, max(over, 0) + 1


def _object_px(target: Target, y: int, x: int, rows: int, columns: int, size: int) -> NDArray[np.int32]:
    """(rows, columns): object px in the output window of each admissible centre."""
    import cv2

    sums = np.asarray(cv2.integral(target & MASK), np.int32)  # (H + 1, W + 1)
    height, width = target.shape
    top, left = y - size // 2 + np.arange(rows), x - size // 2 + np.arange(columns)
    bands = sums[np.clip(top + size, 0, height)] - sums[np.clip(top, 0, height)]
    return bands[:, np.clip(left + size, 0, width)] - bands[:, np.clip(left, 0, width)]


def _runs(shows: NDArray[np.bool_]) -> NDArray[np.int32]:
    """(n, 4): 0, row, first column and length of each run of True along the rows."""
    rows, columns = shows.shape
    fenced = np.zeros((rows, columns + 2), np.int8)
    fenced[:, 1:-1] = shows
    steps = np.diff(fenced, axis=1)
    row, first = np.nonzero(steps == 1)  # row by row, as the ends below: they belong together in pairs
    end = np.nonzero(steps == -1)[1]
    return np.stack([np.zeros_like(row), row, first, end - first], axis=1).astype(np.int32)
