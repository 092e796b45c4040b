"""Image files: read a header, decode to (H, W, 3) uint8 RGB, encode, write atomically.

What the formats of this field really hold is brought to one form: grey, palette, 16-bit, alpha and
CMYK images become 8-bit RGB. The EXIF orientation is applied only if the caller's frame says so.
"""

from __future__ import annotations

import io
import os
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from smearprep.errors import DataError, OutputError, RecipeError
from smearprep.records import View

if TYPE_CHECKING:
    from PIL import Image

os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # what OpenCV cannot read, we say ourselves

RGB = NDArray[np.uint8]
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")
MAX_PIXELS = 178_000_000
"""Images of more pixels are refused from the header alone (a decompression bomb, or a whole slide)."""

ImageFormat = Literal["jpg", "png"]
Order = Literal["RGB", "BGR"]
_TRANSPOSED = (5, 6, 7, 8)  # EXIF orientations that swap width and height (EXIF 2.32, tag 0x0112)
_UNDOES = {6: 8, 8: 6}  # all others undo themselves


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
    except (ValueError, SyntaxError, EOFError) as error:
        raise DataError(path, f"cannot be read as an image ({error})") from None
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


def is_file(path: Path) -> bool:
    """True if a file is there; False also for a name that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read(path: Path, oriented: bool = True) -> RGB:
    """Read an image file: `decode` of its bytes."""
    return decode(read_bytes(path), path, oriented)


def read_bytes(path: Path, most: int = -1) -> bytes:
    """A file's bytes, or the first `most` of them.

    Raises:
        DataError: It is not there or cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(most)
    except FileNotFoundError:
        raise DataError(path, "is not there") from None
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})") from None


def decode(data: bytes, path: Path, oriented: bool = True, order: Order = "RGB") -> RGB:
    """Decode an image.

    16-bit values are scaled to 8 bit by 255/65535; grey is repeated in three channels; alpha is left
    out, the colours below it kept.

    Args:
        data: The file's bytes.
        path: Its name, for messages.
        oriented: Apply the EXIF orientation.
        order: Of the channels; BGR is what `encode` takes soonest.

    Returns:
        (H, W, 3) uint8.

    Raises:
        DataError: Not an image, too large, truncated or damaged.
    """
    header = probe(path, data)
    check_complete(data, header, path)
    if header.is_deep:
        image = _reversed(_decode_deep(data), order)
    elif header.format == "JPEG" and header.mode in ("RGB", "L"):
        image = _decode_jpeg(data, order)
    elif header.format in ("PNG", "BMP") and header.mode in ("RGB", "L", "1", "P", "RGBA", "LA"):
        image = _decode_cv2(data, order)
    else:
        image = _reversed(_decode_pillow(data, path), order)
    # TIFF readers apply the orientation by themselves.
    is_shown = header.format == "TIFF"
    if image is None or image.shape[1::-1] != header.oriented_size(is_shown):
        raise DataError(path, "its pixels cannot be decoded; the file is damaged")
    if oriented == is_shown:
        return np.ascontiguousarray(image)
    return orient(
        image, header.orientation if oriented else _UNDOES.get(header.orientation, header.orientation)
    )


def check_complete(data: bytes, header: Header, path: Path) -> None:
    """Find a JPEG or PNG file that ends before its end marker.

    Decoders fill the missing rows with grey in silence.

    Raises:
        DataError: The file is truncated.
    """
    if header.format == "JPEG":
        complete = _jpeg_ends(data)
    elif header.format == "PNG":
        complete = _png_ends(data)
    else:
        complete = True
    if not complete:
        raise DataError(path, f"is truncated: the {header.format} file ends before its end marker")


def _jpeg_ends(data: bytes) -> bool:
    """True if an end marker follows the pixels; those of thumbnails in the header are stepped over.

    In the pixels' data every 0xff is followed by 0 or a restart (ITU T.81, B.1.1.5): what looks like an
    end marker is one.
    """
    at = 2
    while data[at : at + 1] == b"\xff":
        if data[at + 1 : at + 2] == b"\xda":  # start of scan
            return data.find(b"\xff\xd9", at) > 0
        is_fill = data[at + 1 : at + 2] == b"\xff"
        at += 1 if is_fill else 2 + int.from_bytes(data[at + 2 : at + 4])
    return False


def _png_ends(data: bytes) -> bool:
    """True if the chunks of a PNG file lead to its end marker; what follows that, some programs add.

    A chunk that states more than is there is not to reach a decoder, which would make room for all of it.
    """
    at = 8
    while at + 12 <= len(data):  # length, name, checksum
        if data[at + 4 : at + 8] == b"IEND":
            return True
        at += 12 + int.from_bytes(data[at : at + 4])
    return False


def _reversed(image: RGB | None, order: Order) -> RGB | None:
    """An RGB image in the order that is asked for."""
    return image if image is None or order == "RGB" else image[..., ::-1]


def _decode_jpeg(data: bytes, order: Order) -> RGB | None:
    """Decode a grey or YCbCr JPEG; simplejpeg, where installed, gives the same pixels sooner."""
    try:
        import simplejpeg
    except ModuleNotFoundError:
        return _decode_cv2(data, order)
    try:
        return simplejpeg.decode_jpeg(data, order, strict=False)  # type: ignore[no-any-return]
    except ValueError:
        return None


def _decode_cv2(data: bytes, order: Order) -> RGB | None:
    import cv2

    colour = cv2.IMREAD_COLOR_RGB if order == "RGB" else cv2.IMREAD_COLOR
    return _imdecode(data, colour | cv2.IMREAD_IGNORE_ORIENTATION)  # type: ignore[return-value]


def _decode_deep(data: bytes) -> RGB | None:
    """Decode 16 bits a channel, in whatever order and number OpenCV has them (BGR, BGRA or grey)."""
    import cv2

    deep = _imdecode(data, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if deep is None or deep.dtype != np.uint16:
        return None
    return _to_8_bit(deep if deep.ndim == 2 else deep[..., 2::-1])


def _imdecode(data: bytes, flags: int) -> NDArray[np.generic] | None:
    import cv2

    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None


def _to_8_bit(deep: NDArray[np.generic]) -> RGB:
    """(H, W) or (H, W, 3) values up to 65535 as (H, W, 3) uint8."""
    values = np.rint(deep.astype(np.float32) * np.float32(255 / 65535)).astype(np.uint8)
    return values if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2)


def _decode_pillow(data: bytes, path: Path) -> RGB:
    """Decode by Pillow what OpenCV would change on its own terms: CMYK, alpha in TIFF, WebP, 32 bit."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                if image.mode == "F":
                    raise DataError(path, "holds floating-point values; export it as 8 or 16 bit")
                if not image.mode.startswith("I"):
                    return np.array(image.convert("RGB"))
                values = np.asarray(image)
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise DataError(path, f"its pixels cannot be decoded ({error})") from None
    if values.min() < 0 or values.max() > 65535:
        raise DataError(path, "holds values beyond 16 bit; export it as 8 or 16 bit")
    return _to_8_bit(values)


def orient(image: RGB, orientation: int) -> RGB:
    """Apply an EXIF orientation (EXIF 2.32, tag 0x0112), 1..8, to a stored pixel grid."""
    if orientation in _TRANSPOSED:
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


# ---------------------------------------------------------------- views and files


def show(image: RGB, view: View) -> RGB:
    """The pixels of a View: crop, zero-fill beyond the image, resize.

    Shrinking averages over pixel areas, enlarging is bilinear.

    Args:
        image: (H, W, 3) uint8.
        view: Window and canvas.

    Returns:
        (canvas height, canvas width, 3) uint8. It shares the image's memory where nothing is padded or
        resized: copy it before you draw on it.
    """
    x, y, w, h = view.window
    height, width = image.shape[:2]
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
    if (left, top, right, bottom) == (x, y, x + w, y + h):
        canvas = image[y : y + h, x : x + w]
    else:
        canvas = np.zeros((h, w, 3), np.uint8)
        if left < right and top < bottom:
            canvas[top - y : bottom - y, left - x : right - x] = image[top:bottom, left:right]
    if not view.is_resized:
        return canvas
    import cv2

    shrinks = view.size[0] <= w and view.size[1] <= h
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(canvas, view.size, interpolation=how)  # type: ignore[return-value]


def encode(image: RGB, format: ImageFormat, quality: int = 95, order: Order = "RGB") -> bytes:
    """Encode an image.

    Args:
        image: (H, W, 3) uint8.
        format: "jpg" (4:4:4, no chroma lost to subsampling) or "png".
        quality: JPEG quality, 1..100.
        order: Of the channels.

    Raises:
        RecipeError: Unknown format or quality.
    """
    import cv2

    if format not in ("jpg", "png") or not 1 <= quality <= 100:
        raise RecipeError(f"image format {format!r} quality {quality}: use jpg with 1..100, or png")
    if format == "jpg":
        options = [cv2.IMWRITE_JPEG_QUALITY, quality]
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    else:
        options = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    bgr = image if order == "BGR" else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, buffer = cv2.imencode(f".{format}", bgr, options)
    if not done:
        raise RecipeError(f"an image of shape {image.shape} cannot be encoded as {format}")
    return buffer.tobytes()


def refuse_special(path: Path) -> None:
    """Refuse to put a file in the place of a folder, a pipe or a device such as /dev/null.

    Raises:
        OutputError: One is there.
    """
    try:
        special = path.exists() and not path.is_file()
    except OSError as error:  # a name that is too long
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from None
    if special:
        raise OutputError(f"{path}: cannot be written (a folder, pipe or device is in its place)")


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all: temporary name, then rename.

    Raises:
        OutputError: No space, no permission, or a folder in the way.
    """
    # Plain strings: this is done for every tile, and paths as objects take ten times as long.
    folder, name = os.path.split(path)
    part = os.path.join(folder, f".{name}.part")  # noqa: PTH118
    try:
        try:
            _write(part, data)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(part, data)
        os.replace(part, path)  # noqa: PTH105
    except OSError as error:
        with suppress(OSError):
            os.unlink(part)  # noqa: PTH108
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from None


def _write(file: str, data: bytes) -> None:
    with open(file, "wb", buffering=0) as opened:  # noqa: PTH123
        left = memoryview(data)
        while left:
            left = left[opened.write(left) :]
