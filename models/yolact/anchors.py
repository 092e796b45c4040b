"""Where cells are looked for: three squares of different size around the centre of each px of each level.

The squares are called priors. What the head says of px (i, j) of a level is said of that px's priors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

REFERENCE = 550
"""Side in px of the input that the scales are stated for."""

SCALES = (24, 48, 96, 192, 384)
"""Side in px of the middle square of each level, N3 to N7, on an input of 550 x 550."""

RATIOS = (1.0, 0.5, 2.0)
"""Areas of a px's three squares, as multiples of the middle one's: sides x 1, 0.707, 1.414."""


def priors(levels: Sequence[tuple[int, int]], size: tuple[int, int]) -> Tensor:
    """The priors of all levels; 19,248 of an input of 550 x 550 px.

    The squares keep their share of the input: on one of W x H px, their sides are those on 550 x 550 times
    sqrt(W H) / 550. So a network sees the same priors whatever the size it is trained at.

    Args:
        levels: (h, w) of N3 to N7.
        size: (width, height) of the input in px.

    Returns:
        (P, 4) float32: centre x, centre y, width, height, as shares of the input's width and height; level
        by level, row by row, and of each px in the order of `RATIOS`.

    Source: Bolya et al. 2019 (YOLACT), section 4, with the constants of the code published with it.
    """
    width, height = size
    per_px = math.sqrt(width * height) / REFERENCE
    parts = []
    for (rows, columns), scale in zip(levels, SCALES, strict=True):
        y, x = torch.meshgrid(_centres(rows), _centres(columns), indexing="ij")
        sides = torch.tensor([scale * per_px * math.sqrt(ratio) for ratio in RATIOS], dtype=torch.float64)
        centres = torch.stack([x, y], dim=-1).reshape(-1, 1, 2).expand(-1, len(RATIOS), 2)
        extents = torch.stack([sides / width, sides / height], dim=-1).expand_as(centres)
        parts.append(torch.cat([centres, extents], dim=-1).reshape(-1, 4))
    return torch.cat(parts).float()


def _centres(count: int) -> Tensor:
    """Of `count` px that share [0, 1]: (count,) float64."""
    return (torch.arange(count, dtype=torch.float64) + 0.5) / count
