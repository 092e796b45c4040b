"""Examples of the measures, their pictures, and what they refuse."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pytest
import shapely
from shapely.geometry import Polygon

from smearprep.detection import (
    ComparedImage,
    average_precision,
    confusion,
    confusion_sheet,
    judge,
    pixel_agreement,
    results_list,
)
from smearprep.errors import GeometryError, RecipeError
from smearprep.records import Cell

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:pycocotools")

HOW: dict[str, Any] = {"categories": ["RBC", "WBC"], "engine": "pycocotools"}


def cell(x: float, y: float, side: float = 10, label: str = "RBC", score: float | None = None) -> Cell:
    told = {} if score is None else {"score": score}
    return Cell(label, shapely.box(x, y, x + side, y + side), "drawn", told)


def image(truth: list[Cell], found: list[Cell], **more: Any) -> ComparedImage:
    return ComparedImage("a.png", (100, 80), tuple(truth), tuple(found), **more)


# ---------------------------------------------------------------- average precision


def test_one_of_two_cells_found_first_and_one_invented_after_it() -> None:
    """Precision is 1 up to a recall of one half, which are 51 of the 101 recalls, and then 0."""
    given = image([cell(0, 0), cell(30, 0)], [cell(0, 0, score=0.9), cell(60, 0, score=0.8)])
    figures = average_precision([given], **HOW).overall
    assert figures.ap == figures.ap50 == pytest.approx(51 / 101)
    assert figures.ar == 0.5


def test_what_is_invented_first_halves_the_precision() -> None:
    given = image([cell(0, 0), cell(30, 0)], [cell(0, 0, score=0.8), cell(60, 0, score=0.9)])
    assert average_precision([given], **HOW).overall.ap == pytest.approx(51 / 101 / 2)


def test_sizes_are_those_of_coco() -> None:
    truth = [cell(0, 0, 31.9), cell(40, 0, 33)]
    figures = average_precision([image(truth, [cell(0, 0, 31.9, score=0.9)])], **HOW).overall
    assert figures.ap_small == pytest.approx(1) and figures.ap_medium == 0 and figures.ap_large is None


def test_what_is_found_in_a_crowd_is_neither_right_nor_wrong() -> None:
    in_crowd = [cell(x, 50, score=0.95) for x in (5, 20, 35)]
    given = [cell(0, 0)], [cell(0, 0, score=0.9), *in_crowd]
    crowd = Cell("RBC", shapely.box(0, 45, 60, 70))
    assert average_precision([image(*given)], **HOW).overall.ap == pytest.approx(1 / 4)
    result = average_precision([image(*given, crowds=(crowd,))], **HOW)
    assert result.overall.ap == pytest.approx(1) and result.rows[0].truth == 1
    assert judge(image(*given, crowds=(crowd,))).unknown == (1, 2, 3)
    [row, _] = pixel_agreement([image(*given, crowds=(crowd,))], categories=["RBC", "WBC"])
    assert row.pixels.precision == row.pixels.recall == 1


def test_rows_are_for_a_table() -> None:
    images = [
        image([cell(0, 0)], [cell(0, 0, score=1)], group="BCCD"),
        image([cell(0, 0)], [], group="ALL-IDB1"),
    ]
    result = average_precision(images, **HOW)
    rows = result.as_dicts()
    assert [(row["group"], row["category"]) for row in rows] == [
        (group, name) for group in ("all", "ALL-IDB1", "BCCD") for name in ("all", "RBC", "WBC")
    ]
    assert [row["ap"] for row in rows if row["category"] == "RBC"] == pytest.approx([51 / 101, 0, 1])
    assert {row["ap"] for row in rows if row["category"] == "WBC"} == {None}
    assert json.loads(json.dumps(rows)) == list(rows)
    with pytest.raises(RecipeError, match="group 'Raabin'"):
        result.row("Raabin")


def test_results_are_what_loadres_reads() -> None:
    ring = Cell("WBC", shapely.box(0, 0, 9, 9).difference(shapely.box(3, 3, 6, 6)), "made", {"score": 0.25})
    given = image([], [ring, cell(200, 0, score=0.1)])
    first, second = results_list([given], categories=["RBC", "WBC"], ids={"a.png": 17})
    assert first.keys() == {"image_id", "category_id", "score", "segmentation"}
    assert (first["image_id"], first["category_id"], first["score"]) == (17, 2, 0.25)
    assert first["segmentation"]["size"] == [80, 100]
    assert second["segmentation"]["counts"] != first["segmentation"]["counts"]
    [box, _] = results_list([given], categories=["RBC", "WBC"], kind="box")
    assert box["bbox"] == [0, 0, 9, 9] and "segmentation" not in box and box["image_id"] == 1
    assert results_list([given], categories=["Platelets"]) == []


# ---------------------------------------------------------------- confusion


def test_found_cells_choose_by_score_and_their_own_category_first() -> None:
    truth = [cell(0, 0), cell(30, 0), cell(60, 0, label="WBC")]
    found = [
        cell(1, 0, score=0.5),
        cell(0, 0, score=0.9, label="WBC"),
        cell(60, 1, score=0.6),
        cell(30, 50, score=0.7),
    ]
    verdicts = judge(image(truth, found))
    assert verdicts.found == ((0, 0),) and verdicts.mixed_up == ((2, 2),)
    assert verdicts.missed == (1,) and verdicts.invented == (1, 3)
    table = confusion([image(truth, found)], categories=["RBC", "WBC"])
    assert table.matrix() == (
        {"truth": "RBC", "RBC": 1, "WBC": 0, "missed": 1},
        {"truth": "WBC", "RBC": 1, "WBC": 0, "missed": 0},
        {"truth": "invented", "RBC": 1, "WBC": 1, "missed": None},
    )
    sure = confusion([image(truth, found)], categories=["RBC", "WBC"], score=0.65)
    assert sure.matched == {("RBC", "WBC"): 1} and sure.missed == {"RBC": 1, "WBC": 1}


def test_boxes_are_compared_with_outlines_by_their_boxes() -> None:
    circle = Cell("RBC", shapely.Point(20, 20).buffer(10), "drawn")
    box = Cell("RBC", shapely.box(10, 10, 30, 30), "box", {"score": 0.9})
    assert judge(image([circle], [box]), iou=0.99).found == ((0, 0),)


# ---------------------------------------------------------------- pictures


def test_each_verdict_has_its_own_line() -> None:
    picture = np.full((80, 100, 3), 200, np.uint8)
    given = {
        "found": ([cell(10, 10, 20)], [cell(10, 10, 20, score=0.9)]),
        "missed": ([cell(10, 10, 20)], []),
        "invented": ([], [cell(10, 10, 20, score=0.9)]),
        "mixed up": ([cell(10, 10, 20)], [cell(10, 10, 20, "WBC", 0.9)]),
    }
    drawn = {}
    for name, (truth, found) in given.items():
        sheet = confusion_sheet(
            [(np.pad(picture, ((300, 0), (300, 0), (0, 0)), constant_values=200), shifted(truth, found))],
            categories=["RBC", "WBC"],
        )
        place = sheet[300:360, 300:360]
        drawn[name] = int((np.abs(place.astype(int) - 200).sum(axis=2) > 30).sum())
    assert drawn["found"] < drawn["mixed up"] and drawn["found"] < drawn["invented"]
    assert 0 < drawn["missed"] < drawn["invented"]
    assert (picture == 200).all()


def test_a_crowd_is_dotted_and_what_is_found_in_it_is_not_drawn() -> None:
    ground = np.full((700, 700, 3), 200, np.uint8)
    crowd = Cell("RBC", shapely.box(300, 300, 600, 600))
    inside = cell(400, 400, 40, score=0.9)
    sheets = [
        confusion_sheet([(ground, ComparedImage("a", (700, 700), (), found, crowds))], categories=["RBC"])
        for found, crowds in (((), ()), ((), (crowd,)), ((inside,), (crowd,)))
    ]
    dots = (np.abs(sheets[1].astype(int) - sheets[0]).sum(axis=2) > 30)[280:620, 280:620]
    assert 400 < dots.sum() < 3000 and (sheets[1] == sheets[2]).all()


def shifted(truth: list[Cell], found: list[Cell]) -> ComparedImage:
    def moved(cells: list[Cell]) -> tuple[Cell, ...]:
        return tuple(
            Cell(c.label, shapely.affinity.translate(c.shape, 300, 300), c.outline, c.attributes)
            for c in cells
        )

    return ComparedImage("b.png", (400, 380), moved(truth), moved(found))


def test_a_sheet_takes_several_images_and_says_how_many_of_each() -> None:
    small, large = np.zeros((40, 60, 3), np.uint8), np.zeros((400, 300, 3), np.uint8)
    given = [
        (small, ComparedImage("s", (60, 40), (cell(0, 0),))),
        (
            large,
            ComparedImage(
                "l", (300, 400), (), (Cell("RBC", Polygon([(0, 0), (9, 0), (9, 9)]), "made", {"score": 1}),)
            ),
        ),
    ]
    before = large.copy()
    sheet = confusion_sheet(given, categories=["RBC"], longest=200)
    assert sheet.dtype == np.uint8 and sheet.shape[0] < 300 and (large == before).all()
    with pytest.raises(GeometryError, match="60x40"):
        confusion_sheet([(large, given[0][1])], categories=["RBC"])


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("score", [None, "0.5", True, float("nan")])
def test_a_found_cell_needs_a_score(score: Any) -> None:
    with pytest.raises(GeometryError, match="found cell 0 \\(RBC\\) has score"):
        image([], [Cell("RBC", shapely.box(0, 0, 1, 1), "made", {"score": score})])


def test_an_image_needs_an_area() -> None:
    with pytest.raises(GeometryError, match="0x5"):
        ComparedImage("a", (0, 5))


@pytest.mark.parametrize("categories", [[], ["RBC", "RBC"]])
def test_categories_are_named_once(categories: list[str]) -> None:
    for measure in (average_precision, pixel_agreement, confusion, results_list):
        with pytest.raises(RecipeError, match="categories to judge"):
            measure([], categories=categories)  # type: ignore[operator]


def test_masks_need_outlines_and_boxes_an_extent() -> None:
    box = Cell("RBC", shapely.box(0, 0, 5, 5), "box")
    point = Cell("RBC", shapely.Point(1, 1), "point")
    result = average_precision([image([box], [cell(0, 0, 5, score=1)])], kind="box", **HOW)
    assert result.overall.ap == pytest.approx(1)
    with pytest.raises(RecipeError, match=r"has no outline, only a box.*smearprep assist.*judge boxes"):
        average_precision([image([box], [])], **HOW)
    with pytest.raises(RecipeError, match="has no box, only a point"):
        average_precision([image([point], [])], kind="box", **HOW)
    with pytest.raises(RecipeError, match=r"a\.png: .*no outline.*smearprep assist"):
        pixel_agreement([image([box], [])], categories=["RBC"])


def test_options_out_of_range_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecipeError, match="at most 0 found cells"):
        average_precision([], most=0, **HOW)
    for iou in (0, 1.5, float("nan")):
        with pytest.raises(RecipeError, match="iou"):
            confusion([image([], [])], categories=["RBC"], iou=iou)
    with pytest.raises(RecipeError, match=r"b\.png: no image id"):
        results_list([ComparedImage("b.png", (9, 9))], categories=["RBC"], ids={})
    monkeypatch.setitem(sys.modules, "hotcoco", None)
    with pytest.raises(RecipeError, match="pip install hotcoco"):
        average_precision([], categories=["RBC"], engine="hotcoco")
