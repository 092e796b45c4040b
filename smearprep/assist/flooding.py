"""The pieces of a component, in px: where touching cells are to be parted.

Peaks of the distance from the background, from which a watershed is flooded (Vincent & Soille 1991); then
pieces with a border as deep as themselves are joined again. What the border of the image cuts is mirrored
there first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shapely.geometry import Polygon

from smearprep.assist.made import filled
from smearprep.counting import Parameters, Watershed, find, labels_to_shapes
from smearprep.geometry import FloatArray, Mask, shape_to_mask

_APART = 0.5  # times the radius of a cell: two middles are farther apart
_HIGH = 0.35  # times that radius: a middle is so far from the background
_NECK = 0.85  # of the shallower of two pieces' depth: where their border is so deep, they are one cell,
_LARGEST = 1.3  # if it has no more than so many times the usual area
_TWO = 1.4  # times the usual area: no cell is larger,
_LONG_TWO = 1.2  # nor so large, if it is longer than wide by
_LONG = 1.35
_OVERLAPPING = 0.85  # times the usual area: what one more cell adds to a clump
_ROUNDS = 8  # of drawing middles to the middle of what is nearest to them
_REACH = 4.0  # times the radius of a cell: so much is mirrored; what is farther off changes nothing

_ALL, _UP, _DOWN = slice(None), slice(1, None), slice(None, -1)
_BESIDE = (
    ((_UP, _ALL), (_DOWN, _ALL)),
    ((_ALL, _UP), (_ALL, _DOWN)),
    ((_DOWN, _ALL), (_UP, _ALL)),
    ((_ALL, _DOWN), (_ALL, _UP)),
)
"""Where a pixel is, and where the one above, left of, below or right of it."""
Labels = NDArray[np.int32]
Depth = NDArray[np.float32]
Sides = tuple[bool, bool, bool, bool]
"""At which borders of the image a component is cut: top, bottom, left, right."""


def part_mask(mask: Mask, sides: Sides, area: float | None, one_size: bool) -> tuple[Labels, list[Polygon]]:
    """The pieces of a component, and their outlines, none of which has a hole.

    A hole in a piece is a part of it and makes it deeper: it is filled, and the component parted anew.

    Args:
        mask: (h, w) bool, one 4-connected component with a px of background all round.
        sides: The borders that cut it: there, that px lies beyond the image.
        area: Of a usual cell in px^2; None: that of the largest circle in the component.
        one_size: Cells are about as large as that.

    Returns:
        (h, w) int32, the pieces as 1, 2, ... and the background as 0; and the outlines along pixel edges.
    """
    while True:
        labels = _connected(_pieces(mask, sides, area, one_size), mask)
        outlines = [filled(shape) for shape in labels_to_shapes(labels)]
        whole = labels > 0
        for outline in outlines:
            whole |= shape_to_mask(outline, mask.shape[::-1])
        if (whole == (labels > 0)).all():
            return labels, outlines
        mask = whole


def _pieces(mask: Mask, sides: Sides, area: float | None, one_size: bool) -> Labels:
    """A component as pieces 1, 2, ..., which may lie in several parts each, or leave some px out."""
    depth = depth_inside(mask, sides)
    inner = float(depth.max())
    radius = float(np.sqrt(area / np.pi)) if area else inner
    radius = radius if one_size else max(radius, inner)
    usual = float(np.pi * radius**2)
    reach = int(np.ceil(_REACH * max(radius, inner)))
    whole = _mirrored(mask, sides, reach)
    deep = _depth(whole)
    joined = _joined(_flooded(whole, radius), deep, usual)
    return _own(_halved(joined, usual) if one_size else joined, deep, sides, mask.shape)


# ---------------------------------------------------------------- at the borders of the image


def cut_sides(mask: Mask, low: tuple[int, int], high: tuple[int, int], size: tuple[int, ...]) -> Sides:
    """At which borders of the image a component may be cut: at those that it reaches.

    Args:
        mask: (h, w) bool, with a px of background all round.
        low: x, y of its upper left corner in the image, without that px.
        high: Likewise of its lower right one.
        size: (width, height) of the image in px.
    """
    if mask[1:-1, 1:-1].all() and low == (0, 0) and high == tuple(size):
        return False, False, False, False  # it is all there is to see: nothing says where it ends
    top, bottom = low[1] == 0 and bool(mask[1].any()), high[1] == size[1] and bool(mask[-2].any())
    left, right = low[0] == 0 and bool(mask[:, 1].any()), high[0] == size[0] and bool(mask[:, -2].any())
    return top, bottom, left, right


def depth_inside(mask: Mask, sides: Sides) -> Depth:
    """How far each pixel of a component is from the background in px, were it mirrored at its sides.

    That is as far as it is from the background inside: a border of the image is none.
    """
    rows, columns = _inner(mask.shape, sides)
    depth = np.zeros(mask.shape, np.float32)
    depth[rows, columns] = _depth(mask[rows, columns])
    return depth


def _inner(shape: tuple[int, ...], sides: Sides) -> tuple[slice, slice]:
    """Rows and columns of a component without the px that lie beyond the image."""
    top, bottom, left, right = sides
    return slice(int(top), shape[0] - bottom), slice(int(left), shape[1] - right)


def _mirrored(mask: Mask, sides: Sides, reach: int) -> Mask:
    """A component made whole: what is nearer than `reach` px to a border that cuts it, once more beyond it.

    So half a cell looks like a cell, and ends at its outline, not at the border, where it is deepest.
    """
    inner = mask[_inner(mask.shape, sides)]
    rows, columns = (min(reach, n) for n in inner.shape)
    top, bottom, left, right = sides
    around = np.pad(inner, ((rows * top, rows * bottom), (columns * left, columns * right)), mode="symmetric")
    return np.pad(around, 1)  # a px of background all round, again


def _own(labels: Labels, depth: Depth, sides: Sides, shape: tuple[int, ...]) -> Labels:
    """Of the pieces of a mirrored component, those in the image: that are as deep in it as beyond it.

    Of the others only a rim comes in.
    """
    rows, columns = _inner(shape, sides)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    top, bottom, left, right = sides
    y = 1 + (labels.shape[0] - 2 - height) * top // (1 + (top and bottom))
    x = 1 + (labels.shape[1] - 2 - width) * left // (1 + (left and right))
    inside = slice(y, y + height), slice(x, x + width)
    deepest, deepest_inside = (np.zeros(int(labels.max()) + 1, np.float32) for _ in range(2))
    np.maximum.at(deepest, labels.ravel(), depth.ravel())
    np.maximum.at(deepest_inside, labels[inside].ravel(), depth[inside].ravel())
    is_own = deepest_inside > deepest - 1
    is_own[0] = False
    out = np.zeros(shape, np.int32)
    out[rows, columns] = np.where(is_own[labels[inside]], labels[inside], 0)
    return _numbered(out)


# ---------------------------------------------------------------- pieces


def _depth(mask: Mask) -> Depth:
    """How far each pixel is from the background, px."""
    import cv2

    plane = np.ascontiguousarray(mask).view(np.uint8)
    return np.asarray(cv2.distanceTransform(plane, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


def _flooded(mask: Mask, radius: float) -> Labels:
    """A component as pieces 1, 2, ...: at least one."""
    flood = Watershed(max(round(_APART * radius), 1), _HIGH * radius)
    labels = find("watershed", mask.view(np.uint8) * np.uint8(255), None, Parameters(watershed=flood)).labels
    assert labels is not None  # of a watershed they are always there
    return labels if labels.any() else mask.astype(np.int32)


def necks(labels: Labels, depth: Depth) -> dict[tuple[int, int], float]:
    """Of each two pieces that touch, how deep their border is, as a share of the shallower one's depth."""
    deepest: dict[tuple[int, int], float] = {}
    inner = np.zeros(int(labels.max()) + 1, np.float32)
    np.maximum.at(inner, labels.ravel(), depth.ravel())
    for a, b, at in (
        (labels[:, :-1], labels[:, 1:], np.minimum(depth[:, :-1], depth[:, 1:])),
        (labels[:-1], labels[1:], np.minimum(depth[:-1], depth[1:])),
    ):
        border = (a != b) & (a > 0) & (b > 0)
        for i, j, d in zip(a[border].tolist(), b[border].tolist(), at[border].tolist(), strict=True):
            pair = (min(i, j), max(i, j))
            deepest[pair] = max(deepest.get(pair, 0.0), d)
    return {pair: d / max(float(inner[list(pair)].min()), 1e-6) for pair, d in deepest.items()}


def _joined(labels: Labels, depth: Depth, area: float) -> Labels:
    """Pieces with a border nearly as deep as themselves joined, as long as they are no larger than a cell."""
    out = labels.copy()
    while True:
        areas = np.bincount(out.ravel())
        joinable = [
            (-neck, pair)
            for pair, neck in necks(out, depth).items()
            if neck >= _NECK and areas[list(pair)].sum() <= _LARGEST * area
        ]
        if not joinable:
            return _numbered(out)
        _, (kept, gone) = min(joinable)
        out[out == gone] = kept


def _halved(labels: Labels, area: float) -> Labels:
    """Pieces far larger than a cell cut across their length, into as many as fit.

    Of two cells that lie half on each other the distance from the background has a single peak.
    """
    out = labels.copy()
    for label in range(1, int(labels.max()) + 1):
        rows, columns = np.nonzero(labels == label)
        if len(rows) <= _LONG_TWO * area:
            continue
        xy = np.stack([columns, rows], axis=1).astype(np.float64)
        xy -= xy.mean(axis=0)
        spreads, axes = np.linalg.eigh(xy.T @ xy)
        is_long = spreads[1] > _LONG**2 * spreads[0]
        count = round(len(rows) / (_OVERLAPPING * area)) if is_long or len(rows) > _TWO * area else 1
        along = np.argsort(xy @ axes[:, -1], kind="stable")
        for part in _compact(xy, np.array_split(along, max(count, 1 + is_long)))[1:]:
            out[rows[part], columns[part]] = out.max() + 1
    return _numbered(out)


def _compact(xy: FloatArray, parts: list[NDArray[np.intp]]) -> list[NDArray[np.intp]]:
    """Slices of a piece made as round as may be: each pixel goes to the nearest middle (Lloyd 1982).

    Two slices stay as they are. Of more, the middles are first drawn apart, or they would stay on one line.

    Args:
        xy: (n, 2) the pixels of the piece.
        parts: The numbers of the pixels of each slice.
    """
    if len(parts) < 3:
        return parts
    middles = xy[[int(parts[0][0])]]
    while len(middles) < len(parts):  # the pixel that is farthest from all middles so far
        apart = cKDTree(middles).query(xy)[0]
        middles = np.vstack([middles, xy[int(apart.argmax())]])
    for _ in range(_ROUNDS):
        nearest = cKDTree(middles).query(xy)[1]
        counts = np.maximum(np.bincount(nearest, minlength=len(middles)), 1)
        sums = [np.bincount(nearest, xy[:, axis], len(middles)) for axis in (0, 1)]
        middles = np.stack(sums, axis=1) / counts[:, None]
    nearest = cKDTree(middles).query(xy)[1]
    return [np.flatnonzero(nearest == number) for number in range(len(middles))]


def _connected(labels: Labels, mask: Mask) -> Labels:
    """Pieces of which each hangs together: what does not goes to a piece beside it, pixel by pixel."""
    out = np.zeros(labels.shape, np.int32)
    for label in range(1, int(labels.max()) + 1):
        out[_largest(labels == label)] = label
    while (free := mask & (out == 0)).any():
        for to, beside in _BESIDE:
            out[to] = np.where(free[to] & (out[to] == 0), out[beside], out[to])
    return _numbered(out)


def _largest(mask: Mask) -> Mask:
    """The largest 4-connected part of a mask, its holes left."""
    import cv2

    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        np.ascontiguousarray(mask).view(np.uint8), connectivity=4, ltype=cv2.CV_32S
    )
    part: Mask = labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return part


def _numbered(labels: Labels) -> Labels:
    """The same pieces as 1, 2, ..."""
    numbers: Labels = np.unique(np.append(0, labels), return_inverse=True)[1][1:].astype(np.int32)
    return numbers.reshape(labels.shape)
