"""From optical density to a picture: light, focus, noise."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from smearprep.synthetic.coverage import Plane
from smearprep.synthetic.outlines import Rng
from smearprep.synthetic.stains import Colour

Image = npt.NDArray[np.uint8]

STRIP = 64
"""Rows developed at a time: they stay in the processor's cache, and memory stays small."""


def develop(rng: Rng, canvas: Plane, background: Colour, blur: float, noise: float) -> Image:
    """The picture of a canvas under uneven light, slightly out of focus, with camera noise.

    Args:
        rng: Source of light and noise.
        canvas: (H, W, 3) float32 of optical density in R, G, B.
        background: Colour of the glass.
        blur: Standard deviation of the blur, px; 0 for none.
        noise: Standard deviation of the noise, grey levels.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    import cv2

    height, width = canvas.shape[:2]
    white = np.asarray(background, np.float32)
    light = _light(rng, width, height)
    image = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, STRIP):
        rows = slice(top, top + STRIP)
        strip = np.asarray(cv2.exp(-canvas[rows])) * white
        strip *= light[rows, :, None]
        image[rows] = cv2.convertScaleAbs(strip)
    if blur > 0:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), blur), np.uint8)
    return _grain(rng, image, noise)


def _light(rng: Rng, width: int, height: int) -> Plane:
    """Brightness around 1, (height, width) float32: vignette, tilt and clouds of plasma."""
    import cv2

    x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)
    cx, cy = rng.uniform(-0.4, 0.4, 2)
    fall, (tilt_x, tilt_y) = rng.uniform(0.03, 0.1), rng.normal(0, 0.02, 2)
    across = 1 - fall * (x - cx) ** 2 + tilt_x * x
    down = -fall * (y - cy) ** 2 + tilt_y * y
    coarse = rng.normal(0, 0.008, (7, 9)).astype(np.float32)
    clouds = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
    return np.asarray(clouds + across.astype(np.float32) + down.astype(np.float32)[:, None], np.float32)


def _grain(rng: Rng, image: Image, noise: float) -> Image:
    """The image with normal noise, from a table: one random byte a value instead of one normal deviate."""
    import cv2

    if noise <= 0:
        return image
    quantiles = [noise * NormalDist().inv_cdf((k + 0.5) / 256) for k in range(256)]
    table = np.clip(np.rint(quantiles), -127, 127).astype(np.int16)
    for top in range(0, len(image), STRIP):
        strip = image[top : top + STRIP]
        draws = np.frombuffer(rng.bytes(strip.size), np.uint8).reshape(strip.shape)
        strip[:] = cv2.add(strip, cv2.LUT(draws, table), dtype=cv2.CV_8U)
    return image
