"""What a network of the YOLACT family finds in whole images, beside the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

from smearprep.detection import ComparedImage, average_precision
from smearprep.models.hardware import Hardware
from smearprep.models.instances.finding import Finder
from smearprep.models.instances.scenes import Scene
from smearprep.models.recipes import InstanceRecipe


def compared(
    finder: Finder, scenes: Sequence[Scene], progress: Callable[[int, int], None] | None = None
) -> list[ComparedImage]:
    """Each image with its true cells and those that are found."""
    out = []
    for n, scene in enumerate(scenes, 1):
        found = tuple(finder.cells(scene.image))
        out.append(
            ComparedImage(
                scene.source, scene.size, scene.cells, found, crowds=scene.crowds, group=scene.group
            )
        )
        if progress:
            progress(n, len(scenes))
    return out


def score_scenes(
    network: nn.Module,
    recipe: InstanceRecipe,
    categories: Sequence[str],
    scenes: Sequence[Scene],
    hardware: Hardware,
) -> dict[str, float]:
    """COCO's AP, AP50 and AP75 of masks and boxes: "mask_ap", "mask_ap50", ... "box_ap75".

    Args:
        network: On the device, in evaluation mode.
        recipe: Of its training.
        categories: In the order of its outputs.
        scenes: Some of them show a cell.
        hardware: On what it runs.
    """
    images = compared(Finder(network, recipe, tuple(categories), hardware), scenes)
    out: dict[str, float] = {}
    for kind in ("mask", "box"):
        figures = average_precision(images, categories=categories, kind=kind).overall
        for name in ("ap", "ap50", "ap75"):
            value = getattr(figures, name)
            assert value is not None, "no image shows a cell"
            out[f"{kind}_{name}"] = value
    return out
