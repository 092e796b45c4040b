"""Cells as people edit them, as JSON: from the annotations of COCO files, and checked on their way back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import shapely
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.annotating.refusals import EditError
from smearprep.findings import Finding
from smearprep.formats.coco.annotations import entry_to_cell, open_rings, vertices
from smearprep.formats.outlines import Drawn, Unusable, drawn_to_cells
from smearprep.geometry import clip, outlines_to_shapes
from smearprep.records import Cell, Shape

MOST_VERTICES = 10_000
"""Of one cell."""

_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_Point = tuple[_Number, _Number]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(_Strict):
    """A part of an outline: its outer ring and its holes, points (x, y) in px, open or closed."""

    outer: list[_Point]
    holes: list[list[_Point]] = []


class Given(_Strict):
    """A cell as it comes from the page; `id` says nothing, the key under which it comes does."""

    id: int | str | None = None
    category: str
    outline: Literal["drawn", "made", "component", "box", "point"] = "drawn"
    parts: list[Part] = []
    box: tuple[_Number, _Number, _Number, _Number] | None = None
    point: _Point | None = None
    score: _Number | None = None
    made_by: str = Field("", max_length=1000)
    accepted: bool = Field(False, strict=True)
    crowd: bool = Field(False, strict=True)


def parse_cell(value: Any, told: str) -> Given:
    """A cell as it comes from the page, its values checked.

    Args:
        value: JSON.
        told: What messages call it.

    Raises:
        EditError: A key that no cell has, or a value that cannot be used.
    """
    try:
        given = Given.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise EditError(f"{told}: {place}: {first['msg']}") from None
    count = sum(len(ring) for part in given.parts for ring in (part.outer, *part.holes))
    if count > MOST_VERTICES:
        raise EditError(f"{told}: has {count:,} vertices; a cell has no more than {MOST_VERTICES:,}")
    return given


# ---------------------------------------------------------------- from annotations


def entries_to_cells(
    entries: Sequence[Mapping[str, Any]], names: Mapping[Any, str], size: tuple[int, int] | None
) -> list[Cell | None]:
    """The cells (and crowds) of annotations; None where the shape is none.

    Args:
        entries: Annotations of one image.
        names: Category id -> name.
        size: (width, height) of the image in px, or None.
    """
    groups = [open_rings(entry) for entry in entries]
    shapes, faults = outlines_to_shapes(*vertices([ring for group in groups for ring in group]))
    cells: list[Cell | None] = []
    end = 0
    for entry, group in zip(entries, groups, strict=True):
        start, end = end, end + len(group)
        try:
            cells.append(entry_to_cell(entry, names, size, shapes[start:end], faults[start:end])[0])
        except Unusable:
            cells.append(None)
    return cells


def cell_to_json(cell: Cell, is_crowd: bool) -> dict[str, Any]:
    """A cell as JSON, all but its id."""
    x0, y0, x1, y1 = cell.bounds
    score = cell.attributes.get("score")
    is_number = isinstance(score, int | float) and not isinstance(score, bool) and math.isfinite(score)
    shape = cell.shape
    return {
        "category": cell.label,
        "outline": cell.outline,
        "parts": [] if isinstance(shape, Point) or cell.outline == "box" else _parts(shape),
        "box": [x0, y0, x1 - x0, y1 - y0],
        "point": [shape.x, shape.y] if isinstance(shape, Point) else None,
        "score": score if is_number else None,
        "made_by": str(cell.attributes.get("made_by", "")),
        "accepted": cell.attributes.get("accepted") is True,
        "crowd": is_crowd,
    }


def _parts(shape: Polygon | MultiPolygon) -> list[dict[str, Any]]:
    parts = shape.geoms if isinstance(shape, MultiPolygon) else (shape,)
    return [
        {"outer": _ring(part.exterior), "holes": [_ring(hole) for hole in part.interiors]} for part in parts
    ]


def _ring(ring: Any) -> list[list[float]]:
    points: list[list[float]] = shapely.get_coordinates(ring)[:-1].tolist()
    return points


# ---------------------------------------------------------------- and back


def is_same_place(given: Given, shown: Mapping[str, Any]) -> bool:
    """True if a cell is where it was, to the last digit, and what is known of its shape is the same."""
    if shown["outline"] in ("box", "point"):
        if given.parts or given.outline != shown["outline"]:
            return False
        place = given.box if given.outline == "box" else given.point
        return place is not None and list(place) == shown[given.outline]
    return bool([_as_lists(part) for part in given.parts] == shown["parts"])


def _as_lists(part: Part) -> dict[str, Any]:
    return {"outer": _open(part.outer), "holes": [_open(hole) for hole in part.holes]}


def _open(ring: Sequence[tuple[float, float]]) -> list[list[float]]:
    is_closed = len(ring) > 1 and ring[0] == ring[-1]
    return [list(point) for point in (ring[:-1] if is_closed else ring)]


def is_made(given: Given, shown: Mapping[str, Any] | None) -> bool:
    """True if a program has just made an outline that is new here; False if a person has changed it.

    Args:
        given: A cell with another shape than it had.
        shown: As it was; None: a new one.
    """
    if given.outline != "made" or not given.made_by or given.score is None or not given.parts:
        return False
    before = (shown["made_by"], shown["score"]) if shown is not None and shown["outline"] == "made" else None
    return before != (given.made_by, given.score) and 0 <= given.score <= 1


def given_to_shape(given: Given, size: tuple[int, int], told: str) -> Shape:
    """Where a cell is, repaired if its outline crosses itself, and cut at the image's border.

    Args:
        given: The cell.
        size: (width, height) of the image in px.
        told: What messages call it.

    Raises:
        EditError: Nothing of it has an area in the image, or it reaches absurdly far beyond.
    """
    shape = _shape(given, told)
    far = np.array([*size, *size], float) * (-1, -1, 2, 2)
    bounds = np.array(shape.bounds)
    if (bounds[:2] < far[:2]).any() or (bounds[2:] > far[2:]).any():
        raise EditError(f"{told}: lies far beyond the image of {size[0]}x{size[1]} px")
    (inside,) = clip(np.array([shape], dtype=object), (0, 0, *size))
    if inside is None:
        raise EditError(f"{told}: has no area in the image of {size[0]}x{size[1]} px")
    found: Shape = inside
    return found


def _shape(given: Given, told: str) -> Shape:
    if given.parts:
        return _outlined(given.parts, told)
    if given.outline == "point" and given.point is not None:
        return Point(given.point)
    if given.outline == "box" and given.box is not None:
        x, y, w, h = given.box
        box: Polygon = shapely.box(x, y, x + w, y + h)
        if min(w, h) > 0 and box.area > 0:
            return box
        raise EditError(f"{told}: its box has no area")
    raise EditError(f"{told}: has no outline")


def _outlined(parts: Sequence[Part], told: str) -> Shape:
    outer = [part.outer for part in parts]
    holes = [hole for part in parts for hole in part.holes]
    findings: list[Finding] = []
    cells = drawn_to_cells([Drawn("", "cell", outer, holes)], "", findings)
    if not cells:
        raise EditError(f"{told}: {findings[0].what.removesuffix('; left out')}")
    return cells[0].shape
