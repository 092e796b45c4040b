"""The shape of a VIA region -> what is drawn."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
from shapely.geometry import Point

from smearprep.formats.outlines import Drawn, Unusable, ellipse
from smearprep.geometry import FARTHEST


def shape_to_drawn(shape: Any, id_: str, label: str, attributes: Mapping[str, Any]) -> Drawn:
    """What a region draws; whether an outline is sound is not looked at.

    Args:
        shape: Its `shape_attributes`.
        id_: What findings call it.
        label: Of the cell.
        attributes: Of the cell.

    Raises:
        Unusable: It makes no cell.
    """
    if not isinstance(shape, dict) or not shape:
        raise Unusable("invalid", "the region has no shape")
    drawn = Drawn(id_, label, attributes=attributes)
    kind = shape.get("name")
    if kind == "polygon":
        drawn.outer = (_corners(shape),)
    elif kind == "rect":
        x, y, w, h = _numbers(shape, "x", "y", "width", "height")
        if not w or not h:
            raise Unusable("zero_area", "the rectangle has no area")
        drawn.shape, drawn.outline = (
            shapely.box(min(x, x + w), min(y, y + h), max(x, x + w), max(y, y + h)),
            "box",
        )
    elif kind in ("circle", "ellipse"):
        drawn.outer = (_round(shape, kind),)
    elif kind == "point":
        drawn.shape, drawn.outline = Point(*_numbers(shape, "cx", "cy")), "point"
    elif kind == "polyline":
        raise Unusable("zero_area", "a line of several points (polyline) has no area")
    else:
        raise Unusable("invalid", f"its shape {reprlib.repr(kind)} is not known")
    return drawn


def _corners(shape: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """The corners of a polygon; none where x and y do not pair up."""
    xs, ys = shape.get("all_points_x"), shape.get("all_points_y")
    if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
        return []
    return list(zip(xs, ys, strict=True))


def _round(shape: Mapping[str, Any], kind: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The corners (96, 2) of a circle or an ellipse."""
    cx, cy = _numbers(shape, "cx", "cy")
    rx, ry = _numbers(shape, "rx", "ry") if kind == "ellipse" else 2 * _numbers(shape, "r")
    if rx <= 0 or ry <= 0:
        raise Unusable("zero_area", f"the {kind} has no area")
    (theta,) = _numbers(shape, "theta") if kind == "ellipse" and shape.get("theta") is not None else (0.0,)
    return ellipse((cx, cy), (rx, ry), theta)


def _numbers(shape: Mapping[str, Any], *keys: str) -> tuple[float, ...]:
    """Numbers that a shape states, in px (theta in radians)."""
    values = tuple(shape.get(key) for key in keys)
    if not all(map(_is_near, values)):
        what = f"the {shape.get('name', 'shape')} needs {', '.join(keys)}, each a number within reach"
        raise Unusable("invalid", what)
    return values  # type: ignore[return-value]


def _is_near(value: Any) -> bool:
    """True for a number within reach of an image; NaN is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= FARTHEST
