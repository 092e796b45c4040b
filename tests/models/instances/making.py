"""Scenes of known shapes, and a network of the family that is small enough for a test."""

from __future__ import annotations

import numpy as np
import pytest
from shapely.geometry import Point, box

from smearprep.models import zoo
from smearprep.models.instances.draws import Draw
from smearprep.models.instances.scenes import Scene
from smearprep.models.recipes import Distortion, InstanceRecipe
from smearprep.models.yolact.design import Design
from smearprep.records import Cell

SMALL = Design(ghost_ratio=64, prototypes=4, channels=16)
STILL = Distortion(
    brightness=(0, 0), contrast=(1, 1), saturation=(1, 1), hue=(0, 0), expand=1, crop=False, flips=False,
    turns=False,
)  # fmt: skip


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network "small" in the zoo."""
    info = zoo.InstanceNetwork("small", "a small one", 64, SMALL)
    monkeypatch.setattr(zoo, "NETWORKS", {**zoo.NETWORKS, "small": info})


def recipe(**entries: object) -> InstanceRecipe:
    """A training of a moment with the network "small"."""
    given: dict[str, object] = {
        "size": 64, "batch": 2, "epochs": 2, "warm_up": 2, "samples_every": 0, "learning_rate": 1e-2,
        "clip": 5.0,
    }  # fmt: skip
    return InstanceRecipe("t", "small", **{**given, **entries})  # type: ignore[arg-type]


def scene(
    shapes: tuple[object, ...] = (), size: tuple[int, int] = (80, 60), seed: int = 0, label: str = "WBC"
) -> Scene:
    """Noise with cells of given shapes in it, or with one box of px 20..40 x 10..30."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    cells = tuple(Cell(label, shape) for shape in shapes or (box(20, 10, 40, 30),))  # type: ignore[arg-type]
    return Scene(f"s{seed}", "all_idb1", pixels, cells, f"digest {seed}")


def disc(x: float, y: float, radius: float) -> object:
    """A round cell."""
    return Point(x, y).buffer(radius, 16)


def whole(image: int, extent: tuple[int, int], size: int) -> Draw:
    """An image as it is, resized to the input.

    Args:
        image: Its number.
        extent: (width, height) in px.
        size: Of the input, px.
    """
    return Draw(image, (0, 0, *extent), (0, 0, size, size))
