"""Tiling loses no pixel and no part of a cell, and keeps the windows that its rule says."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point

from smearprep.records import Cell, Sample, View
from smearprep.tiling import Keep, Shaping, Tile, show_cells, views
from smearprep.windows import Window, counting_grid, grid, padded, square, starts
from tests.laws.strategies import LABELS, LAW, partitions, points, sample, samples, shapings, tiles

SIZES = st.tuples(st.integers(1, 60), st.integers(1, 60))


def _covered(image: tuple[int, int], windows: list[Window]) -> np.ndarray[Any, Any]:
    """How many windows show each pixel of the image."""
    count = np.zeros((image[1], image[0]), int)
    for x, y, w, h in windows:
        count[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)] += 1
    return count


def _grid(image: tuple[int, int], tile: Tile) -> list[Window]:
    return grid(image, tile.size, tile.stride, tile.edge, tile.margin)


# ---------------------------------------------------------------- windows


@LAW
@given(image=SIZES, tile=tiles())
def test_shift_and_pad_show_every_pixel(image: tuple[int, int], tile: Tile) -> None:
    for edge in ("shift", "pad"):
        inner = replace(tile, edge=edge, margin=0)
        assert _covered(image, _grid(image, inner)).min() >= 1


@LAW
@given(image=SIZES, tile=tiles())
def test_drop_lies_inside_and_loses_less_than_one_more_window(image: tuple[int, int], tile: Tile) -> None:
    tile = replace(tile, edge="drop", margin=0)
    windows = _grid(image, tile)
    for x, y, w, h in windows:
        assert x >= 0 and y >= 0 and x + w <= image[0] and y + h <= image[1]
    if image[0] >= tile.size[0] and image[1] >= tile.size[1]:
        right = max(x + w for x, _, w, _ in windows)
        below = max(y + h for _, y, _, h in windows)
        assert image[0] - right < tile.stride[0] and image[1] - below < tile.stride[1]
        assert _covered(image, windows)[:below, :right].min() >= 1
    else:
        assert windows == []


@LAW
@given(image=SIZES, tile=tiles())
def test_shift_stays_inside_wherever_the_window_fits(image: tuple[int, int], tile: Tile) -> None:
    for x, y, w, h in _grid(image, replace(tile, edge="shift", margin=0)):
        assert x >= 0 and y >= 0
        assert x + w <= max(image[0], w) and y + h <= max(image[1], h)


@LAW
@given(image=SIZES, tile=tiles())
def test_windows_are_of_one_size_all_different_and_row_by_row(image: tuple[int, int], tile: Tile) -> None:
    windows = _grid(image, tile)
    assert {window[2:] for window in windows} <= {tuple(side + 2 * tile.margin for side in tile.size)}
    assert windows == sorted(set(windows), key=lambda window: (window[1], window[0]))


@LAW
@given(image=SIZES, tile=tiles())
def test_a_margin_only_widens_the_windows(image: tuple[int, int], tile: Tile) -> None:
    m = tile.margin
    without = _grid(image, replace(tile, margin=0))
    assert _grid(image, tile) == [(x - m, y - m, w + 2 * m, h + 2 * m) for x, y, w, h in without]


@LAW
@given(image=SIZES, tile=partitions())
def test_a_partition_shows_every_pixel_once(image: tuple[int, int], tile: Tile) -> None:
    count = _covered(image, _grid(image, tile))
    assert count.min() == count.max() == 1


@LAW
@given(image=SIZES, tile=tiles())
def test_padding_adds_no_window_that_shows_nothing(image: tuple[int, int], tile: Tile) -> None:
    for x, y, _, _ in _grid(image, replace(tile, edge="pad", margin=0)):
        assert 0 <= x < image[0] and 0 <= y < image[1]


@LAW
@given(
    length=st.integers(1, 300),
    size=st.integers(1, 100),
    stride=st.integers(1, 100),
    edge=st.sampled_from(["shift", "pad", "drop"]),
)
def test_starts_go_by_the_stride_except_for_a_shifted_last(
    length: int, size: int, stride: int, edge: Any
) -> None:
    stride = min(stride, size)
    found = starts(length, size, stride, edge)
    steps = [b - a for a, b in pairwise(found)]
    assert all(step == stride for step in (steps[:-1] if edge == "shift" else steps))
    assert all(0 < step <= stride for step in steps)


@LAW
@given(length=st.integers(45, 3000))
def test_the_counting_grid_s_outputs_stand_side_by_side_from_the_corner(length: int) -> None:
    """Its output tiles (100 px inside 44 px of context) are a partition of the axis but for a last rest."""
    windows = counting_grid((length, length))
    assert {window[2:] for window in windows} == {(188, 188)}
    outputs = sorted({x + 44 for x, _, _, _ in windows})
    assert outputs == list(range(0, 100 * len(outputs), 100))
    assert length - 100 * len(outputs) <= 44 and outputs[-1] < length
    assert windows == [(x - 44, y - 44, 188, 188) for y in outputs for x in outputs]


@LAW
@given(image=SIZES, more=st.tuples(st.integers(0, 30), st.integers(0, 30)))
def test_padding_holds_the_whole_image_and_halves_what_it_adds(
    image: tuple[int, int], more: tuple[int, int]
) -> None:
    size = (image[0] + more[0], image[1] + more[1])
    assert padded(image, size) == (0, 0, *size)
    x, y, w, h = padded(image, size, "centre")
    assert (w, h) == size
    for before, extra in ((-x, more[0]), (-y, more[1])):
        assert 0 <= extra - 2 * before <= 1  # an odd px goes right or below
    side = max(image)
    assert square(image)[2:] == square(image, "centre")[2:] == (side, side)


# ---------------------------------------------------------------- cells in windows


@LAW
@given(of=samples(), tile=partitions())
def test_the_parts_of_a_cell_add_up_to_the_whole(of: Sample, tile: Tile) -> None:
    areas = np.zeros(len(of.cells))
    shares = np.zeros(len(of.cells))
    for _, shown in show_cells(of, Shaping(tile=tile, min_visible=0)):
        for part in shown:
            areas[part.index] += part.shape.area
            shares[part.index] += part.visible
    np.testing.assert_allclose(areas, [cell.area for cell in of.cells], rtol=1e-9)
    np.testing.assert_allclose(shares, np.ones(len(of.cells)), rtol=1e-9)


@LAW
@given(point=points(), tile=partitions())
def test_a_point_belongs_to_exactly_one_window_of_a_partition(point: Point, tile: Tile) -> None:
    of = sample((25, 25), [Cell("WBC", point, "point")])
    shown = [(view, part) for view, parts in show_cells(of, Shaping(tile=tile)) for part in parts]
    assert len(shown) == 1
    [(view, part)] = shown
    x, y, w, h = view.window
    assert x <= point.x < x + w and y <= point.y < y + h
    assert part.visible == 1


@LAW
@given(of=samples(), shaping=shapings())
def test_what_a_view_shows_of_a_cell(of: Sample, shaping: Shaping) -> None:
    """The shape is the cell cut at window and image, in canvas px; `visible` is its share of the area."""
    for view, parts in show_cells(of, shaping):
        x, y, w, h = view.window
        window = shapely.box(x, y, x + w, y + h)
        seen = {part.index for part in parts}
        assert [part.index for part in parts] == sorted(seen)
        for n, cell in enumerate(of.cells):
            due = shapely.intersection(cell.shape, window).area
            if not isinstance(cell.shape, Point):
                assert (n in seen) == (due > 0)
        for part in parts:
            assert part.cell is of.cells[part.index]
            assert 0 < part.visible <= 1
            assert part.shape.is_valid
            x0, y0, x1, y1 = part.shape.bounds
            assert x0 >= -1e-9 and y0 >= -1e-9
            assert x1 <= view.size[0] + 1e-9 and y1 <= view.size[1] + 1e-9
            back = view.to_image(part.shape)
            if isinstance(back, Point):
                assert back.equals_exact(part.cell.shape, 1e-9)
                continue
            expected = shapely.intersection(part.cell.shape, window)
            assert shapely.symmetric_difference(back, expected).area < 1e-6
            assert part.visible == pytest.approx(expected.area / part.cell.area, rel=1e-9)


@LAW
@given(of=samples(), shaping=shapings(), least=st.floats(0, 1))
def test_min_visible_only_leaves_cells_out(of: Sample, shaping: Shaping, least: float) -> None:
    every = list(show_cells(of, shaping))
    strict = list(show_cells(of, replace(shaping, min_visible=least)))
    assert [view for view, _ in strict] == [view for view, _ in every]
    for (_, all_parts), (_, parts) in zip(every, strict, strict=True):
        assert [p.index for p in parts] == [p.index for p in all_parts if p.visible >= least]


def _passes(rule: Keep, view: View, cells: list[Cell]) -> bool:
    """The keep rules, spelled out for one window."""
    x, y, w, h = view.window
    window = shapely.box(x, y, x + w, y + h)

    def holds(point: Point) -> bool:
        return bool(x <= point.x < x + w and y <= point.y < y + h)

    def is_seen(cell: Cell) -> bool:
        if isinstance(cell.shape, Point):
            return holds(cell.shape)
        return bool(shapely.intersection(cell.shape, window).area > 1e-9)

    def is_whole(cell: Cell) -> bool:
        return is_seen(cell) and bool(window.covers(cell.shape))

    if rule == "all":
        return True
    if rule == "any":
        return any(is_seen(cell) for cell in cells)
    if rule == "centroid":
        return any(holds(cell.shape.centroid) for cell in cells)
    whole = [is_whole(cell) for cell in cells if is_seen(cell)]
    return any(whole) if rule == "whole" else bool(whole) and all(whole)


@LAW
@given(
    of=samples(),
    shaping=shapings(),
    tile=tiles(),
    rule=st.sampled_from(["all", "any", "centroid", "whole", "uncut"]),
    categories=st.lists(st.sampled_from(LABELS), unique=True, max_size=2).map(tuple),
    least=st.sampled_from([0, 0.5, 1]),
)
def test_keep_rules_do_what_their_definition_says(
    of: Sample, shaping: Shaping, tile: Tile, rule: Keep, categories: tuple[str, ...], least: float
) -> None:
    tile = replace(tile, keep=rule, keep_categories=categories)
    shaping = replace(shaping, tile=tile, min_visible=least)
    counted = [cell for cell in of.cells if not categories or cell.label in categories]
    kept = [view for view, _ in show_cells(of, shaping)]
    assert kept == [view for view in views(of.size, shaping) if _passes(rule, view, counted)]
