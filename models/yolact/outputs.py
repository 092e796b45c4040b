"""What a network of the YOLACT family says of a batch."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Outputs(NamedTuple):
    """Of B inputs (H, W), P priors, C categories, K prototypes; floats, in autocast of its type.

    The P priors are in the order of the levels, finest first; in a level row by row, from left to right; in
    a cell its anchors (3 in the paper). A prior's mask is the sum of the prototypes by its coefficients.

    Args:
        classes: (B, P, 1 + C) logits, meant for a softmax; column 0 is the background.
        boxes: (B, P, 4) offsets from the prior, encoded.
        coefficients: (B, P, K) in [-1, 1].
        prototypes: (B, K, h, w) >= 0; h, w twice those of the finest level.
        semantic: (B, C, h3, w3) logits on the finest level, meant for a sigmoid; None when not training.
        levels: (h, w) of each level N3..N7 in cells, finest first.
    """

    classes: Tensor
    boxes: Tensor
    coefficients: Tensor
    prototypes: Tensor
    semantic: Tensor | None
    levels: tuple[tuple[int, int], ...]
