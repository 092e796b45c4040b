"""Windows on images, laid on canvases."""

from __future__ import annotations

import numpy as np

from smearprep.images.kinds import RGB
from smearprep.records import View


def show(image: RGB, view: View) -> RGB:
    """The pixels of a View: crop, zero-fill beyond the image, resize.

    Shrinking averages over pixel areas, enlarging is bilinear.

    Args:
        image: (H, W, 3) uint8.
        view: Window and canvas.

    Returns:
        (canvas height, canvas width, 3) uint8. It shares the image's memory where nothing is padded or
        resized: copy it before you draw on it.
    """
    x, y, w, h = view.window
    height, width = image.shape[:2]
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
    if (left, top, right, bottom) == (x, y, x + w, y + h):
        canvas = image[y : y + h, x : x + w]
    else:
        canvas = np.zeros((h, w, 3), np.uint8)
        if left < right and top < bottom:
            canvas[top - y : bottom - y, left - x : right - x] = image[top:bottom, left:right]
    if not view.is_resized:
        return canvas
    import cv2

    shrinks = view.size[0] <= w and view.size[1] <= h
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(canvas, view.size, interpolation=how)  # type: ignore[return-value]
