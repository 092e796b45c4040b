import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smearprep import datasets
from smearprep.records import RawSet, Sample
from smearprep.synthetic import write_image
from tests.datasets import checklist

W, H = 80, 60
CATEGORIES = [{"id": 3, "name": "WBC"}, {"id": 7, "name": "RBC"}]


def image(path: Path, orientation: int = 1) -> None:
    write_image(path, np.full((H, W, 3), 180, np.uint8), orientation=orientation)


def instances(path: Path, *records: dict[str, Any], categories: list[dict[str, Any]] = CATEGORIES) -> None:
    """A COCO file with one white cell in each image."""
    images = [{"id": n, "width": W, "height": H, **record} for n, record in enumerate(records, 1)]
    cells = [
        {
            "id": image["id"],
            "image_id": image["id"],
            "category_id": 3,
            "segmentation": [[10, 10, 30, 10, 30, 30, 10, 30]],
            "bbox": [10, 10, 20, 20],
            "area": 400,
            "iscrowd": 0,
        }
        for image in images
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": cells, "categories": categories}))


@pytest.fixture
def root(tmp_path) -> Path:
    """A set as smearprep writes it: two windows of one smear in train, one in test."""
    root = tmp_path / "set"
    for name in ("train/a_0.jpg", "train/a_1.jpg", "test/b_0.jpg"):
        image(root / "images" / name)
    instances(
        root / "annotations" / "instances_train.json",
        {"file_name": "a_0.jpg", "smear": "s/1", "source": "s/a.jpg", "window": [0, 0, W, H]},
        {"file_name": "a_1.jpg", "smear": "s/1", "not_exhaustive_category_ids": [7]},
    )
    instances(root / "annotations" / "instances_test.json", {"file_name": "b_0.jpg", "smear": "s/2"})
    return root


def load(root: Path) -> RawSet:
    return datasets.load(root)


def by_path(raw: RawSet) -> dict[str, Sample]:
    return {sample.source.removeprefix("prepared/"): sample for sample in raw.samples}


def found(raw: RawSet) -> set[tuple[str, str, str]]:
    return {(f.kind, f.file, f.id) for f in raw.findings}


def test_checklist(root):
    raw = checklist.check_loader(root, "prepared")
    assert raw.categories == ("WBC", "RBC")
    assert raw.findings == ()
    samples = by_path(raw)
    assert {path: (s.subset, s.smear) for path, s in samples.items()} == {
        "images/test/b_0.jpg": ("test", "s/2"),
        "images/train/a_0.jpg": ("train", "s/1"),
        "images/train/a_1.jpg": ("train", "s/1"),
    }
    first = samples["images/train/a_0.jpg"]
    assert first.attributes == {"origin": "s/a.jpg"}
    assert first.annotated == {"RBC", "WBC"} and first.cells[0].area == 400
    assert samples["images/train/a_1.jpg"].annotated == {"WBC"}


def test_headers_only(root):
    checklist.check_headers_only(root, "prepared")


def test_unreadable_image(root):
    checklist.check_unreadable_image(root, "prepared")


def test_images_and_records_that_lack_each_other(root):
    (root / "images" / "train" / "a_0.jpg").unlink()
    image(root / "images" / "train" / "more.jpg")
    raw = load(root)
    assert found(raw) == {
        ("missing_image", "annotations/instances_train.json", "a_0.jpg"),
        ("missing_annotation", "images/train/more.jpg", ""),
    }
    assert len(raw.samples) == 2


def test_wrong_size_keeps_the_image_as_unknown(root):
    instances(root / "annotations" / "instances_test.json", {"file_name": "b_0.jpg", "width": W + 1})
    sample = by_path(load(root))["images/test/b_0.jpg"]
    assert (sample.size, sample.cells, sample.annotated) == ((W, H), (), frozenset())
    assert ("size_mismatch", "annotations/instances_test.json", "b_0.jpg") in found(load(root))


def test_names_that_lead_out_of_the_folder_are_refused(root):
    image(root.parent / "secret.jpg")
    names = ["../../../secret.jpg", str(root.parent / "secret.jpg"), "..\\..\\..\\secret.jpg"]
    instances(root / "annotations" / "instances_test.json", *({"file_name": name} for name in names))
    raw = load(root)
    assert all("secret" not in sample.source for sample in raw.samples)
    assert sum(kind == "missing_image" for kind, _, _ in found(raw)) == 3


def test_one_image_in_two_subsets(root):
    image(root / "images" / "both.jpg")
    instances(root / "annotations" / "instances_test.json", {"file_name": "both.jpg"})
    instances(root / "annotations" / "instances_val.json", {"file_name": "both.jpg"})
    raw = load(root)
    assert ("leak", "annotations/instances_val.json", "images/both.jpg") in found(raw)
    assert by_path(raw)["images/both.jpg"].subset == "test"


def test_broken_file_is_named_and_the_rest_loaded(root):
    (root / "annotations" / "instances_test.json").write_text('{"images": [\n}')
    raw = load(root)
    assert len(raw.samples) == 2
    assert any("line 2" in finding.what for finding in raw.findings if finding.kind == "unreadable")


def test_coco_2017_layout(tmp_path):
    image(tmp_path / "train2017" / "x.jpg")
    image(tmp_path / "train2017" / "y.jpg")
    instances(
        tmp_path / "annotations" / "instances_train2017.json", {"file_name": "x.jpg"}, {"file_name": "y.jpg"}
    )
    samples = by_path(checklist.check_loader(tmp_path, "prepared"))
    assert set(samples) == {"train2017/x.jpg", "train2017/y.jpg"}
    assert {s.subset for s in samples.values()} == {"train"}
    assert len({s.smear for s in samples.values()}) == 2


def test_roboflow_layout(tmp_path):
    image(tmp_path / "valid" / "x.jpg")
    group = {"id": 0, "name": "cells", "supercategory": "none"}
    instances(
        tmp_path / "valid" / "_annotations.coco.json",
        {"file_name": "x.jpg"},
        categories=[group, {"id": 3, "name": "WBC", "supercategory": "cells"}],
    )
    raw = load(tmp_path)
    assert raw.dataset == "prepared" and raw.categories == ("WBC",)
    assert raw.samples[0].subset == "val" and len(raw.samples[0].cells) == 1


def test_unsplit_set(tmp_path):
    image(tmp_path / "images" / "all" / "x.jpg")
    instances(tmp_path / "annotations" / "instances_all.json", {"file_name": "x.jpg"})
    assert load(tmp_path).samples[0].subset is None


def test_exif_the_stated_size_says_in_which_frame(tmp_path):
    for name, size in (("shown", (H, W)), ("stored", (W, H))):
        image(tmp_path / "images" / f"{name}.jpg", orientation=6)
        instances(
            tmp_path / "annotations" / f"instances_{name}.json",
            {"file_name": f"{name}.jpg", "width": size[0], "height": size[1]},
        )
    samples = by_path(load(tmp_path))
    assert samples["images/shown.jpg"].oriented and not samples["images/stored.jpg"].oriented
    checklist.check_sizes(load(tmp_path))
