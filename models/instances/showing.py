"""Pictures of what a network of the YOLACT family finds, beside the truth."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from smearprep.detection import confusion_sheet
from smearprep.images import RGB
from smearprep.models.hardware import Hardware
from smearprep.models.instances.finding import Finder
from smearprep.models.instances.scenes import Scene
from smearprep.models.instances.scoring import compared
from smearprep.models.recipes import InstanceRecipe

_LONGEST = 550  # px of an image in the sheet


def sample_sheet(
    network: nn.Module,
    recipe: InstanceRecipe,
    categories: Sequence[str],
    scenes: Sequence[Scene],
    hardware: Hardware,
) -> RGB | None:
    """Images with the cells that were found, missed and invented.

    Returns:
        (H, W, 3) uint8 RGB; None without images.
    """
    if not scenes:
        return None
    images = compared(Finder(network, recipe, tuple(categories), hardware), scenes)
    pairs = [(scene.image, image) for scene, image in zip(scenes, images, strict=True)]
    return confusion_sheet(pairs, categories=categories, columns=4, longest=_LONGEST)
