"""What a semantic network is punished for. One head at a time: mask or edge.

Every loss takes logits, target and weight, (B, h, w) each, and returns one number >= 0, computed in float32
whatever the precision of the network. Targets lie in [0, 1]. A weight of 0 leaves a pixel out, as where
nobody knows whether an edge runs; if all are left out, loss and gradient are 0. Sums run over the batch.

Sources: Salehi, Erdogmus & Gholipour 2017 (Tversky); Abraham & Khan 2019 (focal Tversky); Milletari, Navab &
Ahmadi 2016 (Dice); the constants are those of the code published with DO-U-Net (Overton & Tucker 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType

import torch
import torch.nn.functional as F  # noqa: N812 (its name everywhere)
from torch import Tensor

from smearprep.errors import RecipeError

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]

ALPHA = 0.7
"""Share of the blame that goes to false negatives; the rest goes to false positives."""

GAMMA = 0.75
"""The power of the focal Tversky loss."""

SMOOTH = 1.0
"""Added to numerator and denominator of each index, in px."""

ORIGINAL_WEIGHTS: Mapping[str, float] = MappingProxyType({"mask": 0.3, "edge": 0.7})
"""Of the heads' losses in their sum, as Overton & Tucker (2020)."""

COUNTING_WEIGHTS: Mapping[str, float] = MappingProxyType({"mask": 0.1, "edge": 0.9})
"""Of the heads' losses in their sum, as the blood-cell counting paper."""


def tversky(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """1 - (TP + 1) / (TP + 0.7 FN + 0.3 FP + 1), on probabilities."""
    true_positive, false_negative, false_positive = _confusion(logits, target, weight)
    # Written without the difference, which would lose the digits of a small loss.
    missed = ALPHA * false_negative + (1 - ALPHA) * false_positive
    return missed / (true_positive + missed + SMOOTH)


def focal_tversky(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """The Tversky loss to the power of 0.75."""
    loss = tversky(logits, target, weight)
    # At 0 the power has no finite slope: 0 * infinity would be NaN. The inner `where` keeps it off.
    return torch.where(loss > 0, torch.where(loss > 0, loss, 1.0) ** GAMMA, 0.0)


def dice(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """1 - (2 TP + 1) / (2 TP + FN + FP + 1), on probabilities."""
    true_positive, false_negative, false_positive = _confusion(logits, target, weight)
    missed = false_negative + false_positive
    return missed / (2 * true_positive + missed + SMOOTH)


def bce(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Binary cross-entropy, weighted mean over the pixels."""
    each = F.binary_cross_entropy_with_logits(logits.float(), target.float(), reduction="none")
    return _mean(each, weight)


def mse(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Squared error of the probabilities, weighted mean over the pixels, as the counting paper."""
    return _mean((torch.sigmoid(logits.float()) - target.float()) ** 2, weight)


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {"tversky": tversky, "focal_tversky": focal_tversky, "dice": dice, "bce": bce, "mse": mse}
)
"""All losses by name."""


def get(name: str) -> Loss:
    """A loss by name, or the sum of several: "bce + dice".

    Raises:
        RecipeError: No such loss; the message has the nearest name.
    """
    parts = [_single(part.strip()) for part in name.split("+")]
    return parts[0] if len(parts) == 1 else _Sum(parts)


def _single(name: str) -> Loss:
    if name not in LOSSES:
        near = get_close_matches(name, LOSSES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(LOSSES)}"
        raise RecipeError(f"loss {name!r} is not known; {hint}")
    return LOSSES[name]


class _Sum:
    """The sum of several losses."""

    def __init__(self, parts: Sequence[Loss]) -> None:
        self._parts = parts

    def __call__(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        return torch.stack([part(logits, target, weight) for part in self._parts]).sum()


def total(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """The sum of the heads' losses, each times its weight.

    Args:
        losses: Of each head.
        weights: Of each head; others may be there.

    Raises:
        RecipeError: A head has no weight.
    """
    missing = [head for head in losses if head not in weights]
    if missing:
        raise RecipeError(f"no loss weight for the output {', '.join(missing)}; weights are {dict(weights)}")
    return torch.stack([weights[head] * loss for head, loss in losses.items()]).sum()


def _confusion(logits: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weighted sums of true positives, false negatives and false positives."""
    p, t, w = torch.sigmoid(logits.float()), target.float(), weight.float()
    return (w * t * p).sum(), (w * t * (1 - p)).sum(), (w * (1 - t) * p).sum()


def _mean(each: Tensor, weight: Tensor) -> Tensor:
    weight = weight.float()
    whole = weight.sum()
    return (weight * each).sum() / torch.where(whole > 0, whole, 1.0)
