"""Figures of losses and of what is kept of a network's finds; there without torch, for recipes."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from smearprep.errors import RecipeError


@dataclass(frozen=True)
class LossWeights:
    """What each loss is multiplied by; the published ones by default.

    Args:
        classes: Of the class of positive and background priors.
        boxes: Of the offsets of positive priors.
        masks: Of the masks of positive priors.
        semantic: Of the classes of px.

    Raises:
        RecipeError: One is negative or no number.
    """

    classes: float = 1.0
    boxes: float = 1.5
    masks: float = 6.125
    semantic: float = 1.0

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if not (math.isfinite(value) and value >= 0):
                raise RecipeError(f"loss weight {entry.name}: {value!r} is no number of at least 0")


@dataclass(frozen=True)
class DetectionLimits:
    """Which finds of an image are kept; the published figures by default.

    Args:
        score: Boxes must be surer than this.
        top: So many with the best scores are looked at, of each category.
        iou: Of two boxes of a category that agree more than this, the one with the lower score goes.
        keep: So many at most. A field of red cells holds 800: then raise `top`, too.

    Raises:
        RecipeError: A figure that cannot be used.
    """

    score: float = 0.05
    top: int = 200
    iou: float = 0.5
    keep: int = 100

    def __post_init__(self) -> None:
        if not 0 <= self.score < 1 or not 0 < self.iou <= 1:
            raise RecipeError("limits: score and iou must lie between 0 and 1")
        if min(self.top, self.keep) < 1:
            raise RecipeError("limits: top and keep must be at least 1")
