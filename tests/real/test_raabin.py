"""The real Raabin-WBC files: crops with YOLO boxes, and 160 field descriptions of 8 films."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from smearprep import datasets
from smearprep.datasets.loading import LoadOptions
from smearprep.records import RawSet


@pytest.fixture(scope="module")
def raabin(real_data: Path) -> RawSet:
    return datasets.load(real_data / "RAABIN_WBC")


@pytest.fixture(scope="module")
def fields(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> RawSet:
    """The 160 descriptions beside blank images of the real size."""
    root = tmp_path_factory.mktemp("raabin")
    blank = root / "blank.png"
    Image.new("1", (5312, 2988)).save(blank)
    shutil.copytree(real_data / "RAABIN_WBC" / "First_microscope", root / "First_microscope")
    for path in (root / "First_microscope").glob("*/jsons/*.json"):
        image = path.parent.parent / "images" / f"{path.stem}.png"
        image.parent.mkdir(exist_ok=True)
        os.link(blank, image)
    return datasets.load(root)


def test_crops(raabin: RawSet) -> None:
    assert len(raabin.samples) == 60
    cells = Counter(cell.label for sample in raabin.samples for cell in sample.cells)
    assert cells == {"RBC": 763, "WBC": 64, "Platelets": 4}
    assert {sample.size for sample in raabin.samples} == {(575, 575)}
    assert {sample.annotated for sample in raabin.samples} == {frozenset({"WBC", "RBC", "Platelets"})}
    assert len({sample.smear for sample in raabin.samples}) == 60
    for sample in raabin.samples:
        for cell in sample.cells:
            x0, y0, x1, y1 = cell.bounds
            assert 0 <= x0 < x1 <= 575 and 0 <= y0 < y1 <= 575


def test_each_description_without_its_image_is_named(raabin: RawSet) -> None:
    assert Counter(f.kind for f in raabin.findings) == {"missing_image": 160, "note": 1}
    assert len({f.file for f in raabin.findings if f.kind == "missing_image"}) == 160


def test_fields(fields: RawSet) -> None:
    assert len(fields.samples) == 160
    assert len({sample.smear for sample in fields.samples}) == 8
    cells = Counter(cell.label for sample in fields.samples for cell in sample.cells)
    assert cells == {
        **{"Neutrophil": 117, "Small Lymph": 41, "Large Lymph": 23, "Monocyte": 7},
        **{"Eosinophil": 2, "Band": 2},
    }
    (note,) = fields.findings
    assert note.what.startswith(f"{279 - cells.total()} boxes are no cell of a known kind and left out")
    assert {c.bounds[2] - c.bounds[0] for s in fields.samples for c in s.cells} == {575}
    assert not any(sample.oriented for sample in fields.samples)
    assert fields.samples[0].attributes["camera"] == "Samsung Galaxy S5"


def test_both_experts(fields: RawSet) -> None:
    root = fields.samples[0].path.parents[3]
    raw = datasets.load(root, LoadOptions(extra={"experts": "both"}))
    cells = Counter(cell.label for sample in raw.samples for cell in sample.cells)
    assert cells == {
        **{"Neutrophil": 101, "Small Lymph": 33, "Large Lymph": 23, "Monocyte": 7},
        **{"Eosinophil": 2, "Band": 2},
    }
