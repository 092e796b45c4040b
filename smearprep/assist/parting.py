"""Single cells from outlines in which touching cells are one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.assist.made import filled, made
from smearprep.counting import Parameters, Watershed, find, labels_to_shapes
from smearprep.geometry import Mask, mask_to_shapes, polygonal, shape_to_mask
from smearprep.records import Cell

_SOLID = 0.93  # share of its convex hull from which on a component is surely one cell
_FEW = 5  # so many of them tell how large a cell is
_USUAL = 40  # percentile of them: some are two cells that lie half on each other
_APART = 0.5  # times the radius of a cell: two middles are farther apart
_HIGH = 0.35  # times that radius: a middle is so far from the background
_NECK = 0.85  # of the shallower of two pieces' depth: where their border is so deep, they are one cell,
_LARGEST = 1.3  # if it has no more than so many times the usual area
_TWO = 1.4  # times the usual area: no cell is larger,
_LONG_TWO = 1.2  # nor so large, if it is longer than wide by
_LONG = 1.35
_SPECK = 0.05  # of the largest piece of a component: what hangs together and is smaller is no cell
_OF_ONE_SIZE = frozenset({"RBC"})
_OVERLAPPING = 0.85  # times the usual area: what one more cell adds to a clump

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


def from_mask(
    size: tuple[int, ...], cells: Sequence[Cell], areas: Mapping[str, float] | None = None
) -> tuple[tuple[Cell, ...], ...]:
    """Part components, traced from a class mask, into single cells.

    Peaks of the distance from the background, from which a watershed is flooded (Vincent & Soille 1991), as
    `counting.find` does it; then pieces with a border as deep as themselves are joined again. How far apart
    peaks are follows from the size of a cell: of those components of the image, or of the set, that are too
    round to be two. Red cells of an image are of about one size, and pieces that are far larger are cut.
    Cells of other categories may be of any size: there the largest circle in a component counts, too.

    Args:
        size: (width, height) of the image in px.
        cells: In px of the image; those whose outline is no "component" are returned as they are.
        areas: Category -> typical area of a cell in px^2, from `typical_areas`, for images that show too few
            single cells.

    Returns:
        Of each cell, the cells that it is. They have outline "made", along pixel edges, without holes, and
        the attributes "made_by", "score" (how convex the cell is, less how deep its border with others is)
        and "given" (box and area of the component).
    """
    usual = {**(areas or {}), **typical_areas(cells)}
    return tuple(_parted(cell, size, usual.get(cell.label)) for cell in cells)


def _parted(cell: Cell, size: tuple[int, ...], area: float | None) -> tuple[Cell, ...]:
    if cell.outline != "component" or isinstance(cell.shape, Point):
        return (cell,)
    parts = cell.shape.geoms if isinstance(cell.shape, MultiPolygon) else (cell.shape,)
    one_size = cell.label in _OF_ONE_SIZE
    pieces = [piece for part in parts for piece in part_shape(part, size, area, one_size)]
    least = _SPECK * max((piece.shape.area for piece in pieces), default=0)
    # From top to bottom, whatever the order of the parts.
    pieces = sorted(
        (piece for piece in pieces if piece.shape.area >= least),
        key=lambda piece: (piece.shape.bounds[1], piece.shape.bounds[0], piece.shape.wkb),
    )
    joined = polygonal(shapely.union_all([piece.shape for piece in pieces]).simplify(0))
    if joined is None:
        return (cell,)
    # Of these px: so that what is kept is the same if the pieces are joined and parted once more.
    whole = replace(cell, shape=joined)
    return tuple(made(whole, piece.shape, "part", piece.score) for piece in pieces)


def typical_areas(cells: Sequence[Cell]) -> dict[str, float]:
    """The typical area of a cell of each category, px^2, by components that are single cells for sure.

    Cells that are cut off by their window do not count. Categories with fewer than 5 of them are not there.
    """
    found: dict[str, list[float]] = {}
    for cell in cells:
        if cell.outline == "component" and not isinstance(cell.shape, Point) and not _is_cut(cell):
            whole = filled(cell.shape)
            if whole.area >= _SOLID * whole.convex_hull.area:
                found.setdefault(cell.label, []).append(whole.area)
    return {label: float(np.percentile(own, _USUAL)) for label, own in found.items() if len(own) >= _FEW}


def _is_cut(cell: Cell) -> bool:
    """True if a window shows only a part of a cell."""
    share = cell.attributes.get("visible", 1)
    return isinstance(share, int | float) and share < 1


@dataclass(frozen=True, eq=False)
class Piece:
    """One cell of a component.

    Args:
        shape: Its outline along pixel edges, in px.
        score: 0..1: how convex it is, less half of how deep its deepest border with another piece is.
    """

    shape: Polygon
    score: float


def part_shape(
    shape: Polygon, size: tuple[int, ...], area: float | None = None, one_size: bool = True
) -> list[Piece]:
    """Part one component.

    Args:
        shape: In px; may have holes.
        size: (width, height) of the image in px.
        area: Of a usual cell in px^2; None: that of the largest circle in the component.
        one_size: Cells are about as large as that, so that what is far larger is several. Else they may be
            larger: where a circle fits in that is, they are as large as it.

    Returns:
        The cells, from top to bottom; none if the shape holds not one pixel's centre.
    """
    x, y = (max(int(np.floor(v)), 0) for v in shape.bounds[:2])
    right, bottom = (min(int(np.ceil(v)), most) for v, most in zip(shape.bounds[2:], size, strict=True))
    moved = shapely.transform(shape, lambda xy: xy - (x - 1, y - 1))  # a px of background all round
    mask = shape_to_mask(moved, (max(right - x, 0) + 2, max(bottom - y, 0) + 2))
    mask[[0, -1]] = mask[:, [0, -1]] = False
    pieces = []
    for region in mask_to_shapes(mask)[0]:
        labels, outlines = _stable(shape_to_mask(region, mask.shape[::-1]), area, one_size)
        necks = _necks(labels, _depth(labels > 0))
        for label, outline in enumerate(outlines, 1):
            deepest = max((neck for pair, neck in necks.items() if label in pair), default=0.0)
            score = outline.area / outline.convex_hull.area * (1 - min(deepest, 1.0) / 2)
            pieces.append(Piece(shapely.transform(outline, lambda xy: xy + (x - 1, y - 1)), score))
    return pieces


def _stable(mask: Mask, area: float | None, one_size: bool) -> tuple[Labels, list[Polygon]]:
    """Pieces of a component, and their outlines, none of which has a hole.

    A hole in a piece is a part of it and makes it deeper: it is filled, and the component parted anew.
    """
    while True:
        depth = _depth(mask)
        inner = float(depth.max())
        radius = float(np.sqrt(area / np.pi)) if area else inner
        radius = radius if one_size else max(radius, inner)
        usual = float(np.pi * radius**2)
        joined = _joined(_flooded(mask, radius), depth, usual)
        labels = _connected(_halved(joined, usual) if one_size else joined, mask)
        outlines = [filled(shape) for shape in labels_to_shapes(labels)]
        whole = labels > 0
        for outline in outlines:
            whole |= shape_to_mask(outline, mask.shape[::-1])
        if (whole == (labels > 0)).all():
            return labels, outlines
        mask = whole


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


def _necks(labels: Labels, depth: Depth) -> dict[tuple[int, int], float]:
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
            for pair, neck in _necks(out, depth).items()
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
        parts = np.array_split(np.argsort(xy @ axes[:, -1], kind="stable"), max(count, 1 + is_long))
        for part in parts[1:]:
            out[rows[part], columns[part]] = out.max() + 1
    return _numbered(out)


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
