"""Boxes as tensors: corners and centres, offsets from priors and back, overlap of all with all.

Corners are x0, y0, x1, y1; centres are x, y, width, height. The unit is any, but one: px, or shares of the
input's width and height. Everything is differentiable and in the precision of what comes in.
"""

from __future__ import annotations

import torch
from torch import Tensor

CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
"""What offsets of the centre and of the logarithm of the size are divided by."""


def corners_to_centres(boxes: Tensor) -> Tensor:
    """(..., 4) x0, y0, x1, y1 -> (..., 4) centre x, centre y, width, height."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return torch.cat([(low + high) / 2, high - low], dim=-1)


def centres_to_corners(boxes: Tensor) -> Tensor:
    """(..., 4) centre x, centre y, width, height -> (..., 4) x0, y0, x1, y1."""
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def encode(boxes: Tensor, priors: Tensor) -> Tensor:
    """Boxes as offsets from priors: what the network is to say. The inverse of `decode`.

    Args:
        boxes: (..., 4) corners; of width and height > 0.
        priors: (..., 4) centres, one for each box.

    Returns:
        (..., 4): (x - x_p) / (0.1 w_p), (y - y_p) / (0.1 h_p), ln(w / w_p) / 0.2, ln(h / h_p) / 0.2.

    Source: Liu et al. 2016 (SSD), equation 2; the divisors are those of its published code.
    """
    centres = corners_to_centres(boxes)
    moved = (centres[..., :2] - priors[..., :2]) / (CENTRE_VARIANCE * priors[..., 2:])
    scaled = torch.log(centres[..., 2:] / priors[..., 2:]) / SIZE_VARIANCE
    return torch.cat([moved, scaled], dim=-1)


def decode(offsets: Tensor, priors: Tensor) -> Tensor:
    """The boxes that offsets from priors stand for. The inverse of `encode`.

    Args:
        offsets: (..., 4), as `encode` returns them.
        priors: (..., 4) centres, one for each.

    Returns:
        (..., 4) corners.
    """
    centre = priors[..., :2] + CENTRE_VARIANCE * offsets[..., :2] * priors[..., 2:]
    extent = priors[..., 2:] * torch.exp(SIZE_VARIANCE * offsets[..., 2:])
    return centres_to_corners(torch.cat([centre, extent], dim=-1))


def areas(boxes: Tensor) -> Tensor:
    """(..., 4) corners -> (...): width times height, 0 where a box is turned inside out."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(dim=-1)


def shared_areas(a: Tensor, b: Tensor) -> Tensor:
    """Areas that boxes have in common: (..., N, 4) and (..., M, 4) corners -> (..., N, M)."""
    # Each side in one piece of memory: reading every fourth number would take twice the time.
    left, top, right, bottom = (side.unsqueeze(-1) for side in a.movedim(-1, 0).contiguous())
    x0, y0, x1, y1 = (side.unsqueeze(-2) for side in b.movedim(-1, 0).contiguous())
    width = torch.minimum(right, x1) - torch.maximum(left, x0)
    height = torch.minimum(bottom, y1) - torch.maximum(top, y0)
    return width.clamp(min=0) * height.clamp(min=0)


def ious(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of all boxes with all: (..., N, 4) and (..., M, 4) corners -> (..., N, M).

    In [0, 1]; that of boxes without area is 0.
    """
    shared = shared_areas(a, b)
    union = areas(a).unsqueeze(-1) + areas(b).unsqueeze(-2) - shared
    return shared / union.clamp(min=torch.finfo(union.dtype).tiny)  # 0 / 0 would be NaN
