"""Shapes as masks, exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon

from smearprep.geometry.arrays import FloatArray, Mask
from smearprep.geometry.outlines import rings


def shape_to_mask(shape: Polygon | MultiPolygon, size: tuple[int, int]) -> Mask:
    """Rasterise: a pixel is set if its centre lies inside (even-odd over all rings).

    Args:
        shape: Polygon or MultiPolygon in px; what lies beyond the canvas is ignored.
        size: (width, height) of the canvas in px.

    Returns:
        (height, width) bool.
    """
    width, height = size
    toggles = np.zeros((height, width + 1), bool)
    for ring in rings(shape):
        row, column = _crossings(ring, height)
        np.logical_xor.at(toggles, (row, np.clip(column, 0, width)), True)
    return np.logical_xor.accumulate(toggles[:, :width], axis=1)


def _crossings(ring: FloatArray, height: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where a closed ring crosses the rows' centre lines: rows, and the first column right of it."""
    upper = np.where((ring[:-1, 1] <= ring[1:, 1])[:, None], ring[:-1], ring[1:])
    lower = np.where((ring[:-1, 1] <= ring[1:, 1])[:, None], ring[1:], ring[:-1])
    first = np.clip(np.ceil(upper[:, 1] - 0.5), 0, height).astype(np.intp)
    last = np.clip(np.ceil(lower[:, 1] - 0.5), 0, height).astype(np.intp)
    count = last - first
    edge = np.repeat(np.arange(len(count)), count)
    row = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    drop = lower[edge, 1] - upper[edge, 1]
    x = upper[edge, 0] + (row + 0.5 - upper[edge, 1]) * (lower[edge, 0] - upper[edge, 0]) / drop
    return row, np.ceil(x - 0.5).astype(np.intp)
