"""Tiles: what is cut apart is put together again, whatever the tiling and in whatever order it comes."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon

from smearprep.detection import merge
from smearprep.detection.cut_edges import covered_length
from smearprep.errors import GeometryError, RecipeError
from smearprep.records import Cell, View
from smearprep.tiling import Shaping, Tile, show_cells
from tests.laws.strategies import LAW, sample

SLOW = settings(LAW, max_examples=20)
SIDE = 24.0  # px: of the squares of the field, one cell in each
Tiles = list[tuple[View, tuple[Cell, ...]]]


@st.composite
def cells_of_a_field(draw: st.DrawFn, most: int = 5) -> list[Cell]:
    """Convex and starry cells on a wobbly grid, many of them with less than a px between; none overlap.

    Corners are no round numbers, so that no outline runs along the border of a tile.
    """
    columns, rows = draw(st.integers(1, most)), draw(st.integers(1, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tight = draw(st.booleans())
    cells = []
    for row in range(rows):
        for column in range(columns):
            radii = rng.uniform(5, SIDE / 2 - 0.3, 12)
            if tight:
                radii = np.full(12, SIDE / 2 - rng.uniform(0.1, 1))
            angles = np.arange(12) * math.pi / 6 + (0 if tight else rng.uniform(0, 0.5, 12))
            centre = np.array([column + 0.5, row + 0.5]) * SIDE + rng.uniform(-0.07, 0.07, 2)
            shape = Polygon(centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1))
            if shape.is_valid and shape.area > 20:
                score = float(rng.uniform(0.1, 1))
                cells.append(Cell(str(rng.choice(["RBC", "WBC"])), shape, "made", {"score": score}))
    return cells


def size_of(cells: list[Cell]) -> tuple[int, int]:
    """An image that holds them all, with some room on two sides."""
    bounds = np.array([cell.bounds for cell in cells]).reshape(-1, 4)
    width, height = (math.ceil(n) + 3 for n in bounds[:, 2:].max(axis=0, initial=1))
    return width, height


def cut(cells: list[Cell], size: tuple[int, int], tile: Tile, resize: tuple[int, int] | None = None) -> Tiles:
    """The cells as each tile shows them, slivers too."""
    shaping = Shaping(tile=tile, resize=resize, min_visible=0)
    return [
        (view, tuple(replace(seen.cell, shape=seen.shape) for seen in shown))
        for view, shown in show_cells(sample(size, cells), shaping)
    ]


def check_same(merged: tuple[Cell, ...], cells: list[Cell], least: float = 0.999) -> None:
    """As many cells; each has one that covers the same place, has its label and nearly its score."""
    assert len(merged) == len(cells)
    ordered = sorted(cells, key=lambda cell: (cell.bounds[1], cell.bounds[0]))
    tree = shapely.STRtree([cell.shape for cell in merged])
    for cell in ordered:
        near = [merged[n] for n in tree.query(cell.shape)]
        overlaps = [
            other.shape.intersection(cell.shape).area / other.shape.union(cell.shape).area for other in near
        ]
        assert max(overlaps) > least
        partner = near[int(np.argmax(overlaps))]
        assert (partner.label, partner.outline) == (cell.label, cell.outline)
        assert partner.attributes["score"] == pytest.approx(cell.attributes["score"])


# ---------------------------------------------------------------- the laws


@SLOW
@given(cells=cells_of_a_field(), overlap=st.integers(26, 40), step=st.integers(12, 60), data=st.data())
def test_tiles_that_overlap_by_a_cell_give_back_the_cells(
    cells: list[Cell], overlap: int, step: int, data: st.DataObject
) -> None:
    """Also of resized tiles, and whatever the border rule: with a margin, tiles reach beyond the image."""
    size = size_of(cells)
    side = overlap + step
    edge = data.draw(st.sampled_from(["shift", "pad"]))
    resize = data.draw(st.sampled_from([None, (61, 61), (300, 300)]))
    check_same(merge(cut(cells, size, Tile((side, side), (step, step), edge), resize), size), cells)


@SLOW
@given(cells=cells_of_a_field(), side=st.integers(27, 90), resize=st.sampled_from([None, (77, 77)]))
def test_tiles_side_by_side_give_back_the_cells(
    cells: list[Cell], side: int, resize: tuple[int, int] | None
) -> None:
    """Cells that touch stay apart, and corners where four tiles meet are put together.

    `reach` is 0 here: with less than a px between two cells, nobody can tell a gap from a cut.
    """
    size = size_of(cells)
    tiles = cut(cells, size, Tile((side, side), (side, side), "pad"), resize)
    check_same(merge(tiles, size, reach=0), cells)


@SLOW
@given(cells=cells_of_a_field(), stride=st.integers(8, 60), side=st.integers(27, 60))
def test_any_overlap_gives_back_as_many_cells(cells: list[Cell], stride: int, side: int) -> None:
    size = size_of(cells)
    tiles = cut(cells, size, Tile((side, side), (min(stride, side), min(stride, side)), "shift"))
    check_same(merge(tiles, size, reach=0), cells)


@SLOW
@given(cells=cells_of_a_field(3), side=st.integers(27, 50), stride=st.integers(10, 27), seed=st.integers())
def test_the_order_of_tiles_and_cells_does_not_matter(
    cells: list[Cell], side: int, stride: int, seed: int
) -> None:
    size = size_of(cells)
    tiles = cut(cells, size, Tile((side, side), (stride, stride), "shift"))
    shuffled = [(view, tuple(random.Random(seed).sample(shown, len(shown)))) for view, shown in tiles]
    random.Random(seed).shuffle(shuffled)
    assert merge(tiles, size) == merge(shuffled, size)


@SLOW
@given(cells=cells_of_a_field())
def test_one_tile_of_the_whole_image_changes_nothing(cells: list[Cell]) -> None:
    size = size_of(cells)
    merged = merge([(View((0, 0, *size), size), cells)], size)
    assert sorted(cell.shape.wkb for cell in merged) == sorted(cell.shape.wkb for cell in cells)
    check_same(merged, cells, least=0.999999)


@SLOW
@given(cells=cells_of_a_field(3), side=st.integers(27, 60), data=st.data())
def test_what_was_merged_and_is_cut_and_merged_again_is_the_same(
    cells: list[Cell], side: int, data: st.DataObject
) -> None:
    size = size_of(cells)
    stride = data.draw(st.integers(10, side))
    tile = Tile((side, side), (stride, stride), "shift")
    once = merge(cut(cells, size, tile), size, reach=0)
    check_same(merge(cut(list(once), size, tile), size, reach=0), list(once))


@LAW
@given(spans=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), min_size=1, max_size=6))
def test_covered_length_counts_each_px_once(spans: list[tuple[int, int]]) -> None:
    array = np.array([[start, start + length] for start, length in spans], float)
    covered = {px for start, length in spans for px in range(start, start + length)}
    assert covered_length(array) == len(covered)


# ---------------------------------------------------------------- what networks do


def made(x0: float, y0: float, x1: float, y1: float, score: float = 0.5, label: str = "RBC") -> Cell:
    return Cell(label, shapely.box(x0, y0, x1, y1), "made", {"score": score, "made_by": "net"})


LEFT, RIGHT = View((0, 0, 100, 100), (100, 100)), View((100, 0, 100, 100), (100, 100))
HALFWAY = View((50, 0, 100, 100), (100, 100))


def test_a_union_has_the_mean_score_and_the_label_of_most_of_its_area() -> None:
    [cell] = merge(
        [(LEFT, [made(70, 10, 100, 30, 0.9, "WBC")]), (RIGHT, [made(0, 10, 10, 30, 0.5)])], (200, 100)
    )
    assert cell.label == "WBC" and cell.outline == "made" and cell.bounds == (70, 10, 110, 30)
    assert cell.attributes == {"score": pytest.approx(0.8), "made_by": "net"}


def test_pieces_that_fall_short_of_the_border_are_joined() -> None:
    tiles = [(LEFT, [made(70, 10, 99.4, 30)]), (RIGHT, [made(0.8, 11, 20, 31)])]
    [cell] = merge(tiles, (200, 100))
    assert isinstance(cell.shape, Polygon) and cell.bounds == (70, 10, 120, 31)
    assert len(merge(tiles, (200, 100), reach=0)) == 2


def test_cuts_that_share_less_than_half_of_the_shorter_stay_two_cells() -> None:
    lower = made(0, 24, 20, 44)
    assert len(merge([(LEFT, [made(70, 10, 100, 30)]), (RIGHT, [lower])], (200, 100))) == 2
    assert len(merge([(LEFT, [made(70, 10, 100, 30)]), (RIGHT, [lower])], (200, 100), agree=0.3)) == 1


def test_of_whole_cells_the_one_of_the_highest_score_is_taken_as_it_is() -> None:
    tiles = [(LEFT, [made(60, 10, 80, 30, 0.6)]), (HALFWAY, [made(11, 10, 31, 31, 0.9)])]
    [cell] = merge(tiles, (200, 100))
    assert cell.bounds == (61, 10, 81, 31) and cell.attributes["score"] == 0.9


def test_a_whole_cell_is_taken_before_its_cut_piece_of_a_higher_score() -> None:
    tiles = [(LEFT, [made(70, 10, 100, 30, 0.99)]), (HALFWAY, [made(21, 11, 60, 31, 0.4)])]
    [cell] = merge(tiles, (200, 100))
    assert cell.bounds == (71, 11, 110, 31) and cell.attributes["score"] == 0.4


def test_a_badly_found_piece_of_a_cell_that_another_tile_shows_whole_is_no_cell() -> None:
    tiles = [(LEFT, [made(94, 14, 100, 20)]), (HALFWAY, [made(20, 10, 60, 30)])]
    [cell] = merge(tiles, (200, 100))
    assert cell.bounds == (70, 10, 110, 30)


def test_a_small_cell_over_a_large_one_of_the_same_tile_is_kept() -> None:
    both = [made(60, 10, 100, 50), made(90, 20, 100, 30, label="Platelets")]
    tiles = [(LEFT, both), (RIGHT, [made(0, 10, 20, 50)])]
    assert sorted(cell.label for cell in merge(tiles, (200, 100))) == ["Platelets", "RBC"]


def test_two_pieces_of_one_tile_are_never_one_cell() -> None:
    tiles = [(LEFT, [made(70, 10, 100, 28), made(70, 30, 100, 48)]), (RIGHT, [made(0, 10, 20, 48)])]
    assert len(merge(tiles, (200, 100))) == 2


def test_boxes_become_the_box_of_both() -> None:
    pieces = [
        Cell("RBC", shapely.box(70, 10, 100, 30), "box"),
        Cell("RBC", shapely.box(0, 12, 20, 33), "box"),
    ]
    [cell] = merge([(LEFT, pieces[:1]), (RIGHT, pieces[1:])], (200, 100))
    assert cell.shape.equals(shapely.box(70, 10, 120, 33)) and cell.outline == "box"
    assert "score" not in cell.attributes


def test_what_lies_beyond_the_image_is_cut_off() -> None:
    beyond = View((100, 0, 100, 100), (200, 200))
    [cell] = merge([(beyond, [made(20, 20, 120, 60), made(110, 0, 130, 10)])], (150, 80))
    assert cell.bounds == (110, 10, 150, 30)
    assert merge([(View((300, 0, 9, 9), (9, 9)), [made(0, 0, 9, 9)])], (150, 80)) == ()
    assert merge([], (5, 5)) == ()


def test_an_outline_that_crosses_itself_is_made_valid() -> None:
    bow_tie = Cell("RBC", Polygon([(0, 0), (10, 10), (10, 0), (0, 10)]), "made", {"score": 1.0})
    [cell] = merge([(LEFT, [bow_tie])], (200, 100))
    assert cell.shape.is_valid and cell.area == pytest.approx(50)


@pytest.mark.parametrize("wrong", [{"agree": 0}, {"agree": 1.1}, {"reach": -1}, {"reach": math.nan}])
def test_bad_options_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(RecipeError, match="0 < agree <= 1"):
        merge([], (10, 10), **wrong)


def test_points_and_images_without_area_are_refused() -> None:
    with pytest.raises(GeometryError, match="point cannot be merged"):
        merge([(LEFT, [Cell("RBC", shapely.Point(1, 1), "point")])], (10, 10))
    with pytest.raises(GeometryError, match="0x10"):
        merge([], (0, 10))
