"""Shapes cut off at the border of a window."""

from __future__ import annotations

import numpy as np
import shapely

from smearprep.geometry.arrays import FloatArray, Shapes
from smearprep.geometry.outlines import polygonal


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
