"""Outlines, masks and boxes: repair, clip, trace, rasterise. Pure functions; arrays in, arrays out.

Frame: continuous px, pixel (i, j) covers [i, i+1) x [j, j+1). A mask traced along its pixel edges and
rasterised again at its pixel centres is the same mask, holes and parts included.
"""

from __future__ import annotations

from smearprep.geometry.arrays import FARTHEST, FloatArray, Mask, Shapes
from smearprep.geometry.boxes import box_iou
from smearprep.geometry.clipping import clip
from smearprep.geometry.masks import shape_to_mask
from smearprep.geometry.outlines import (
    Fault,
    assembled,
    has_holes,
    outlines_to_shapes,
    polygonal,
    rings,
    winding_number,
)
from smearprep.geometry.run_lengths import counts_to_mask, shape_to_counts
from smearprep.geometry.tracing import mask_to_shapes

__all__ = [
    "FARTHEST",
    "Fault",
    "FloatArray",
    "Mask",
    "Shapes",
    "assembled",
    "box_iou",
    "clip",
    "counts_to_mask",
    "has_holes",
    "mask_to_shapes",
    "outlines_to_shapes",
    "polygonal",
    "rings",
    "shape_to_counts",
    "shape_to_mask",
    "winding_number",
]
