"""Image files: read a header, decode to (H, W, 3) uint8 RGB, encode, write atomically.

What the formats of this field really hold is brought to one form: grey, palette, 16-bit, alpha and
CMYK images become 8-bit RGB. The EXIF orientation is applied only if the caller's frame says so.
"""

from __future__ import annotations

from smearprep.images.decoding import check_complete, decode, read
from smearprep.images.encoding import encode
from smearprep.images.files import file_digest, is_file, read_bytes, refuse_special, write_atomic
from smearprep.images.headers import Header, orient, probe
from smearprep.images.kinds import MAX_PIXELS, RGB, SUFFIXES, ImageFormat, Order
from smearprep.images.views import show

__all__ = [
    "MAX_PIXELS",
    "RGB",
    "SUFFIXES",
    "Header",
    "ImageFormat",
    "Order",
    "check_complete",
    "decode",
    "encode",
    "file_digest",
    "is_file",
    "orient",
    "probe",
    "read",
    "read_bytes",
    "refuse_special",
    "show",
    "write_atomic",
]
