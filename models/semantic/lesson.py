"""What a semantic network learns from: images with masks and edges of one category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from smearprep.errors import RecipeError
from smearprep.findings import Finding
from smearprep.labelled import LabelledImage, load_labelled
from smearprep.models.building import seeded
from smearprep.models.hardware import Hardware
from smearprep.models.recipes import SemanticRecipe
from smearprep.models.semantic.training import SemanticTraining
from smearprep.opened import OpenedSet, digest_of, open_for_one


@dataclass(frozen=True, eq=False)
class SemanticLesson:
    """A recipe and the images that it learns from; see `smearprep.models.lessons.Lesson`.

    Args:
        recipe: The training.
        categories: The one that is learned.
        train: Images to learn from, of each phase.
        val: Images to validate on.
        digest: SHA-256 of all images and cells.
        counts: Images and cells, by subset.
        findings: What was left out, and what is worth knowing.
    """

    recipe: SemanticRecipe
    categories: tuple[str, ...]
    train: Sequence[Sequence[LabelledImage]]
    val: Sequence[LabelledImage]
    digest: str
    counts: Mapping[str, int]
    findings: Sequence[Finding]

    @property
    def by_category(self) -> Mapping[str, int]:
        """Cells of the category."""
        return {self.categories[0]: self.counts["train_cells"] + self.counts["val_cells"]}

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return self.recipe.chips // self.recipe.batch

    def network(self) -> nn.Module:
        """The network as it begins."""
        return seeded(self.recipe.info.build, self.recipe.seed)

    def module(self, network: nn.Module, part: int, hardware: Hardware) -> SemanticTraining:
        """The network in one phase."""
        return SemanticTraining(network, self.recipe, part, self.train[part - 1], self.val, hardware)


def semantic_lesson(
    recipe: SemanticRecipe, folder: Path, *, strict: bool = False, backbone: Path | None = None
) -> SemanticLesson:
    """Read the images of a set with masks and edges. A set that is not divided is learned as a whole.

    Raises:
        As `smearprep.models.lessons.lesson`.
    """
    if backbone is not None:
        raise RecipeError(f"{recipe.where}: network {recipe.network} has no backbone to give weights to")
    opened = open_for_one(folder, recipe.category)
    findings = list(opened.findings)
    lost = None if strict else findings
    subset = "train" if "train" in opened.samples else "all"
    train = load_labelled(opened, subset, equalised=recipe.equalise, findings=lost)
    val = load_labelled(opened, "val", equalised=recipe.equalise, findings=lost)
    phases = [_images_of(recipe, number, train, opened) for number in range(1, len(recipe.phases) + 1)]
    counts = {
        "train_images": len(train),
        "train_cells": sum(len(image.cells) for image in train),
        "val_images": len(val),
        "val_cells": sum(len(image.cells) for image in val),
    }
    findings += _worth_knowing(recipe, train, val)
    return SemanticLesson(
        recipe, (opened.category,), phases, val, digest_of((*train, *val)), counts, findings
    )


def _images_of(
    recipe: SemanticRecipe, number: int, images: Sequence[LabelledImage], opened: OpenedSet
) -> Sequence[LabelledImage]:
    """The images of one phase.

    Raises:
        RecipeError: There are none, or none with what the phase learns.
    """
    phase, category = recipe.phases[number - 1], opened.category
    if phase.images == "drawn":
        images = [image for image in images if image.is_drawn]
    if not any(image.cells for image in images):
        what = "no cell with a drawn outline" if phase.images == "drawn" else "no cell"
        raise RecipeError(f"{opened.folder}: in its training images there is {what} of {category}")
    if "edge" in recipe.heads_of(phase) and not any(image.is_drawn for image in images):
        raise RecipeError(
            f"{opened.folder}: network {recipe.network} learns the edges of cells, but no outline of "
            f"{category} was drawn: all were traced from masks, in which cells that touch may be one. Train "
            "`unet`, or prepare a set from drawn outlines"
        )
    return images


def _worth_knowing(
    recipe: SemanticRecipe, train: Sequence[LabelledImage], val: Sequence[LabelledImage]
) -> list[Finding]:
    findings, size = [], recipe.info.output_size
    small = [image for image in (*train, *val) if min(image.image.shape[:2]) < size]
    if small:
        what = (
            f"{len(small)} images are smaller than the {size} px that {recipe.network} says at a time; they "
            "are padded with zeros"
        )
        findings.append(Finding("note", what, small[0].source))
    if not val:
        findings.append(Finding("note", "the set has no validation subset: the last weights are the best"))
    return findings
