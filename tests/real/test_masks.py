"""The real masks of ALL-IDB1: mask -> cells -> mask is the same, pixel for pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.measure import label as label_regions

from smearprep.findings import Finding
from smearprep.formats import masks
from smearprep.geometry import shape_to_mask

MIN_AREA = {"wbc": 1000, "rbc": 500, "plt": 1}


def check_round_trip(path: Path, min_area: int) -> tuple[int, list[Finding]]:
    """How many cells a mask has, and what was found; the independent way to remove specks is skimage's."""
    findings: list[Finding] = []
    mask = masks.read_mask(path, 127, path.name, findings)
    cells = masks.mask_to_cells(mask, "cell", min_area, path.name, findings)
    regions = label_regions(mask, connectivity=1)
    count = np.bincount(regions.ravel())
    large = count >= min_area
    large[0] = False
    back: NDArray[np.bool_] = np.zeros_like(mask)
    for cell in cells:
        back |= shape_to_mask(cell.shape, (mask.shape[1], mask.shape[0]))
    assert (back == large[regions]).all()
    assert len(cells) == large.sum()
    specks = int(len(count) - 1 - large.sum())
    assert [f.what.split()[0] for f in findings if f.kind == "speck"] == [str(specks)] * bool(specks)
    return len(cells), findings


def test_the_73_white_cell_masks(real_data: Path) -> None:
    paths = sorted((real_data / "ALL_IDB1" / "masks" / "wbc").glob("*.jpg"))
    assert len(paths) == 73
    results = {path.stem: check_round_trip(path, MIN_AREA["wbc"]) for path in paths}
    assert sum(count for count, _ in results.values()) == 678
    damaged = [stem for stem, (_, found) in results.items() if any(f.kind == "damaged" for f in found)]
    assert damaged == ["Im010_1"]


def test_the_5_expert_pairs(real_data: Path) -> None:
    paths = sorted((real_data / "ALL_IDB1" / "expert_masks").glob("*.tif"))
    assert len(paths) == 10
    for path in paths:
        _, findings = check_round_trip(path, 1)
        assert not findings


@pytest.mark.parametrize("name", ["rbc", "plt"])
def test_some_of_the_other_masks(real_data: Path, name: str) -> None:
    for path in sorted((real_data / "ALL_IDB1" / "masks" / name).glob("*.jpg"))[:3]:
        _, findings = check_round_trip(path, MIN_AREA[name])
        assert {f.kind for f in findings} <= {"speck"}
