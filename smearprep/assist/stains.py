"""Where nuclei and platelets are: light that the blue dye absorbs.

In optical densities, dyes add up (Ruifrok & Johnston 2001, eq. 1). The blue dye of the Romanowsky stains,
azure B, absorbs red light, which the red dye (eosin) and haemoglobin let pass: the density of the red channel
shows nuclei and platelets, hardly red cells. Haemoglobin absorbs blue light the most, which nuclei let pass.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smearprep.images import RGB

Density = NDArray[np.float32]
_STEP = 4
_BLUR = 1.5  # px, the standard deviation
_BRIGHT = 90  # percentile of each channel that is taken for the empty field


def red_density(image: RGB, step: int = 1) -> Density:
    """How much red light is absorbed: 0 in the empty field, about 1 in a nucleus.

    Args:
        image: (H, W, 3) uint8 RGB.
        step: Of so many px a side one is made.

    Returns:
        (H / step, W / step) float32, rounded up, slightly smoothed.
    """
    return _density(image, 0, step)


def green_density(image: RGB) -> Density:
    """How much green light is absorbed, by all cells: (H, W) float32, as `red_density`."""
    return _density(image, 1)


def violet(image: RGB) -> Density:
    """How much more red and green light is absorbed than blue: as azure B and eosin do together, in nuclei.

    Haemoglobin absorbs blue light more than red: a red cell is at about 0, however thick it is.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        (H, W) float32, as `red_density`; may be negative.
    """
    red, green, blue = (_density(image, channel) for channel in range(3))
    return red + green - 2 * blue


def _density(image: RGB, channel: int, step: int = 1) -> Density:
    import cv2

    values = np.ascontiguousarray(image[..., channel])
    if step > 1:
        size = -(-values.shape[1] // step), -(-values.shape[0] // step)
        values = np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.uint8)
    field = max(float(np.percentile(values[::_STEP, ::_STEP], _BRIGHT)), 1.0)
    table = np.log10(field / np.maximum(np.arange(256), 1)).astype(np.float32)
    density: Density = np.maximum(cv2.GaussianBlur(table[values], (0, 0), _BLUR / step), 0).astype(np.float32)
    return density
