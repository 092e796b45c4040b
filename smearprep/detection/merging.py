"""Cells found on tiles, put together on the whole image: none counted twice, none lost.

Each cell is a piece of its tile until it is known to be whole. Two pieces of two tiles are one cell if they
agree where both tiles look; where tiles only lie side by side, if the lines at which they were cut fit
together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.detection.cut_edges import facing, find_cut_edges
from smearprep.detection.groups import Groups
from smearprep.detection.strips import Index, Link, links_by_overlap, plainer
from smearprep.errors import GeometryError, RecipeError
from smearprep.geometry import FloatArray, Shapes, clip, polygonal
from smearprep.records import Cell, Outline, View

_ON_LINE = 1e-6  # px: coordinates so near to their tile's border are put on it
_NEARLY_ALL = 0.8  # of a piece that is not cut lies in a larger cell: then it is a part of it, badly found
_SAME_DIGITS = 9  # agreements that differ less are equal, and the order of the pieces decides


def merge(
    tiles: Sequence[tuple[View, Sequence[Cell]]],
    image_size: tuple[int, int],
    *,
    agree: float = 0.5,
    reach: float = 4.0,
) -> tuple[Cell, ...]:
    """The cells of an image from those of its tiles.

    A cell that ends at a border of its tile which is not the image's is cut. Of what is known to be one
    cell, a piece that is not cut is taken, the one of the highest score; if all are cut, their union. A
    union has the label of most of its area and, weighted by area, the mean of the scores. A cut piece is
    left out if most of it lies in a larger cell that its own tile does not show; so is a piece that is not
    cut if 4/5 of it lie in such a cell of its label.

    Args:
        tiles: Each with its cells in canvas px. Windows of any size, overlapping or side by side, in any
            order.
        image_size: (width, height) in px. What lies beyond is cut off; what has no area is left out.
        agree: From this intersection over union, where both tiles look, two pieces are one cell; where the
            tiles lie side by side, from this share of the shorter cut in common. Above 0, at most 1.
        reach: A cell that comes so near to a border, in canvas px, may be cut by it: the masks of networks
            are coarse (YOLACT's have a pixel for four), and seldom filled to the border. 0 for true cells.

    Returns:
        The cells in image px, from top to bottom.

    Raises:
        RecipeError: `agree` or `reach` out of its range.
        GeometryError: The image has no area, or a cell is a point.
    """
    _check(image_size, agree, reach)
    pieces = _pieces(tiles, image_size, reach, agree)
    if not pieces.cells:
        return ()
    overlapping = links_by_overlap(pieces.shapes, pieces.tile, pieces.windows, agree, pieces.facing)
    groups = _grouped([*overlapping, *pieces.facing], pieces.tile)
    merged = [_fused(pieces, group) for group in groups]
    kept = _without_parts_of_others(merged, groups, pieces, agree)
    return tuple(sorted(kept, key=_from_top))


def _check(image_size: tuple[int, int], agree: float, reach: float) -> None:
    if not 0 < agree <= 1 or not 0 <= reach < np.inf:
        raise RecipeError(f"agree {agree:g}, reach {reach:g}: give 0 < agree <= 1 and 0 or more px")
    if min(image_size) < 1:
        raise GeometryError(f"an image of {image_size[0]}x{image_size[1]} px")


def _from_top(cell: Cell) -> tuple[Any, ...]:
    x0, y0, x1, y1 = cell.bounds
    return y0, x0, y1, x1, cell.area, cell.label


# ---------------------------------------------------------------- pieces


@dataclass(frozen=True, eq=False)
class _Pieces:
    """All cells of all tiles.

    Args:
        cells: As they came.
        shapes: (n,) in image px, within tile and image.
        tile: (n,) number of the tile.
        windows: (n, 4) xyxy in px, of the tile.
        reach: (n, 2) px along x and y: what comes so near to a border may be cut by it.
        cut: (n,) it ends at an inner border of its tile.
        facing: Links between pieces that are cut at a common border of their tiles.
    """

    cells: list[Cell]
    shapes: Shapes
    tile: Index
    windows: FloatArray
    reach: FloatArray
    cut: NDArray[np.bool_]
    facing: list[Link]


def _pieces(
    tiles: Sequence[tuple[View, Sequence[Cell]]], image_size: tuple[int, int], reach: float, agree: float
) -> _Pieces:
    cells: list[Cell] = []
    shapes: list[Any] = []
    rows: list[tuple[int, tuple[float, ...], tuple[float, float]]] = []
    ordered = sorted(tiles, key=lambda tile: (tile[0].window[1], tile[0].window[0], tile[0].window))
    for n, (view, found) in enumerate(ordered):
        x, y, w, h = view.window
        sx, sy = view.scale
        row = n, (x, y, x + w, y + h), (reach / sx, reach / sy)
        for cell, shape in _placed(view, found, image_size):
            cells.append(cell)
            shapes.append(shape)
            rows.append(row)
    array: Shapes = np.empty(len(shapes), dtype=object)
    array[:] = shapes
    tile = np.array([row[0] for row in rows], np.intp)
    windows = np.array([row[1] for row in rows], np.float64).reshape(-1, 4)
    near = np.array([row[2] for row in rows], np.float64).reshape(-1, 2)
    edges = find_cut_edges(array, windows, image_size, near)
    return _Pieces(
        cells, array, tile, windows, near, edges.cut(len(cells)), list(facing(edges, windows, agree))
    )


def _placed(
    view: View, cells: Sequence[Cell], image_size: tuple[int, int]
) -> list[tuple[Cell, Polygon | MultiPolygon]]:
    """The cells of a tile with their shapes in image px, in an order that does not depend on theirs."""
    if any(isinstance(cell.shape, Point) for cell in cells):
        raise GeometryError("a point cannot be merged over tiles: nobody knows how large its cell is")
    if not cells:
        return []
    x, y, w, h = view.window
    shapes: Shapes = np.empty(len(cells), dtype=object)
    shapes[:] = [cell.shape for cell in cells]
    low, high = np.array([x, y], np.float64), np.array([x + w, y + h], np.float64)
    shapes = _on_lines(view.to_image(shapes), low, high)
    for n in np.flatnonzero(~shapely.is_valid(shapes)).tolist():
        shapes[n] = polygonal(shapely.make_valid(shapes[n]))
    sound = [n for n, shape in enumerate(shapes) if shape is not None]
    inside = max(x, 0), max(y, 0), min(x + w, image_size[0]), min(y + h, image_size[1])
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        return []  # the tile lies beside the image
    clipped = zip(sound, clip(shapes[sound], inside), strict=True)
    placed = [(cells[n], shape) for n, shape in clipped if shape is not None]
    return sorted(placed, key=_place_key)


def _place_key(placed: tuple[Cell, Polygon | MultiPolygon]) -> tuple[Any, ...]:
    cell, shape = placed
    return *shape.bounds, shape.area, cell.label, _score(cell) or 0.0


def _on_lines(shapes: Shapes, low: FloatArray, high: FloatArray) -> Shapes:
    """Shapes whose coordinates lie exactly on their tile's border where they nearly do."""

    def put(xy: FloatArray) -> FloatArray:
        xy = np.where(np.abs(xy - low) < _ON_LINE, low, xy)
        return np.where(np.abs(xy - high) < _ON_LINE, high, xy)

    moved: Shapes = shapely.transform(shapes, put)
    return moved


# ---------------------------------------------------------------- which are one cell


def _grouped(links: Sequence[Link], tile: Index) -> list[list[int]]:
    """The pieces of each cell; the best links count first, and no cell has two pieces of one tile."""
    joined = Groups(len(tile))
    tiles = [{int(t)} for t in tile]
    for a, b, _ in sorted(links, key=lambda link: (-round(link[2], _SAME_DIGITS), link)):
        one, other = joined.root(a), joined.root(b)
        if one != other and tiles[one].isdisjoint(tiles[other]):
            joined.join(one, other)
            tiles[one] |= tiles[other]
    groups: dict[int, list[int]] = defaultdict(list)
    for n in range(len(joined)):
        groups[joined.root(n)].append(n)
    return list(groups.values())


# ---------------------------------------------------------------- one cell of several pieces


def _score(cell: Cell) -> float | None:
    told = cell.attributes.get("score")
    return None if isinstance(told, bool) or not isinstance(told, int | float) else float(told)


def _fused(pieces: _Pieces, group: Sequence[int]) -> Cell:
    whole = [n for n in group if not pieces.cut[n]]
    if whole or len(group) == 1:
        n = max(whole or group, key=lambda n: (_score(pieces.cells[n]) or 0.0, _margin(pieces, n), -n))
        cell = pieces.cells[n]
        return Cell(cell.label, pieces.shapes[n], cell.outline, cell.attributes)
    area = {n: float(pieces.shapes[n].area) for n in group}
    largest = pieces.cells[max(group, key=lambda n: (area[n], -n))]
    by_label: dict[str, float] = defaultdict(float)
    for n in group:
        by_label[pieces.cells[n].label] += area[n]
    attributes = dict(largest.attributes)
    scored = [(s, area[n]) for n in group if (s := _score(pieces.cells[n])) is not None]
    if scored:
        attributes["score"] = sum(s * a for s, a in scored) / sum(a for _, a in scored)
    label = max(sorted(by_label), key=by_label.__getitem__)
    shape = _joined(pieces.shapes[list(group)], largest.outline, float(pieces.reach[list(group)].max()))
    return Cell(label, shape, largest.outline, attributes)


def _margin(pieces: _Pieces, n: int) -> float:
    """How far a piece lies from the border of its tile, in px."""
    x0, y0, x1, y1 = pieces.shapes[n].bounds
    left, top, right, bottom = pieces.windows[n]
    return float(min(x0 - left, y0 - top, right - x1, bottom - y1))


def _joined(shapes: Shapes, outline: Outline, reach: float) -> Polygon | MultiPolygon:
    """The union of pieces; a gap that is left where they fall short of a border is closed."""
    union = shapely.union_all(shapes)
    if outline == "box":
        return shapely.box(*union.bounds)
    apart = isinstance(union, MultiPolygon) and all(isinstance(shape, Polygon) for shape in shapes)
    if apart and reach:
        wide = shapely.buffer(plainer(np.array([union], object))[0], reach, join_style="mitre")
        union = shapely.union(union, shapely.buffer(wide, -reach, join_style="mitre"))
    shape = polygonal(union)
    assert shape is not None  # each of the pieces has an area
    return shape


def _without_parts_of_others(
    merged: Sequence[Cell], groups: Sequence[Sequence[int]], pieces: _Pieces, agree: float
) -> list[Cell]:
    """Less what other tiles show as part of a larger cell, and its own tiles do not show besides it."""
    shapes: Shapes = np.array([cell.shape for cell in merged], dtype=object)
    tiles = [{int(pieces.tile[n]) for n in group} for group in groups]
    all_cut = np.array([all(pieces.cut[n] for n in group) for group in groups])
    labels = np.array([cell.label for cell in merged])
    area = shapely.area(shapes)
    small, large = shapely.STRtree(shapes).query(shapes)
    asked = (area[large] > area[small]) & (all_cut[small] | (labels[small] == labels[large]))
    small, large = small[asked], large[asked]
    foreign = np.array([tiles[s].isdisjoint(tiles[g]) for s, g in zip(small, large, strict=True)], bool)
    small, large = small[foreign], large[foreign]
    inside = shapely.area(shapely.intersection(shapes[small], shapes[large]))
    most = np.where(all_cut[small], agree, max(agree, _NEARLY_ALL))
    dropped = set(small[inside >= most * area[small]].tolist())
    return [cell for n, cell in enumerate(merged) if n not in dropped]
