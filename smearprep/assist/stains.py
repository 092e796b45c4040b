"""Where nuclei and platelets are: light that the blue dye absorbs.

In optical densities, dyes add up (Ruifrok & Johnston 2001, eq. 1). The blue dye of the Romanowsky stains,
azure B, absorbs red light, which the red dye (eosin) and haemoglobin let pass: the density of the red channel
shows nuclei and platelets, hardly red cells.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smearprep.images import RGB

Density = NDArray[np.float32]
_STEP = 4
_BRIGHT = 90  # percentile of each channel that is taken for the empty field


def red_density(image: RGB) -> Density:
    """How much red light is absorbed: 0 in the empty field, about 1 in a nucleus.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        (H, W) float32, slightly smoothed.
    """
    return _density(image, 0)


def green_density(image: RGB) -> Density:
    """How much green light is absorbed, by all cells: (H, W) float32, as `red_density`."""
    return _density(image, 1)


def _density(image: RGB, channel: int) -> Density:
    import cv2

    values = image[..., channel]
    field = max(float(np.percentile(values[::_STEP, ::_STEP], _BRIGHT)), 1.0)
    table = np.log10(field / np.maximum(np.arange(256), 1)).astype(np.float32)
    density: Density = np.maximum(cv2.GaussianBlur(table[values], (0, 0), 1.5), 0).astype(np.float32)
    return density
