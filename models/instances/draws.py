"""What is random about the images of a batch: drawn first, as plain numbers, from which they follow.

image                      input of the network, size x size
+--------------+           +-----------+
|   source     |           |  target   |      Mean-coloured where the target does not reach: the image was
|  +------+    |   ---->   | +------+  |      laid on a larger ground. Then turned, flipped and coloured.
|  |      |    |           | |      |  |
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smearprep.models.recipes import Distortion

Rectangle = tuple[int, int, int, int]
"""x, y, width, height in px."""

Window = tuple[float, float, float, float]
"""x, y, width, height in px of the image; may reach beyond it."""

_VISIBLE = (None, 0.0, 0.1, 0.3, 0.7, 0.9)
"""Of a crop: how much of some cell is seen at least. None: no crop. Liu et al. 2016 ask so much of the
intersection over union with the crop, which no cell that is small beside it reaches."""

_TRIES = 50
_LEAST, _STRETCH = 0.3, 2.0  # sides of a crop, of the whole; its sides differ by a factor of less than this


@dataclass(frozen=True, slots=True)
class Draw:
    """All that is random about one image.

    Args:
        image: Its number.
        source: The part of it that is seen.
        target: Where that lies in the network's input; resized to it.
        turns: Quarter turns anticlockwise, 0..3, of the whole input, before the flip.
        flip: Whether it is flipped left to right.
        brightness: Added, of 255.
        contrast: Factor.
        saturation: Factor.
        hue: Added, in degrees of 360.
        contrast_last: The contrast changes after saturation and hue, not before.
    """

    image: int
    source: Rectangle
    target: Rectangle
    turns: int = 0
    flip: bool = False
    brightness: float = 0.0
    contrast: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0
    contrast_last: bool = False


def draw(
    image: int,
    extent: tuple[int, int],
    boxes: NDArray[np.float32],
    distortion: Distortion,
    size: int,
    rng: np.random.Generator,
) -> Draw:
    """Draw what is random about one image.

    Args:
        image: Its number.
        extent: (width, height) in px.
        boxes: (n, 4) x0, y0, x1, y1 in px of its cells.
        distortion: The ranges.
        size: Of the network's input, px.
        rng: Is used up by as many numbers as the image needs.
    """
    window = _expanded(extent, distortion, rng)
    if distortion.crop:
        window = _cropped(window, boxes, rng)
    source, target = rectangles(window, extent, size)
    return Draw(
        image,
        source,
        target,
        turns=int(rng.integers(4)) if distortion.turns else 0,
        flip=bool(distortion.flips and rng.random() < 0.5),
        brightness=_maybe(distortion.brightness, 0.0, rng),
        contrast=_maybe(distortion.contrast, 1.0, rng),
        saturation=_maybe(distortion.saturation, 1.0, rng),
        hue=_maybe(distortion.hue, 0.0, rng),
        contrast_last=bool(rng.random() < 0.5),
    )


def _maybe(bounds: tuple[float, float], neutral: float, rng: np.random.Generator) -> float:
    """A number of a range, for half of the images."""
    changed, value = rng.random() < 0.5, float(rng.uniform(*bounds))
    return value if changed else neutral


def _expanded(extent: tuple[int, int], distortion: Distortion, rng: np.random.Generator) -> Window:
    """The image's place on a larger ground, as a window on it."""
    width, height = extent
    if distortion.expand <= 1 or rng.random() >= distortion.expand_share:
        return 0.0, 0.0, float(width), float(height)
    ratio = float(rng.uniform(1, distortion.expand))
    left, top = rng.random(2) * (ratio - 1)
    return -float(left) * width, -float(top) * height, ratio * width, ratio * height


def _cropped(window: Window, boxes: NDArray[np.float32], rng: np.random.Generator) -> Window:
    """A part of a window in which some cell is seen well enough; the window itself if none is found."""
    visible = _VISIBLE[int(rng.integers(len(_VISIBLE)))]
    if visible is None or not len(boxes):
        return window
    x, y, width, height = window
    for _ in range(_TRIES):
        across, down = rng.uniform(_LEAST, 1, 2)
        left, top = rng.random(2) * (1 - across, 1 - down)
        if not 1 / _STRETCH < across / down < _STRETCH:
            continue
        part = (
            float(x + left * width), float(y + top * height), float(across * width), float(down * height),
        )  # fmt: skip
        seen = centred(boxes, part)
        if seen.any() and (_shares(boxes[seen], part) >= visible).any():
            return part
    return window


def centred(boxes: NDArray[np.float32], window: Window) -> NDArray[np.bool_]:
    """(n,) bool: boxes whose centre lies in a window. Only these are to be found in it."""
    x, y, width, height = window
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = (middle >= (x, y)) & (middle < (x + width, y + height))
    return np.asarray(inside.all(axis=1))


def _shares(boxes: NDArray[np.float32], window: Window) -> NDArray[np.float64]:
    """(n,): of each box, which share of its area lies in a window."""
    x, y, width, height = window
    low = np.maximum(boxes[:, :2], (x, y))
    high = np.minimum(boxes[:, 2:], (x + width, y + height))
    sides = np.clip(high - low, 0, None)
    return np.asarray(sides.prod(axis=1) / np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1e-6))


def rectangles(window: Window, extent: tuple[int, int], size: int) -> tuple[Rectangle, Rectangle]:
    """What a window shows of an image, and where that lies in the input, both in whole px.

    The input is the window resized to it, but for rounding: boxes and masks follow the two rectangles.

    Args:
        window: It meets the image.
        extent: (width, height) of the image in px.
        size: Of the input, px.
    """
    axes = [_interval(window[k], window[k + 2], extent[k], size) for k in (0, 1)]
    (x, w, left, across), (y, h, top, down) = axes
    return (x, y, w, h), (left, top, across, down)


def _interval(start: float, length: float, extent: int, size: int) -> tuple[int, int, int, int]:
    """Along one axis: begin and length in the image, begin and length in the input; none is empty."""
    begin = int(np.clip(round(start), 0, extent - 1))
    end = int(np.clip(round(start + length), begin + 1, extent))
    scale = size / length
    low = int(np.clip(round((begin - start) * scale), 0, size - 1))
    high = int(np.clip(round((end - start) * scale), low + 1, size))
    return begin, end - begin, low, high - low
