"""Shapes as masks, and masks as shapes, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
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


def mask_to_shapes(mask: NDArray[Any], min_area: int = 1) -> tuple[list[Polygon], int]:
    """The 4-connected regions of a mask, traced exactly along their pixel edges.

    Args:
        mask: (H, W), bool or number: nonzero is foreground.
        min_area: Regions of fewer px are left out.

    Returns:
        One valid Polygon a region, holes kept, in the order of their first pixel (row by row);
        and how many regions were left out.
    """
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        np.ascontiguousarray(mask != 0).view(np.uint8), connectivity=4, ltype=cv2.CV_32S
    )
    large = np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= max(min_area, 1)) + 1
    shapes = []
    for label in large:
        x, y, w, h = stats[label, :4]
        shapes.append(_trace(labels[y : y + h, x : x + w] == label, int(x), int(y)))
    shapes.sort(key=lambda shape: _first_pixel(shape))
    return shapes, int(count - 1 - len(large))


def _first_pixel(shape: Polygon) -> tuple[float, float]:
    xy = shapely.get_coordinates(shape.exterior)
    top = xy[:, 1].min()
    return float(top), float(xy[xy[:, 1] == top, 0].min())


def _trace(region: Mask, x: int, y: int) -> Polygon:
    """The pixel-edge outline of one 4-connected region, whose crop has its corner at (x, y)."""
    loops = _simple_loops(*_corners(region))
    outer = max(range(len(loops)), key=lambda n: abs(_signed_area(loops[n])))
    holes = [loop + (x, y) for n, loop in enumerate(loops) if n != outer]
    return Polygon(loops[outer] + (x, y), holes)


def _corners(region: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """The corners of a region's pixel-edge outline, and how they are joined.

    In a row, corners sorted by x pair up to horizontal edges; in a column, sorted by y, to vertical ones.
    Where two foreground pixels touch only at a corner, two outlines meet: that corner counts twice.

    Returns:
        (n, 2) x, y; of each corner its partner along the row; and along the column.
    """
    p = np.pad(region, 1).astype(np.int8)
    nw, ne, sw, se = p[:-1, :-1], p[:-1, 1:], p[1:, :-1], p[1:, 1:]
    total = nw + ne + sw + se
    meeting = (total == 2) & (nw == se)
    ys, xs = np.nonzero((total % 2 == 1) | meeting)  # row by row
    xy = np.repeat(np.stack([xs, ys], axis=1), 1 + meeting[ys, xs], axis=0)
    neighbour = np.arange(len(xy)) ^ 1  # 0 and 1, 2 and 3, ...
    by_column = np.lexsort((xy[:, 1], xy[:, 0]))
    along = np.empty(len(xy), np.intp)
    along[by_column] = by_column[neighbour]
    return xy, neighbour, along


def _simple_loops(
    xy: NDArray[np.intp], across: NDArray[np.intp], along: NDArray[np.intp]
) -> list[FloatArray]:
    """Follow row and column edges in turn; cut a loop in two wherever it comes to a corner again.

    So every loop is simple, and which of the two outlines that meet in a corner was followed first does
    not matter.
    """
    key = (xy[:, 1] * (xy[:, 0].max() + 1) + xy[:, 0]).tolist()
    row_partner, column_partner = across.tolist(), along.tolist()
    todo = bytearray(b"\1") * len(key)
    loops: list[FloatArray] = []
    for start in range(len(key)):
        path: list[int] = []
        seen: dict[int, int] = {}
        begin = start
        while todo[begin]:
            for corner in (begin, row_partner[begin]):
                todo[corner] = 0
                at = seen.get(key[corner])
                if at is not None:  # been here: what was walked since is a loop of its own
                    loops.append(xy[path[at:]].astype(np.float64))
                    for left in path[at:]:
                        del seen[key[left]]
                    del path[at:]
                seen[key[corner]] = len(path)
                path.append(corner)
            begin = column_partner[row_partner[begin]]
        if path:
            loops.append(xy[path].astype(np.float64))
    return loops


def _signed_area(ring: FloatArray) -> float:
    x, y = ring[:, 0], ring[:, 1]
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
