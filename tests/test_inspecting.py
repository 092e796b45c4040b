import json

import numpy as np
import pytest

from smearprep import datasets
from smearprep.errors import LayoutError, RecipeError
from smearprep.inspecting import datasets_summary, inspect
from smearprep.synthetic import write_all_idb1, write_bccd, write_image


@pytest.fixture(scope="module")
def all_idb1(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "ALL IDB1"
    write_all_idb1(root, images=4, size=(432, 324))
    return root


def test_data_set_is_recognised_and_counted(all_idb1):
    summary = inspect(all_idb1)
    assert summary.command == "inspect" and summary.output is None
    assert summary.counts["images"] == summary.counts["smears"] == 4
    assert summary.counts["cells"] == sum(summary.by_category.values()) > 0
    assert list(summary.by_category) == ["RBC", "WBC", "Platelets", "Blast"]
    assert summary.by_subset == {}  # no official ones
    assert summary.next_step.startswith("smearprep tile '") and "ALL IDB1' OUT" in summary.next_step


def test_tables(all_idb1):
    tables = inspect(all_idb1).tables
    assert tables["Found"][0]["data set"] == "ALL-IDB1"
    assert "masks/wbc/" in tables["Found"][0]["layout"]
    assert tables["Image sizes"] == ({"size": "432x324", "images": 4},)
    rows = {row["category"]: row for row in tables["Categories"]}
    assert rows["WBC"]["looked for in"] == "3 of 4 images"
    assert rows["RBC"]["cells"] == rows["RBC"]["drawn"] > 0
    assert rows["Blast"]["point"] == rows["Blast"]["cells"]
    assert all(set(row) == set(tables["Categories"][0]) for row in tables["Categories"])


def test_official_subsets(tmp_path):
    write_bccd(tmp_path, images=5)
    summary = inspect(tmp_path)
    assert list(summary.by_subset) == ["train", "val", "test"]
    assert sum(row["images"] for row in summary.by_subset.values()) == 5
    assert sum(row["cells"] for row in summary.by_subset.values()) == summary.counts["cells"]


def test_summary_is_json(all_idb1):
    shown = json.loads(json.dumps(inspect(all_idb1).as_dict()))
    assert set(shown) >= {"command", "output", "counts", "by_category", "by_subset", "findings"}
    assert str(all_idb1) not in json.dumps(shown)


def test_findings_are_those_of_the_loader(all_idb1):
    assert inspect(all_idb1).findings == datasets.load(all_idb1).findings


def test_images_without_annotation(tmp_path):
    write_image(tmp_path / "a.png", np.zeros((5, 5, 3), np.uint8))
    summary = inspect(tmp_path)
    assert summary.counts["images"] == 1 and summary.by_category == {}
    assert "Categories" not in summary.tables
    assert [finding.kind for finding in summary.findings] == ["missing_annotation"]


def test_name_and_options_are_passed_on(all_idb1):
    assert inspect(all_idb1, "folder").tables["Found"][0]["name"] == "folder"
    assert inspect(all_idb1, options={"min_area": {"WBC": 10**6}}).by_category["WBC"] == 0
    with pytest.raises(RecipeError, match="no_such"):
        inspect(all_idb1, options={"no_such": 1})
    with pytest.raises(LayoutError, match="not in a layout of BCCD"):
        inspect(all_idb1, "bccd")


def test_all_data_sets_are_told():
    summary = datasets_summary()
    assert [row["name"] for row in summary.tables["Data sets"]] == list(datasets.NAMES)
    assert all(row["licence"] for row in summary.tables["Data sets"])
    assert {row["name"] for row in summary.tables["Layouts that are recognised"]} == set(datasets.NAMES)
