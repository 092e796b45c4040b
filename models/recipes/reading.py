"""Training recipes from YAML: a training written down, read into frozen dataclasses, checked word by word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any

from smearprep.augmentation import Augmentation
from smearprep.counting import Parameters
from smearprep.errors import RecipeError
from smearprep.models import zoo
from smearprep.models.recipes.base import TrainingRecipe
from smearprep.models.recipes.distortion import Distortion
from smearprep.models.recipes.instance import InstanceRecipe
from smearprep.models.recipes.semantic import Phase, SemanticRecipe
from smearprep.models.yolact.design import Design
from smearprep.models.yolact.settings import DetectionLimits, LossWeights
from smearprep.recipes import check_keys, recipe_text, shipped, validated, yaml_entries

PACKAGE = "smearprep.models"

_RECIPES: Mapping[zoo.Family, type[TrainingRecipe]] = MappingProxyType(
    {"semantic": SemanticRecipe, "instances": InstanceRecipe}
)
_PARTS: Mapping[str, type] = MappingProxyType(
    {
        "augmentation": Augmentation,
        "counting": Parameters,
        "design": Design,
        "distortion": Distortion,
        "limits": DetectionLimits,
    }
)
"""Entries that have entries of their own."""


def shipped_trainings() -> dict[str, str]:
    """The training recipes that come with the package: name -> YAML text, with comments."""
    return shipped(PACKAGE)


def training_text(name_or_file: str) -> str:
    """The YAML text of a shipped training recipe, by name, or of a file.

    Raises:
        RecipeError: No such recipe.
    """
    return recipe_text(name_or_file, PACKAGE)


def load_training(name_or_file: str) -> TrainingRecipe:
    """A shipped training recipe by name, a network by its name with the usual settings, or a YAML file.

    Raises:
        RecipeError: No such recipe, broken YAML, an unknown entry, a value of the wrong kind.
    """
    if name_or_file in zoo.NETWORKS and name_or_file not in shipped_trainings():
        return _RECIPES[zoo.get(name_or_file).family](name_or_file, name_or_file)
    return parse_training(training_text(name_or_file), name_or_file)


def parse_training(text: str, where: str) -> TrainingRecipe:
    """A training recipe from YAML text; `where` is its name in messages.

    Raises:
        RecipeError: As `load_training`.
    """
    return training_from(yaml_entries(text, where), where)


def training_from(data: Mapping[str, Any], where: str) -> TrainingRecipe:
    """A training recipe from plain values, as YAML and run.json have them.

    Raises:
        RecipeError: An unknown entry, a value of the wrong kind.
    """
    network = data.get("network")
    if not isinstance(network, str):
        raise RecipeError(f"{where}: network: name one of {', '.join(zoo.NETWORKS)}")
    recipe = _RECIPES[zoo.get(network).family]
    check_keys(data, recipe, where)
    parts = _PARTS if recipe is SemanticRecipe else {**_PARTS, "loss_weights": LossWeights}
    for name, record in parts.items():
        if isinstance(data.get(name), Mapping):
            check_keys(data[name], record, f"{where}: {name}")
    phases = data.get("phases", ())
    if not isinstance(phases, Sequence) or isinstance(phases, str):
        raise RecipeError(f"{where}: phases: list them, each as `- epochs: N` and its other entries")
    for n, phase in enumerate(phases):
        if not isinstance(phase, Mapping):
            raise RecipeError(f"{where}: phases[{n}]: write its entries as `entry: value` lines")
        check_keys(phase, Phase, f"{where}: phases[{n}]")
    return validated(recipe, data, where)


def changed(
    recipe: TrainingRecipe, *, epochs: int | None = None, category: str | None = None, **entries: Any
) -> TrainingRecipe:
    """A recipe with some entries changed; those that are None stay.

    Args:
        recipe: Is left as it is.
        epochs: Of each of its parts.
        category: What is learned.
        entries: Other entries by name.

    Raises:
        RecipeError: A value that cannot be used, or an entry that recipes of this network do not have.
    """
    given = {name: value for name, value in entries.items() if value is not None}
    unknown = sorted(set(given) - {field.name for field in fields(recipe)})
    if unknown:
        raise RecipeError(
            f"{recipe.where}: {' and '.join(unknown)} cannot be given for the network {recipe.network}"
        )
    recipe = recipe if epochs is None else recipe.lasting(epochs)
    recipe = recipe if category is None else recipe.learning(category)
    return replace(recipe, **given)
