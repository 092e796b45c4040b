"""Figures that can be reckoned by hand."""

import math

import pytest
from shapely.geometry import Point

from smearprep.coco_files import stats
from smearprep.errors import DataError, LayoutError
from smearprep.records import Cell
from tests.coco_files.making import box, edited, write


def rbc(*sides, outline="drawn"):
    return [Cell("RBC", box(0, 0, side, side), outline) for side in sides]


@pytest.fixture
def files(tmp_path):
    a = {"a.jpg": [*rbc(2, 4, 6), Cell("RBC", box(0, 0, 90, 90), "box")], "b.jpg": [], "c.jpg": rbc(8)}
    write(tmp_path / "a.json", a, ["RBC", "WBC"])
    b = {"d.jpg": [Cell("WBC", box(0, 0, 3, 3), "box"), Cell("PLT", Point(1, 1), "point")]}
    write(tmp_path / "b.json", b, ["WBC", "PLT"], ["WBC"])
    return [tmp_path / "a.json", tmp_path / "b.json"]


def test_counts(files):
    summary = stats(files)
    assert summary.counts == {
        "files": 2, "images": 4, "images_without_a_cell": 1, "images_not_annotated": 0, "cells": 7,
        "categories": 3,
    }  # fmt: skip
    assert summary.by_category == {"RBC": 5, "WBC": 1, "PLT": 1} and summary.output is None
    assert summary.tables["files"][1] == {
        "file": "b.json", "images": 1, "without a cell": 0, "not annotated": 0, "cells": 2, "findings": 0,
    }  # fmt: skip
    assert summary.tables["outlines"] == (
        {"category": "RBC", "drawn": 4, "box": 1, "point": 0},
        {"category": "WBC", "drawn": 0, "box": 1, "point": 0},
        {"category": "PLT", "drawn": 0, "box": 0, "point": 1},
    )


def test_measures(files):
    """Areas 4, 16, 36, 64 px: the box of 8100 px is not one of them."""
    tables = stats(files).tables
    rbc, wbc, plt = ({**a, **b} for a, b in zip(tables["categories"], tables["areas"], strict=True))
    assert (rbc["cells"], rbc["images with it"], rbc["looked for in"]) == (5, 2, 3)
    assert (rbc["median an image"], rbc["most in an image"]) == (1, 4)
    assert rbc["measured on"] == "outlines"
    assert (rbc["5 %"], rbc["median"], rbc["95 %"]) == pytest.approx((5.8, 26, 59.8))
    assert rbc["median diameter"] == pytest.approx((4 + 6) / math.sqrt(math.pi))
    assert (wbc["measured on"], wbc["median"], wbc["looked for in"]) == ("boxes", 9, 4)
    assert (plt["measured on"], plt["median"], plt["median diameter"]) == ("nothing", None, None)
    assert (plt["images with it"], plt["looked for in"], plt["median an image"], plt["most in an image"]) == (
        1, 0, None, 0,
    )  # fmt: skip


def test_a_file_given_twice_is_counted_once(files):
    assert stats([*files, files[0]]).counts["cells"] == 7


def test_what_is_wrong_is_told_of_its_file(files):
    edited(files[1], lambda value: value["annotations"][0].update(bbox=[1, 2, 0, 0]))
    edited(files[1], lambda value: value["images"].append({"id": 9, "file_name": "e.jpg"}))
    edited(files[1], lambda value: value["images"][0].update(not_exhaustive_category_ids=[1, 2]))
    summary = stats(files)
    assert summary.counts["zero_area"] == 1 and [row["findings"] for row in summary.tables["files"]] == [0, 1]
    assert summary.counts["images_not_annotated"] == 1


def test_empty_and_unusable(tmp_path):
    summary = stats([write(tmp_path / "a.json", {}, [])])
    assert summary.counts["images"] == 0 and summary.by_category == {} and set(summary.tables) == {"files"}
    with pytest.raises(LayoutError):
        stats([])
    (tmp_path / "b.json").write_text('{"shapes": []}')
    with pytest.raises(DataError, match="no list of images"):
        stats([tmp_path / "b.json"])
