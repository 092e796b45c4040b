"""What a network of the YOLACT family learns from: images and the single cells in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from torch import nn

from smearprep.errors import RecipeError
from smearprep.findings import Finding
from smearprep.images import read_bytes
from smearprep.models.building import seeded
from smearprep.models.hardware import Hardware
from smearprep.models.instances.scenes import Scene, cells_of, load_scenes
from smearprep.models.instances.training import InstanceTraining
from smearprep.models.recipes import InstanceRecipe
from smearprep.models.runs import read_tensors
from smearprep.models.yolact.network import Yolact, build, load_backbone
from smearprep.opened import digest_of, open_for_many


@dataclass(frozen=True, eq=False)
class InstanceLesson:
    """A recipe and the images that it learns from; see `smearprep.models.lessons.Lesson`.

    Args:
        recipe: The training.
        categories: What is learned.
        train: Images to learn from.
        val: Images to validate on.
        digest: SHA-256 of all images and cells, and of the backbone's weights if some are given.
        findings: What was left out, and what is worth knowing.
        backbone: Weights that the backbone begins with, or None.
    """

    recipe: InstanceRecipe
    categories: tuple[str, ...]
    train: Sequence[Scene]
    val: Sequence[Scene]
    digest: str
    findings: Sequence[Finding]
    backbone: Path | None = None

    @property
    def counts(self) -> Mapping[str, int]:
        """Images and cells, by subset."""
        return {
            "train_images": len(self.train),
            "train_cells": sum(len(scene.cells) for scene in self.train),
            "val_images": len(self.val),
            "val_cells": sum(len(scene.cells) for scene in self.val),
        }

    @property
    def by_category(self) -> Mapping[str, int]:
        """Cells of each category."""
        return cells_of((*self.train, *self.val), self.categories)

    @property
    def steps(self) -> int:
        """Batches an epoch: what does not fill one is left out."""
        return max(len(self.train) // self.recipe.batch, 1)

    def network(self) -> nn.Module:
        """The network as it begins."""
        network = seeded(lambda: build(self.recipe.built, len(self.categories)), self.recipe.seed)
        assert isinstance(network, Yolact)
        if self.backbone is not None:
            load_backbone(network, read_tensors(self.backbone), self.backbone)
        return network

    def module(self, network: nn.Module, part: int, hardware: Hardware) -> InstanceTraining:
        """The network in training; there is only one part."""
        assert part == 1
        return InstanceTraining(
            network, self.recipe, self.categories, self.train, self.val, self.steps, hardware
        )


def instance_lesson(
    recipe: InstanceRecipe, folder: Path, *, strict: bool = False, backbone: Path | None = None
) -> InstanceLesson:
    """Read the images of a set and their cells. A set that is not divided is learned as a whole.

    Raises:
        As `smearprep.models.lessons.lesson`.
    """
    opened = open_for_many(folder, recipe.categories)
    findings = list(opened.findings)
    lost = None if strict else findings
    train = load_scenes(opened, "train" if "train" in opened.samples else "all", findings=lost)
    val = load_scenes(opened, "val", findings=lost)
    if not any(scene.cells for scene in train):
        raise RecipeError(
            f"{folder}: in its training images there is no cell of {' or '.join(opened.categories)}"
        )
    if not any(scene.cells for scene in val):
        what = "no validation image shows a cell: the last weights are the best"
        findings.append(Finding("note", what))
        val = []
    merged = sum(cell.outline == "component" for scene in train for cell in scene.cells)
    if merged:
        what = (
            f"{merged:,} training cells were traced from class masks, in which cells that touch may be one; "
            "`smearprep assist --part` parts them"
        )
        findings.append(Finding("note", what))
    digest = digest_of((*train, *val))
    if backbone is not None:
        digest = sha256(digest.encode() + read_bytes(backbone)).hexdigest()
    return InstanceLesson(recipe, opened.categories, train, val, digest, findings, backbone)
