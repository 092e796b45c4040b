"""Pieces of cells that two overlapping tiles show, compared in the strip that both show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from smearprep.detection.groups import Groups
from smearprep.geometry import FloatArray, Shapes

Index = NDArray[np.intp]
Link = tuple[int, int, float]
"""A piece, a piece of another tile, and how well they agree (above 0, at most 1)."""

_NARROW = 8.0  # px: what two pieces have in common is then compared to the last vertex


def links_by_overlap(
    shapes: Shapes, tile: Index, windows: FloatArray, least: float, known: Sequence[Link] = ()
) -> Iterator[Link]:
    """Pieces of two tiles that overlap, and agree in the strip that both tiles show.

    Where no two pieces of one tile can come together by links, it does not matter which links count first;
    of these pieces only so many links are looked for as join all that any would.

    Args:
        shapes: (n,) valid polygons or multipolygons in image px, each within its window.
        tile: (n,) number of the tile that shows each.
        windows: (n, 4) xyxy in px, of that tile.
        least: Intersection over union within the strip from which they agree.
        known: Other links that count, too.

    Yields:
        Piece, piece, and their intersection over union within the strip.
    """
    pairs = _Pairs.of(shapes, tile, windows, least)
    a, b, iou = pairs.a, pairs.b, np.zeros(len(pairs.a))
    joined = Groups(len(tile))
    for one, other, _ in known:
        joined.join(one, other)
    left = _in_any_order(a, b, tile, joined)
    some = np.flatnonzero(~left)
    iou[some] = pairs.agreement(some, least)
    while left.any():
        some = _joining(a, b, left, joined.copy())
        iou[some] = pairs.agreement(some, least)
        for n in some[iou[some] >= least].tolist():
            joined.join(int(a[n]), int(b[n]))
        left[some] = False
        root = joined.roots()
        left &= root[a] != root[b]
    for n in np.flatnonzero(iou >= least).tolist():
        yield int(a[n]), int(b[n]), float(iou[n])


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Pairs of pieces of two tiles that may agree.

    Args:
        a: (n,) the one piece.
        b: (n,) the other.
        strips: (n, 4) xyxy in px that both tiles show.
        narrow: (n,) what they have in common there is narrow, and compared to the last vertex.
        shapes: All pieces.
        plain: All pieces, `plainer`.
    """

    a: Index
    b: Index
    strips: FloatArray
    narrow: NDArray[np.bool_]
    shapes: Shapes
    plain: Shapes

    @classmethod
    def of(cls, shapes: Shapes, tile: Index, windows: FloatArray, least: float) -> _Pairs:
        """Those of pieces as `links_by_overlap` is given them."""
        a, b = shapely.STRtree(shapes).query(shapes)
        other = (a < b) & (tile[a] != tile[b])
        a, b = a[other], b[other]
        low, high = np.maximum(windows[a, :2], windows[b, :2]), np.minimum(windows[a, 2:], windows[b, 2:])
        common = (high > low).all(axis=1)
        a, b, strips = a[common], b[common], np.hstack([low, high])[common]
        sides = _common_sides(shapes[a], shapes[b], strips)
        near = _can_agree(shapes[a], shapes[b], strips, sides.prod(axis=1), least)
        narrow = sides.min(axis=1) < _NARROW
        return cls(a[near], b[near], strips[near], narrow[near], shapes, plainer(shapes))

    def agreement(self, some: Index, least: float) -> FloatArray:
        """Intersection over union within their strips of some of them; 0 where it cannot reach `least`."""
        narrow, strips = self.narrow[some], self.strips[some]
        first, second = (
            _within(np.where(narrow, self.shapes[own[some]], self.plain[own[some]]), strips)
            for own in (self.a, self.b)
        )
        return _iou(first, second, least)


def _in_any_order(a: Index, b: Index, tile: Index, joined: Groups) -> NDArray[np.bool_]:
    """Which pairs (n,) lie in groups that have one piece of a tile at most, even if every pair is joined."""
    together = joined.copy()
    for one, other in zip(a.tolist(), b.tolist(), strict=True):
        together.join(one, other)
    root = together.roots()
    _, which, count = np.unique(
        np.stack([root, tile], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    doubled = np.zeros(len(tile), bool)
    doubled[root[count[which.ravel()] > 1]] = True
    return ~doubled[root[a]]


def _joining(a: Index, b: Index, left: NDArray[np.bool_], joined: Groups) -> Index:
    """Of the pairs that are left, as few as join all that all of them would."""
    return np.array([n for n in np.flatnonzero(left).tolist() if joined.join(int(a[n]), int(b[n]))], np.intp)


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
