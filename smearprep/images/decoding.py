"""Image files decoded to (H, W, 3) uint8 RGB, whatever they hold."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smearprep.errors import DataError
from smearprep.images.files import read_bytes
from smearprep.images.headers import Header, orient, probe
from smearprep.images.kinds import RGB, Order

_UNDOES = {6: 8, 8: 6}  # all others undo themselves


def read(path: Path, oriented: bool = True) -> RGB:
    """Read an image file: `decode` of its bytes."""
    return decode(read_bytes(path), path, oriented)


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
    except DataError:
        raise
    except MemoryError:
        raise DataError(path, "there is not enough memory for its pixels") from None
    except Exception as error:  # Pillow raises whatever it stumbles over in a damaged file
        what = str(error) or type(error).__name__
        raise DataError(path, f"its pixels cannot be decoded; the file is damaged ({what})") from None
    if values.min() < 0 or values.max() > 65535:
        raise DataError(path, "holds values beyond 16 bit; export it as 8 or 16 bit")
    return _to_8_bit(values)
