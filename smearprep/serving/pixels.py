"""Images as a browser shows them: with the pixels, and in the frame, that the cells lie on."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from starlette.responses import Response

from smearprep.datasets.files import stated_frame
from smearprep.images import Header, check_complete, decode, encode, probe, read_bytes

_KEPT = 4
_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png"}
_SHOWN_OTHERWISE = (b"tRNS", b"acTL")
"""Chunks of PNG files that make colours transparent or images move; both are read as plain colours here."""


class Pixels:
    """Image files for the browser; those made anew are kept, the last few, for going back and forth."""

    def __init__(self) -> None:
        self._made: OrderedDict[tuple[Path, int, int, bool], bytes] = OrderedDict()
        self._making = threading.Lock()

    def answer(self, path: Path, size: Callable[[], tuple[int, int]]) -> Response:
        """An image as an answer.

        Args:
            path: Its file.
            size: Tells (width, height) in px of the frame in which its cells are.

        Raises:
            DataError: It is not there, or is no whole image.
        """
        data = read_bytes(path)
        header = probe(path, data)
        if _is_shown_alike(data, header):
            check_complete(data, header, path)
            return Response(data, media_type=_TYPES[header.format])
        oriented = bool(stated_frame(header, size(), oriented=False))
        return Response(self._as_png(path, data, oriented), media_type="image/png")

    def _as_png(self, path: Path, data: bytes, oriented: bool) -> bytes:
        key = (path, path.stat().st_mtime_ns, len(data), oriented)
        with self._making:  # one at a time: a decoded image is large
            if key in self._made:
                self._made.move_to_end(key)
            else:
                self._made[key] = encode(decode(data, path, oriented, order="BGR"), "png", order="BGR")
                while len(self._made) > _KEPT:
                    self._made.popitem(last=False)
            return self._made[key]


def _is_shown_alike(data: bytes, header: Header) -> bool:
    """True if browsers show the same 8-bit pixels that `decode` gives."""
    if header.format not in _TYPES or header.is_deep or header.orientation != 1:
        return False
    head = data[: data.find(b"IDAT")] if header.format == "PNG" else b""
    return header.mode in ("RGB", "L", "1") and not any(chunk in head for chunk in _SHOWN_OTHERWISE)
