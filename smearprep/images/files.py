"""Files: what may be read, and writes that are there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import suppress
from pathlib import Path

from smearprep.errors import DataError, OutputError


def is_file(path: Path) -> bool:
    """True if a file is there; False also for a name that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


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


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, which is read piece by piece.

    Raises:
        DataError: It is not there or cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise DataError(path, "is not there") from None
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})") from None


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


def write_atomic(path: Path, data: bytes, shared: bool = False) -> None:
    """Write a file so that it is there whole or not at all: temporary name `.*.part`, then rename.

    Args:
        path: The file; what is there is replaced.
        data: All of it.
        shared: Others may write this file at the same time, such as a worker that was taken for dead. Each
            then has a temporary name of its own, and the last one's file stays; what a killed one leaves is
            removed by who owns the folder (`output_folder.tidy`). Else the next write takes its place.

    Raises:
        OutputError: No space, no permission, or a folder in the way.
    """
    # Plain strings: this is done for every tile, and paths as objects take ten times as long.
    folder, name = os.path.split(path)
    # A thread writes one file at a time. Two computers may have a process of one number, but hardly with a
    # thread at one address.
    mark = f"{os.getpid():x}-{threading.get_ident():x}" if shared else name
    part = os.path.join(folder, f".{mark}.part")  # noqa: PTH118
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
