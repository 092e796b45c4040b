"""What images are, and which are read and written."""

from __future__ import annotations

import os
from typing import Literal

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # what OpenCV cannot read, we say ourselves

RGB = NDArray[np.uint8]
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")
MAX_PIXELS = 178_000_000
"""Images of more pixels are refused from the header alone (a decompression bomb, or a whole slide)."""

ImageFormat = Literal["jpg", "png"]
Order = Literal["RGB", "BGR"]
