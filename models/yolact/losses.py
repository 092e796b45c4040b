"""What an instance network is punished for: wrong classes, boxes, masks, and the semantic aid.

All sums are in float32 at least, whatever the precision of the network. Images without cells are allowed,
alone or in a batch: they cost nothing but by the semantic aid, and no gradient is NaN.

Source: Bolya et al. 2019 (YOLACT), sections 3 to 5, with the constants of the code published with it. Ours
are: the margin around a box is the same on all sides, a box has the area of one px of the prototypes at
least, so that a speck does not weigh more than a cell, and what is not known of a crowd does not count.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 (its name everywhere)
from torch import Tensor

from smearprep.models.yolact.boxes import areas, encode
from smearprep.models.yolact.matching import BACKGROUND, Matches
from smearprep.models.yolact.outputs import Outputs
from smearprep.models.yolact.settings import LossWeights
from smearprep.models.yolact.truth import Truth

NEGATIVES = 3
"""So many background priors of an image count for each positive one: those most sure to be a cell."""

MARGIN = 1.0
"""How far beyond a box its mask counts, in px of the prototypes: when enlarged, a mask reads so far."""

_UNKNOWN = -100  # the class of priors that do not count


class Losses(NamedTuple):
    """The losses of a batch, weighted: four scalars."""

    classes: Tensor
    boxes: Tensor
    masks: Tensor
    semantic: Tensor

    @property
    def total(self) -> Tensor:
        """Their sum."""
        return torch.stack(list(self)).sum()


_PUBLISHED = LossWeights()


def instance_losses(
    outputs: Outputs, truth: Truth, matches: Matches, priors: Tensor, weights: LossWeights = _PUBLISHED
) -> Losses:
    """The losses of a batch. Those of classes, boxes and masks are divided by the batch's positives.

    Nothing here waits for a GPU: what decides on sizes, `matching.match` has found out.

    Args:
        outputs: Of the network, of any float type; `semantic` may be None and then costs nothing.
        truth: The cells; masks of the prototypes' size.
        matches: Of this truth.
        priors: (P, 4) centres.
        weights: Of the losses.
    """
    assert truth.masks.shape[-2:] == outputs.prototypes.shape[-2:], "masks are not of the prototypes' size"
    positives = max(1, len(matches.images))
    with torch.autocast(outputs.classes.device.type, enabled=False):
        classes = weights.classes / positives * class_loss(outputs.classes, matches.classes)
        boxes = weights.boxes / positives * box_loss(outputs.boxes, truth, matches, priors)
        masks = weights.masks / positives * mask_loss(outputs, truth, matches)
        if outputs.semantic is None:
            return Losses(classes, boxes, masks, torch.zeros_like(classes))
        return Losses(classes, boxes, masks, weights.semantic * semantic_loss(outputs.semantic, truth))


def class_loss(logits: Tensor, classes: Tensor) -> Tensor:
    """Cross-entropy of positives and of the hardest background priors, 3 for each positive of their image.

    Args:
        logits: (B, P, 1 + C), column 0 background.
        classes: (B, P) int64, as `Matches.classes`.

    Returns:
        The sum, a scalar. An image without positives adds nothing to it.
    """
    logits = _wide(logits)
    positive, background = classes > BACKGROUND, classes == BACKGROUND
    hardness = logits.detach().logsumexp(dim=-1) - logits.detach()[..., 0]  # -ln of being background
    order = hardness.masked_fill(~background, -torch.inf).argsort(dim=1, descending=True, stable=True)
    place = torch.arange(classes.shape[1], device=classes.device)
    hard = torch.zeros_like(positive).scatter(1, order, place < NEGATIVES * positive.sum(1, keepdim=True))
    target = torch.where(positive | (hard & background), classes, _UNKNOWN)
    return F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=_UNKNOWN, reduction="sum")


def box_loss(offsets: Tensor, truth: Truth, matches: Matches, priors: Tensor) -> Tensor:
    """Smooth L1 between said and true offsets of the positives, summed: a scalar.

    Args:
        offsets: (B, P, 4), as `boxes.encode` makes them.
        truth: The cells.
        matches: Of this truth.
        priors: (P, 4) centres.
    """
    image, prior = matches.images, matches.priors
    boxes = truth.boxes[image, matches.cells[image, prior]]  # (M, 4)
    said = _wide(offsets[image, prior])
    return F.smooth_l1_loss(said, encode(boxes, priors[prior]).to(said.dtype), reduction="sum")


def mask_loss(outputs: Outputs, truth: Truth, matches: Matches) -> Tensor:
    """Cross-entropy of the positives' masks in and 1 px around their true boxes, by the boxes' areas, summed.

    Where an image has more positives than are asked for a mask, what it adds is scaled up to all of them.

    Args:
        outputs: Of the network; coefficients and prototypes are looked at.
        truth: The cells; masks of the prototypes' size.
        matches: Of this truth.

    Returns:
        A scalar.
    """
    asked = matches.masked.clamp(min=0)  # (B, Q)
    cell = matches.cells.gather(1, asked).clamp(min=0)
    image = torch.arange(len(asked), device=asked.device)[:, None]
    coefficients, prototypes = _wide(outputs.coefficients[image, asked]), _wide(outputs.prototypes)
    logits = torch.einsum("bqk,bkhw->bqhw", coefficients, prototypes)
    weight = _mask_weights(truth.boxes[image, cell], truth.masks.shape[-2:]).to(logits.dtype)
    weight = weight * _shares(matches).to(logits.dtype)[..., None, None]
    target = truth.masks[image, cell].to(logits.dtype)  # (B, Q, h, w)
    return F.binary_cross_entropy_with_logits(logits, target, weight, reduction="sum")


def _mask_weights(boxes: Tensor, size: torch.Size) -> Tensor:
    """1 / the box's area in px where a mask counts, 0 elsewhere: (B, Q, 4) -> (B, Q, h, w)."""
    height, width = size
    x0, y0, x1, y1 = (side.unsqueeze(-1) for side in boxes.unbind(-1))
    x = torch.arange(width, device=boxes.device) + 0.5
    y = torch.arange(height, device=boxes.device) + 0.5
    columns = (x > width * x0 - MARGIN) & (x < width * x1 + MARGIN)  # (B, Q, w)
    rows = (y > height * y0 - MARGIN) & (y < height * y1 + MARGIN)
    by_area = rows / (width * height * areas(boxes)).clamp(min=1).unsqueeze(-1)
    return by_area.unsqueeze(-1) * columns.unsqueeze(-2)


def _shares(matches: Matches) -> Tensor:
    """How many positives each one asked for a mask stands for, 0 for padding: (B, Q)."""
    asked = matches.masked >= 0
    positives = (matches.cells >= 0).sum(1, keepdim=True)
    return asked * (positives / asked.sum(1, keepdim=True).clamp(min=1))


def semantic_loss(logits: Tensor, truth: Truth) -> Tensor:
    """Cross-entropy of each class on each px, mean over px and images, summed over classes: a scalar.

    A px is of a class if cells of it cover more than half of it. Px of a crowd outside any cell of its class
    do not count: some are cells, some are not.

    Args:
        logits: (B, C, h, w), of any size.
        truth: The cells.
    """
    logits = _wide(logits)
    size, count = logits.shape[-2:], logits.shape[1]
    cells = _covered(truth, ~truth.crowd, count, size) > 0.5
    crowds = _covered(truth, truth.crowd, count, size) > 0
    known = cells | ~crowds
    summed = F.binary_cross_entropy_with_logits(
        logits, cells.to(logits.dtype), known.to(logits.dtype), reduction="sum"
    )
    return summed / (len(logits) * size[0] * size[1])


def _covered(truth: Truth, which: Tensor, classes: int, size: torch.Size) -> Tensor:
    """Shares of px that entries of each class cover: (B, C, h, w) float32.

    Args:
        truth: The cells.
        which: (B, N) bool: the entries that count.
        classes: C
        size: h, w
    """
    unions = [
        (truth.masks & (which & (truth.labels == label))[..., None, None]).any(dim=1)
        for label in range(classes)
    ]
    return F.adaptive_avg_pool2d(torch.stack(unions, dim=1).float(), (size[0], size[1]))


def _wide(tensor: Tensor) -> Tensor:
    """In float32, or in float64 if it is."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
