"""Outlines from boxes as they are usually made in a few lines, to compare with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import shapely

from smearprep.assist.made import filled
from smearprep.geometry import mask_to_shapes
from smearprep.records import Cell


def plain_grabcut(image: Any, cells: Sequence[Cell]) -> list[Cell]:
    """GrabCut as it is usually called: an ellipse in the box is likely, the rest of the box perhaps not."""
    return [_cut(image, cell, _ellipse_cut) for cell in cells]


def otsu_green(image: Any, cells: Sequence[Cell]) -> list[Cell]:
    """Otsu's threshold on the green channel around the box."""
    return [_cut(image, cell, _otsu_cut) for cell in cells]


def _cut(image: Any, cell: Cell, how: Callable[[Any, Any], Any]) -> Cell:
    x0, y0, x1, y1 = (int(v) for v in cell.bounds)
    around = max(x1 - x0, y1 - y0) // 4
    left, top = max(x0 - around, 0), max(y0 - around, 0)
    crop = np.ascontiguousarray(image[top : y1 + around, left : x1 + around])
    box = (x0 - left, y0 - top, x1 - left, y1 - top)
    inside = np.zeros(crop.shape[:2], bool)
    inside[box[1] : box[3], box[0] : box[2]] = True
    shapes, _ = mask_to_shapes(how(crop, box) & inside)
    if not shapes:
        return cell
    largest = filled(max(shapes, key=lambda shape: shape.area))
    return Cell(cell.label, shapely.transform(largest, lambda xy: xy + (left, top)), "made")


def _ellipse_cut(crop: Any, box: Any) -> Any:
    marks = np.full(crop.shape[:2], cv2.GC_BGD, np.uint8)
    marks[box[1] : box[3], box[0] : box[2]] = cv2.GC_PR_BGD
    middle = (box[0] + box[2]) // 2, (box[1] + box[3]) // 2
    cv2.ellipse(marks, middle, ((box[2] - box[0]) // 2, (box[3] - box[1]) // 2), 0, 0, 360, cv2.GC_PR_FGD, -1)
    cv2.setRNGSeed(0)
    cv2.grabCut(crop, marks, None, np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_MASK)
    return marks % 2 == 1


def _otsu_cut(crop: Any, box: Any) -> Any:
    green = cv2.GaussianBlur(crop[..., 1], (5, 5), 0)
    return cv2.threshold(green, 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)[1] > 0
