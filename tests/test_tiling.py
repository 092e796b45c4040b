"""Tiling by examples; the laws are in laws/test_tiling_laws.py."""

from __future__ import annotations

from typing import Any

import pytest
import shapely
from shapely.geometry import Point

from smearprep.errors import RecipeError
from smearprep.records import Cell, View
from smearprep.tiling import Keep, Pad, Shaping, Tile, show_cells, views
from tests.laws.strategies import sample


def _tile(keep: Keep = "all", *categories: str) -> Shaping:
    return Shaping(tile=Tile((10, 10), (10, 10), "drop", keep=keep, keep_categories=categories))


def test_without_any_shaping_the_view_is_the_image() -> None:
    assert views((640, 480), Shaping()) == [View((0, 0, 640, 480), (640, 480))]


def test_pad_and_resize_are_one_view() -> None:
    assert views((640, 480), Shaping(pad=Pad(), resize=(550, 550))) == [View((0, 0, 640, 640), (550, 550))]
    centred = Shaping(pad=Pad((700, 500), "centre"))
    assert views((640, 480), centred) == [View((-30, -10, 700, 500), (700, 500))]


def test_padded_images_are_tiled_with_their_border() -> None:
    shaping = Shaping(pad=Pad("square", "centre"), tile=Tile((320, 320), (320, 320)), resize=(32, 32))
    assert [view.window for view in views((640, 480), shaping)] == [
        (0, -80, 320, 320),
        (320, -80, 320, 320),
        (0, 240, 320, 320),
        (320, 240, 320, 320),
    ]


def test_the_counting_grid_by_name() -> None:
    shaping = Shaping(tile=Tile(grid="counting"))
    found = views((1226, 652), shaping)
    assert len(found) == 84
    assert found[0] == View((-44, -44, 188, 188), (188, 188))


@pytest.mark.parametrize(
    ("keep", "categories", "expected"),
    [
        ("all", (), [0, 10, 20, 30, 40]),
        ("any", (), [0, 10, 20, 30, 40]),
        ("any", ("WBC",), [0, 10]),
        ("any", ("WBC", "Platelets"), [0, 10, 30]),
        ("centroid", (), [0, 20, 30]),
        ("centroid", ("WBC",), [0]),
        ("whole", (), [20, 30]),
        ("whole", ("WBC",), []),
        ("uncut", (), [20]),
        ("uncut", ("Platelets",), [30]),
    ],
)
def test_keep_rules(keep: Keep, categories: tuple[str, ...], expected: list[int]) -> None:
    """A white cell over windows 0 and 1; a red one in 2; in 3 a platelet's point and a red cell, which
    reaches into 4."""
    of = sample(
        (50, 10),
        [
            Cell("WBC", shapely.box(5, 2, 12, 8)),
            Cell("RBC", shapely.box(21, 1, 25, 5)),
            Cell("Platelets", Point(30, 5), "point"),
            Cell("RBC", shapely.box(36, 4, 42, 6)),
        ],
    )
    found = [view.window[0] for view, _ in show_cells(of, _tile(keep, *categories))]
    assert found == expected


def test_a_centroid_on_the_border_of_two_windows_is_in_one() -> None:
    of = sample((30, 10), [Cell("WBC", shapely.box(8, 2, 12, 8))])
    assert [view.window[0] for view, _ in show_cells(of, _tile("centroid"))] == [10]


def test_a_view_cell_is_cut_scaled_and_linked() -> None:
    cell = Cell("WBC", shapely.box(5, 2, 15, 8))
    of = sample((20, 10), [Cell("RBC", shapely.box(0, 0, 1, 1)), cell])
    shaping = Shaping(tile=Tile((10, 10), (10, 10)), resize=(20, 30), min_visible=0.5)
    [(_, left), (_, right)] = show_cells(of, shaping)
    assert [part.index for part in left] == [0, 1]
    assert left[1].cell is cell and left[1].visible == 0.5
    assert left[1].shape.bounds == (10, 6, 20, 24)
    [part] = right
    assert (part.index, part.visible, part.shape.bounds) == (1, 0.5, (0, 6, 10, 24))


def test_min_visible_counts_the_share_of_the_whole_cell() -> None:
    of = sample((20, 10), [Cell("WBC", shapely.box(2, 0, 12, 10))])
    tile = Tile((10, 10), (10, 10))
    shown = [len(cells) for _, cells in show_cells(of, Shaping(tile=tile, min_visible=0.2))]
    assert shown == [1, 1]
    shown = [len(cells) for _, cells in show_cells(of, Shaping(tile=tile, min_visible=0.21))]
    assert shown == [1, 0]


def test_an_image_without_cells_keeps_its_windows_only_by_the_rule_all() -> None:
    assert [cells for _, cells in show_cells(sample((20, 10), []), _tile("all"))] == [(), ()]
    for keep in ("any", "centroid", "whole", "uncut"):
        assert list(show_cells(sample((20, 10), []), _tile(keep))) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_min_visible_is_a_share(share: float) -> None:
    with pytest.raises(RecipeError, match="between 0 and 1"):
        Shaping(min_visible=share)


def test_an_image_larger_than_its_padding_is_refused() -> None:
    with pytest.raises(RecipeError, match="does not fit"):
        views((640, 480), Shaping(pad=Pad((512, 512))))


@pytest.mark.parametrize(
    "tile",
    [
        {"size": (0, 10), "stride": (5, 5)},
        {"size": (10, 10), "stride": (0, 5)},
        {"size": (10, 10), "stride": (5, 5), "margin": -5},
        {"size": (10, 10), "stride": (5, 5), "margin": -1},  # would lose pixels between windows
    ],
)
def test_impossible_tiles_are_recipe_errors(tile: dict[str, Any]) -> None:
    with pytest.raises(RecipeError):
        views((100, 100), Shaping(tile=Tile(**tile)))


@pytest.mark.parametrize("size", [(0, 10), (10, -1)])
def test_an_output_without_area_is_a_recipe_error(size: tuple[int, int]) -> None:
    with pytest.raises(RecipeError):
        views((100, 100), Shaping(resize=size))
