"""What the writers of raw folders share."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from smearprep.records import Cell

Truth = dict[str, tuple[Cell, ...]]
"""Image path relative to the root, with "/" -> the cells that were drawn in it."""


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8, line ends as they are, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def write_image(path: Path, image: npt.NDArray[np.uint8], *, quality: int = 92, orientation: int = 1) -> None:
    """Write an image with its folders; the suffix of the path tells the format.

    Args:
        path: Where to.
        image: (H, W, 3) uint8 RGB, or (H, W) uint8 grey.
        quality: Of a JPEG.
        orientation: EXIF orientation that a JPEG states, 1 to 8; 1 writes no EXIF. The pixels are stored as
            they come, whatever it is.
    """
    import cv2

    pixels = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    is_jpeg = path.suffix.lower() in (".jpg", ".jpeg")
    _, data = cv2.imencode(path.suffix, pixels, [cv2.IMWRITE_JPEG_QUALITY, quality] if is_jpeg else [])
    raw = data.tobytes()
    if is_jpeg and orientation != 1:
        raw = raw[:2] + _exif(orientation) + raw[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)


def _exif(orientation: int) -> bytes:
    """A JPEG APP1 segment whose one EXIF entry (tag 0x0112, one short) is the orientation."""
    tiff = struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
