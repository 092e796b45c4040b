"""Single cells from outlines in which touching cells are one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.assist.flooding import cut_sides, depth_inside, necks, part_mask
from smearprep.assist.made import filled, made
from smearprep.geometry import Mask, mask_to_shapes, polygonal, shape_to_mask
from smearprep.records import Cell

_SOLID = 0.93  # share of its convex hull from which on a component is surely one cell
_FEW = 5  # so many of them tell how large a cell is
_USUAL = 40  # percentile of them: some are two cells that lie half on each other
_ROUNDS = 5  # after which what is still not the same stays as it is
_SPECK = 0.05  # of the largest piece of a component: what hangs together and is smaller is no cell
_OF_ONE_SIZE = frozenset({"RBC"})


def from_mask(
    size: tuple[int, ...], cells: Sequence[Cell], areas: Mapping[str, float] | None = None
) -> tuple[tuple[Cell, ...], ...]:
    """Part components, traced from a class mask, into single cells.

    Peaks of the distance from the background, from which a watershed is flooded (Vincent & Soille 1991), as
    `counting.find` does it; then pieces with a border as deep as themselves are joined again. How far apart
    peaks are follows from the size of a cell: of those components of the image, or of the set, that are too
    round to be two. Red cells of an image are of about one size, and pieces that are far larger are cut.
    Cells of other categories may be of any size: there the largest circle in a component counts, too. What
    the border of the image cuts is mirrored at it, so that it is parted where the whole would be.

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
    shape = _joined([outline for part in _parts(cell.shape) for outline in _drawn(part, size)])
    if shape is None:
        return (cell,)
    pieces: list[Piece] = []
    # Until those px are parted that the pieces have together, without holes and specks: so that the pieces
    # are the same if they are joined and parted once more.
    for _ in range(_ROUNDS):
        pieces, before = _pieces(shape, size, area, cell.label in _OF_ONE_SIZE), shape
        shape = _joined([piece.shape for piece in pieces])
        assert shape is not None  # each piece has px
        if before.equals(shape):
            break
    whole = replace(cell, shape=shape)
    return tuple(made(whole, piece.shape, "part", piece.score) for piece in pieces)


def _parts(shape: Polygon | MultiPolygon) -> Sequence[Polygon]:
    return tuple(shape.geoms) if isinstance(shape, MultiPolygon) else (shape,)


def _joined(outlines: Sequence[Polygon]) -> Polygon | MultiPolygon | None:
    return polygonal(shapely.union_all(outlines).simplify(0))


def _pieces(
    shape: Polygon | MultiPolygon, size: tuple[int, ...], area: float | None, one_size: bool
) -> list[Piece]:
    """All pieces of a component but specks, from top to bottom, whatever the order of its parts."""
    pieces = [piece for part in _parts(shape) for piece in part_shape(part, size, area, one_size)]
    least = _SPECK * max((piece.shape.area for piece in pieces), default=0)
    return sorted(
        (piece for piece in pieces if piece.shape.area >= least),
        key=lambda piece: (piece.shape.bounds[1], piece.shape.bounds[0], piece.shape.wkb),
    )


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
    pieces = []
    for region in _drawn(shape, size):
        x, y, right, bottom = _frame(region, size)
        mask = _mask(region, (x, y, right, bottom))
        sides = cut_sides(mask, (x, y), (right, bottom), size)
        labels, outlines = part_mask(mask, sides, area, one_size)
        borders = necks(labels, depth_inside(labels > 0, sides))
        for label, outline in enumerate(outlines, 1):
            deepest = max((neck for pair, neck in borders.items() if label in pair), default=0.0)
            score = outline.area / outline.convex_hull.area * (1 - min(deepest, 1.0) / 2)
            pieces.append(Piece(_moved(outline, x - 1, y - 1), score))
    return pieces


def _drawn(shape: Polygon, size: tuple[int, ...]) -> list[Polygon]:
    """What of a shape is in the image, along pixel edges: each 4-connected region of its px."""
    frame = _frame(shape, size)
    return [_moved(region, frame[0] - 1, frame[1] - 1) for region in mask_to_shapes(_mask(shape, frame))[0]]


def _frame(shape: Polygon, size: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The px of the image that a shape may reach, xyxy; without any, it ends where it begins."""
    x, y = (max(int(np.floor(v)), 0) for v in shape.bounds[:2])
    right, bottom = (min(int(np.ceil(v)), most) for v, most in zip(shape.bounds[2:], size, strict=True))
    return x, y, max(right, x), max(bottom, y)


def _mask(shape: Polygon, frame: tuple[int, int, int, int]) -> Mask:
    """What of a shape lies in a frame, with a px of background all round."""
    x, y, right, bottom = frame
    mask = shape_to_mask(_moved(shape, 1 - x, 1 - y), (right - x + 2, bottom - y + 2))
    mask[[0, -1]] = mask[:, [0, -1]] = False
    return mask


def _moved(shape: Polygon, x: float, y: float) -> Polygon:
    moved: Polygon = shapely.transform(shape, lambda xy: xy + (x, y))
    return moved
