"""Outlines, masks and boxes: repair, clip, trace, rasterise. Pure functions; arrays in, arrays out.

Frame: continuous px, pixel (i, j) covers [i, i+1) x [j, j+1). A mask traced along its pixel edges and
rasterised again at its pixel centres is the same mask, holes and parts included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]
Shapes = NDArray[np.object_]  # of shapely geometries
Fault = Literal["", "repaired", "zero_area", "invalid"]
_FARTHEST = 1e9  # px: no image reaches there, and far beyond it areas overflow
_MOST_CROSSINGS = 5_000  # of an outline with itself: sorting out more takes seconds, and no cell has them


# ---------------------------------------------------------------- outlines as drawn


def outlines_to_shapes(
    xy: FloatArray, lengths: Sequence[int]
) -> tuple[list[Polygon | MultiPolygon | None], list[Fault]]:
    """Polygons from outlines as people draw them: self-crossing, empty or broken ones included.

    The vertices of a valid outline are kept as they are. A self-crossing outline becomes all that its
    line encloses (nonzero winding), its parts one MultiPolygon.

    Args:
        xy: (n, 2) x, y in px: the vertices of all outlines, one after the other, open or closed rings.
        lengths: How many vertices each outline has.

    Returns:
        Of each outline, the shape or None, and its fault: "" (none), "repaired" (it crossed itself),
        "zero_area" or "invalid" (fewer than 3 points, a coordinate that is NaN or beyond 1e9 px, or a
        scribble that crosses itself more than 5,000 times); the last two have no shape.
    """
    count = np.asarray(lengths, dtype=np.intp)
    owner = np.repeat(np.arange(len(count)), count)
    usable = count >= 3
    near = np.abs(xy) <= _FARTHEST  # NaN is not <= anything
    if not near.all():
        usable[owner[~near.all(axis=1)]] = False
    faults: list[Fault] = ["" if u else "invalid" for u in usable.tolist()]
    shapes = np.full(len(count), None, dtype=object)
    index = np.flatnonzero(usable)
    if len(index):
        kept = slice(None) if len(index) == len(count) else usable[owner]
        ring = (np.cumsum(usable) - 1)[owner[kept]]
        polygons: Any = shapely.polygons(shapely.linearrings(xy[kept], indices=ring))
        sound = shapely.is_valid(polygons) & (shapely.area(polygons) > 0)
        shapes[index[sound]] = polygons[sound]
        ends = np.cumsum(count)
        for i in index[~sound]:
            closed = np.vstack([xy[ends[i] - count[i] : ends[i]], xy[ends[i] - count[i]]])
            stretches = _stretches(closed)
            if _is_scribble(stretches):
                faults[i] = "invalid"
                continue
            shapes[i] = _enclosed(closed, stretches)
            faults[i] = "zero_area" if shapes[i] is None else "repaired"
    return shapes.tolist(), faults


def _stretches(closed: FloatArray) -> Shapes:
    """The stretches of a closed ring (n, 2), from vertex to vertex, as lines; each once.

    A line that goes to and fro a thousand times would cross itself a million times.
    """
    steps = np.hstack([closed[:-1], closed[1:]])
    backwards = (steps[:, 0] > steps[:, 2]) | ((steps[:, 0] == steps[:, 2]) & (steps[:, 1] > steps[:, 3]))
    steps[backwards] = steps[backwards][:, [2, 3, 0, 1]]
    lines: Any = shapely.linestrings(np.unique(steps, axis=0).reshape(-1, 2, 2))
    return np.asarray(lines, dtype=object)


def _is_scribble(stretches: Shapes) -> bool:
    """True if lines cross each other more often than `_MOST_CROSSINGS`."""
    tree, crossings = shapely.STRtree(stretches), 0
    for begin in range(0, len(stretches), 64):  # so that a scribble needs no memory
        crossings += tree.query(stretches[begin : begin + 64], predicate="crosses").shape[1]
        if crossings > 2 * _MOST_CROSSINGS:  # each is found from both lines
            return True
    return False


def _enclosed(closed: FloatArray, stretches: Shapes) -> Polygon | MultiPolygon | None:
    """All that a self-crossing closed ring (n, 2), made of these stretches, winds around, or None."""
    once: Any = shapely.node(shapely.multilinestrings(stretches))
    faces = shapely.get_parts(shapely.polygonize([once]))
    if not len(faces):
        return None
    with np.errstate(over="ignore"):  # of a face 1e-320 px wide; it is then dropped
        inside = shapely.get_coordinates(shapely.point_on_surface(faces))
    kept = faces[[winding_number(closed, x, y) != 0 for x, y in inside]]
    return polygonal(shapely.union_all(kept))


def winding_number(closed: FloatArray, x: float, y: float) -> int:
    """How often a closed ring ((n, 2), last vertex = first) winds around the point (x, y)."""
    x0, y0, x1, y1 = closed[:-1, 0], closed[:-1, 1], closed[1:, 0], closed[1:, 1]
    left = (x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)
    up = (y0 <= y) & (y1 > y) & (left > 0)
    down = (y0 > y) & (y1 <= y) & (left < 0)
    return int(up.sum()) - int(down.sum())


def polygonal(shape: Any) -> Polygon | MultiPolygon | None:
    """The polygons of any shapely geometry (lines and points dropped), or None if it has none."""
    if isinstance(shape, Polygon):
        return shape if shape.area > 0 else None
    parts = [part for part in shapely.get_parts(shape) if isinstance(part, Polygon) and part.area > 0]
    if isinstance(shape, MultiPolygon) and len(parts) == len(shape.geoms) > 1:
        return shape
    nested = [part for part in shapely.get_parts(shape) if isinstance(part, MultiPolygon)]
    parts += [polygon for multi in nested for polygon in multi.geoms if polygon.area > 0]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else MultiPolygon(parts)


def assembled(
    outer: Sequence[Polygon | MultiPolygon], holes: Sequence[Polygon | MultiPolygon] = ()
) -> tuple[Polygon | MultiPolygon | None, bool]:
    """One shape of several outlines, less its holes.

    Args:
        outer: Valid shapes: the parts.
        holes: Valid shapes: what is cut out of them.

    Returns:
        The shape, or None if nothing is left; and whether the outlines had to be changed (parts that
        overlap are merged, holes that reach out of their part are cut off there). Else every vertex is kept.
    """
    polygons = [polygon for shape in outer for polygon in _polygons(shape)]
    shape: Any = polygons[0] if len(polygons) == 1 else MultiPolygon(polygons)
    if holes:
        cut = [polygon for hole in holes for polygon in _polygons(hole)]
        shape = _pierced(polygons, cut)
    if shape is not None and ((len(polygons) == 1 and not holes) or shape.is_valid):
        return shape, False
    merged = shapely.union_all(list(outer))
    return polygonal(merged.difference(shapely.union_all(list(holes))) if holes else merged), True


def _pierced(polygons: Sequence[Polygon], holes: Sequence[Polygon]) -> Polygon | MultiPolygon | None:
    """Polygons with each hole in the one that holds it; None if a hole is in none, or has holes itself."""
    if any(polygon.interiors for polygon in (*polygons, *holes)):
        return None
    cut: list[list[Any]] = [[] for _ in polygons]
    for hole in holes:
        owner = next((n for n, polygon in enumerate(polygons) if polygon.covers(hole)), None)
        if owner is None:
            return None
        cut[owner].append(hole.exterior)
    parts = [Polygon(p.exterior, inner) for p, inner in zip(polygons, cut, strict=True)]
    return parts[0] if len(parts) == 1 else MultiPolygon(parts)


def _polygons(shape: Polygon | MultiPolygon) -> Sequence[Polygon]:
    return list(shape.geoms) if isinstance(shape, MultiPolygon) else [shape]


def rings(shape: Polygon | MultiPolygon) -> Iterator[FloatArray]:
    """Every ring of a shape, outer and holes, as closed (n, 2) x, y arrays."""
    for polygon in shape.geoms if isinstance(shape, MultiPolygon) else (shape,):
        yield shapely.get_coordinates(polygon.exterior)
        for hole in polygon.interiors:
            yield shapely.get_coordinates(hole)


def has_holes(shape: Polygon | MultiPolygon) -> bool:
    """True if any polygon of the shape has a hole."""
    parts = shape.geoms if isinstance(shape, MultiPolygon) else (shape,)
    return any(polygon.interiors for polygon in parts)


# ---------------------------------------------------------------- clipping


def clip(shapes: Shapes, window: tuple[float, float, float, float]) -> Shapes:
    """Shapes cut at a rectangle.

    Args:
        shapes: (n,) valid polygons, multipolygons or points.
        window: xyxy in px; half-open for points.

    Returns:
        (n,) Polygon, MultiPolygon or Point; None where nothing with an area (or no point) is inside.
        Shapes wholly inside are returned as the same objects.
    """
    x0, y0, x1, y1 = window
    out: Shapes = np.array(shapes, dtype=object, copy=True)
    bounds = shapely.bounds(out).reshape(-1, 4)
    inside = (bounds >= (x0, y0, x0, y0)).all(axis=1) & (bounds <= (x1, y1, x1, y1)).all(axis=1)
    points = shapely.get_type_id(out) == 0
    out[points & ~(inside & (bounds[:, 0] < x1) & (bounds[:, 1] < y1))] = None
    cut = np.flatnonzero(~inside & ~points)
    if not len(cut):
        return out
    pieces = shapely.clip_by_rect(out[cut], x0, y0, x1, y1)
    # GEOS' fast rectangle clip is not always valid, or loses parts, where shape and border share a line.
    lost = np.abs(shapely.area(pieces) - _area_inside(out[cut], window)) > 1e-6
    broken = lost | ~shapely.is_valid(pieces)
    if broken.any():
        pieces[broken] = shapely.intersection(out[cut][broken], shapely.box(x0, y0, x1, y1))
    types = shapely.get_type_id(pieces)
    simple = ((types == 3) | (types == 6)) & ~shapely.is_empty(pieces)
    for i, piece, whole in zip(cut, pieces, simple, strict=True):
        out[i] = piece if whole else polygonal(piece)
    return out


def _area_inside(shapes: Shapes, window: tuple[float, float, float, float]) -> FloatArray:
    """Area of each shape inside a rectangle, from its vertices alone (Green's theorem): (n,) px^2.

    What an edge has between x0 and x1 adds its width times its mean height over y0, heights cut at the
    rectangle's.
    """
    x0, y0, x1, y1 = window
    parts, shape_of = shapely.get_parts(shapes, return_index=True)
    loops, part_of = shapely.get_rings(parts, return_index=True)
    xy, loop_of = shapely.get_coordinates(loops, return_index=True)
    edge = np.flatnonzero(loop_of[1:] == loop_of[:-1])
    (ax, ay), (bx, by) = xy[edge].T, xy[edge + 1].T
    slope = np.divide(by - ay, bx - ax, out=np.zeros(len(edge)), where=bx != ax)
    left, right = np.clip(ax, x0, x1), np.clip(bx, x0, x1)
    ends = np.stack([ay + (left - ax) * slope, ay + (right - ax) * slope]) - y0
    low, high, height = ends.min(axis=0), ends.max(axis=0), y1 - y0
    low_in, high_in = np.clip(low, 0, height), np.clip(high, 0, height)
    over = height * np.maximum(high - np.maximum(low, height), 0)
    summed = over + (high_in - low_in) * (high_in + low_in) / 2
    mean = np.divide(summed, high - low, out=low_in.copy(), where=high > low)
    of_loop = np.abs(np.bincount(loop_of[edge], (right - left) * mean, len(loops)))
    hole = np.concatenate([[False], part_of[1:] == part_of[:-1]])
    signed = np.where(hole, -of_loop, of_loop)
    area: FloatArray = np.bincount(shape_of[part_of], signed, len(shapes)).astype(np.float64)
    return area


# ---------------------------------------------------------------- masks


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


# ---------------------------------------------------------------- run lengths


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


# ---------------------------------------------------------------- boxes


def box_iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """Intersection over union of every box of `a` (n, 4) with every box of `b` (m, 4), xyxy: (n, m)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    area_a, area_b = (a[:, 2:] - a[:, :2]).prod(axis=1), (b[:, 2:] - b[:, :2]).prod(axis=1)
    union = area_a[:, None] + area_b[None] - shared
    iou: FloatArray = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return iou
