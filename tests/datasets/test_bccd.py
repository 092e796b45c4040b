"""BCCD: both editions, in miniature and true to their layout, and every fault that a folder may have."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from smearprep import datasets
from smearprep.datasets.loading import LoadOptions
from smearprep.errors import RecipeError
from smearprep.records import RawSet, Sample
from smearprep.synthetic import Truth, voc_box, write_bccd, write_bccd_kaggle, write_image
from tests.datasets import checklist


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """A miniature set of 10 images with the faults of the real one (read only), and what was drawn."""
    root = tmp_path_factory.mktemp("BCCD")
    return root, write_bccd(root, images=10, defects=True)


@pytest.fixture(scope="module")
def kaggle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both halves of the Kaggle edition (read only)."""
    root = tmp_path_factory.mktemp("kaggle")
    write_bccd_kaggle(root)
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three images without faults, for a test to spoil."""
    write_bccd(tmp_path / "raw", images=3)
    return tmp_path / "raw"


def load(root: Path, *wanted: str, **extra: object) -> RawSet:
    return datasets.load(root, LoadOptions(frozenset(wanted) or None, extra), "bccd")


def kinds(raw: RawSet) -> Counter[str]:
    return Counter(finding.kind for finding in raw.findings)


def edit(root: Path, n: int, old: str, new: str) -> None:
    path = root / "Annotations" / f"BloodImage_{n:05d}.xml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


# ---------------------------------------------------------------- the VOC edition


def test_checklist(drawn: tuple[Path, Truth]) -> None:
    checklist.check_loader(drawn[0], "bccd")


def test_headers_only(root: Path) -> None:
    checklist.check_headers_only(root, "bccd")


def test_unreadable_image(root: Path) -> None:
    checklist.check_unreadable_image(root, "bccd")


def test_boxes_are_what_was_drawn(tmp_path: Path) -> None:
    truth = write_bccd(tmp_path, images=3)
    raw = load(tmp_path)
    assert datasets.recognise(tmp_path)[0] == "bccd"
    assert [s.source for s in raw.samples] == [f"bccd/{path}" for path in sorted(truth)]
    for sample in raw.samples:
        boxes = [voc_box(cell) for cell in truth[sample.source.removeprefix("bccd/")]]
        assert [(c.label, *c.bounds) for c in sample.cells] == [
            (label, x0 - 1, y0 - 1, x1, y1) for label, x0, y0, x1, y1 in boxes
        ]
        assert {c.outline for c in sample.cells} == {"box"}
        assert sample.smear == sample.path.stem
    assert not raw.findings


def test_the_faults_of_the_real_set(drawn: tuple[Path, Truth]) -> None:
    raw = load(drawn[0])
    assert kinds(raw) == {"zero_area": 1, "duplicate": 1, "note": 1}
    labels = [Counter(cell.label for cell in sample.cells) for sample in raw.samples]
    true = [Counter(cell.label for cell in drawn[1][path]) for path in sorted(drawn[1])]
    true[1]["RBC"] += 1  # the near-duplicate is kept
    del true[2]["RBC"]
    assert labels == true  # "Platetlets" of the fourth are platelets


def test_no_red_or_white_cell_means_unknown(drawn: tuple[Path, Truth]) -> None:
    raw = load(drawn[0])
    assert [s.annotated for s in raw.samples if "RBC" not in s.annotated] == [{"WBC", "Platelets"}]
    assert "RBC" not in raw.samples[2].annotated
    assert load(drawn[0], "WBC").samples[2].annotated == {"WBC"}
    every = load(drawn[0], unknown=[])
    assert {s.annotated for s in every.samples} == {frozenset({"RBC", "WBC", "Platelets"})}


def test_no_platelet_means_none(root: Path) -> None:
    edit(root, 0, "<name>Platelets</name>", "<name>RBC</name>")
    edit(root, 1, "<name>WBC</name>", "<name>RBC</name>")
    first, second, _ = load(root).samples
    assert first.annotated == {"RBC", "WBC", "Platelets"}
    assert second.annotated == {"RBC", "Platelets"}
    assert load(root, unknown=["Platelets"]).samples[0].annotated == {"RBC", "WBC"}


def test_official_subsets(root: Path) -> None:
    main = root / "ImageSets" / "Main"
    assert Counter(s.subset for s in load(root).samples) == {"train": 1, "val": 1, "test": 1}
    (main / "train.txt").write_text("BloodImage_00000  1\nBloodImage_00099\n\n")
    (main / "val.txt").write_text("BloodImage_00000\n")
    (main / "test.txt").unlink()
    raw = load(root)
    assert [s.subset for s in raw.samples] == ["train", None, None]
    assert kinds(raw) == {"missing_image": 1, "duplicate": 1}
    shutil.rmtree(root / "ImageSets")
    assert not load(root).findings


def test_image_without_annotation_and_annotation_without_image(root: Path) -> None:
    (root / "Annotations" / "BloodImage_00000.xml").unlink()
    (root / "JPEGImages" / "BloodImage_00001.jpg").unlink()
    shutil.rmtree(root / "ImageSets")
    raw = load(root)
    assert kinds(raw) == {"missing_annotation": 1, "missing_image": 1}
    assert {f.file for f in raw.findings} == {
        "JPEGImages/BloodImage_00000.jpg",
        "Annotations/BloodImage_00001.xml",
    }
    assert [(len(s.cells) > 0, len(s.annotated)) for s in raw.samples] == [(False, 0), (True, 3)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<annotation>\n<size>", "broken XML at line 2"),
        ("", "is empty"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', "XML bomb"),
    ],
)
def test_an_annotation_that_cannot_be_read(root: Path, text: str, found: str) -> None:
    (root / "Annotations" / "BloodImage_00000.xml").write_text(text)
    raw = load(root)
    assert kinds(raw) == {"unreadable": 1}
    assert found in raw.findings[0].what
    assert (raw.samples[0].cells, raw.samples[0].annotated) == ((), frozenset())


def test_a_wrong_size_leaves_the_image_out(root: Path) -> None:
    edit(root, 0, "<width>640<", "<width>1280<")
    raw = load(root)
    assert kinds(raw) == {"size_mismatch": 1}
    assert "1280x480" in raw.findings[0].what and "640x480" in raw.findings[0].what
    assert len(raw.samples) == 2


def test_the_frame_of_a_rotated_image_is_the_one_stated(root: Path) -> None:
    path = root / "JPEGImages" / "BloodImage_00000.jpg"
    write_image(path, np.zeros((480, 640, 3), np.uint8), orientation=6)
    sample = load(root).samples[0]
    assert (sample.size, sample.oriented) == ((640, 480), False)


def test_names_labels_and_boxes_that_are_odd(root: Path) -> None:
    edit(root, 0, "<filename>BloodImage_00000.jpg<", "<filename>../x/other.png<")
    edit(root, 1, "<name>WBC<", "<name>Nonsense<")
    odd = [("RBC", 600, 400, 700, 470), ("WBC", 900, 1, 950, 9), ("Platelets", 100, 100, 300, 300)]
    edit(root, 2, "</annotation>", "".join(_object(*box) for box in odd) + "</annotation>")
    raw = load(root)
    assert kinds(raw) == {"note": 1, "unknown_label": 1, "clipped": 1, "outside": 1, "damaged": 1}
    assert raw.samples[2].cells[-2].bounds == (599, 399, 640, 470)
    assert "201x201 px: probably mislabelled" in next(f.what for f in raw.findings if f.kind == "damaged")


def _object(label: str, *corners: int) -> str:
    x0, y0, x1, y1 = corners
    return (
        f"<object><name>{label}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax>"
        f"<ymax>{y1}</ymax></bndbox></object>"
    )


@pytest.mark.parametrize(
    "extra", [{"edition": "classes"}, {"edition": "x"}, {"unknown": "RBC"}, {"unknown": ["x"]}]
)
def test_options_that_cannot_be_used(drawn: tuple[Path, Truth], extra: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match=next(iter(extra))):
        load(drawn[0], **extra)


# ---------------------------------------------------------------- the Kaggle edition


@pytest.mark.parametrize("nested", [True, False])
def test_kaggle_boxes(tmp_path: Path, nested: bool) -> None:
    write_bccd_kaggle(tmp_path, originals=4, nested=nested)
    raw = load(tmp_path)
    assert len(raw.samples) == 4
    assert {s.subset for s in raw.samples} == {None}
    folder = "dataset-master/dataset-master" if nested else "dataset-master"
    assert raw.samples[0].source == f"bccd/{folder}/JPEGImages/BloodImage_00000.jpg"
    assert [f.what for f in raw.findings] == [
        "the edition with classes lies here too; it is read with the option edition: classes"
    ]


def test_kaggle_checklist(kaggle: Path) -> None:
    checklist.check_loader(kaggle, "bccd")
    checklist.check_loader(kaggle, "bccd", LoadOptions(extra={"edition": "classes"}))


def test_copies_of_one_original_stay_together(kaggle: Path) -> None:
    raw = load(kaggle, edition="classes")
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in raw.samples:
        groups[sample.smear].append(sample)
        assert (sample.cells, sample.annotated, sample.size) == ((), frozenset(), (320, 240))
    assert {smear: len(samples) for smear, samples in groups.items()} == {
        **{f"TRAIN/{kind}/{k}": 2 for k, kind in enumerate(CLASSES)},
        **{f"TEST/{kind}/{k + 4}": 3 for k, kind in enumerate(CLASSES)},
    }
    for samples in groups.values():
        assert len({s.subset for s in samples}) == 1
        assert len({s.attributes["class"] for s in samples}) == 1
    assert Counter(s.subset for s in raw.samples) == {None: 8, "test": 12}
    assert "nothing documents" in raw.findings[-1].what


CLASSES = ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL")


def test_the_images_folder_alone_is_recognised(kaggle: Path) -> None:
    images = kaggle / "dataset2-master" / "dataset2-master" / "images"
    assert datasets.get("bccd").recognise(images) == "BCCD: classified copies in ."
    assert len(load(images).samples) == 20
    assert datasets.get("bccd").recognise(images / "TRAIN") is None


def test_of_two_copies_on_one_shelf_the_other_is_named(drawn: tuple[Path, Truth], tmp_path: Path) -> None:
    for name in ("BCCD", "other"):
        shutil.copytree(drawn[0], tmp_path / "shelf" / name)
    raw = datasets.load(tmp_path / "shelf")
    assert raw.dataset == "bccd"
    assert all(sample.source.startswith("bccd/BCCD/") for sample in raw.samples)
    assert [f.file for f in raw.findings if "another copy" in f.what] == ["other"]
