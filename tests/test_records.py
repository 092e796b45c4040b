"""Records check themselves at birth."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import shapely
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.errors import GeometryError
from smearprep.records import OUTLINES, Cell, Sample, View

SQUARE = shapely.box(2, 3, 6, 5)


@pytest.mark.parametrize(
    ("shape", "outline"),
    [
        (SQUARE, "point"),
        (Point(1, 1), "drawn"),
        (Point(1, 1), "box"),
        (Polygon(), "drawn"),
        (MultiPolygon(), "component"),
        (Point(), "point"),
        (SQUARE, "guessed"),
    ],
)
def test_a_cell_refuses_a_shape_that_its_outline_cannot_have(shape: Polygon, outline: str) -> None:
    with pytest.raises(GeometryError, match=outline if not shape.is_empty else "empty"):
        Cell("WBC", shape, outline)  # type: ignore[arg-type]


@pytest.mark.parametrize("outline", OUTLINES)
def test_a_cell_knows_its_box_and_area(outline: str) -> None:
    shape = Point(2, 3) if outline == "point" else SQUARE
    cell = Cell("WBC", shape, outline)  # type: ignore[arg-type]
    assert cell.bounds == ((2, 3, 2, 3) if outline == "point" else (2, 3, 6, 5))
    assert cell.area == (0 if outline == "point" else 8)


def test_the_area_leaves_out_holes() -> None:
    ring = shapely.box(0, 0, 4, 4).difference(shapely.box(1, 1, 2, 3))
    assert Cell("WBC", ring).area == 14


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (-1, 5)])
def test_a_sample_without_pixels_is_refused_by_name(size: tuple[int, int]) -> None:
    with pytest.raises(GeometryError, match=r"set/a\.jpg"):
        Sample(Path("a.jpg"), "set/a.jpg", size, "a")


@pytest.mark.parametrize(
    ("window", "size"),
    [((0, 0, 0, 5), (5, 5)), ((0, 0, 5, -1), (5, 5)), ((0, 0, 5, 5), (0, 5)), ((0, 0, 5, 5), (5, 0))],
)
def test_a_view_without_area_is_refused(window: tuple[int, int, int, int], size: tuple[int, int]) -> None:
    with pytest.raises(GeometryError, match="area"):
        View(window, size)


def test_a_view_s_map_by_an_example() -> None:
    view = View((100, 50, 200, 100), (400, 50))
    assert view.scale == (2, 0.5)
    assert view.is_resized and not View((9, 9, 4, 3), (4, 3)).is_resized
    assert view.to_canvas(Point(110, 60)) == Point(20, 5)
    assert view.to_image(Point(20, 5)) == Point(110, 60)


def test_records_are_frozen() -> None:
    cell = Cell("WBC", SQUARE)
    with pytest.raises(FrozenInstanceError):
        cell.label = "RBC"  # type: ignore[misc]
