"""The pathologists' markup of ten ALL-IDB1 images: nothing lost, nothing invented."""

import json
import warnings

import pytest
import shapely

from smearprep.converting import convert
from smearprep.formats.reading import ReadOptions

COUNTS = {
    "Im001_1": 215, "Im004_1": 258, "Im015_1": 293, "Im022_1": 242, "Im050_1": 460,
    "Im069_0": 665, "Im079_0": 512, "Im095_0": 150, "Im099_0": 528, "Im108_0": 510,
}  # fmt: skip
MAP = {"Truck": "RBC", "Tanker": "RBC", "Trailer": "RBC"}


@pytest.fixture(scope="module")
def markup(real_data):
    folder = real_data / "ALL_IDB1" / "markup"
    return {path.stem: json.loads(path.read_bytes())["markup"] for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def converted(real_data, tmp_path_factory):
    out = tmp_path_factory.mktemp("convert") / "cells.json"
    raw = real_data / "ALL_IDB1"
    return convert([raw / "markup"], out, labels=MAP, reading=ReadOptions(images=raw / "im")), out


def outline(entry):
    return shapely.Polygon([(v["x"], v["y"]) for v in entry["vertices"]])


def test_counts(converted):
    summary, _ = converted
    counts = summary.counts
    read = {row["image"].removesuffix(".jpg"): row["shapes_read"] for row in summary.tables["images"]}
    assert read == COUNTS
    assert (counts["files"], counts["images"]) == (10, 10)
    assert (counts["shapes_read"], counts["cells"]) == (3833, 3832)
    assert (counts["repaired"], counts["zero_area"]) == (45, 1)
    assert summary.by_category == {"RBC": 3832} and not summary.has_problems


def test_every_repair_and_omission_is_named(converted, markup):
    summary, _ = converted
    told = {(f.file.removesuffix(".json"), int(f.id)): f.kind for f in summary.findings}
    bad = {
        (stem, n): "zero_area" if stem == "Im069_0" and outline(entry).buffer(0).area == 0 else "repaired"
        for stem, entries in markup.items()
        for n, entry in enumerate(entries)
        if not outline(entry).is_valid or not outline(entry).area
    }
    assert told == bad
    assert [key[0] for key, kind in told.items() if kind == "zero_area"] == ["Im069_0"]


def test_valid_outlines_keep_their_vertices_and_labels(converted, markup):
    summary, out = converted
    told = {(f.file.removesuffix(".json"), int(f.id)): f.kind for f in summary.findings}
    record = json.loads(out.read_bytes())
    annotations = iter(record["annotations"])
    for stem, entries in markup.items():
        for n, entry in enumerate(entries):
            kind = told.get((stem, n))
            if kind == "zero_area":
                continue
            annotation = next(annotations)
            assert annotation["outline"] == "drawn" and annotation["iscrowd"] == 0
            assert annotation["attributes"]["original_label"] == entry["object_label"]
            if kind is None:
                shape = outline(entry)
                points = [v[k] for v in entry["vertices"] for k in "xy"]
                closed = points[:2] == points[-2:]
                assert annotation["segmentation"] == [points[:-2] if closed else points]
                assert annotation["area"] == shape.area
                x0, y0, x1, y1 = shape.bounds
                assert annotation["bbox"] == [x0, y0, x1 - x0, y1 - y0]
    assert next(annotations, None) is None


def test_pycocotools_loads_it_and_draws_every_cell(converted):
    from pycocotools.coco import COCO

    coco = COCO(str(converted[1]))
    assert len(coco.anns) == 3832 and len(coco.imgs) == 10
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pycocotools 2.0.11 under numpy 2
        for annotation in coco.anns.values():
            drawn = coco.annToMask(annotation)
            x, y, w, h = (int(n) for n in annotation["bbox"])
            inside = int(drawn[y : y + h, x : x + w].sum())
            assert abs(inside - annotation["area"]) <= w + h  # half the way round: the fringe of pixels


def test_without_a_map_labels_stay_and_a_hint_names_it(real_data, tmp_path):
    summary = convert([real_data / "ALL_IDB1" / "markup"], tmp_path / "c.json")
    assert set(summary.by_category) == {"Truck", "Tanker", "Trailer"}
    assert "--map Truck=RBC" in summary.next_step
    assert any("--map" in f.what for f in summary.findings if f.kind == "note")
