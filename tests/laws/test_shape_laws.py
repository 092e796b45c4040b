"""Masks, outlines and run lengths are three ways to write down the same pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from shapely.geometry import MultiPolygon, Point, Polygon
from skimage.measure import label

from smearprep.geometry import (
    box_iou,
    clip,
    counts_to_mask,
    has_holes,
    mask_to_shapes,
    outlines_to_shapes,
    polygonal,
    rings,
    shape_to_counts,
    shape_to_mask,
    winding_number,
)
from tests.laws.strategies import LAW, areas, boxes, masks, patchworks, points, reals, shapes, stars

Mask = NDArray[np.bool_]

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:pycocotools")


def _size(mask: Mask) -> tuple[int, int]:
    return mask.shape[1], mask.shape[0]


# ---------------------------------------------------------------- mask -> shapes -> mask


@LAW
@given(mask=masks())
@example(mask=np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]], bool))
@example(mask=np.array([[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 1]], bool))
@example(mask=np.array([[0, 1, 1], [1, 0, 1], [1, 1, 1]], bool))
def test_mask_to_shapes_to_mask_is_the_identity(mask: Mask) -> None:
    """Of the whole mask and region by region: each shape is one 4-connected region, and valid."""
    found, left_out = mask_to_shapes(mask)
    regions, count = label(mask, connectivity=1, return_num=True)
    assert len(found) == count and left_out == 0
    again = np.zeros(mask.shape, int)
    for shape in found:
        assert shape.is_valid
        one = shape_to_mask(shape, _size(mask))
        assert shape.area == one.sum()
        assert len(np.unique(regions[one])) == 1
        again += one
    np.testing.assert_array_equal(again, mask)


@LAW
@given(mask=masks(), least=st.integers(0, 8))
def test_small_regions_are_left_out_and_counted(mask: Mask, least: int) -> None:
    every, _ = mask_to_shapes(mask)
    large, left_out = mask_to_shapes(mask, least)
    assert [s.wkb for s in large] == [s.wkb for s in every if s.area >= least]
    assert left_out == len(every) - len(large)


@LAW
@given(mask=masks(), dtype=st.sampled_from([np.uint8, np.int32, np.float64]), value=st.integers(1, 255))
def test_any_nonzero_number_is_foreground(mask: Mask, dtype: Any, value: int) -> None:
    as_bool, _ = mask_to_shapes(mask)
    as_number, _ = mask_to_shapes(mask.astype(dtype) * dtype(value))
    assert [s.wkb for s in as_number] == [s.wkb for s in as_bool]


@LAW
@given(mask=masks())
def test_regions_come_in_the_order_of_their_first_pixel(mask: Mask) -> None:
    found, _ = mask_to_shapes(mask)
    first = [int(np.flatnonzero(shape_to_mask(shape, _size(mask)))[0]) for shape in found]
    assert first == sorted(first)


@LAW
@given(mask=masks())
@example(mask=np.array([[1, 1, 0, 1], [1, 0, 1, 0], [1, 1, 1, 1]], bool))
def test_each_region_is_traced_as_if_it_were_alone(mask: Mask) -> None:
    """To the vertex: what it touches at a corner, holds, or is held by does not change its outline."""
    regions, count = label(mask, connectivity=1, return_num=True)
    alone = [shape.wkb for one in range(1, count + 1) for shape in mask_to_shapes(regions == one)[0]]
    assert sorted(shape.wkb for shape in mask_to_shapes(mask)[0]) == sorted(alone)


@LAW
@given(mask=masks(), turn=st.sampled_from([np.flipud, np.fliplr, np.transpose]))
def test_a_mask_turned_over_has_the_same_shapes_turned_over(mask: Mask, turn: Any) -> None:
    """Corners at which foreground falls become such at which it rises: neither is a case of its own."""
    height, width = mask.shape
    back = {
        np.flipud: lambda xy: xy * (1, -1) + (0, height),
        np.fliplr: lambda xy: xy * (-1, 1) + (width, 0),
        np.transpose: lambda xy: xy[:, ::-1],
    }[turn]
    over = [shapely.transform(shape, back).normalize().wkb for shape in mask_to_shapes(turn(mask))[0]]
    assert sorted(over) == sorted(shape.normalize().wkb for shape in mask_to_shapes(mask)[0])


@LAW
@given(mask=masks())
def test_rings_turn_at_every_corner_and_regions_begin_at_their_first_one(mask: Mask) -> None:
    for shape in mask_to_shapes(mask)[0]:
        for ring in rings(shape):
            across = np.diff(ring, axis=0) != 0
            assert (across.sum(axis=1) == 1).all()
            assert (across[1:, 0] != across[:-1, 0]).all() and across[0, 0] != across[-1, 0]
        (x, y), (right, same) = shape.exterior.coords[:2]
        row, column = np.argwhere(shape_to_mask(shape, _size(mask)))[0]
        assert (x, y) == (column, row) and right > x and same == y


@LAW
@given(mask=masks())
def test_pycocotools_draws_the_traced_rings_as_the_mask(mask: Mask) -> None:
    height, width = mask.shape
    found, _ = mask_to_shapes(mask)
    again = np.zeros(mask.shape, bool)
    for shape in found:
        for ring in rings(shape):
            [run] = coco_mask.frPyObjects([ring[:-1].ravel().tolist()], height, width)
            again ^= coco_mask.decode(run).astype(bool)
    np.testing.assert_array_equal(again, mask)


@LAW
@given(mask=masks())
def test_pycocotools_reads_the_run_lengths_as_the_mask(mask: Mask) -> None:
    height, width = mask.shape
    again = np.zeros(mask.shape, int)
    for shape in mask_to_shapes(mask)[0]:
        counts = shape_to_counts(shape, (width, height))
        run = coco_mask.frPyObjects({"size": [height, width], "counts": counts}, height, width)
        again += coco_mask.decode(run)
        assert coco_mask.area(run) == shape.area
    np.testing.assert_array_equal(again, mask)


# ---------------------------------------------------------------- rasterising


def _at_centres(shape: Polygon | MultiPolygon, size: tuple[int, int]) -> tuple[Mask, Mask]:
    """The slow way: is each pixel's centre inside; and is it clear of the outline?"""
    x, y = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    clear = shapely.distance(shape.boundary, shapely.points(x, y)) > 1e-9
    return shapely.contains_xy(shape, x, y), clear


@LAW
@given(shape=areas(), size=st.tuples(st.integers(1, 26), st.integers(1, 26)))
def test_a_pixel_is_set_if_its_centre_is_inside(shape: Polygon | MultiPolygon, size: tuple[int, int]) -> None:
    mask = shape_to_mask(shape, size)
    expected, clear = _at_centres(shape, size)
    assert mask.shape == expected.shape and mask.dtype == np.bool_
    np.testing.assert_array_equal(mask[clear], expected[clear])


@LAW
@given(shape=patchworks(), cut=st.integers(0, 50), along=st.sampled_from(["x", "y"]))
def test_two_shapes_that_share_an_edge_share_no_pixel_and_lose_none(
    shape: Polygon | MultiPolygon, cut: int, along: str
) -> None:
    """Also where the edge runs through pixel centres: each of these belongs to exactly one side."""
    at = cut / 2
    low = (-99, -99, at, 99) if along == "x" else (-99, -99, 99, at)
    high = (at, -99, 99, 99) if along == "x" else (-99, at, 99, 99)
    sides = [polygonal(shapely.intersection(shape, shapely.box(*side))) for side in (low, high)]
    total = sum(shape_to_mask(side, (34, 34)).astype(int) for side in sides if side is not None)
    np.testing.assert_array_equal(total, shape_to_mask(shape, (34, 34)))


@LAW
@given(shape=areas(), size=st.tuples(st.integers(1, 26), st.integers(1, 26)))
def test_run_lengths_are_those_of_the_mask(shape: Polygon | MultiPolygon, size: tuple[int, int]) -> None:
    counts = shape_to_counts(shape, size)
    assert sum(counts) == size[0] * size[1]
    assert all(count > 0 for count in counts[1:-1])  # a run has a length, but for the first and last
    np.testing.assert_array_equal(counts_to_mask(counts, size), shape_to_mask(shape, size))


@LAW
@given(mask=masks())
def test_counts_to_mask_reads_what_pycocotools_writes(mask: Mask) -> None:
    run = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.T.ravel(), [0]]))).tolist()
    counts = np.diff([0, *edges, mask.size]).tolist() if edges else [mask.size]
    compressed = coco_mask.frPyObjects({"size": list(mask.shape), "counts": counts}, *mask.shape)
    assert (coco_mask.decode(compressed) == coco_mask.decode(run)).all()
    np.testing.assert_array_equal(counts_to_mask(counts, _size(mask)), mask)


# ---------------------------------------------------------------- clipping


@st.composite
def _windows(draw: st.DrawFn) -> tuple[float, float, float, float]:
    """A rectangle, its sides often on the edges of shapes."""
    x, y = draw(reals(-4, 24)), draw(reals(-4, 24))
    return x, y, x + draw(reals(0.5, 20)), y + draw(reals(0.5, 20))


@LAW
@given(found=st.lists(areas(), max_size=5), window=_windows())
def test_clip_gives_the_intersection(
    found: list[Polygon | MultiPolygon], window: tuple[float, float, float, float]
) -> None:
    inside = shapely.box(*window)
    for shape, part in zip(found, clip(np.array(found, dtype=object), window), strict=True):
        due = shapely.intersection(shape, inside)
        if part is None:
            assert due.area < 1e-9
            continue
        assert isinstance(part, Polygon | MultiPolygon) and part.is_valid and part.area > 0
        assert part.area <= shape.area + 1e-9
        assert abs(part.area - due.area) < 1e-9
        assert shapely.symmetric_difference(part, due).area < 1e-9
        if inside.covers(shape):
            assert part is shape


@LAW
@given(found=st.lists(shapes(), min_size=1, max_size=5), window=_windows())
def test_clipping_twice_is_clipping_once(found: list[Any], window: tuple[float, float, float, float]) -> None:
    whole = np.array(found, dtype=object)
    before = [shape.wkb for shape in found]
    once = clip(whole, window)
    assert [shape.wkb for shape in whole] == before  # the shapes given are left as they are
    kept = once[[part is not None for part in once]]
    assert all(a is b for a, b in zip(kept, clip(kept, window), strict=True))


@LAW
@given(point=points(), window=_windows())
def test_a_window_holds_the_points_on_its_upper_left_sides_only(
    point: Point, window: tuple[float, float, float, float]
) -> None:
    x0, y0, x1, y1 = window
    [kept] = clip(np.array([point], dtype=object), window)
    assert (kept is point) == (x0 <= point.x < x1 and y0 <= point.y < y1)
    assert kept is point or kept is None


@LAW
@given(shape=areas(), x=st.integers(0, 24), y=st.integers(0, 24))
def test_four_quarters_are_the_whole(shape: Polygon | MultiPolygon, x: int, y: int) -> None:
    one = np.array([shape], dtype=object)
    far = 99
    quarters = [(-far, -far, x, y), (x, -far, far, y), (-far, y, x, far), (x, y, far, far)]
    total = sum(part.area for quarter in quarters for part in clip(one, quarter) if part is not None)
    assert np.isclose(total, shape.area, rtol=1e-9, atol=0)


# ---------------------------------------------------------------- outlines as drawn


@st.composite
def _scribbles(draw: st.DrawFn) -> NDArray[np.float64]:
    """Any vertices in any order, on pixel corners or not: crossing, doubled, folded back."""
    one = draw(st.sampled_from([st.integers(0, 9).map(float), reals(0, 9)]))
    xy = draw(st.lists(st.tuples(one, one), min_size=3, max_size=9))
    return np.array(xy, float)


def _one(xy: NDArray[np.float64]) -> tuple[Polygon | MultiPolygon | None, str]:
    [shape], [fault] = outlines_to_shapes(xy, [len(xy)])
    return shape, fault


@LAW
@given(star=st.one_of(stars(), stars(integer=True), boxes()), closed=st.booleans(), back=st.booleans())
def test_the_vertices_of_a_valid_outline_are_kept(star: Polygon, closed: bool, back: bool) -> None:
    ring = shapely.get_coordinates(star)[:: -1 if back else 1]
    shape, fault = _one(ring if closed else ring[:-1])
    assert fault == ""
    np.testing.assert_array_equal(shapely.get_coordinates(shape), ring)


@LAW
@given(xy=_scribbles(), probe=st.lists(st.tuples(reals(-1, 10), reals(-1, 10)), max_size=20))
def test_a_repaired_outline_is_all_that_its_line_encloses(
    xy: NDArray[np.float64], probe: list[tuple[float, float]]
) -> None:
    shape, fault = _one(xy)
    closed = np.vstack([xy, xy[:1]])
    line = shapely.linestrings(closed)
    assert (shape is None) == (fault == "zero_area")
    if shape is not None:
        assert shape.is_valid and shape.area > 0
        assert fault in ("", "repaired")
    for x, y in probe:
        if shapely.distance(line, Point(x, y)) > 1e-6:
            inside = shape is not None and shapely.contains_xy(shape, x, y)
            assert inside == (_turns(closed, x, y) != 0)


def _turns(closed: NDArray[np.float64], x: float, y: float) -> int:
    """The winding number by its definition: the angle that the ring sweeps as seen from (x, y)."""
    angles = np.arctan2(closed[:, 1] - y, closed[:, 0] - x)
    steps = np.diff(angles)
    swept = (steps + np.pi) % (2 * np.pi) - np.pi
    return round(float(swept.sum() / (2 * np.pi)))


@LAW
@given(xy=_scribbles(), x=reals(-1, 10), y=reals(-1, 10))
def test_winding_number_is_the_angle_swept(xy: NDArray[np.float64], x: float, y: float) -> None:
    closed = np.vstack([xy, xy[:1]])
    if shapely.distance(shapely.linestrings(closed), Point(x, y)) > 1e-6:
        assert winding_number(closed, x, y) == _turns(closed, x, y)
        assert winding_number(closed[::-1], x, y) == -_turns(closed, x, y)


_STRANGE = [
    np.empty((0, 2)),
    np.array([[1.0, 1.0]]),
    np.array([[1.0, 1.0], [4.0, 4.0]]),
    np.array([[1.0, 1.0], [4.0, 4.0], [1.0, 1.0]]),
    np.array([[2.0, 2.0]] * 4),
    np.array([[0.0, 0.0], [4.0, 0.0], [np.nan, 4.0]]),
    np.array([[0.0, 0.0], [4.0, 0.0], [np.inf, 4.0]]),
    np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 1e300]]),
]


@LAW
@given(many=st.lists(st.one_of(_scribbles(), st.sampled_from(_STRANGE)), max_size=8))
def test_outlines_in_one_call_are_the_outlines_one_by_one(many: list[NDArray[np.float64]]) -> None:
    found, faults = outlines_to_shapes(np.vstack([np.empty((0, 2)), *many]), [len(xy) for xy in many])
    assert len(found) == len(faults) == len(many)
    for shape, fault, xy in zip(found, faults, many, strict=True):
        alone, alone_fault = _one(xy)
        assert fault == alone_fault
        assert (shape is None) == (alone is None) == (fault in ("zero_area", "invalid"))
        if shape is not None and alone is not None:
            assert shape.equals_exact(alone, 0)


# ---------------------------------------------------------------- small tools


@LAW
@given(shape=areas())
def test_rings_are_all_rings_and_tell_holes(shape: Polygon | MultiPolygon) -> None:
    found = list(rings(shape))
    parts = shapely.get_parts(shape)
    assert len(found) == sum(1 + len(part.interiors) for part in parts)
    assert all((ring[0] == ring[-1]).all() for ring in found)
    assert has_holes(shape) == (len(found) > len(parts))


@LAW
@given(a=st.lists(boxes(), min_size=1, max_size=4), b=st.lists(boxes(), min_size=1, max_size=4))
def test_box_iou_is_that_of_the_areas(a: list[Polygon], b: list[Polygon]) -> None:
    iou = box_iou(np.array([s.bounds for s in a]), np.array([s.bounds for s in b]))
    expected = [[p.intersection(q).area / p.union(q).area for q in b] for p in a]
    np.testing.assert_allclose(iou, expected, atol=1e-12)
