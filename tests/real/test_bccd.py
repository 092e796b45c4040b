"""The real BCCD: the counts of the published set, its faults named, nothing lost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import defusedxml.ElementTree
import pytest

from smearprep import datasets
from smearprep.datasets.loading import LoadOptions
from smearprep.records import RawSet

NEAR_DUPLICATES = ("00013", "00020", "00100", "00104", "00251", "00284", "00331", "00403")
NO_WBC = ("00133", "00135", "00171", "00178", "00228", "00327")


@pytest.fixture(scope="module")
def bccd(real_data: Path) -> RawSet:
    return datasets.load(real_data / "BCCD")


def number(source: str) -> str:
    return Path(source).stem.removeprefix("BloodImage_")


def test_counts(bccd: RawSet) -> None:
    assert bccd.dataset == "bccd"
    assert len(bccd.samples) == 364
    assert Counter(s.subset for s in bccd.samples) == {"train": 205, "val": 87, "test": 72}
    cells = Counter(cell.label for sample in bccd.samples for cell in sample.cells)
    assert cells == {"RBC": 4153, "WBC": 372, "Platelets": 361}
    assert cells.total() == 4886
    assert {sample.size for sample in bccd.samples} == {(640, 480)}
    assert len({sample.smear for sample in bccd.samples}) == 364


def test_every_fault_is_named(bccd: RawSet) -> None:
    assert Counter(f.kind for f in bccd.findings) == {"zero_area": 2, "duplicate": 8, "damaged": 3}
    named = {
        kind: [f for f in bccd.findings if f.kind == kind] for kind in ("zero_area", "duplicate", "damaged")
    }
    assert [(number(f.file), f.id) for f in named["zero_area"]] == [
        ("00338", "RBC (504, 337, 504, 337)"),
        ("00343", "RBC (181, 329, 181, 329)"),
    ]
    assert tuple(number(f.file) for f in named["duplicate"]) == NEAR_DUPLICATES
    assert [number(f.file) for f in named["damaged"]] == ["00113", "00133", "00135"]


def test_what_was_looked_for(bccd: RawSet) -> None:
    without = {label: [s for s in bccd.samples if label not in s.annotated] for label in bccd.categories}
    assert {label: len(samples) for label, samples in without.items()} == {
        "RBC": 15,
        "WBC": 6,
        "Platelets": 0,
    }
    assert tuple(number(s.source) for s in without["WBC"]) == NO_WBC


def test_boxes_are_those_of_the_files(bccd: RawSet, real_data: Path) -> None:
    sample = bccd.samples[0]
    assert sample.source == "bccd/JPEGImages/BloodImage_00000.jpg"
    root = defusedxml.ElementTree.parse(real_data / "BCCD/Annotations/BloodImage_00000.xml").getroot()
    stated = [
        [float(node.findtext(f"bndbox/{key}")) for key in ("xmin", "ymin", "xmax", "ymax")]
        for node in root.iter("object")
    ]
    assert [list(cell.bounds) for cell in sample.cells] == [
        [x0 - 1, y0 - 1, x1, y1] for x0, y0, x1, y1 in stated
    ]
    low = min(min(cell.bounds) for s in bccd.samples for cell in s.cells)
    high = max(cell.bounds[2] for s in bccd.samples for cell in s.cells)
    assert (low, high) == (0, 640)


def test_white_cells_only(real_data: Path) -> None:
    raw = datasets.load(real_data / "BCCD", LoadOptions(wanted=frozenset({"WBC"})))
    assert Counter(cell.label for sample in raw.samples for cell in sample.cells) == {"WBC": 372}
    assert sum(sample.annotated == {"WBC"} for sample in raw.samples) == 358
