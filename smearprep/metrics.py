"""How well a semantic network's output agrees with the truth: the papers' measures, one head at a time.

Sums are kept, not means, so that images, parts of images and processes are put together by adding. Sources:
Overton & Tucker 2020 and the code they published (mean IoU, Dice, Tversky; Keras' binary accuracy).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smearprep.errors import GeometryError

PERCENT = tuple(range(50, 100, 5))
"""Thresholds of the mean IoU, in percent: 50, 55, ..., 95."""

ALPHA = 0.7
"""Weight of false negatives in the Tversky index; that of false positives is the rest."""

SMOOTH = 1.0
"""Added to numerator and denominator of Dice and Tversky, in px."""

_LEVELS = len(PERCENT) + 1

Probability = NDArray[np.uint8] | NDArray[np.float32]
"""(H, W): float32 in [0, 1], or uint8 that is 255 times it, rounded."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Sums over pixels and chips; add two of them, and it is as if their images had been compared together.

    A pixel counts as positive if its probability is above 0.5.

    Args:
        pixels: Compared.
        true: Of them, those that the truth has.
        positive: Of them, those that the network has.
        both: Of them, those that truth and network have.
        probability: Sum of the probabilities.
        shared: Sum of the probabilities where the truth is.
        chips: Compared: those of which at least one pixel is known.
        iou_sum: Sum over chips of the mean over thresholds of the intersection over union.
    """

    pixels: int = 0
    true: int = 0
    positive: int = 0
    both: int = 0
    probability: float = 0.0
    shared: float = 0.0
    chips: int = 0
    iou_sum: float = 0.0

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def dice(self) -> float:
        """(2 TP + 1) / (2 TP + FN + FP + 1) of the probabilities, over all pixels together."""
        return (2 * self.shared + SMOOTH) / (self.true + self.probability + SMOOTH)

    @property
    def tversky(self) -> float:
        """(TP + 1) / (TP + 0.7 FN + 0.3 FP + 1) of the probabilities, over all pixels together."""
        missed = ALPHA * (self.true - self.shared) + (1 - ALPHA) * (self.probability - self.shared)
        return (self.shared + SMOOTH) / (self.shared + missed + SMOOTH)

    @property
    def accuracy(self) -> float:
        """Share of the pixels that are positive where the truth is, and else not; NaN without a pixel."""
        wrong = self.true + self.positive - 2 * self.both
        return 1 - wrong / self.pixels if self.pixels else math.nan

    @property
    def iou(self) -> float:
        """Intersection over union of the positive pixels, over all together; 0 where both are empty."""
        union = self.true + self.positive - self.both
        return self.both / union if union else 0.0

    @property
    def hard_dice(self) -> float:
        """2 TP / (2 TP + FN + FP) of the positive pixels, over all together; 0 where both are empty."""
        total = self.true + self.positive
        return 2 * self.both / total if total else 0.0

    @property
    def mean_iou(self) -> float:
        """Mean over chips and ten thresholds, 0.5 to 0.95, of intersection over union; NaN without a chip.

        As published, a chip on which neither truth nor network has a pixel counts as 0.
        """
        return self.iou_sum / self.chips if self.chips else math.nan

    def as_dict(self) -> dict[str, float]:
        """The measures by name."""
        names = ("mean_iou", "iou", "hard_dice", "dice", "tversky", "accuracy")
        return {name: getattr(self, name) for name in names}


def compare(
    probability: Probability, target: Mask, known: Mask | None = None, *, chip: int = 100
) -> Agreement:
    """Compare one output of a network with the truth, on one image.

    Args:
        probability: (H, W) float32 in [0, 1], or uint8 that is 255 times it, rounded.
        target: (H, W) bool: the truth.
        known: (H, W) bool, where the truth is known; the rest is left out. None: everywhere.
        chip: Side of the chips of the mean IoU in px. They lie side by side from the top left corner;
            the last ones of a row or column may be smaller.

    Raises:
        GeometryError: The arrays are not of one size, not of these types, or the chip is below 1 px.
    """
    _check(probability, target, known, chip)
    total = Agreement()
    for top in range(0, probability.shape[0], chip):  # in strips, to need little memory for large images
        rows = slice(top, top + chip)
        total += _compare_strip(
            probability[rows], target[rows], known[rows] if known is not None else None, chip
        )
    return total


def _compare_strip(probability: Probability, target: Mask, known: Mask | None, chip: int) -> Agreement:
    """One row of chips: (h, W), h at most a chip."""
    width = target.shape[1]
    number = -(-width // chip)
    bins = _levels(probability).astype(np.intp) + _LEVELS * target
    bins += 2 * _LEVELS * (np.arange(width) // chip)
    if known is None:
        counted, p, p_true = bins.ravel(), probability, probability[target]
    else:
        counted, p, p_true = bins[known], probability[known], probability[target & known]
    unit = 255 if probability.dtype == np.uint8 else 1
    # of each chip, not true and true: pixels above 0, 1, ... 10 thresholds
    histogram = np.bincount(counted, minlength=number * 2 * _LEVELS).reshape(number, 2, _LEVELS)
    above = histogram[..., ::-1].cumsum(axis=-1)[..., ::-1]
    both, false_positive = above[:, 1, 1:], above[:, 0, 1:]
    union = above[:, 1, :1] + false_positive
    iou = np.divide(both, union, out=np.zeros(union.shape), where=union > 0)
    return Agreement(
        pixels=int(histogram.sum()),
        true=int(above[:, 1, 0].sum()),
        positive=int(above[:, :, 1].sum()),
        both=int(both[:, 0].sum()),
        probability=float(p.sum(dtype=np.float64)) / unit,
        shared=float(p_true.sum(dtype=np.float64)) / unit,
        chips=int((above[:, :, 0].sum(axis=1) > 0).sum()),
        iou_sum=float(iou.mean(axis=1).sum()),
    )


def _levels(probability: Probability) -> NDArray[np.integer[Any]]:
    """How many thresholds lie below each probability: (h, W), 0 to 10."""
    if probability.dtype == np.uint8:
        # In whole numbers, for 153 / 255 is 0.6 and not above it.
        table = (100 * np.arange(256)[:, None] > 255 * np.array(PERCENT)).sum(axis=1)
        levels: NDArray[np.integer[Any]] = table.astype(np.uint8)[probability]
        return levels
    thresholds = np.array([percent / 100 for percent in PERCENT], np.float32)
    return np.searchsorted(thresholds, probability, side="left")


def _check(probability: Probability, target: Mask, known: Mask | None, chip: int) -> None:
    if probability.dtype not in (np.uint8, np.float32):
        raise GeometryError(f"probabilities of type {probability.dtype}; give uint8 or float32")
    for name, array in (("target", target), ("known", known)):
        if array is not None and (array.dtype != np.bool_ or array.shape != probability.shape):
            raise GeometryError(
                f"{name}: {array.dtype} of shape {array.shape}; give bool of shape {probability.shape}"
            )
    if chip < 1:
        raise GeometryError(f"chips of {chip} px; give at least 1")
