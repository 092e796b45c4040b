"""From what the network says to cells: boxes that are sure enough, one for each cell, and their masks.

Boxes of the same class are thinned out by Fast NMS: a box is dropped if a surer one of its class overlaps it
too much, even if that one is dropped itself. So all are decided on at once.

Source: Bolya et al. 2019 (YOLACT), section 3.3 (masks) and 4.1 (Fast NMS).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smearprep.geometry import Mask
from smearprep.models.yolact import boxes as box_geometry
from smearprep.models.yolact.outputs import Outputs
from smearprep.models.yolact.settings import DetectionLimits

MASK_THRESHOLD = 0.5
"""From this probability on, exclusively, a px is the cell's."""

_PUBLISHED = DetectionLimits()
_AT_ONCE = 1024  # columns of the overlaps in memory at a time

Placed = tuple[tuple[int, int], Mask]
"""x, y of a mask's upper left px, and the mask, (h, w) bool."""


@dataclass(frozen=True, eq=False)
class Detections:
    """The cells found in one image, surest first. All tensors on one device.

    Args:
        boxes: (n, 4) float32 x0, y0, x1, y1 in px of the input, inside it, none without area.
        scores: (n,) float32 in [0, 1].
        labels: (n,) int64: 0 to C - 1.
        coefficients: (n, K) float32, of the prototypes.
        size: (width, height) of the input in px.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    coefficients: Tensor
    size: tuple[int, int]

    def __post_init__(self) -> None:
        lengths = {len(part) for part in (self.boxes, self.scores, self.labels, self.coefficients)}
        assert len(lengths) == 1, f"parts of different lengths: {lengths}"

    def __len__(self) -> int:
        return len(self.scores)


@torch.no_grad()
def decode(
    outputs: Outputs,
    priors: Tensor,
    size: tuple[int, int],
    limits: DetectionLimits = _PUBLISHED,
) -> list[Detections]:
    """The cells that the network found in each image. Of equal scores, the first prior's comes first.

    Boxes are cut at the input's border before they are compared; what lies beyond it is no detection.

    Args:
        outputs: Of the network, of any float type.
        priors: (P, 4) centres, as `anchors.priors` makes them for these outputs' levels.
        size: (width, height) of the input in px.
        limits: Which boxes are kept.
    """
    scores = outputs.classes.float().softmax(dim=-1)[..., 1:]  # (B, P, C)
    boxes = box_geometry.decode(outputs.boxes.float(), priors.float()).clamp(0, 1)
    boxes = boxes * boxes.new_tensor([*size, *size])
    scores = scores.masked_fill(box_geometry.areas(boxes)[..., None] <= 0, 0)
    found = []
    for own_scores, own_boxes, coefficients in zip(scores, boxes, outputs.coefficients.float(), strict=True):
        prior, label = _standing(own_scores, own_boxes, limits)
        order = own_scores[prior, label].argsort(descending=True, stable=True)[: limits.keep]
        prior, label = prior[order], label[order]
        found.append(Detections(own_boxes[prior], own_scores[prior, label], label, coefficients[prior], size))
    return found


def _standing(scores: Tensor, boxes: Tensor, limits: DetectionLimits) -> tuple[Tensor, Tensor]:
    """The boxes of one image that stand, class by class, in each the surest first.

    Args:
        scores: (P, C)
        boxes: (P, 4) corners.
        limits: As of `decode`.

    Returns:
        Their priors and labels, (n,) each.
    """
    priors, labels = [], []
    for label, own in enumerate(scores.unbind(dim=1)):
        sure = (own > limits.score).nonzero().flatten()
        sure = sure[own[sure].argsort(descending=True, stable=True)[: limits.top]]
        sure = sure[fast_nms(boxes[sure], limits.iou)]
        priors.append(sure)
        labels.append(torch.full_like(sure, label))
    return torch.cat(priors), torch.cat(labels)


def fast_nms(boxes: Tensor, iou: float) -> Tensor:
    """Which boxes no surer one overlaps by more than `iou`, be that one dropped or not: (n,) bool.

    Args:
        boxes: (n, 4) corners, surest first.
        iou: A box may be overlapped by so much.
    """
    stands = torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    for begin in range(0, len(boxes), _AT_ONCE):
        end = min(begin + _AT_ONCE, len(boxes))
        overlaps = box_geometry.ious(boxes[:end], boxes[begin:end])  # (surer, own)
        stands[begin:end] = overlaps.triu(1 - begin).amax(dim=0) <= iou  # of surer ones only
    return stands


def masks(detections: Detections, prototypes: Tensor, size: tuple[int, int]) -> list[Placed]:
    """The mask of each detection, inside its box, for an image that was resized to the input.

    The probability is enlarged bilinearly (px by their centres, as `align_corners=False`), for the px of the
    box only: 800 cells of an image of 2592 x 1944 px take the memory of their boxes.

    Args:
        detections: Of one image.
        prototypes: (K, h, w), of the same image, after ReLU.
        size: (width, height) of the image in px.

    Returns:
        One mask a detection, of the px that its box touches; it may be empty.
    """
    width, height = size
    scale = np.array([width / detections.size[0], height / detections.size[1]] * 2)
    scaled = detections.boxes.cpu().double().numpy() * scale  # not every device has 64 bits
    low = np.floor(scaled[:, :2]).astype(int).clip(0, np.array(size) - 1)
    high = np.ceil(scaled[:, 2:]).astype(int).clip(low + 1, size)
    maps = prototypes.float().cpu().numpy()
    coefficients = detections.coefficients.float().cpu().numpy()
    out: list[Placed] = []
    for own, (x0, y0), (x1, y1) in zip(coefficients, low.tolist(), high.tolist(), strict=True):
        across, down = _taps(x0, x1, width, maps.shape[2]), _taps(y0, y1, height, maps.shape[1])
        out.append(((x0, y0), _inside(own, maps, across, down)))
    return out


@dataclass(frozen=True)
class _Taps:
    """Where px of an image lie between those of a smaller map, along one axis; (n,) each.

    Args:
        begin: The first px of the map that is read.
        end: The one after the last.
        low: The px before, counted from `begin`.
        high: The px after.
        share: Of the px after; the rest is that of the px before.
    """

    begin: int
    end: int
    low: NDArray[np.intp]
    high: NDArray[np.intp]
    share: NDArray[np.float32]


def _taps(begin: int, end: int, full: int, small: int) -> _Taps:
    """Those of px `begin` to `end` of `full` px, of a map of `small` px over the same extent."""
    at = ((np.arange(begin, end) + 0.5) * (small / full) - 0.5).clip(0, small - 1)
    low = at.astype(np.intp)
    high = np.minimum(low + 1, small - 1)
    return _Taps(int(low[0]), int(high[-1]) + 1, low - low[0], high - low[0], (at - low).astype(np.float32))


def _inside(coefficients: NDArray[np.float32], maps: NDArray[np.float32], across: _Taps, down: _Taps) -> Mask:
    """Where the taps lie in the mask of one detection: (h, w) bool."""
    window = maps[:, down.begin : down.end, across.begin : across.end]
    logits = np.tensordot(coefficients, window, axes=1)
    p: NDArray[Any] = 0.5 + 0.5 * np.tanh(logits / 2)  # the sigmoid, without overflow
    p = p[down.low] + (p[down.high] - p[down.low]) * down.share[:, None]
    p = p[:, across.low] + (p[:, across.high] - p[:, across.low]) * across.share
    return np.asarray(p > MASK_THRESHOLD)
