"""Merging: images and categories by name, cells with where they are from, ids that stay where they can."""

import json

import pytest
from shapely.geometry import Point

from smearprep.coco_files import merge
from smearprep.errors import DataError, LayoutError, OutputError, RecipeError
from smearprep.records import Cell
from tests.coco_files.making import box, data, edited, read, write

A = Cell("RBC", box(0, 0))
NEAR_A = Cell("RBC", box(1, 0))  # intersection over union 9 / 11
B = Cell("WBC", box(50, 50), attributes={"note": "large"})
P = Cell("PLT", Point(3, 4), "point")


@pytest.fixture
def two(tmp_path):
    """Two annotators: a.jpg is in both files, b.jpg in the second one alone; their categories differ."""
    write(tmp_path / "anna.json", {"a.jpg": [A, B]}, ["RBC", "WBC"])
    write(tmp_path / "ben.json", {"b.jpg": [P], "a.jpg": [NEAR_A, P]}, ["PLT", "RBC"])
    return [tmp_path / "anna.json", tmp_path / "ben.json"]


def kinds(summary):
    return [(finding.kind, finding.file) for finding in summary.findings]


def test_images_of_one_name_become_one(two, tmp_path):
    summary = merge(two, tmp_path / "out.json")
    images = read(tmp_path / "out.json")
    assert list(images) == ["a.jpg", "b.jpg"]
    assert [(c.label, c.attributes["source_file"]) for c in images["a.jpg"].cells] == [
        ("RBC", "anna.json"), ("WBC", "anna.json"), ("RBC", "ben.json"), ("PLT", "ben.json"),
    ]  # fmt: skip
    assert images["a.jpg"].cells[1].attributes["note"] == "large"
    assert summary.counts["images_in_several_files"] == 1 and summary.by_category == {
        "RBC": 2,
        "WBC": 1,
        "PLT": 2,
    }
    assert [row["name"] for row in data(tmp_path / "out.json")["categories"]] == ["RBC", "WBC", "PLT"]
    assert summary.tables["files"] == (
        {"file": "anna.json", "images": 1, "cells": 2},
        {"file": "ben.json", "images": 2, "cells": 3},
    )


def test_what_counts_as_looked_for(two, tmp_path):
    """All that any of the files that have the image looked for; in b.jpg nobody looked for WBC."""
    merge(two, tmp_path / "out.json")
    a, b = data(tmp_path / "out.json")["images"]
    assert (a["not_exhaustive_category_ids"], a["neg_category_ids"]) == ([], [])
    assert (b["not_exhaustive_category_ids"], b["neg_category_ids"]) == ([2], [1])
    images = read(tmp_path / "out.json")
    assert images["a.jpg"].annotated == {"RBC", "WBC", "PLT"} and images["b.jpg"].annotated == {"RBC", "PLT"}


def test_a_file_without_annotations_says_nothing_of_what_was_looked_for(tmp_path):
    write(tmp_path / "a.json", {"a.jpg": [A]}, ["RBC", "WBC"], ["RBC"])
    edited(write(tmp_path / "b.json", {"a.jpg": []}, ["WBC"]), lambda value: value.pop("annotations"))
    merge([tmp_path / "a.json", tmp_path / "b.json"], tmp_path / "out.json")
    assert read(tmp_path / "out.json")["a.jpg"].annotated == {"RBC"}


def test_the_order_of_the_categories_can_be_stated(two, tmp_path):
    summary = merge(two, tmp_path / "out.json", categories=["PLT", "blast"])
    assert [row["name"] for row in data(tmp_path / "out.json")["categories"]] == [
        "PLT",
        "blast",
        "RBC",
        "WBC",
    ]
    (note,) = [f.what for f in summary.findings if "blast" in f.what]
    assert "in no file" in note and "did you mean 'PLT'" not in note
    assert ("note", "anna.json") in kinds(summary)
    assert any("RBC 1 -> 3, WBC 2 -> 4" in f.what for f in summary.findings)
    with pytest.raises(RecipeError, match="'PLT' is listed twice"):
        merge(two, tmp_path / "out.json", categories=["PLT", "RBC", "PLT"])


def test_the_annotator_is_the_file(two, tmp_path):
    edited(two[0], lambda value: value["annotations"][0].update(attributes={"annotator": "Prof. A"}))
    merge(two, tmp_path / "out.json", annotator_from_file=True)
    cells = read(tmp_path / "out.json")["a.jpg"].cells
    assert [c.attributes["annotator"] for c in cells] == ["Prof. A", "anna", "ben", "ben"]


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path):
    files = [write(tmp_path / name / "cells.json", {"a.jpg": [A]}) for name in ("anna", "ben")]
    merge(files, tmp_path / "out.json", annotator_from_file=True)
    cells = read(tmp_path / "out.json")["a.jpg"].cells
    assert [c.attributes["source_file"] for c in cells] == ["anna/cells.json", "ben/cells.json"]
    assert [c.attributes["annotator"] for c in cells] == ["anna/cells", "ben/cells"]


def test_near_duplicates_are_counted_and_kept_or_left_out(two, tmp_path):
    kept = merge(two, tmp_path / "out.json")
    assert (kept.counts["near_duplicates"], kept.counts["cells"]) == (1, 5)
    (found,) = [f for f in kept.findings if f.kind == "duplicate"]
    assert found.file == "ben.json" and "the same cells as in anna.json" in found.what
    assert found.what.endswith("more): 1; kept")
    first = merge(two, tmp_path / "out.json", duplicates="first")
    assert (first.counts["near_duplicates"], first.counts["cells"]) == (1, 4)
    assert [c.attributes["source_file"] for c in read(tmp_path / "out.json")["a.jpg"].cells] == [
        "anna.json", "anna.json", "ben.json",
    ]  # fmt: skip
    with pytest.raises(RecipeError, match="'last'"):
        merge(two, tmp_path / "out.json", duplicates="last")


def test_cells_of_another_label_or_of_one_file_are_no_duplicates(tmp_path):
    write(tmp_path / "a.json", {"a.jpg": [A, A]})
    write(tmp_path / "b.json", {"a.jpg": [Cell("WBC", A.shape)]})
    summary = merge([tmp_path / "a.json", tmp_path / "b.json"], tmp_path / "out.json", duplicates="first")
    assert (summary.counts["near_duplicates"], summary.counts["cells"]) == (0, 3)


def test_ids_stay_where_they_can(tmp_path):
    write(tmp_path / "a.json", {"a.jpg": [A, B]})
    edited(
        write(tmp_path / "b.json", {"b.jpg": [A, B]}),
        lambda value: [
            value["images"][0].update(id=70),
            *(entry.update(id=700 + entry["id"], image_id=70) for entry in value["annotations"]),
        ],
    )
    write(tmp_path / "c.json", {"c.jpg": [A]})
    summary = merge([tmp_path / f"{name}.json" for name in "abc"], tmp_path / "out.json")
    out = data(tmp_path / "out.json")
    assert [image["id"] for image in out["images"]] == [1, 70, 71]
    assert [(e["id"], e["image_id"]) for e in out["annotations"]] == [
        (1, 1),
        (2, 1),
        (701, 70),
        (702, 70),
        (703, 71),
    ]
    told = [f.what for f in summary.findings if f.what.startswith("new ids")]
    assert [f.file for f in summary.findings if f.what.startswith("new ids")] == ["c.json", "c.json"]
    assert "new ids for 1 of 1 images, 71 to 71" in told[0] and "703 to 703" in told[1]


def test_another_size_is_left_out_and_a_problem(two, tmp_path):
    edited(two[1], lambda value: value["images"][1].update(width=101))
    summary = merge(two, tmp_path / "out.json")
    (problem,) = [f for f in summary.findings if f.is_problem]
    assert (problem.kind, problem.file, problem.id) == ("size_mismatch", "ben.json", "image 2")
    assert "101x80 px here and 100x80 px" in problem.what and "2 cells are left out" in problem.what
    assert [len(i.cells) for i in read(tmp_path / "out.json").values()] == [2, 1]


def test_a_size_that_only_one_file_states_holds_for_both(two, tmp_path):
    edited(two[0], lambda value: [value["images"][0].pop(key) for key in ("width", "height")])
    summary = merge(two, tmp_path / "out.json")
    assert not summary.has_problems and read(tmp_path / "out.json")["a.jpg"].size == (100, 80)
    assert len(read(tmp_path / "out.json")["a.jpg"].cells) == 4


def test_a_size_that_nobody_states_is_a_problem(two, tmp_path):
    edited(two[1], lambda value: [value["images"][0].pop(key) for key in ("width", "height")])
    summary = merge(two, tmp_path / "out.json")
    (problem,) = [f for f in summary.findings if f.is_problem]
    assert (problem.kind, problem.file) == ("missing_image", "ben.json") and "--images" in problem.what
    assert list(read(tmp_path / "out.json")) == ["a.jpg"]


def test_image_records_are_united(two, tmp_path):
    edited(two[0], lambda value: value["images"][0].update(smear="s1", source="x/a.jpg"))
    edited(two[1], lambda value: value["images"][1].update(smear="s2", size="big", annotated=True))
    summary = merge(two, tmp_path / "out.json")
    image = data(tmp_path / "out.json")["images"][0]
    assert {key: image[key] for key in ("smear", "source", "size", "annotated")} == {
        "smear": "s1", "source": "x/a.jpg", "size": "big", "annotated": True,
    }  # fmt: skip
    assert any("(smear: 1)" in f.what and "first file are kept" in f.what for f in summary.findings)


def test_an_image_listed_twice_in_a_file_is_one(tmp_path):
    """As Label Studio writes a task of two annotators."""

    def twice(value):
        value["images"].append({**value["images"][0], "id": 2})
        value["annotations"][1]["image_id"] = 2

    path = edited(write(tmp_path / "a.json", {"a.jpg": [A, A]}), twice)
    summary = merge([path], tmp_path / "out.json", duplicates="first")
    assert summary.counts["images"] == 1 and summary.counts["cells"] == 2  # one file: its own affair
    assert summary.counts["images_in_several_files"] == 0
    assert [(f.kind, f.id) for f in summary.findings] == [("duplicate", "image 2")]


def test_images_by_name(tmp_path):
    write(tmp_path / "a.json", {"images/0a1b2c3d-Im 1.jpg": [A]})
    write(tmp_path / "b.json", {"x\\Im 1.jpg": [B]})
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    assert merge(files, tmp_path / "out.json").counts["images"] == 2
    assert list(read(tmp_path / "out.json")) == ["images/0a1b2c3d-Im 1.jpg", "x/Im 1.jpg"]
    assert merge(files, tmp_path / "out.json", match="name").counts["images"] == 1
    assert list(read(tmp_path / "out.json")) == ["images/0a1b2c3d-Im 1.jpg"]
    write(tmp_path / "d.json", {"./x/a.jpg": [A], "x//a.jpg": [B]})
    assert merge([tmp_path / "d.json"], tmp_path / "out.json").counts["images"] == 1
    write(tmp_path / "c.json", {"x/a.jpg": [A], "y/a.jpg": [B]})
    with pytest.raises(RecipeError, match=r"x/a\.jpg and y/a\.jpg are both 'a\.jpg' by name"):
        merge([tmp_path / "c.json"], tmp_path / "out.json", match="name")


def test_what_cannot_be_merged(two, tmp_path):
    with pytest.raises(LayoutError, match="no COCO file was given"):
        merge([], tmp_path / "out.json")
    with pytest.raises(RecipeError, match="given twice"):
        merge([two[0], two[0]], tmp_path / "out.json")
    with pytest.raises(OutputError, match="is one of the files to read"):
        merge(two, two[1])
    with pytest.raises(DataError, match="is not there"):
        merge([two[0], tmp_path / "nowhere.json"], tmp_path / "out.json")
    (tmp_path / "text.json").write_text("words")
    with pytest.raises(OutputError, match="is no JSON file"):
        merge(two, tmp_path / "text.json")
    (tmp_path / "results.json").write_text(
        json.dumps([{"image_id": 1, "category_id": 1, "bbox": [], "score": 1}])
    )
    with pytest.raises(DataError, match=r"results\.json: is a list of detection results"):
        merge([two[0], tmp_path / "results.json"], tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


def test_the_same_files_give_the_same_bytes(two, tmp_path):
    merge(two, tmp_path / "1.json")
    merge(two, tmp_path / "2.json")
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()


def test_progress(two, tmp_path):
    seen = []
    merge(two, tmp_path / "out.json", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]
