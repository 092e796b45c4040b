"""What is said of each prior, and the prototypes that its mask is made of.

Source: Bolya et al., YOLACT, ICCV 2019, Figures 3 and 4.
"""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 (its name everywhere)
from torch import Tensor, nn

from smearprep.models.yolact.design import CHANNELS

ANCHORS = 3
"""Priors of a cell, of as many aspect ratios."""


class Head(nn.Module):
    """Of one level (B, 256, h, w): classes (B, 3hw, 1 + C), boxes (B, 3hw, 4), coefficients (B, 3hw, K).

    One head serves all levels. For one category and 32 prototypes it has 852,850 parameters.

    Args:
        categories: C.
        prototypes: K.
        channels: Of the level.
    """

    def __init__(self, categories: int, prototypes: int = 32, channels: int = CHANNELS) -> None:
        super().__init__()
        self.shared = _conv3x3(channels, channels)
        self.classes = _conv3x3(channels, ANCHORS * (1 + categories))
        self.boxes = _conv3x3(channels, ANCHORS * 4)
        self.coefficients = _conv3x3(channels, ANCHORS * prototypes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits with column 0 the background, encoded offsets, and coefficients in [-1, 1]."""
        x = F.relu(self.shared(x))
        classes = by_prior(self.classes(x))
        boxes = by_prior(self.boxes(x))
        coefficients = by_prior(self.coefficients(x)).tanh()
        return classes, boxes, coefficients


class PrototypeNet(nn.Sequential):
    """(B, 256, h, w) -> (B, K, 2h, 2w) >= 0; 2,368,544 parameters for K = 32.

    YOLACT's code has one ReLU more, right after the enlarging: of values that are not negative it changes
    nothing.

    Args:
        prototypes: K.
        channels: Of N3.
    """

    def __init__(self, prototypes: int = 32, channels: int = CHANNELS) -> None:
        wide = [layer for _ in range(3) for layer in (_conv3x3(channels, channels), nn.ReLU(True))]
        super().__init__(
            *wide,  # (B, 256, 69, 69)
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
            _conv3x3(channels, channels),
            nn.ReLU(True),
            nn.Conv2d(channels, prototypes, 1),
            nn.ReLU(True),  # (B, 32, 138, 138)
        )


def by_prior(x: Tensor) -> Tensor:
    """(B, 3n, h, w) -> (B, 3hw, n): row by row, and in a cell anchor by anchor."""
    return x.permute(0, 2, 3, 1).reshape(len(x), -1, x.shape[1] // ANCHORS)


def _conv3x3(cin: int, cout: int) -> nn.Conv2d:
    return nn.Conv2d(cin, cout, 3, padding=1)
