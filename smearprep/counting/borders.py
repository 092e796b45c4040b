"""Which of the cells that touch the border of an image are counted."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

Border = Literal[
    "all",  # every cell counts
    "half",  # cells at the top or left border count, those at the bottom or right do not
    "none",  # no cell at a border counts
]
BORDERS: tuple[str, ...] = get_args(Border)

REACH = 3.0
"""A cell whose box comes so near to the border, in px, touches it. The line that is taken out between mask
and edge is 2 px wide, and it also runs along the border where this cuts a cell."""


def counted_boxes(boxes: FloatArray, size: tuple[int, int], border: Border) -> NDArray[np.bool_]:
    """Which cells count.

    "half" is the rule of the counting chamber: of two fields side by side, each cell on the line between
    them counts in exactly one. A cell at two borders counts if neither is the bottom or the right one.

    Args:
        boxes: (n, 4) xyxy in px: what of each cell is in the image.
        size: (width, height) of the image in px.
        border: The rule.

    Returns:
        (n,) bool.
    """
    low: NDArray[np.bool_] = boxes[:, :2] < REACH  # left, top
    high: NDArray[np.bool_] = boxes[:, 2:] > np.array(size) - REACH  # right, bottom
    if border == "all":
        return np.ones(len(boxes), bool)
    touching = high if border == "half" else np.hstack([low, high])
    counted: NDArray[np.bool_] = ~np.logical_or.reduce(touching, axis=1)
    return counted
