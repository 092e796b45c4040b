"""Chips as the published generator makes them: one at a time, with numpy and OpenCV, colours in 8 bits.

Written anew from what the code of Overton & Tucker (2020) does, for the speed to be compared; its wrong wrap
of the hue is left as it is. Chips without the object are not sought or skipped, which makes it faster.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Floats = NDArray[np.float64]


def padded(image: Image, width: int) -> Image:
    """The image with zeros around it."""
    return np.pad(image, [(width, width), (width, width)] + [(0, 0)] * (image.ndim - 2))


def published_chips(
    images: Sequence[Image],
    masks: Sequence[Image],
    edges: Sequence[Image],
    rng: np.random.Generator,
    n: int,
    input_size: int = 188,
    output_size: int = 100,
) -> tuple[Floats, Floats, Floats]:
    """n chips of padded BGR images, their masks and edges (0 or 1).

    Returns:
        (n, input, input, 3) in [-1, 1], (n, output, output) and (n, output, output), all float64.
    """
    border = (input_size - output_size) // 2
    inner = slice(border, border + output_size)
    shown = np.zeros((n, input_size, input_size, 3))
    mask, edge = np.zeros((2, n, output_size, output_size))
    for k in range(n):
        number = rng.integers(len(images))
        height, width = masks[number].shape
        y, x = rng.integers(height - input_size + 1), rng.integers(width - input_size + 1)
        parts = [
            cv2.resize(
                array[number][y : y + input_size, x : x + input_size], (input_size,) * 2, None, 0, 0, how
            )
            for array, how in (
                (images, cv2.INTER_CUBIC),
                (masks, cv2.INTER_NEAREST),
                (edges, cv2.INTER_NEAREST),
            )
        ]
        turns = rng.integers(4)
        parts = [np.rot90(part, turns) for part in parts]
        if rng.random() < 0.5:
            parts = [np.fliplr(part) for part in parts]
        chip = _scaled(np.ascontiguousarray(parts[0]), (1.0, 1.0, rng.uniform(0.5, 1.5)))
        chip = _scaled(chip, (rng.uniform(0.8, 1.2), rng.uniform(0.5, 1.5), rng.uniform(0.5, 1.5)))
        shown[k] = chip / 127.5 - 1
        mask[k], edge[k] = parts[1][inner, inner], parts[2][inner, inner]
    return shown, mask, edge


def _scaled(chip: Image, factors: tuple[float, float, float]) -> Image:
    """Hue (0..179), saturation and value multiplied in float64 and clipped; a factor of 1 is passed over."""
    hsv = cv2.cvtColor(chip, cv2.COLOR_BGR2HSV).astype(np.float64)
    for channel, (factor, most) in enumerate(zip(factors, (179, 255, 255), strict=True)):
        if factor != 1:
            hsv[..., channel] = np.clip(hsv[..., channel] * factor, 0, most)
    return np.asarray(cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR), np.uint8)
