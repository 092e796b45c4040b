"""Outlines, masks and boxes by examples; the laws are in laws/test_shape_laws.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from pycocotools import mask as coco_mask
from shapely.geometry import GeometryCollection, LineString, MultiPolygon, Point, Polygon

from smearprep.geometry import (
    box_iou,
    clip,
    counts_to_mask,
    has_holes,
    mask_to_shapes,
    outlines_to_shapes,
    polygonal,
    shape_to_counts,
    shape_to_mask,
    winding_number,
)

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:pycocotools")

SQUARE = [(10, 10), (50, 10), (50, 40), (10, 40)]


def _repair(*outline: tuple[float, float]) -> tuple[Any, str]:
    [shape], [fault] = outlines_to_shapes(np.array(outline, float).reshape(-1, 2), [len(outline)])
    return shape, fault


# ---------------------------------------------------------------- outlines


def test_a_square_of_1200_px_has_1200_px() -> None:
    """The shape with which rasterisers were compared: many of them count the border, and fill 1271 px."""
    shape, fault = _repair(*SQUARE)
    assert fault == "" and shape.area == 1200
    assert shape_to_mask(shape, (100, 80)).sum() == 1200
    counts = shape_to_counts(shape, (100, 80))
    assert coco_mask.area(coco_mask.frPyObjects({"size": [80, 100], "counts": counts}, 80, 100)) == 1200
    [traced], _ = mask_to_shapes(shape_to_mask(shape, (100, 80)))
    assert traced.equals(shape) and len(traced.exterior.coords) == 5


def test_both_parts_of_a_bow_tie_are_kept_as_one_cell() -> None:
    shape, fault = _repair((0, 0), (10, 10), (10, 0), (0, 10))
    assert fault == "repaired"
    assert isinstance(shape, MultiPolygon) and shape.is_valid
    assert sorted(part.area for part in shape.geoms) == [25, 25]


def test_a_loop_drawn_twice_is_filled_once() -> None:
    shape, fault = _repair(*SQUARE, *SQUARE)
    assert fault == "repaired"
    assert shape.equals(Polygon(SQUARE)) and shape.area == 1200


def test_a_loop_within_the_outline_is_no_hole() -> None:
    """People who circle a cell and go on for half a turn mean one cell."""
    inner = [(20, 20), (30, 20), (30, 30), (20, 30)]
    shape, fault = _repair((10, 10), *SQUARE[1:], (10, 10), *inner, (20, 20))
    assert fault == "repaired"
    assert not has_holes(shape) and shape.area == pytest.approx(1200)


def test_a_spike_is_cut_off_and_the_area_kept() -> None:
    shape, fault = _repair((0, 0), (10, 0), (20, 0), (10, 0), (10, 10), (0, 10))
    assert fault == "repaired"
    assert shape.area == 100 and shape.bounds == (0, 0, 10, 10)


def test_doubled_vertices_are_no_fault() -> None:
    shape, fault = _repair((0, 0), (0, 0), (10, 0), (10, 10), (10, 10), (0, 10), (0, 0))
    assert fault == "" and shape.area == 100


@pytest.mark.parametrize(
    "outline",
    [
        [(1, 1), (5, 5), (9, 9)],
        [(1, 1), (5, 5), (1, 1)],
        [(3, 3), (3, 3), (3, 3), (3, 3)],
        [(0, 0), (5, 0), (9, 0), (4, 0)],
    ],
)
def test_an_outline_without_area_is_no_cell(outline: list[tuple[float, float]]) -> None:
    assert _repair(*outline) == (None, "zero_area")


@pytest.mark.parametrize(
    "outline",
    [
        [],
        [(1, 1)],
        [(1, 1), (5, 5)],
        [(1, 1), (5, 5), (float("nan"), 1)],
        [(1, 1), (5, 5), (1, float("inf"))],
        [(1, 1), (5, 5), (1, -float("inf"))],
        [(1, 1), (5, 5), (1, 2e9)],
    ],
)
def test_an_outline_that_cannot_be_read_is_invalid(outline: list[tuple[float, float]]) -> None:
    assert _repair(*outline) == (None, "invalid")


def test_bad_outlines_do_not_touch_their_neighbours() -> None:
    nan = float("nan")
    many = [SQUARE, [(nan, nan), (1, 1), (2, 2)], [(0, 0), (4, 4), (4, 0), (0, 4)], [(1, 1)], SQUARE[::-1]]
    xy = np.array([vertex for outline in many for vertex in outline], float)
    found, faults = outlines_to_shapes(xy, [len(outline) for outline in many])
    assert faults == ["", "invalid", "repaired", "invalid", ""]
    assert [None if s is None else s.area for s in found] == [1200, None, 8, None, 1200]


def test_no_outlines_at_all() -> None:
    assert outlines_to_shapes(np.empty((0, 2)), []) == ([], [])


@pytest.mark.parametrize(
    ("ring", "expected"),
    [
        (SQUARE, 1),
        (SQUARE[::-1], -1),
        ([*SQUARE, *SQUARE], 2),
        ([(100, 0), (110, 0), (110, 10)], 0),
    ],
)
def test_winding_number(ring: list[tuple[float, float]], expected: int) -> None:
    closed = np.array([*ring, ring[0]], float)
    assert winding_number(closed, 30, 25) == expected


# ---------------------------------------------------------------- the polygons of anything


def test_polygonal_drops_lines_and_points_and_looks_into_collections() -> None:
    a, b = shapely.box(0, 0, 1, 1), shapely.box(2, 2, 4, 4)
    line = LineString([(0, 0), (9, 9)])
    assert polygonal(GeometryCollection([line, a, Point(1, 1)])) == a
    both = polygonal(GeometryCollection([line, MultiPolygon([a, b])]))
    assert both is not None and both.area == 5
    assert polygonal(MultiPolygon([b])) == b
    for nothing in (line, Point(1, 1), Polygon(), MultiPolygon(), GeometryCollection([line])):
        assert polygonal(nothing) is None


# ---------------------------------------------------------------- clipping


def test_clip_keeps_holes_and_parts() -> None:
    ring = shapely.box(0, 0, 10, 10).difference(shapely.box(4, 4, 6, 6))
    u_shape = shapely.box(0, 0, 10, 10).difference(shapely.box(3, 0, 7, 8))
    half, legs = clip(np.array([ring, u_shape], dtype=object), (0, 0, 10, 5))
    assert half.area == 48 and not has_holes(half)  # the hole is cut open
    assert isinstance(legs, MultiPolygon) and legs.area == 30 and len(legs.geoms) == 2
    [whole] = clip(np.array([ring], dtype=object), (-1, 1, 11, 9))
    assert has_holes(whole) and whole.area == 76


def test_a_notch_that_reaches_the_window_s_side_parts_the_cell() -> None:
    """Where GEOS' own fast clipping leaves a shape that touches itself along the side."""
    notched = Polygon([(3, 6), (4, 4), (5, 7), (4, 1)])
    [found] = clip(np.array([notched], dtype=object), (1, 4, 5, 5))
    assert isinstance(found, MultiPolygon) and found.is_valid and len(found.geoms) == 2
    assert found.area == pytest.approx(notched.intersection(shapely.box(1, 4, 5, 5)).area)


@pytest.mark.parametrize(
    ("outline", "window", "area"),
    [
        ([(0, 10), (2, 12), (4, 12), (3, 9), (4, 6), (0, 6)], (2, 6, 4, 12), 9),
        ([(12, 12), (5, 12), (6, 10), (5, 10), (5, 6), (8, 6), (12, 5)], (5, 9, 12, 12), 20),
        ([(5, 12), (0, 12), (0, 7), (0.5, 8), (5.5, 5.5)], (0, 7, 3, 9), 4.75),
    ],
)
def test_no_part_is_lost_where_outline_and_window_share_a_line(
    outline: list[tuple[float, float]], window: tuple[float, float, float, float], area: float
) -> None:
    """GEOS' own fast clipping drops a piece of these cells and returns a valid shape."""
    [part] = clip(np.array([Polygon(outline)], dtype=object), window)
    assert part.area == pytest.approx(area)
    assert part.symmetric_difference(Polygon(outline).intersection(shapely.box(*window))).area < 1e-9


def test_what_only_touches_the_window_is_not_in_it() -> None:
    beside, corner = shapely.box(10, 0, 12, 5), shapely.box(10, 5, 12, 7)
    found = clip(np.array([beside, corner, Point(10, 2), Point(2, 5)], dtype=object), (0, 0, 10, 5))
    assert found.tolist() == [None] * 4


def test_clip_of_nothing() -> None:
    assert len(clip(np.array([], dtype=object), (0, 0, 1, 1))) == 0


# ---------------------------------------------------------------- masks


@pytest.mark.parametrize(
    ("rows", "areas", "holes"),
    [
        (["#"], [1], [0]),
        (["#.", ".#"], [1, 1], [0, 0]),  # a corner does not join
        ([".#", "#."], [1, 1], [0, 0]),
        (["###", "#.#", "###"], [8], [1]),
        (["####", "#.##", "##.#", "####"], [14], [2]),  # holes that touch at a corner are two
        ([".##", "#.#", "###"], [7], [1]),  # a hole that touches the outside at a corner
        (["#####", "#...#", "#.#.#", "#...#", "#####"], [16, 1], [1, 0]),  # an island in a lake
        (["...", "..."], [], []),
        (["###", "###"], [6], [0]),
    ],
)
def test_regions_with_holes_and_corners(rows: list[str], areas: list[int], holes: list[int]) -> None:
    mask = np.array([[pixel == "#" for pixel in row] for row in rows])
    found, _ = mask_to_shapes(mask)
    assert [shape.area for shape in found] == areas
    assert [len(shape.interiors) for shape in found] == holes
    assert all(shape.is_valid for shape in found)


@pytest.mark.parametrize(
    ("rows", "outlines"),
    [
        (
            ["###", "#.#", "###"],
            "POLYGON ((0 0, 3 0, 3 3, 0 3, 0 0), (1 1, 2 1, 2 2, 1 2, 1 1))",
        ),
        (  # two holes, and between them the foreground rises
            ["####", "#.##", "##.#", "####"],
            "POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 2 1, 2 2, 1 2, 1 1), (2 2, 3 2, 3 3, 2 3, 2 2))",
        ),
        (  # falls: both are walked in one, and the second begins where they meet
            ["####", "##.#", "#.##", "####"],
            "POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0), (2 2, 2 3, 1 3, 1 2, 2 2), (2 1, 3 1, 3 2, 2 2, 2 1))",
        ),
        (  # a hole and the outside, and between them the foreground falls
            ["##.", "#.#", "###"],
            "POLYGON ((0 0, 2 0, 2 1, 3 1, 3 3, 0 3, 0 0), (2 1, 1 1, 1 2, 2 2, 2 1))",
        ),
        (  # rises
            [".##", "#.#", "###"],
            "POLYGON ((1 0, 3 0, 3 3, 0 3, 0 1, 1 1, 1 0), (1 1, 2 1, 2 2, 1 2, 1 1))",
        ),
    ],
)
def test_vertices_come_in_the_same_order_as_ever(rows: list[str], outlines: str) -> None:
    """Files written before stay the same to the byte."""
    [shape], _ = mask_to_shapes(np.array([[pixel == "#" for pixel in row] for row in rows]))
    assert shape.wkt == outlines


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0)])
def test_a_mask_of_no_pixels_has_no_shapes(size: tuple[int, int]) -> None:
    assert mask_to_shapes(np.zeros(size, bool)) == ([], 0)


def test_traced_outlines_have_corners_only_where_they_turn() -> None:
    mask = np.zeros((300, 400), bool)
    mask[20:280, 30:390] = True
    [shape], _ = mask_to_shapes(mask)
    assert len(shape.exterior.coords) == 5 and shape.bounds == (30, 20, 390, 280)


def test_what_lies_beyond_the_canvas_is_ignored() -> None:
    mask = shape_to_mask(shapely.box(-5, -5, 3, 2), (4, 4))
    assert mask.sum() == 6 and mask[:2, :3].all()
    assert not shape_to_mask(shapely.box(9, 9, 12, 12), (4, 4)).any()
    assert shape_to_mask(shapely.box(-5, -5, 12, 12), (4, 4)).all()


def test_run_lengths_go_down_the_columns_from_background() -> None:
    assert shape_to_counts(shapely.box(1, 1, 3, 2), (4, 3)) == [4, 1, 2, 1, 4]
    assert shape_to_counts(shapely.box(0, 0, 1, 3), (4, 3)) == [0, 3, 9]
    assert shape_to_counts(shapely.box(9, 9, 12, 12), (4, 3)) == [12]


@pytest.mark.parametrize("sliver", [(0.6, 0.6, 0.9, 0.9), (0.6, 0.0, 0.9, 3.0), (3.6, 2.6, 9, 9)])
def test_a_shape_without_a_pixel_s_centre_has_run_lengths_of_nothing(
    sliver: tuple[float, float, float, float],
) -> None:
    assert shape_to_counts(shapely.box(*sliver), (4, 3)) == [12]


@pytest.mark.parametrize("counts", [[], [11], [13], [4, 9], [14, -2], [-1, 13]])
def test_run_lengths_that_do_not_fit_are_refused(counts: list[int]) -> None:
    with pytest.raises(ValueError, match="4x3"):
        counts_to_mask(counts, (4, 3))


# ---------------------------------------------------------------- boxes


def test_box_iou_of_boxes_without_area_is_zero() -> None:
    point, square = np.array([[3.0, 3.0, 3.0, 3.0]]), np.array([[0.0, 0.0, 4.0, 4.0]])
    assert box_iou(point, point) == box_iou(point, square) == [[0.0]]
    assert box_iou(square, square) == [[1.0]]
    assert box_iou(square, square + 4) == [[0.0]]  # they touch
    assert box_iou(square, square[:0]).shape == (1, 0)


def test_a_scribble_is_no_outline_and_a_line_to_and_fro_is_one_line():
    wild = np.random.default_rng(0).random((3000, 2)) * 500
    assert outlines_to_shapes(wild, [len(wild)]) == ([None], ["invalid"])
    square = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], float)
    retraced = np.vstack([np.tile(square[[0, 2, 1, 3]], (2000, 1)), square])
    (shape,), faults = outlines_to_shapes(retraced, [len(retraced)])
    assert faults == ["repaired"] and 0 < shape.area <= 100
