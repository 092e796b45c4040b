"""Which colours belong to cells: learnt from all boxes of an image at once, so that no stain is assumed.

How common each colour is inside the boxes and outside of them is counted in a table of 32 x 32 x 32 colours
(Swain & Ballard 1991, and Jones & Rehg 2002 for the ratio of two such tables). A box also holds what is not
its cell: how much of each colour in it is cell follows from repeating the count with the share that the last
one gave (expectation and maximisation, Dempster et al. 1977), beginning with an ellipse in the box.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smearprep.geometry import FloatArray
from smearprep.images import RGB

Odds = NDArray[np.float32]
"""(h, w): the logarithm of how much more likely a pixel is of a cell than not."""

_BITS = 5  # of a colour channel
_COLOURS = 1 << 3 * _BITS
_ROUNDS = 3
_MOST = 5.0  # beyond this, more evidence of one pixel's colour counts no more
_RARE = 1e-7  # share of a colour that was never seen
_PIXELS = 700_000  # of an image are counted; more tell nothing new
_BESIDE = 3.0  # px: boxes are not exact, so that what is so near to one is counted neither here nor there


@dataclass(frozen=True, eq=False)
class ColourModel:
    """What colours say of one image.

    Args:
        table: (32768,) float32: of each colour (5 bits a channel, red first), the log-odds of a cell.
    """

    table: Odds

    def odds(self, image: RGB) -> Odds:
        """The log-odds of each pixel, by its colour alone.

        Args:
            image: (h, w, 3) uint8 RGB.
        """
        import cv2

        soft = np.asarray(cv2.GaussianBlur(image, (0, 0), 1.0), np.uint8)  # the noise of camera and JPEG
        odds: Odds = self.table[colour_numbers(soft)]
        return odds


def colour_numbers(image: RGB) -> NDArray[np.int32]:
    """The place of each pixel's colour in the table: (h, w) int32."""
    red, green, blue = (image[..., c].astype(np.int32) >> (8 - _BITS) for c in range(3))
    return (red << 2 * _BITS) | (green << _BITS) | blue


def learn_colours(image: RGB, boxes: FloatArray) -> ColourModel:
    """Count the colours inside boxes and outside of them.

    Args:
        image: (H, W, 3) uint8 RGB.
        boxes: (n, 4) xyxy in px, n >= 1: of whole cells of one kind, also where the image cuts them.
    """
    step = max(1, round(float(np.sqrt(image.shape[0] * image.shape[1] / _PIXELS))))
    side = float(np.median(boxes[:, 2:] - boxes[:, :2]))
    step = min(step, max(1, int(side / 12)))  # small cells are to have their pixels counted
    numbers = colour_numbers(image[::step, ::step])
    outside = np.ones(numbers.shape, bool)
    inside, priors = [], []
    for box in boxes[np.lexsort(boxes.T)]:  # sums of floats depend on their order: it is always the same
        rows, columns = _around(box, step, numbers.shape)
        outside[rows, columns] = False
        distance = ellipse_distance(box, rows, columns, step)
        inside.append(numbers[rows, columns].ravel())
        priors.append((14 * (1 - distance)).ravel())
    return ColourModel(
        _table(np.concatenate(inside), np.clip(np.concatenate(priors), -4, 4), numbers[outside])
    )


def _around(box: FloatArray, step: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns, of an image of which only each `step`-th px is kept, in and right beside a box."""
    x0, y0 = np.maximum((box[:2] - _BESIDE) // step, 0).astype(int)
    x1, y1 = ((box[2:] + _BESIDE) // step).astype(int) + 1
    return slice(y0, max(min(y1, shape[0]), y0)), slice(x0, max(min(x1, shape[1]), x0))


def ellipse_distance(box: FloatArray, rows: slice, columns: slice, step: float = 1.0) -> FloatArray:
    """How far pixels are from the middle of a box: 1 on the ellipse that touches its sides.

    Args:
        box: (4,) xyxy in px.
        rows: Of the pixels, in steps.
        columns: Likewise.
        step: px.

    Returns:
        (rows, columns) float64.
    """
    middle, half = (box[:2] + box[2:]) / 2, np.maximum((box[2:] - box[:2]) / 2, 0.5)
    y = ((np.arange(rows.start, rows.stop) + 0.5) * step - middle[1]) / half[1]
    x = ((np.arange(columns.start, columns.stop) + 0.5) * step - middle[0]) / half[0]
    distance: FloatArray = np.hypot(y[:, None], x[None])
    return distance


def _table(inside: NDArray[np.int32], prior: FloatArray, outside: NDArray[np.int32]) -> Odds:
    """The table of log-odds, from colours in boxes with their log-odds by place, and from all others."""
    beside = np.bincount(outside, minlength=_COLOURS).astype(np.float64)
    odds = np.zeros(_COLOURS)
    for _ in range(_ROUNDS):
        share = 1 / (1 + np.exp(-(odds[inside] + prior)))
        cell = _smooth(np.bincount(inside, share, _COLOURS))
        other = _smooth(beside + np.bincount(inside, 1 - share, _COLOURS))
        odds = np.log((cell + _RARE) / (other + _RARE))
    return np.clip(odds, -_MOST, _MOST).astype(np.float32)


def _smooth(counts: NDArray[Any]) -> FloatArray:
    """Shares of the colours, each spread a little over its neighbours."""
    from scipy.ndimage import gaussian_filter

    cube = gaussian_filter(counts.astype(np.float64).reshape((1 << _BITS,) * 3), 1.0)
    shares: FloatArray = (cube / max(cube.sum(), 1e-12)).ravel()
    return shares
