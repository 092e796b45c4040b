"""A network that trains in a moment, and a set of two kinds of outlines for it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from shapely.geometry import Point
from torch import nn

from smearprep.geometry import shape_to_counts
from smearprep.models import zoo
from smearprep.models.blocks import Heads
from smearprep.models.recipes import Phase, SemanticRecipe
from smearprep.models.zoo import SemanticNetwork
from smearprep.synthetic import write_image


class Tiny(nn.Module):
    """Two valid convolutions: (B, 3, h, w) -> (B, heads, h - 4, w - 4)."""

    def __init__(self, heads, normalised=True):
        super().__init__()
        norm = nn.BatchNorm2d(8) if normalised else nn.Identity()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), norm, nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU())
        self.heads = Heads(8, heads)

    def forward(self, x):
        return self.heads(self.body(x))


def info(name, heads, normalised=True):
    return SemanticNetwork(name, name, 36, lambda: Tiny(heads, normalised), heads, 32, 1, 2)


OWN = {
    "tiny": info("tiny", ("mask", "edge")),
    "tiny-mask": info("tiny-mask", ("mask",)),
    "tiny-plain": info("tiny-plain", ("mask", "edge"), normalised=False),
}


@pytest.fixture
def tiny(monkeypatch):
    """The networks of `OWN` in the zoo."""
    monkeypatch.setattr(zoo, "NETWORKS", {**zoo.NETWORKS, **OWN})


RECIPE = {
    "phases": (Phase(epochs=3, learning_rate=1e-2),),
    "loss": "bce",
    "batch": 4,
    "chips": 16,
    "samples_every": 0,
}


def recipe(network="tiny", **entries):
    return SemanticRecipe(**{"name": "t", "network": network, **RECIPE, **entries})


def with_phases(*phases, **entries):
    return replace(recipe(**entries), phases=phases)


def write_set(root, counts=(("train", 4), ("val", 2)), size=(90, 70), outline="drawn", label="RBC"):
    """A prepared set: dark discs on light ground, three an image. Returns it."""
    rng = np.random.default_rng(0)
    for subset, count in counts:
        images, annotations = [], []
        for n in range(count):
            pixels = rng.integers(170, 230, (size[1], size[0], 3), dtype=np.uint8)
            entry = {"id": n + 1, "file_name": f"{subset}{n}.png", "width": size[0], "height": size[1]}
            images.append({**entry, "smear": f"{subset}{n}"})
            for x in (15, 45, 75):
                shape = Point(x, int(rng.integers(15, size[1] - 15))).buffer(9, 8)
                counts_ = shape_to_counts(shape, size)
                ring = [float(v) for xy in shape.exterior.coords[:-1] for v in xy]
                inside = np.zeros(size[0] * size[1], bool)
                inside[:] = np.repeat(np.arange(len(counts_)) % 2 == 1, counts_)
                pixels[inside.reshape(size).T] //= 3
                annotations.append(
                    {
                        "id": len(annotations) + 1, "image_id": n + 1, "category_id": 1, "iscrowd": 0,
                        "segmentation": [ring] if outline not in ("box", "point") else [],
                        "bbox": [x - 9, shape.bounds[1], 18, 18], "outline": outline,
                    }
                )  # fmt: skip
            write_image(root / "images" / subset / f"{subset}{n}.png", pixels)
        data = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": label}]}
        path = root / "annotations" / f"instances_{subset}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(data))
    return root


class StopError(Exception):
    """Raised in the middle of a training."""


def stopping(after):
    """A progress that stops the process's work after so many steps, as a kill would."""

    def progress(done, total):
        if done == after:
            raise StopError

    return progress


def files(folder):
    """All files of a folder by their path in it."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
