"""Pieces of cells that two overlapping tiles show, compared in the strip that both show."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely
from numpy.typing import NDArray

from smearprep.geometry import FloatArray, Shapes

Index = NDArray[np.intp]
Link = tuple[int, int, float]
"""A piece, a piece of another tile, and how well they agree (above 0, at most 1)."""

_NARROW = 8.0  # px: what two pieces have in common is then compared to the last vertex


def links_by_overlap(shapes: Shapes, tile: Index, windows: FloatArray, least: float) -> Iterator[Link]:
    """Pieces of two tiles that overlap, and agree in the strip that both tiles show.

    Args:
        shapes: (n,) valid polygons or multipolygons in image px, each within its window.
        tile: (n,) number of the tile that shows each.
        windows: (n, 4) xyxy in px, of that tile.
        least: Intersection over union within the strip from which they agree.

    Yields:
        Piece, piece, and their intersection over union within the strip.
    """
    a, b = shapely.STRtree(shapes).query(shapes)
    other = (a < b) & (tile[a] != tile[b])
    a, b = a[other], b[other]
    low, high = np.maximum(windows[a, :2], windows[b, :2]), np.minimum(windows[a, 2:], windows[b, 2:])
    common = (high > low).all(axis=1)
    a, b, strips = a[common], b[common], np.hstack([low, high])[common]
    sides = _common_sides(shapes[a], shapes[b], strips)
    near = _can_agree(shapes[a], shapes[b], strips, sides.prod(axis=1), least)
    a, b, strips, sides = a[near], b[near], strips[near], sides[near]
    plain, narrow = plainer(shapes), sides.min(axis=1) < _NARROW
    first = _within(np.where(narrow, shapes[a], plain[a]), strips)
    second = _within(np.where(narrow, shapes[b], plain[b]), strips)
    iou = _iou(first, second, least)
    for n in np.flatnonzero(iou >= least).tolist():
        yield int(a[n]), int(b[n]), float(iou[n])


def plainer(shapes: Shapes) -> Shapes:
    """Shapes of fewer vertices, to be compared in a seventh of the time: masks have a corner at every px.

    They differ from the given ones by at most a px, and those of small cells by at most a fiftieth of their
    size.
    """
    tolerance = np.minimum(1.0, 0.02 * np.sqrt(shapely.area(shapes)))
    plain: Shapes = shapely.simplify(shapes, tolerance, preserve_topology=False)
    unsound = ~shapely.is_valid(plain) | (shapely.area(plain) == 0)
    plain[unsound] = shapes[unsound]
    return plain


def _common_sides(a: Shapes, b: Shapes, strips: FloatArray) -> FloatArray:
    """Width and height (n, 2), px, of what pairs of boxes and their strips (n, 4) xyxy have in common."""
    boxes = shapely.bounds(a), shapely.bounds(b), strips
    low = np.maximum.reduce([box[:, :2] for box in boxes])
    high = np.minimum.reduce([box[:, 2:] for box in boxes])
    sides: FloatArray = np.maximum(high - low, 0)
    return sides


def _can_agree(a: Shapes, b: Shapes, strips: FloatArray, most: FloatArray, least: float) -> NDArray[np.bool_]:
    """Which pairs may reach an intersection over union in their strips.

    Args:
        a: (n,) shapes.
        b: (n,) shapes.
        strips: (n, 4) xyxy in px.
        most: (n,) px^2 that they have in common at most.
        least: Intersection over union.
    """
    known = np.array(  # of a shape that is not all in the strip nothing is known yet
        [np.where(_sticks_out(shapely.bounds(s), strips), np.nan, shapely.area(s)) for s in (a, b)]
    )
    most = np.fmin(most, np.fmin(*known))
    either = np.fmax(np.nansum(known, axis=0) - most, np.fmax(*known))  # or more
    can: NDArray[np.bool_] = (most > 0) & ~(most < least * either * (1 - 1e-9))
    return can


def _sticks_out(boxes: FloatArray, strips: FloatArray) -> NDArray[np.bool_]:
    low, high = boxes[:, :2] < strips[:, :2], boxes[:, 2:] > strips[:, 2:]
    return np.logical_or.reduce(np.hstack([low, high]), axis=1)  # type: ignore[no-any-return]


def _within(shapes: Shapes, strips: FloatArray) -> Shapes:
    """What of each shape lies in its strip (n, 4) xyxy: the same object where all of it does."""
    cut = _sticks_out(shapely.bounds(shapes), strips)
    out = shapes.copy()
    out[cut] = shapely.intersection(shapes[cut], shapely.box(*strips[cut].T))
    return out


def _iou(a: Shapes, b: Shapes, least: float) -> FloatArray:
    """Intersection over union of shapes, pair by pair: (n,); 0 where it cannot reach `least`."""
    areas = np.stack([shapely.area(a), shapely.area(b)])
    near = np.flatnonzero((areas.min(axis=0) > 0) & (areas.min(axis=0) >= least * areas.max(axis=0)))
    shared = shapely.area(shapely.intersection(a[near], b[near]))
    iou = np.zeros(len(a))
    iou[near] = np.minimum(shared / (areas[:, near].sum(axis=0) - shared), 1)
    return iou
