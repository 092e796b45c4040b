"""The coco commands on real outlines and boxes: taken apart and put together again, nothing is lost."""

import json

import numpy as np
import pytest

from smearprep.coco_files import Criteria, agree, filter_cells, merge, relabel_cells, stats
from smearprep.converting import convert

LABELS = ("Tanker", "Trailer", "Truck")


@pytest.fixture(scope="module")
def outlines(real_data, tmp_path_factory):
    """The markup of ten ALL-IDB1 images: 3,832 outlines, many of them touching."""
    path = tmp_path_factory.mktemp("coco") / "cells.json"
    convert([real_data / "ALL_IDB1" / "markup"], path)
    return path


@pytest.fixture(scope="module")
def boxes(real_data, tmp_path_factory):
    """BCCD: boxes of three categories."""
    path = tmp_path_factory.mktemp("coco") / "boxes.json"
    convert([real_data / "BCCD" / "Annotations"], path)
    return path


def entries(path):
    """Image name -> its annotations without what merging adds or changes."""
    value = json.loads(path.read_bytes())
    names = {image["id"]: image["file_name"] for image in value["images"]}
    labels = {row["id"]: row["name"] for row in value["categories"]}
    found = {name: [] for name in names.values()}
    for entry in value["annotations"]:
        told = {k: v for k, v in entry.get("attributes", {}).items() if k != "source_file"}
        shape = (entry["segmentation"], entry["bbox"], entry["area"], entry["outline"])
        found[names[entry["image_id"]]].append(json.dumps([labels[entry["category_id"]], shape, told]))
    return {name: sorted(cells) for name, cells in found.items()}


def test_apart_by_category_and_together_again(outlines, tmp_path):
    parts = []
    for label in LABELS:
        parts.append(tmp_path / f"{label}.json")
        filter_cells(outlines, parts[-1], Criteria(categories=(label,)))
    summary = merge(parts, tmp_path / "out.json")
    assert entries(tmp_path / "out.json") == entries(outlines)
    assert (summary.counts["cells"], summary.counts["images"]) == (3832, 10)
    assert summary.counts["images_in_several_files"] == 10 and not summary.has_problems


def test_nothing_asked_nothing_changed(outlines, boxes, tmp_path):
    for path in (outlines, boxes):
        filter_cells(path, tmp_path / "filter.json", Criteria())
        relabel_cells(path, tmp_path / "relabel.json", {})
        assert (tmp_path / "filter.json").read_bytes() == path.read_bytes()
        assert (tmp_path / "relabel.json").read_bytes() == path.read_bytes()
        merge([path], tmp_path / "merge.json")
        assert entries(tmp_path / "merge.json") == entries(path)


def test_one_label(outlines, tmp_path):
    summary = relabel_cells(outlines, tmp_path / "out.json", dict.fromkeys(LABELS, "RBC"))
    assert summary.by_category == {"RBC": 3832} and summary.counts["relabelled"] == 3832
    back = json.loads((tmp_path / "out.json").read_bytes())
    assert {entry["attributes"]["original_label"] for entry in back["annotations"]} == set(LABELS)


def test_figures(outlines, boxes):
    summary = stats([outlines, boxes])
    rows = {row["category"]: row for row in summary.tables["areas"]}
    assert rows["RBC"]["measured on"] == "boxes" and rows["Truck"]["measured on"] == "outlines"
    value = json.loads(outlines.read_bytes())
    number = {row["name"]: row["id"] for row in value["categories"]}["Truck"]
    areas = np.array([e["area"] for e in value["annotations"] if e["category_id"] == number])
    assert rows["Truck"]["median"] == pytest.approx(np.median(areas))
    assert (areas < rows["Truck"]["5 %"]).mean() == pytest.approx(0.05, abs=0.001)
    assert rows["Truck"]["median diameter"] == pytest.approx(2 * (np.median(areas) / np.pi) ** 0.5, rel=1e-6)


def test_agreement_with_oneself(outlines, boxes):
    for path, count in ((outlines, 3832), (boxes, 4886)):
        summary = agree(path, path)
        counts = summary.counts
        assert counts["matched"] == counts["same_label"] == counts["cells_in_a"] == count
        assert counts["only_in_a"] == counts["only_in_b"] == 0
        (figures,) = summary.tables["agreement"]
        assert figures["mean overlap"] == figures["detection F1"] == figures["Cohen's kappa"] == 1


def test_agreement_with_a_second_annotator(outlines, tmp_path):
    """Every outline 2 px further right, every tenth cell missed, and of the others every ninth renamed."""
    value = json.loads(outlines.read_bytes())
    seen = [entry for n, entry in enumerate(value["annotations"]) if n % 10]
    renamed = 0
    for n, entry in enumerate(seen):
        entry["segmentation"] = [
            [v + 2 * (k % 2 == 0) for k, v in enumerate(ring)] for ring in entry["segmentation"]
        ]
        if n % 9 == 0:
            renamed += 1
            entry["category_id"] = 1 + entry["category_id"] % 3
    (tmp_path / "second.json").write_text(json.dumps({**value, "annotations": seen}))
    summary = agree(outlines, tmp_path / "second.json", iou=0.7)
    counts = summary.counts
    assert counts["cells_in_b"] == len(seen) == 3832 - 384
    # The markup has the odd cell drawn twice, and tiny outlines for which 2 px are too far.
    assert 0.99 * len(seen) < counts["matched"] <= len(seen)
    assert counts["same_label"] == pytest.approx(counts["matched"] - renamed, abs=10)
    (figures,) = summary.tables["agreement"]
    assert 0.85 < figures["mean overlap"] < 1
    assert figures["Cohen's kappa"] == pytest.approx(0.523, abs=0.02)  # nine of ten cells have one label
    assert figures["detection F1"] == pytest.approx(2 * len(seen) / (3832 + len(seen)), abs=0.01)


def test_a_copy_adds_nothing(outlines, tmp_path):
    copy = tmp_path / "copy.json"
    copy.write_bytes(outlines.read_bytes())
    summary = merge([outlines, copy], tmp_path / "out.json", duplicates="first")
    assert summary.counts["near_duplicates"] == 3832 and entries(tmp_path / "out.json") == entries(outlines)
