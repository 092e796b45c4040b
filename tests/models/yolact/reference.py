"""Matching, losses and Fast NMS once more: image by image, as one would write them down at first.

For the tests, which want the same result, and for the bench, which wants to know what that costs. And the
scenes that both are tried on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 (its name everywhere)
from torch import Tensor

from smearprep.models.yolact.losses import Losses
from smearprep.models.yolact.outputs import Outputs
from smearprep.models.yolact.truth import PADDING, Truth


class Found(NamedTuple):
    """Of each prior of an image: its class and its cell, as `Matches`, and the IoU with that cell."""

    classes: Tensor
    cells: Tensor
    iou: Tensor


# ---------------------------------------------------------------- matching


def corners(priors: Tensor) -> Tensor:
    x, y, w, h = priors.unbind(1)
    return torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 1)


def area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def shared(a: Tensor, b: Tensor) -> Tensor:
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    return (high - low).clamp(min=0).prod(2)


def iou(a: Tensor, b: Tensor) -> Tensor:
    both = shared(a, b)
    return both / (area(a)[:, None] + area(b)[None] - both)


def match_image(boxes: Tensor, labels: Tensor, crowd: Tensor, priors: Tensor) -> Found:
    """One image's matches."""
    where = corners(priors)
    real = (labels >= 0) & (area(boxes) > 0)
    single = (real & ~crowd).nonzero().flatten()
    classes = torch.zeros_like(priors[:, 0], dtype=torch.int64)
    cells, best = classes - 1, torch.full_like(priors[:, 0], -1.0)
    if len(single):
        overlaps = iou(boxes[single], where)
        best, row = overlaps.max(0)
        given = torch.zeros_like(classes, dtype=torch.bool)
        left = overlaps.clone()
        for _ in range(min(len(single), len(priors))):
            n, prior = divmod(int(left.argmax()), len(priors))
            row[prior], best[prior], given[prior] = n, overlaps[n, prior], True
            left[n], left[:, prior] = -1, -1
        positive = given | (best >= 0.5)
        classes[(best >= 0.4) & ~positive] = -1
        cells[positive] = single[row[positive]]
        classes[positive] = 1 + labels[cells[positive]]
    for box in boxes[real & crowd]:
        inside = shared(box[None], where)[0] / area(where) > 0.7
        classes[inside & (classes == 0)] = -1
    return Found(classes, cells, best)


def match(truth: Truth, priors: Tensor) -> list[Found]:
    """Image by image."""
    return [match_image(*image, priors) for image in zip(*truth[:3], strict=True)]


# ---------------------------------------------------------------- losses


def losses(outputs: Outputs, truth: Truth, found: list[Found], priors: Tensor, most: int = 100) -> Losses:
    """Image by image, weighted as published."""
    zero = outputs.classes.sum() * 0
    positives = max(1, sum(int((one.classes > 0).sum()) for one in found))
    classes, boxes, masks = zero, zero, zero
    for b, one in enumerate(found):
        prior = (one.classes > 0).nonzero().flatten()
        cell = one.cells[prior]
        classes = classes + class_loss(outputs.classes[b], one.classes)
        said = outputs.boxes[b, prior]
        boxes = boxes + F.smooth_l1_loss(said, encode(truth.boxes[b, cell], priors[prior]), reduction="sum")
        chosen = one.iou[prior].argsort(descending=True, stable=True)[:most]
        summed = mask_loss(outputs, truth, b, prior[chosen], cell[chosen])
        masks = masks + summed * (len(prior) / max(1, len(chosen)))
    return Losses(
        classes / positives, 1.5 * boxes / positives, 6.125 * masks / positives, semantic_loss(outputs, truth)
    )


def class_loss(logits: Tensor, classes: Tensor) -> Tensor:
    entropy = -logits.log_softmax(1)
    positive = (classes > 0).nonzero().flatten()
    background = (classes == 0).nonzero().flatten()
    hardest = entropy[background, 0].argsort(descending=True, stable=True)[: 3 * len(positive)]
    return entropy[positive, classes[positive]].sum() + entropy[background[hardest], 0].sum()


def encode(boxes: Tensor, priors: Tensor) -> Tensor:
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    moved = (centre - priors[:, :2]) / (0.1 * priors[:, 2:])
    return torch.cat([moved, torch.log((boxes[:, 2:] - boxes[:, :2]) / priors[:, 2:]) / 0.2], 1)


def mask_loss(outputs: Outputs, truth: Truth, b: int, prior: Tensor, cell: Tensor) -> Tensor:
    """All masks of an image, px outside a box cut away."""
    height, width = truth.masks.shape[2:]
    logits = torch.einsum("qk,khw->qhw", outputs.coefficients[b, prior], outputs.prototypes[b])
    each = F.binary_cross_entropy_with_logits(logits, truth.masks[b, cell].to(logits.dtype), reduction="none")
    box = truth.boxes[b, cell] * truth.boxes.new_tensor([width, height, width, height])
    x = torch.arange(width, device=box.device)[None, None] + 0.5
    y = torch.arange(height, device=box.device)[None, :, None] + 0.5
    x0, y0, x1, y1 = (side[:, None, None] for side in box.unbind(1))
    inside = (x > x0 - 1) & (x < x1 + 1) & (y > y0 - 1) & (y < y1 + 1)
    return ((each * inside).sum((1, 2)) / area(box).clamp(min=1)).sum()


def semantic_loss(outputs: Outputs, truth: Truth) -> Tensor:
    assert outputs.semantic is not None
    batch, count, height, width = outputs.semantic.shape
    summed = outputs.semantic.sum() * 0
    for b in range(batch):
        for label in range(count):
            own = truth.labels[b] == label
            parts = []
            for kind in (own & ~truth.crowd[b], own & truth.crowd[b]):
                union = torch.zeros_like(truth.masks[b].any(0))
                for mask in truth.masks[b, kind]:
                    union |= mask
                parts.append(F.adaptive_avg_pool2d(union.float()[None], (height, width))[0])
            cells, crowds = parts[0] > 0.5, parts[1] > 0
            each = F.binary_cross_entropy_with_logits(
                outputs.semantic[b, label], cells.to(outputs.semantic.dtype), reduction="none"
            )
            summed = summed + each[cells | ~crowds].sum()
    return summed / (batch * height * width)


# ---------------------------------------------------------------- detections


def fast_nms(boxes: Tensor, most: float) -> list[bool]:
    """Of boxes, surest first, whether each stands."""
    stands = []
    for n in range(len(boxes)):
        surer = iou(boxes[:n], boxes[n : n + 1])
        stands.append(not bool((surer > most).any()))
    return stands


# ---------------------------------------------------------------- scenes


def truth(seed: int, batch: int, cells: int, mask: int = 24, labels: int = 2, side: float = 0.3) -> Truth:
    """Discs of sides up to `side` anywhere in the image; some partly outside, cut at its border."""
    generator = torch.Generator().manual_seed(seed)
    centre = torch.rand((batch, cells, 2), generator=generator)
    half = (torch.rand((batch, cells, 2), generator=generator) * 0.8 + 0.2) * side / 2
    boxes = torch.cat([centre - half, centre + half], 2).clamp(0, 1)
    px = (torch.arange(mask) + 0.5) / mask
    across = ((px - centre[..., :1]) / half[..., :1]) ** 2  # (B, N, w)
    down = ((px - centre[..., 1:]) / half[..., 1:]) ** 2
    label = torch.randint(labels, (batch, cells), generator=generator)
    crowd = torch.zeros((batch, cells), dtype=torch.bool)
    return Truth(boxes, label, crowd, across[..., None, :] + down[..., :, None] < 1)


def outputs(
    seed: int, batch: int, levels: tuple[tuple[int, int], ...], mask: int = 24, labels: int = 2, k: int = 8
) -> Outputs:
    """Noise, of gradients wanted."""
    generator = torch.Generator().manual_seed(seed)
    count = 3 * sum(h * w for h, w in levels)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    parts = (
        noise(batch, count, 1 + labels),
        noise(batch, count, 4),
        noise(batch, count, k).tanh(),
        noise(batch, k, mask, mask).relu(),
        noise(batch, labels, mask // 2, mask // 2),
    )
    return Outputs(*(part.requires_grad_() for part in parts), levels)


def levels_of(size: int) -> tuple[tuple[int, int], ...]:
    """Those of the networks for a square input."""
    sides = [-(-size // 8)]
    while len(sides) < 5:
        sides.append(-(-sides[-1] // 2))
    return tuple((side, side) for side in sides)


def join(truths: Sequence[Truth]) -> Truth:
    """One batch of several, in their order, filled up to the fullest image.

    Args:
        truths: At least one; each of any number of images, their masks of one size.
    """
    most = max(truth.labels.shape[1] for truth in truths)
    filled = [_filled(truth, most - truth.labels.shape[1]) for truth in truths]
    return Truth(*(torch.cat(parts) for parts in zip(*filled, strict=True)))


def _filled(truth: Truth, count: int) -> Truth:
    """A batch with `count` entries of padding at the end of each image."""
    return Truth(
        F.pad(truth.boxes, (0, 0, 0, count)),
        F.pad(truth.labels, (0, count), value=PADDING),
        F.pad(truth.crowd, (0, count)),
        F.pad(truth.masks, (0, 0, 0, 0, 0, count)),
    )
