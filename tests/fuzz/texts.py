"""Targets: what people write by hand (recipes, figures to count by)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from smearprep.count_job.files import load_parameters, parameters_to_yaml
from smearprep.counting import DEFAULTS, METHODS, find
from smearprep.models.recipes.reading import parse_training, shipped_trainings
from smearprep.prepare import prepare
from smearprep.recipes import Recipe, parse_recipe, shipped
from tests.fuzz.fuzzing import Target
from tests.sets import write_folder

_OWN = """
name: own
categories: [WBC, RBC]
sources:
  - dataset: folder
    labels: {WBC: WBC}
    options: {smear: image}
    tile: {size: 20, stride: 10x12, edge: shift, margin: 2, keep: any, keep_categories: WBC}
unknown: keep
resize: 30x30
min_visible: 0.3
split: {ratio: "7:1:2", by: smear, seed: 0, official: false}
images: {format: jpg, quality: 90}
"""
_TRAINING = """
network: do-unet
category: RBC
phases:
  - epochs: 2
    learning_rate: 1e-3
loss: tversky
batch: 4
augmentation: {scale: [0.8, 1.25], degrade: [0.5, 1.0]}
counting: {threshold: 0.4, components: {min_area: 30}}
"""


def recipes(place: Path) -> Target:
    """Recipes of sets; those of a plain folder are carried out as far as the plan."""
    raw = write_folder(place / "raw", images=3)
    own = _OWN.encode()

    def try_out(data: bytes) -> str:
        recipe = parse_recipe(data.decode("utf-8", "replace"), "r.yaml")
        if [source.dataset for source in recipe.sources] != ["folder"] or _windows(recipe) > 5000:
            return f"a recipe of {len(recipe.sources)} sources"
        planned = prepare(recipe, [(None, raw)], place / "out", dry_run=True)
        return f"planned {sorted(planned.by_subset)} {sorted(planned.counts)}"

    whole = [own] * 3  # more often than the others, which end sooner
    return Target([*whole, *(text.encode() for text in shipped().values())], try_out)


def _windows(recipe: Recipe) -> float:
    """About so many windows an image has."""
    (source,) = recipe.sources
    if source.tile is None:
        return 1
    (width, height), stride = (60, 40), source.tile.stride
    return (1 + width / max(stride[0], 1)) * (1 + height / max(stride[1], 1))


def trainings(place: Path) -> Target:
    """Recipes of trainings."""

    def try_out(data: bytes) -> str:
        recipe = parse_training(data.decode("utf-8", "replace"), "t.yaml")
        return f"a training of {recipe.network} {sorted(recipe.as_dict())}"

    return Target([_TRAINING.encode(), *(text.encode() for text in shipped_trainings().values())], try_out)


def parameters(place: Path) -> Target:
    """Figures to count by, and counts by them."""
    file = place / "figures.yaml"
    mask = np.zeros((40, 60), np.uint8)
    mask[5:20, 5:20] = mask[10:35, 30:50] = 255

    def try_out(data: bytes) -> str:
        file.write_bytes(data)
        figures = load_parameters(file, "RBC")
        for method in METHODS:
            find(method, mask, None, figures)
        return "counted"

    return Target([parameters_to_yaml(own, "RBC") for own in DEFAULTS.values()], try_out)
