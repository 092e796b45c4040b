"""The cells of a batch of images, as tensors: what the network is to find."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from smearprep.models.yolact.boxes import areas

PADDING = -1
"""The label of entries that fill up an image with fewer cells than the batch's fullest."""


class Truth(NamedTuple):
    """The cells of a batch, all on one device. N, the cells of the fullest image, may be 0.

    Args:
        boxes: (B, N, 4) float32 x0, y0, x1, y1 in [0, 1], as shares of the input's width and height.
        labels: (B, N) int64: 0 to C - 1, or -1 for padding.
        crowd: (B, N) bool: a region of many cells, none of them outlined.
        masks: (B, N, h, w) bool, of the prototypes' size.
    """

    boxes: Tensor
    labels: Tensor
    crowd: Tensor
    masks: Tensor

    @property
    def single(self) -> Tensor:
        """(B, N) bool: cells to be found. No padding, no crowd, and the box has an area."""
        return self._real & ~self.crowd

    @property
    def crowded(self) -> Tensor:
        """(B, N) bool: regions of many cells."""
        return self._real & self.crowd

    @property
    def _real(self) -> Tensor:
        return (self.labels != PADDING) & (areas(self.boxes) > 0)
