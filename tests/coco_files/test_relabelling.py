"""Relabelling: several categories may become one; what a cell was called before stays with it."""

import pytest

from smearprep.coco_files import relabel_cells
from smearprep.errors import OutputError, RecipeError
from smearprep.records import Cell
from tests.coco_files.making import box, data, edited, read, write

CELLS = [
    Cell("Truck", box(0, 0), attributes={"group": 3}),
    Cell("Car", box(20, 0)),
    Cell("Car", box(40, 0), attributes={"original_label": "van"}),
    Cell("WBC", box(60, 0)),
]
ORDER = ["WBC", "Truck", "Car"]


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "a.json", {"a.jpg": CELLS}, ORDER, smear="s1")


def names(path):
    return [row["name"] for row in data(path)["categories"]]


def test_two_categories_become_one(file, tmp_path):
    summary = relabel_cells(file, tmp_path / "out.json", {"Truck": "RBC", "Car": "RBC"})
    cells = read(tmp_path / "out.json")["a.jpg"].cells
    assert [(c.label, c.attributes) for c in cells] == [
        ("RBC", {"original_label": "Truck", "group": 3}),
        ("RBC", {"original_label": "Car"}),
        ("RBC", {"original_label": "van"}),
        ("WBC", {}),
    ]
    assert names(tmp_path / "out.json") == ["WBC", "RBC"]
    assert (summary.counts["relabelled"], summary.counts["cells"]) == (3, 4)
    assert summary.by_category == {"WBC": 1, "RBC": 3}
    assert summary.tables["categories"] == (
        {"old": "WBC", "new": "WBC", "cells": 1},
        {"old": "Truck", "new": "RBC", "cells": 1},
        {"old": "Car", "new": "RBC", "cells": 2},
    )
    assert [f.what for f in summary.findings] == ["category ids are 1, 2, ... in the output: RBC 3 -> 2"]
    assert data(tmp_path / "out.json")["images"][0]["smear"] == "s1"


def test_two_names_change_places(file, tmp_path):
    relabel_cells(file, tmp_path / "out.json", {"Truck": "Car", "Car": "Truck"})
    assert names(tmp_path / "out.json") == ["WBC", "Car", "Truck"]
    assert [c.label for c in read(tmp_path / "out.json")["a.jpg"].cells] == ["Car", "Truck", "Truck", "WBC"]


def test_a_merged_category_was_looked_for_if_all_its_parts_were(file, tmp_path):
    edited(file, lambda value: value["images"][0].update(not_exhaustive_category_ids=[2]))
    relabel_cells(file, tmp_path / "out.json", {"Truck": "RBC", "Car": "RBC"})
    assert read(tmp_path / "out.json")["a.jpg"].annotated == {"WBC"}
    relabel_cells(file, tmp_path / "out.json", {"Car": "RBC"})
    assert read(tmp_path / "out.json")["a.jpg"].annotated == {"WBC", "RBC"}


def test_the_order_can_be_stated(file, tmp_path):
    summary = relabel_cells(file, tmp_path / "out.json", {"Truck": "RBC"}, categories=["Car", "blast"])
    assert names(tmp_path / "out.json") == ["Car", "blast", "WBC", "RBC"]
    assert any("'blast' is in no file" in f.what for f in summary.findings)
    with pytest.raises(RecipeError, match="listed twice"):
        relabel_cells(file, tmp_path / "out.json", {}, categories=["Car", "Car"])


def test_an_unknown_label_is_noted_with_the_nearest(file, tmp_path):
    summary = relabel_cells(file, tmp_path / "out.json", {"Trucks": "RBC", "xyz": "RBC"})
    assert [f.what for f in summary.findings] == [
        "the map names the category 'Trucks', which is not there; did you mean 'Truck'?",
        "the map names the category 'xyz', which is not there; there are: WBC, Truck, Car",
    ]
    assert summary.counts["relabelled"] == 0


def test_the_input_stays(file):
    with pytest.raises(OutputError, match="is one of the files to read"):
        relabel_cells(file, file, {"Truck": "RBC"})


def test_an_image_without_a_size_is_left_out(file, tmp_path):
    edited(file, lambda value: value["images"][0].pop("height"))
    summary = relabel_cells(file, tmp_path / "out.json", {"Truck": "RBC"})
    assert summary.has_problems and (summary.counts["images"], summary.counts["cells"]) == (0, 0)
