"""One chip, step by step: plain functions on arrays.

A chip is (side, side, 3) float32 RGB in [0, 1] until its last step, so that colours are rounded nowhere on
the way.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smearprep.augmentation.draws import Draws
from smearprep.augmentation.settings import border
from smearprep.targets import Target

RGB = NDArray[np.uint8]
Chip = NDArray[np.float32]

_CLIP, _GRID = 2.0, (8, 8)  # of CLAHE, as Overton & Tucker (2020) have it


def equalise(image: RGB) -> RGB:
    """Even out the light of a whole image: CLAHE on the lightness of CIELAB (Overton & Tucker, 2020).

    It comes before anything is padded: zeros would darken the border.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    import cv2

    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(_CLIP, _GRID).apply(np.ascontiguousarray(lab[..., 0]))
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)


def chip(
    image: RGB, target: Target, draws: Draws, index: int, input_size: int, output_size: int
) -> tuple[Chip, Target]:
    """One chip for one draw.

    Args:
        image: (H, W, 3) uint8 RGB: the image that the draw means.
        target: (H, W) uint8 bits of `targets`.
        draws: Of which one is made.
        index: Which one.
        input_size: Side in px of what the network sees.
        output_size: Side in px of what it labels, in the middle of that.

    Returns:
        (input_size, input_size, 3) float32 RGB in [-1, 1], and (output_size, output_size) uint8.

    Raises:
        RecipeError: The output is no centred part of the input.
    """
    turns, flip = int(draws.turns[index]), bool(draws.flip[index])
    shown, labelled = sliced(image, target, draws, index, input_size)
    shown = resized(degraded(shown, float(draws.degrade[index])), input_size)
    shown = brightened(turned(shown, turns, flip), float(draws.luminosity[index]))
    shown = recoloured(
        shown, float(draws.hue[index]), float(draws.saturation[index]), float(draws.value[index])
    )
    labelled = turned(resized_target(labelled, input_size), turns, flip)
    return signed(shown), labelled_part(labelled, input_size, output_size)


def sliced(image: RGB, target: Target, draws: Draws, index: int, input_size: int) -> tuple[Chip, Target]:
    """The window of a draw as it lies in the image, before any change; zero beyond the image.

    Returns:
        (side, side, 3) float32 in [0, 1], and (side, side) uint8; side = `draws.sides(input_size)[index]`.
    """
    side = int(draws.sides(input_size)[index])
    top, left = int(draws.y[index]) - side // 2, int(draws.x[index]) - side // 2
    shown = _window(image, top, left, side).astype(np.float32) / np.float32(255)
    return shown, _window(target, top, left, side)


def _window(array: NDArray[np.uint8], top: int, left: int, side: int) -> NDArray[np.uint8]:
    out = np.zeros((side, side, *array.shape[2:]), np.uint8)
    height, width = array.shape[:2]
    y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + side, height), min(left + side, width)
    if y0 < y1 and x0 < x1:
        out[y0 - top : y1 - top, x0 - left : x1 - left] = array[y0:y1, x0:x1]
    return out


def degraded(shown: Chip, share: float) -> Chip:
    """Shrink a chip to a share of its side (by area), and enlarge it again (cubic, not clipped)."""
    import cv2

    side = shown.shape[0]
    kept = max(round(side * share), 1)
    if kept == side:
        return shown
    small = cv2.resize(shown, (kept, kept), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)


def resized(shown: Chip, size: int) -> Chip:
    """Resize a chip (cubic), and clip to [0, 1] what cubic curves shoot beyond."""
    import cv2

    if shown.shape[0] != size:
        shown = np.asarray(cv2.resize(shown, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)
    return np.clip(shown, np.float32(0), np.float32(1))


def resized_target(labelled: Target, size: int) -> Target:
    """Resize bits: each px takes those at its centre, in whole numbers, so that no rounding can move it."""
    side = labelled.shape[0]
    nearest = (2 * np.arange(size) + 1) * side // (2 * size)
    return labelled[np.ix_(nearest, nearest)]


def turned(array: NDArray[Any], turns: int, flip: bool) -> NDArray[Any]:
    """Turn by quarters anticlockwise, then flip left to right."""
    out = np.rot90(array, turns)
    return np.ascontiguousarray(out[:, ::-1] if flip else out)


def brightened(shown: Chip, luminosity: float) -> Chip:
    """Multiply the value of HSV, clipped at 1."""
    import cv2

    hsv = cv2.cvtColor(shown, cv2.COLOR_RGB2HSV)
    hsv[..., 2] = np.minimum(hsv[..., 2] * np.float32(luminosity), np.float32(1))
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.float32)


def recoloured(shown: Chip, hue: float, saturation: float, value: float) -> Chip:
    """Multiply hue, saturation and value: the hue wraps at 360 degrees, the others are clipped at 1.

    The published code multiplies a hue of 8 bits, which goes to 179, and lets what is beyond run over.
    """
    import cv2

    hsv = cv2.cvtColor(shown, cv2.COLOR_RGB2HSV)
    hues = hsv[..., 0] * np.float32(hue)
    hsv[..., 0] = hues - np.float32(360) * np.floor(hues / np.float32(360))
    for channel, factor in ((1, saturation), (2, value)):
        hsv[..., channel] = np.minimum(hsv[..., channel] * np.float32(factor), np.float32(1))
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.float32)


def signed(shown: Chip) -> Chip:
    """[0, 1] to [-1, 1], as the networks take it."""
    return shown * np.float32(2) - np.float32(1)


def labelled_part(labelled: Target, input_size: int, output_size: int) -> Target:
    """The output window in the middle of a chip's target."""
    width = border(input_size, output_size)
    return np.ascontiguousarray(labelled[width : width + output_size, width : width + output_size])
