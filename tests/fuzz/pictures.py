"""Targets: image files, from their header to their pixels."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from smearprep.images import probe, read
from tests.fuzz.fuzzing import Target

_RNG = np.random.default_rng(0)
_RGBA = _RNG.integers(0, 256, (16, 24, 4), dtype=np.uint8)
_DEEP = _RNG.integers(0, 2**16, (16, 24), dtype=np.uint16)


def _saved(kind: str, mode: str, **how: Any) -> bytes:
    out = io.BytesIO()
    image = Image.fromarray(_RGBA).convert("RGB")
    image = Image.fromarray(_RGBA) if mode == "RGBA" else image.convert(mode)
    image.save(out, kind, **how)
    return out.getvalue()


def _deep(kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(_DEEP).save(out, kind)
    return out.getvalue()


def _turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def _jpeg() -> list[bytes]:
    plain = [_saved("JPEG", mode) for mode in ("RGB", "L", "CMYK")]
    return [
        *plain,
        _saved("JPEG", "RGB", exif=_turned(6)),
        _saved("JPEG", "RGB", progressive=True, subsampling=2),
        _saved("JPEG", "RGB", restart_marker_blocks=1),
    ]


def _png() -> list[bytes]:
    modes = ("RGB", "L", "RGBA", "LA", "P", "1")
    return [*(_saved("PNG", mode) for mode in modes), _deep("PNG"), _saved("PNG", "RGB", exif=_turned(5))]


def _tiff() -> list[bytes]:
    modes = [_saved("TIFF", mode) for mode in ("RGB", "L", "RGBA", "CMYK", "1", "P", "I")]
    ways = [
        _saved("TIFF", "RGB", compression=how) for how in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits")
    ]
    pages = _saved("TIFF", "L", save_all=True, append_images=[Image.new("L", (5, 5))])
    return [*modes, *ways, _deep("TIFF"), pages, _saved("TIFF", "RGB", exif=_turned(8))]


def _bmp() -> list[bytes]:
    return [_saved("BMP", mode) for mode in ("RGB", "L", "1", "P", "RGBA")]


def _webp() -> list[bytes]:
    return [
        _saved("WEBP", "RGB"),
        _saved("WEBP", "RGBA", lossless=True),
        _saved("WEBP", "RGB", exif=_turned(3)),
    ]


KINDS: dict[str, Callable[[], Sequence[bytes]]] = {
    "jpeg": _jpeg, "png": _png, "tiff": _tiff, "bmp": _bmp, "webp": _webp,
}  # fmt: skip


def pictures(kind: str, place: Path) -> Target:
    """Image files of one kind."""
    return Target(KINDS[kind](), partial(_look, place / f"a.{kind}"))


def _look(file: Path, data: bytes) -> str:
    file.write_bytes(data)
    header = probe(file)
    for oriented in (True, False):
        image = read(file, oriented)
        assert image.dtype == np.uint8
        assert image.shape == (*header.oriented_size(oriented)[::-1], 3)
    return f"{header.format} {header.mode} {header.orientation} {header.is_deep}"
