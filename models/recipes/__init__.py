"""Training recipes: a training written down in YAML, read into frozen dataclasses, checked word by word."""

from __future__ import annotations

from smearprep.models.recipes.base import Stage, TrainingRecipe, spread
from smearprep.models.recipes.distortion import Distortion
from smearprep.models.recipes.instance import InstanceRecipe
from smearprep.models.recipes.reading import (
    changed,
    load_training,
    parse_training,
    shipped_trainings,
    training_from,
    training_text,
)
from smearprep.models.recipes.semantic import LOSS_NAMES, Phase, SemanticRecipe

__all__ = [
    "LOSS_NAMES",
    "Distortion",
    "InstanceRecipe",
    "Phase",
    "SemanticRecipe",
    "Stage",
    "TrainingRecipe",
    "changed",
    "load_training",
    "parse_training",
    "shipped_trainings",
    "spread",
    "training_from",
    "training_text",
]
