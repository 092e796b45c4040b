"""Instances: how good found cells are, pictures of the mistakes, and cells found on tiles put together.

No torch: all of it works on records, whatever network (or person) found the cells. A found cell is a `Cell`
with the attribute "score". How to cut an image that is to be predicted in tiles: `smearprep.tiling.views`.
"""

from __future__ import annotations

from smearprep.detection.coco_entries import results_list
from smearprep.detection.compared import ComparedImage
from smearprep.detection.confusion import Confusion, Verdicts, confusion, judge
from smearprep.detection.merging import merge
from smearprep.detection.pixels import PixelCounts, PixelRow, pixel_agreement
from smearprep.detection.precision import (
    AveragePrecision,
    Figures,
    PrecisionRow,
    average_precision,
)
from smearprep.detection.sheets import confusion_sheet

__all__ = [
    "AveragePrecision",
    "ComparedImage",
    "Confusion",
    "Figures",
    "PixelCounts",
    "PixelRow",
    "PrecisionRow",
    "Verdicts",
    "average_precision",
    "confusion",
    "confusion_sheet",
    "judge",
    "merge",
    "pixel_agreement",
    "results_list",
]
