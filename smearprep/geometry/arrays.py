"""Arrays that geometry is made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]
"""(H, W) bool."""
Shapes = NDArray[np.object_]
"""Of shapely geometries."""

FARTHEST = 1e9
"""Px: no image reaches there. Coordinates beyond it are refused: of what lies far beyond, areas overflow."""
