"""Boxes."""

from __future__ import annotations

import numpy as np

from smearprep.geometry.arrays import FloatArray


def box_iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """Intersection over union of every box of `a` (n, 4) with every box of `b` (m, 4), xyxy: (n, m)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    area_a, area_b = (a[:, 2:] - a[:, :2]).prod(axis=1), (b[:, 2:] - b[:, :2]).prod(axis=1)
    union = area_a[:, None] + area_b[None] - shared
    iou: FloatArray = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return iou
