"""Masks as run lengths, column by column, as COCO has them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon

from smearprep.geometry.arrays import Mask
from smearprep.geometry.masks import shape_to_mask


def shape_to_counts(shape: Polygon | MultiPolygon, size: tuple[int, int]) -> list[int]:
    """Rasterise a shape to COCO run lengths without ever holding the whole image.

    Args:
        shape: Polygon or MultiPolygon in px.
        size: (width, height) of the image in px.

    Returns:
        Run lengths over the columns (column-major), beginning with background.
    """
    width, height = size
    x0, y0, x1, y1 = shape.bounds
    left, top = max(int(np.floor(x0)), 0), max(int(np.floor(y0)), 0)
    right, bottom = min(int(np.ceil(x1)), width), min(int(np.ceil(y1)), height)
    if right <= left or bottom <= top:
        return [width * height]
    moved = shapely.transform(shape, lambda xy: xy - (left, top))
    crop = shape_to_mask(moved, (right - left, bottom - top))
    columns = np.pad(crop.T, ((0, 0), (1, 1))).astype(np.int8)
    column, row = np.nonzero(np.diff(columns, axis=1))
    edges = (column + left) * height + row + top
    edges = edges[~_doubled(edges)]  # a run that goes on over the end of a column
    return [int(n) for n in np.diff(np.concatenate([[0], edges, [width * height]]))]


def _doubled(edges: NDArray[np.intp]) -> Mask:
    if not len(edges):
        return np.zeros(0, bool)
    same: Mask = edges[1:] == edges[:-1]
    doubled: Mask = np.append(same, False) | np.insert(same, 0, False)
    return doubled


def counts_to_mask(counts: Sequence[int], size: tuple[int, int]) -> Mask:
    """COCO run lengths (column-major, background first) as a (height, width) mask.

    Raises:
        ValueError: The run lengths do not add up to width * height, or one is negative.
    """
    width, height = size
    runs = np.asarray(counts, dtype=np.int64)
    if (runs < 0).any() or int(runs.sum()) != width * height:
        raise ValueError(f"run lengths add up to {int(runs.sum())}, not to {width}x{height}")
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return np.ascontiguousarray(flat.reshape(width, height).T)
