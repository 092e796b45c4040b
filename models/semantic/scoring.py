"""What a semantic network says of whole labelled images, and how well it agrees with the truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from smearprep.labelled import LabelledImage
from smearprep.metrics import Agreement, compare
from smearprep.models.hardware import Hardware
from smearprep.models.recipes import SemanticRecipe
from smearprep.models.semantic import losses
from smearprep.models.semantic.whole_image import predict_image
from smearprep.models.zoo import SemanticNetwork
from smearprep.targets import EDGE, EDGE_UNKNOWN, MASK, MASK_UNKNOWN, Target

BITS = {"mask": (MASK, MASK_UNKNOWN), "edge": (EDGE, EDGE_UNKNOWN)}
"""Of each output: the bit of the target that it learns, and the bit where that is unknown."""

Probabilities = NDArray[np.float32]
"""(heads, H, W), in [0, 1]."""


def predictions(
    network: nn.Module, info: SemanticNetwork, images: Iterable[LabelledImage], hardware: Hardware
) -> Iterator[tuple[LabelledImage, Probabilities]]:
    """Each image with what the network says of it."""
    device = torch.device(hardware.kind)
    for image in images:
        said = predict_image(network, info, image.image, device=device, precision=hardware.autocast)
        yield image, said


@dataclass
class Scores:
    """The agreement of each output with the truth, summed over images.

    Args:
        recipe: Names the network, and the losses that are told beside the metrics.
    """

    recipe: SemanticRecipe

    def __post_init__(self) -> None:
        self._agreement: dict[str, Agreement] = defaultdict(Agreement)
        self._losses: dict[str, list[float]] = defaultdict(list)

    def add(self, probabilities: Probabilities, target: Target) -> None:
        """Compare an image; an edge that is nowhere known is passed over."""
        info = self.recipe.info
        for n, head in enumerate(info.heads):
            bit, unknown = BITS[head]
            truth, known = (target & bit) != 0, (target & unknown) == 0
            if head == "edge" and not truth.any() and not known.all():
                continue
            self._agreement[head] += compare(probabilities[n], truth, known, chip=info.output_size)
            self._losses[head].append(_loss(self.recipe.loss_of(head), probabilities[n], truth, known))

    def as_dict(self) -> dict[str, dict[str, float]]:
        """Of each output that was compared: "loss" (mean over images) and the metrics."""
        return {
            head: {"loss": float(np.mean(self._losses[head])), **agreement.as_dict()}
            for head, agreement in self._agreement.items()
        }


def _loss(name: str, probability: Probabilities, truth: NDArray[np.bool_], known: NDArray[np.bool_]) -> float:
    logits = torch.logit(torch.from_numpy(probability), eps=1e-6)
    loss = losses.get(name)(logits[None], torch.from_numpy(truth)[None], torch.from_numpy(known)[None])
    return float(loss)


def score_images(
    network: nn.Module, recipe: SemanticRecipe, images: Sequence[LabelledImage], hardware: Hardware
) -> dict[str, dict[str, float]]:
    """The scores of a network on images, by output."""
    scores = Scores(recipe)
    for image, said in predictions(network, recipe.info, images, hardware):
        scores.add(said, image.target)
    return scores.as_dict()
