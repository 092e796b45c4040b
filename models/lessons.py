"""What a family of networks brings to a training, so that the training itself is the same for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from torch import nn

from smearprep.findings import Finding
from smearprep.models.hardware import Hardware
from smearprep.models.modules import TrainingModule
from smearprep.models.recipes import InstanceRecipe, SemanticRecipe, TrainingRecipe


class Lesson(Protocol):
    """A recipe and the images of a set that it learns from, in memory."""

    @property
    def categories(self) -> tuple[str, ...]:
        """What is learned, in the order of the network's outputs."""

    @property
    def digest(self) -> str:
        """SHA-256 of all that is learned from: images, cells, given weights."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Images and cells, by subset."""

    @property
    def by_category(self) -> Mapping[str, int]:
        """Cells of each category."""

    @property
    def findings(self) -> Sequence[Finding]:
        """What was left out, and what is worth knowing."""

    @property
    def steps(self) -> int:
        """Batches an epoch."""

    def network(self) -> nn.Module:
        """The network as it begins: of random weights, by the recipe's seed."""

    def module(self, network: nn.Module, part: int, hardware: Hardware) -> TrainingModule:
        """The network in one part of its training; `part` counts from 1, as the recipe's stages."""


def lesson(recipe: TrainingRecipe, folder: Path, *, strict: bool, backbone: Path | None = None) -> Lesson:
    """Read what a recipe learns from.

    Args:
        recipe: The training.
        folder: The prepared set.
        strict: Stop at an image that cannot be read.
        backbone: Weights that the backbone begins with, of networks that have one.

    Raises:
        LayoutError: No prepared set.
        DataError: The weights are damaged or of another backbone; with `strict`, an image cannot be read.
        RecipeError: The set lacks what is learned, or the network has no backbone.
    """
    if isinstance(recipe, SemanticRecipe):
        from smearprep.models.semantic.lesson import semantic_lesson

        return semantic_lesson(recipe, folder, strict=strict, backbone=backbone)
    assert isinstance(recipe, InstanceRecipe)
    from smearprep.models.instances.lesson import instance_lesson

    return instance_lesson(recipe, folder, strict=strict, backbone=backbone)
