"""Counting on the real masks and outlines of ALL-IDB1: what the three ways reach at best."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.measure import label as label_regions

from smearprep import datasets
from smearprep.counting import Method, Tally, defaults, find, how_many, instances
from smearprep.datasets.loading import LoadOptions
from smearprep.records import Sample
from smearprep.targets import EDGE, MASK, rasterise

Plane = NDArray[np.uint8]
STEMS = (
    "Im001_1",
    "Im004_1",
    "Im015_1",
    "Im022_1",
    "Im050_1",
    "Im069_0",
    "Im079_0",
    "Im095_0",
    "Im099_0",
    "Im108_0",
)


def read_plane(path: Path) -> Plane:
    plane = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert plane is not None
    return np.asarray(plane, np.uint8)


def load(root: Path, category: str, **extra: str) -> list[Sample]:
    options = LoadOptions(frozenset({category}), extra)
    return [
        s for s in datasets.load(root / "ALL_IDB1", options, "all_idb1").samples if category in s.annotated
    ]


def tally(method: Method, samples: list[Sample], category: str, edges: bool) -> Tally:
    """How well the cells of samples are counted on their own outlines."""
    pairs = []
    for sample in samples:
        target = rasterise(sample.cells, sample.size)
        mask, edge = ((target & bit > 0).astype(np.uint8) * np.uint8(255) for bit in (MASK, EDGE))
        count = how_many(method, mask, edge if edges else None, defaults(category))
        pairs.append((count, len(sample.cells)))
    return Tally.of(pairs)


def test_components_of_the_ten_published_red_cell_masks(real_data: Path) -> None:
    folder = real_data / "ALL_IDB1" / "masks"
    total = 0
    for stem in STEMS:
        mask, edge = (read_plane(folder / kind / f"{stem}.jpg") for kind in ("rbc", "rbc_edge"))
        total += len(find("components", mask, edge, defaults("RBC")))
    assert abs(total - 3833) <= 0.01 * 3833


@pytest.fixture(scope="module")
def red(real_data: Path) -> list[Sample]:
    """Three images with outlines by pathologists, one of each kind of photograph."""
    samples = load(real_data, "RBC", rbc="markup")
    assert len(samples) == 10 and sum(len(s.cells) for s in samples) == pytest.approx(3833, abs=2)
    return [s for s in samples if s.path.stem in ("Im022_1", "Im050_1", "Im095_0")]


@pytest.mark.parametrize(("method", "least"), [("components", 0.97), ("hough", 0.9), ("watershed", 0.92)])
def test_red_cells_by_their_drawn_outlines(red: list[Sample], method: Method, least: float) -> None:
    found = tally(method, red, "RBC", edges=True)
    assert found.images == 3 and found.accuracy >= least


def test_edges_go_back_to_the_real_cells(red: list[Sample]) -> None:
    sample = red[0]
    target = rasterise(sample.cells, sample.size)
    mask, edge = ((target & bit > 0).astype(np.uint8) * np.uint8(255) for bit in (MASK, EDGE))
    labels = instances(mask, edge, defaults("RBC"))
    assert (labels > 0).sum() >= 0.98 * (mask > 0).sum()  # specks aside
    areas = np.bincount(labels.ravel())[1:]
    drawn = [cell.area for cell in sample.cells if cell.area > 1000]
    assert np.median(areas) == pytest.approx(np.median(drawn), rel=0.03)


def regions(mask: Plane, min_area: int) -> int:
    """How many 4-connected regions of a mask are large enough, counted by another library."""
    return int((np.bincount(label_regions(mask > 127, connectivity=1).ravel())[1:] >= min_area).sum())


@pytest.mark.parametrize(
    ("kind", "category", "least"),
    [
        ("wbc", "WBC", {"components": 1.0}),
        ("plt", "Platelets", {"components": 1.0, "hough": 0.75, "watershed": 0.93}),
    ],
)
def test_white_cells_and_platelets_by_their_masks(
    real_data: Path, kind: str, category: str, least: dict[Method, float]
) -> None:
    """Truth is the regions of the same masks. Touching white cells are one in it, and two to a watershed."""
    masks = [read_plane(path) for path in sorted((real_data / f"ALL_IDB1/masks/{kind}").glob("*.jpg"))[::9]]
    assert len(masks) == 8 or len(masks) == 9
    parameters = defaults(category)
    for method, share in least.items():
        pairs = [
            (how_many(method, mask, None, parameters), regions(mask, parameters.components.min_area))
            for mask in masks
        ]
        assert Tally.of(pairs).accuracy >= share
