"""Crowds (COCO's iscrowd): regions full of cells that nobody told apart. Neither cells nor background."""

import json

import numpy as np
import pytest
import shapely
from pycocotools import mask as masks
from shapely.geometry import Polygon

from smearprep.checking import check
from smearprep.coco_files import Criteria, filter_cells, merge, relabel_cells, stats
from smearprep.converting import convert
from smearprep.count_job.sources import open_source
from smearprep.formats import coco
from smearprep.formats.reading import ReadOptions
from smearprep.formats.writing import WriteOptions
from smearprep.geometry import shape_to_counts
from smearprep.labelled import load_labelled
from smearprep.opened import open_for_one
from smearprep.prepare import prepare
from smearprep.recipes import Recipe, Source
from smearprep.records import Cell
from smearprep.reporting.reading import read_set
from smearprep.reporting.sheets import thumbnails
from smearprep.targets import EDGE, EDGE_UNKNOWN, MASK, MASK_UNKNOWN, rasterise
from smearprep.tiling import Tile
from tests.sets import SIZE, coco_files, edit_json, folder_recipe, kinds, write_folder

REGION = shapely.box(10, 20, 50, 36)
COUNTS = shape_to_counts(REGION, SIZE)
RUNS = {"size": [SIZE[1], SIZE[0]], "counts": COUNTS}
PACKED = masks.frPyObjects(RUNS, SIZE[1], SIZE[0])["counts"].decode()
WAYS = {
    "polygon": {"segmentation": [[10, 20, 50, 20, 50, 36, 10, 36]]},
    "runs": {"segmentation": RUNS},
    "packed": {"segmentation": {**RUNS, "counts": PACKED}},
    "box": {"segmentation": []},
}


def raw_folder(root, how="runs", images=1):
    """Noise images, each with two cells (WBC, RBC) at 5..15 px and a crowd of RBC at 10..50, 20..36."""
    write_folder(root, images)

    def add(data):
        for n in range(images):
            data["annotations"].append(
                {"id": 100 + n, "image_id": n + 1, "category_id": 2, "iscrowd": 1, "area": 640,
                 "bbox": [10, 20, 40, 16], **WAYS[how]}
            )  # fmt: skip

    edit_json(root / "cells.json", add)
    return root


def prepared(tmp_path, **recipe):
    raw_folder(tmp_path / "raw")
    return prepare(folder_recipe(**recipe), [("folder", tmp_path / "raw")], tmp_path / "set")


def crowds_of(data):
    return [entry for entry in data["annotations"] if entry["iscrowd"]]


def read(path):
    findings = []
    return list(coco.read(path, ReadOptions(), findings)), findings


@pytest.mark.parametrize("how", WAYS)
def test_a_crowd_is_read_as_a_region_beside_the_cells(tmp_path, how):
    [image], [note] = read(raw_folder(tmp_path, how) / "cells.json")
    [crowd] = image.crowds
    assert crowd.label == "RBC" and crowd.outline == "drawn" and crowd.shape.equals(REGION)
    assert [cell.label for cell in image.cells] == ["WBC", "RBC"]
    assert note.kind == "note" and "(iscrowd): 1; taken neither for cells nor for background" in note.what


def test_a_crowd_of_which_only_a_point_is_given_is_left_out(tmp_path):
    raw_folder(tmp_path, "box")
    given = {"bbox": [3, 4, 0, 0], "keypoints": [3, 4, 2]}
    edit_json(tmp_path / "cells.json", lambda data: data["annotations"][-1].update(given))
    [image], findings = read(tmp_path / "cells.json")
    assert not image.crowds and [f.kind for f in findings] == ["note", "invalid"]
    assert "only a point" in findings[1].what


# ---------------------------------------------------------------- sets


def test_windows_show_their_part_of_a_crowd_and_do_not_count_it(tmp_path):
    summary = prepared(tmp_path, tile=Tile((30, 20), (30, 20)))
    [data] = coco_files(tmp_path / "set").values()
    origins = {image["id"]: np.array(image["window"][:2]) for image in data["images"]}
    parts = [
        Polygon(np.array(entry["segmentation"][0]).reshape(-1, 2) + origins[entry["image_id"]])
        for entry in crowds_of(data)
    ]
    assert len(parts) == 2 and shapely.union_all(parts).equals(REGION)
    assert summary.counts["crowds"] == 2 and summary.counts["cells"] == 2 == len(data["annotations"]) - 2
    assert summary.by_category == {"WBC": 1, "RBC": 1}
    assert len({entry["id"] for entry in data["annotations"]}) == 4
    checked = check(tmp_path / "set")
    assert not checked.findings and checked.counts["cells"] == 2


def test_of_a_crowd_a_sliver_is_kept_and_a_category_that_is_not_wanted_is_not(tmp_path):
    prepared(tmp_path, tile=Tile((48, 40), (12, 40)), min_visible=0.9)
    [data] = coco_files(tmp_path / "set").values()
    assert [image["window"][0] for image in data["images"]] == [0, 12]
    assert sorted(entry["area"] for entry in crowds_of(data)) == [38 * 16, 38 * 16]
    wanted = folder_recipe(categories=("WBC",))
    white = prepare(wanted, [("folder", tmp_path / "raw")], tmp_path / "white")
    assert white.counts["cells"] == 1 and "crowds" not in white.counts


def test_a_prepared_set_that_is_prepared_again_keeps_its_crowds(tmp_path):
    prepared(tmp_path)
    recipe = Recipe("again", (Source("prepared", labels={"RBC": "red"}),), unknown="keep", split=None)
    summary = prepare(recipe, [("prepared", tmp_path / "set")], tmp_path / "again")
    [data] = coco_files(tmp_path / "again").values()
    [entry] = crowds_of(data)
    assert entry["area"] == 640 and entry["attributes"] == {"original_label": "RBC"}
    assert summary.by_category == {"WBC": 1, "red": 1} and summary.counts["crowds"] == 1


# ---------------------------------------------------------------- COCO files, other formats


def test_files_that_are_written_again_keep_their_crowds_and_count_none(tmp_path):
    path = raw_folder(tmp_path / "raw", images=2) / "cells.json"
    assert stats([path]).counts["cells"] == 4
    relabel_cells(path, tmp_path / "red.json", {"RBC": "red"})
    filter_cells(tmp_path / "red.json", tmp_path / "few.json", Criteria(("red",), max_area=1))
    merged = merge([path, tmp_path / "few.json"], tmp_path / "all.json")
    assert merged.counts["cells"] == 4 and merged.by_category == {"WBC": 2, "RBC": 2, "red": 0}
    found = json.loads((tmp_path / "all.json").read_bytes())
    names = {row["id"]: row["name"] for row in found["categories"]}
    assert [(e["image_id"], names[e["category_id"]], e["area"]) for e in crowds_of(found)] == [
        (1, "RBC", 640), (1, "red", 640), (2, "RBC", 640), (2, "red", 640)
    ]  # fmt: skip
    assert [e["id"] for e in crowds_of(found)][::2] == [100, 101]


def test_coco_holds_crowds_and_other_formats_lose_them_with_a_word(tmp_path):
    path = raw_folder(tmp_path / "raw") / "cells.json"
    kept = convert([path], tmp_path / "kept.json", labels={"RBC": "red"})
    [row] = kept.tables["images"]
    assert (row["shapes_read"], row["cells"], row["left_out"]) == (3, 2, 0)
    [entry] = crowds_of(json.loads((tmp_path / "kept.json").read_bytes()))
    assert entry["area"] == 640 and len(entry["segmentation"]) == 1
    lost = convert([path], tmp_path / "lost", to="labelme")
    [row] = lost.tables["images"]
    assert (row["shapes_read"], row["cells"], row["left_out"]) == (3, 2, 1)
    assert kinds(lost) == {"note": 1, "simplified": 1}
    assert "RBC crowd is a region full of cells, which this format cannot hold" in lost.findings[1].what
    others = convert([path], tmp_path / "white.json", writing=WriteOptions(categories=("WBC",)))
    assert [f.what[:9] for f in others.findings if f.kind == "unknown_label"] == ["1 cells o", "1 crowds "]


# ---------------------------------------------------------------- what is learned and counted of them


def test_semantic_networks_learn_nothing_of_a_crowd_but_of_the_cells_known_in_it():
    cell = Cell("RBC", shapely.box(12, 22, 20, 30))
    target = rasterise([cell], SIZE, crowds=[Cell("RBC", REGION)])
    plain = rasterise([cell], SIZE)
    inside = rasterise([Cell("RBC", REGION)], SIZE) & MASK > 0
    unknown = inside & (plain & MASK == 0)
    assert ((target & MASK_UNKNOWN > 0) == unknown).all() and (target[unknown] & EDGE_UNKNOWN > 0).all()
    known = (target & EDGE_UNKNOWN) == 0
    assert ((target & MASK) == (plain & MASK)).all() and (target[known] & EDGE == plain[known] & EDGE).all()


def test_of_an_image_with_a_crowd_nobody_knows_how_many_cells_it_shows(tmp_path):
    prepared(tmp_path)
    [image] = load_labelled(open_for_one(tmp_path / "set", "RBC"), "all")
    assert len(image.cells) == 1 and not image.is_countable
    [white] = load_labelled(open_for_one(tmp_path / "set", "WBC"), "all")
    assert white.is_countable
    truths = [next(open_source(tmp_path / "set", name).images()).load().truth for name in ("RBC", "WBC")]
    assert truths[0] is None and len(truths[1]) == 1


def test_a_report_dots_crowds_and_counts_none(tmp_path):
    prepared(tmp_path)
    data = read_set(tmp_path / "set")
    [image] = data.images
    plain = thumbnails([image], tmp_path / "set", data.categories)[image.name]
    assert plain.cells == (("RBC", 1), ("WBC", 1)) and len(image.cells) == 2
    edit_json(
        tmp_path / "set" / "annotations" / "instances_all.json",
        lambda found: found["annotations"].remove(crowds_of(found)[0]),
    )
    without = thumbnails([image], tmp_path / "set", data.categories)[image.name]
    assert without.cells == plain.cells and without.uri != plain.uri
