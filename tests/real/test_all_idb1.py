"""ALL-IDB1 as it is: the figures that are published or were counted by hand."""

from collections import Counter

import pytest

from smearprep import datasets
from smearprep.datasets.loading import LoadOptions
from smearprep.errors import LayoutError
from smearprep.inspecting import inspect
from tests.datasets import checklist

PUBLISHED = {
    "Im001_1": 215, "Im004_1": 258, "Im015_1": 293, "Im022_1": 242, "Im050_1": 460,
    "Im069_0": 665, "Im079_0": 512, "Im095_0": 150, "Im099_0": 528, "Im108_0": 510,
}  # fmt: skip


@pytest.fixture(scope="module")
def root(real_data):
    return real_data / "ALL_IDB1"


def load(root, *wanted, **extra):
    return datasets.load(root, LoadOptions(frozenset(wanted), extra))


def test_everything(root):
    summary = inspect(root)
    assert summary.tables["Found"][0]["name"] == "all_idb1"
    assert summary.counts["images"] == summary.counts["smears"] == 78
    looked_for = {row["category"]: row["looked for in"] for row in summary.tables["Categories"]}
    assert looked_for == {
        "RBC": "10 of 78 images",
        "WBC": "73 of 78 images",
        "Platelets": "71 of 78 images",
        "Blast": "0 of 78 images",
    }
    assert summary.by_category == {"RBC": 3832, "WBC": 678, "Platelets": 1104, "Blast": 0}
    damaged = [finding.file for finding in summary.findings if finding.kind == "damaged"]
    assert damaged == ["masks/wbc/Im010_1.jpg"]
    assert not summary.has_problems
    sizes = {row["size"]: row["images"] for row in summary.tables["Image sizes"]}
    assert sizes == {"2592x1944": 46, "1712x1368": 32}


def test_red_cells_are_the_published_ones(root):
    raw = load(root, "RBC")
    checklist.check_cells(raw)
    checklist.check_findings(raw, root)
    counted = {s.path.stem: len(s.cells) for s in raw.samples if s.annotated}
    assert counted == PUBLISHED | {"Im069_0": 664}  # one outline has no area
    kinds = Counter(finding.kind for finding in raw.findings)
    assert kinds["repaired"] == 45 and kinds["zero_area"] == 1
    forms = Counter(cell.attributes["kind"] for s in raw.samples for cell in s.cells)
    assert set(forms) == {"normal", "burr", "teardrop"}


def test_red_cells_by_mask_and_edge(root):
    raw = load(root, "RBC", rbc="mask")
    cells = {s.path.stem: len(s.cells) for s in raw.samples if s.annotated}
    assert set(cells) == set(PUBLISHED)
    assert sum(cells.values()) == pytest.approx(3833, rel=0.01)


def test_expert_masks_reach_one_image_more(root):
    raw = load(root, "WBC", wbc="expert")
    known = {s.path.stem: len(s.cells) for s in raw.samples if s.annotated}
    assert len(known) == 74
    assert {stem: known[stem] for stem in ("Im001_1", "Im002_1", "Im003_1", "Im004_1", "Im005_1")} == {
        "Im001_1": 11, "Im002_1": 13, "Im003_1": 12, "Im004_1": 8, "Im005_1": 31,
    }  # fmt: skip


def test_one_level_too_deep(root):
    with pytest.raises(LayoutError, match="Did you mean its parent"):
        datasets.recognise(root / "im")


def test_every_real_data_set_is_recognised(real_data):
    for folder, name in (("ALL_IDB1", "all_idb1"), ("BCCD", "bccd"), ("RAABIN_WBC", "raabin")):
        assert datasets.recognise(real_data / folder)[0] == name
