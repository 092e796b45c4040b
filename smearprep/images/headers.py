"""What an image file says of itself before it is decoded."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from smearprep.errors import DataError
from smearprep.images.kinds import MAX_PIXELS, RGB

if TYPE_CHECKING:
    from PIL import Image

_TRANSPOSED = (5, 6, 7, 8)  # EXIF orientations that swap width and height (EXIF 2.32, tag 0x0112)


@dataclass(frozen=True, slots=True)
class Header:
    """What an image file says of itself, read without decoding its pixels.

    Args:
        size: (width, height) of the stored pixel grid, in px.
        mode: Pillow's mode: "RGB", "L", "P", "RGBA", "I;16", "CMYK", ...
        format: "JPEG", "PNG", "TIFF", "BMP", "WEBP".
        orientation: EXIF orientation, 1..8 (1 = as stored).
        is_deep: 16 bits a channel.
    """

    size: tuple[int, int]
    mode: str
    format: str
    orientation: int = 1
    is_deep: bool = False

    def oriented_size(self, oriented: bool) -> tuple[int, int]:
        """(width, height) in px of the image as shown (True) or as stored (False)."""
        return self.size[::-1] if oriented and self.orientation in _TRANSPOSED else self.size


def probe(path: Path, data: bytes | None = None) -> Header:
    """Read an image's header.

    Args:
        path: The file.
        data: Its bytes, if they are already read.

    Raises:
        DataError: Not an image, an empty file, or more than `MAX_PIXELS` px.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large or odd files; we decide ourselves
            with Image.open(path if data is None else io.BytesIO(data)) as image:
                header = _header(image)
    except Image.DecompressionBombError:
        raise DataError(path, f"its header states far more than {MAX_PIXELS:,} pixels; left alone") from None
    except UnidentifiedImageError:
        empty = not (path.stat().st_size if data is None else len(data))
        what = "is empty (0 bytes)" if empty else "is not an image that can be read"
        raise DataError(path, what) from None
    except FileNotFoundError:
        raise DataError(path, "is not there") from None
    except OSError as error:  # its own text would name the whole path
        raise DataError(path, f"cannot be read as an image ({error.strerror or error})") from None
    except Exception as error:  # Pillow raises whatever it stumbles over in a damaged file
        raise DataError(path, f"cannot be read as an image ({str(error) or type(error).__name__})") from None
    width, height = header.size
    if width * height > MAX_PIXELS:
        raise DataError(
            path, f"is {width}x{height} px; images of more than {MAX_PIXELS:,} pixels are not read at once"
        )
    return header


def _header(image: Image.Image) -> Header:
    """What an opened image says of itself; nothing is decoded."""
    from PIL import Image, TiffImagePlugin

    # The base class's getexif: that of PNG images decodes them first.
    value = Image.Image.getexif(image).get(0x0112, 1)
    size = image.size
    if isinstance(image, TiffImagePlugin.TiffImageFile):  # Pillow gives the size as shown
        size = (int(image.tag_v2[0x0100]), int(image.tag_v2[0x0101]))
    return Header(
        size=size,
        mode=image.mode,
        format=str(image.format),
        orientation=value if isinstance(value, int) and 1 <= value <= 8 else 1,
        is_deep=any(";16" in str(tile[3]) for tile in getattr(image, "tile", ())),
    )


def orient(image: RGB, orientation: int) -> RGB:
    """Apply an EXIF orientation (EXIF 2.32, tag 0x0112), 1..8, to a stored pixel grid."""
    if orientation in _TRANSPOSED:
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)
