"""Outlines as people and programs draw them: repaired, put together, taken apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon

from smearprep.geometry.arrays import FARTHEST, FloatArray, Shapes

Fault = Literal["", "repaired", "zero_area", "invalid"]
_MOST_CROSSINGS = 5_000  # of an outline with itself: sorting out more takes seconds, and no cell has them


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
    near = np.abs(xy) <= FARTHEST  # NaN is not <= anything
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
