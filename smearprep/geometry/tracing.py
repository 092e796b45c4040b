"""Masks as shapes: the regions of a mask, traced exactly along their pixel edges.

All outlines of a mask are traced at once. An edge here is a stretch of outline along a row, from corner to
corner. Edges are numbered row by row; corners 2n and 2n + 1 are the left and the right end of edge n.
Walked with the foreground on the right, an edge that lies above foreground leads right, the others left.
Where two foreground pixels touch only at a corner, edge n ends and n + 1 begins: the corner counts twice.

    # .   falling: the foreground lies        . #   rising: it lies
    . #   above edge n and below n + 1        # .   below edge n and above n + 1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon

from smearprep.geometry.arrays import Mask, Shapes

_Numbers = NDArray[np.intp]


def mask_to_shapes(mask: NDArray[Any], min_area: int = 1) -> tuple[list[Polygon], int]:
    """The 4-connected regions of a mask, traced exactly along their pixel edges.

    Args:
        mask: (H, W), bool or number: nonzero is foreground.
        min_area: Regions of fewer px are left out.

    Returns:
        One valid Polygon a region, holes kept, in the order of their first pixel (row by row);
        and how many regions were left out.
    """
    framed = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), bool)
    framed[1:-1, 1:-1] = mask
    edges = _find_edges(framed)
    if not len(edges.rightward):
        return [], 0
    walks = _walk(edges)
    shapes = _polygons(edges, walks, _regions(edges, walks, framed))
    large = shapely.area(shapes) >= min_area
    return shapes[large].tolist(), int(np.count_nonzero(~large))


@dataclass(frozen=True, slots=True)
class _Edges:
    """The n edges of all outlines.

    Args:
        x: (2n,) px of the corners.
        y: (2n,) px.
        columns: (2n,) the corners' numbers column by column, downwards: in pairs, as outlines join them.
        rightward: (n,) bool: the foreground lies below.
        rising: The edges that rise to meet the next one.
        falling: Those that fall.
    """

    x: _Numbers
    y: _Numbers
    columns: _Numbers
    rightward: NDArray[np.bool_]
    rising: _Numbers
    falling: _Numbers


def _find_edges(framed: Mask) -> _Edges:
    """The edges in a mask that has background on all four sides, 1 px wide."""
    width = framed.shape[1]
    flat = framed.ravel().view(np.int8)
    side = flat[width:] - flat[:-width]  # upper side of a pixel: 1 foreground below, -1 above, 0 no outline
    change = np.flatnonzero(side[1:] != side[:-1]) + 1
    corners = np.repeat(change, 1 + (side[change] * side[change - 1] < 0))
    y = corners // width
    x = corners - y * width
    columns = np.argsort(x.astype(np.min_scalar_type(width)), kind="stable")  # numbers of 16 bits sort faster
    rightward = side[corners[0::2]] > 0
    meeting = np.flatnonzero(corners[1:-1:2] == corners[2::2])
    rises = rightward[meeting]
    return _Edges(x - 1, y, columns, rightward, meeting[rises], meeting[~rises])


@dataclass(frozen=True, slots=True)
class _Walks:
    """Walks along the outlines, one after the other.

    Args:
        corners: (2n,) the corners' numbers in the order walked.
        place: (2n,) of each corner, where in that order it is.
        starts: (w,) where in it each walk starts.
        ends: (w,) where it ends.
        outer: (w,) bool: it leads round a region, not round a hole.
    """

    corners: _Numbers
    place: _Numbers
    starts: _Numbers
    ends: _Numbers
    outer: NDArray[np.bool_]


def _walk(edges: _Edges) -> _Walks:
    """Every outline from its first corner, rightwards.

    Where two regions meet, each walk turns back to its own. Where a region meets itself, one walk comes by
    twice if they fall; if they rise, two walks come by, one round each of the gaps.
    """
    upper, lower = edges.columns[0::2], edges.columns[1::2]
    partner = np.empty_like(edges.columns)
    partner[upper], partner[lower] = lower, upper
    lefts = np.arange(0, len(partner), 2)
    following = (partner[lefts + edges.rightward] // 2).tolist()
    if len(edges.rising):
        _cross(following, edges.rising)
        _cross(following, _own_meetings(following, edges.rising))
    downward = np.flatnonzero(partner[lefts] > lefts)  # among them, the first edge of each outline
    order, ends = _loops(following, downward.tolist())

    starts = np.append(0, ends[:-1])
    outer = edges.rightward[order[starts]]
    # The first edge round a hole leads left: walked the other way round, it leads right as well.
    for start, end in zip(starts[~outer].tolist(), ends[~outer].tolist(), strict=True):
        order[start + 1 : end] = order[start + 1 : end][::-1]
    right = edges.rightward[order] == np.repeat(outer, ends - starts)
    corners = np.stack([2 * order + ~right, 2 * order + right], axis=1).ravel()
    place = np.empty_like(corners)
    place[corners] = np.arange(len(corners))
    return _Walks(corners, place, 2 * starts, 2 * ends, outer)


def _cross(following: list[int], meeting: _Numbers) -> None:
    """Exchange the ways on from edges n and n + 1 where they meet, given each n."""
    for edge in meeting.tolist():
        following[edge], following[edge + 1] = following[edge + 1], following[edge]


def _own_meetings(following: Sequence[int], meeting: _Numbers) -> _Numbers:
    """Where a region meets itself: one loop leads along both edges."""
    order, ends = _loops(following, meeting.tolist())
    loop = np.full(len(following), -1, np.intp)
    loop[order] = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
    own: _Numbers = meeting[loop[meeting] == loop[meeting + 1]]
    return own


def _loops(following: Sequence[int], starts: Sequence[int]) -> tuple[_Numbers, _Numbers]:
    """The loops that some edges are on: edges in the order walked, and where in it each loop ends."""
    order: list[int] = []
    ends: list[int] = []
    walked: set[int] = set()
    for start in starts:
        if start in walked:
            continue
        begin = len(order)
        order.append(start)
        edge = following[start]
        while edge != start:
            order.append(edge)
            edge = following[edge]
        walked.update(order[begin:])
        ends.append(len(order))
    return np.array(order, np.intp), np.array(ends, np.intp)


def _regions(edges: _Edges, walks: _Walks, framed: Mask) -> _Numbers:
    """(w,) the number of each walk's region, in the order of their first pixels."""
    region = np.cumsum(walks.outer) - 1
    holes = np.flatnonzero(~walks.outer)
    if not len(holes):
        return region
    # The pixels left of a hole's first corner are of its region, up to an outline that was walked before.
    first = walks.corners[walks.starts[holes]]
    x, y = edges.x[first], edges.y[first]
    left = [framed[j + 1, : i + 1].tobytes().rfind(0) for i, j in zip(x.tolist(), y.tolist(), strict=True)]
    height = len(framed)
    keys = (edges.x * height + edges.y)[edges.columns]
    at_or_above = np.searchsorted(keys, np.array(left) * height + y, "right") - 1
    before = np.searchsorted(walks.ends, walks.place[edges.columns[at_or_above]], "right")
    for hole, walk in zip(holes.tolist(), before.tolist(), strict=True):
        region[hole] = region[walk]
    return region


def _polygons(edges: _Edges, walks: _Walks, region: _Numbers) -> Shapes:
    """One polygon a region, given the region of each walk."""
    closed = _closed(edges, walks)
    by_ring = np.argsort(closed, kind="stable")
    ends = np.flatnonzero(np.diff(closed[by_ring], append=-1)) + 1
    starts = np.append(0, ends[:-1])
    last = closed[by_ring[starts]]
    walk = np.searchsorted(walks.ends, last)
    hole = ~walks.outer[walk] | (last < walks.ends[walk])
    owner = region[walk]
    order = np.lexsort((hole, owner))

    sizes = (ends - starts)[order] + 1  # each ring ends where it began
    offsets = np.append(0, np.cumsum(sizes))
    vertices = np.arange(offsets[-1]) + np.repeat(starts[order] - offsets[:-1], sizes)
    vertices[offsets[1:] - 1] = starts[order]
    corners = walks.corners[by_ring[vertices]]
    xy = np.stack([edges.x[corners], edges.y[corners]], axis=1).astype(np.float64)
    parts = np.searchsorted(owner[order], np.arange(np.count_nonzero(walks.outer) + 1))
    return shapely.from_ragged_array(shapely.GeometryType.POLYGON, xy, (offsets, parts))


def _closed(edges: _Edges, walks: _Walks) -> _Numbers:
    """(2n,) of each place in the walks, where its ring is closed.

    A walk that comes by a corner twice has closed a ring in between: so every ring is simple.
    """
    closed = np.repeat(walks.ends, walks.ends - walks.starts)
    twice = 2 * edges.falling + 1
    visits = np.sort(np.stack([walks.place[twice], walks.place[twice + 1]], axis=1), axis=1)
    same = closed[visits[:, 0]] == closed[visits[:, 1]]
    for begin, end in sorted(visits[same].tolist()):  # of rings within rings, the inner ones begin later
        closed[begin:end] = end
    return closed
