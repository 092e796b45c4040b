"""What was written is on the disk, also if the power fails in the next moment."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


def sync_file(path: Path) -> None:
    """Wait until a file is on the disk.

    Raises:
        OSError: It cannot be written.
    """
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Wait until the names of the files in a folder are on the disk, where the system has a way to."""
    if sys.platform == "win32":
        return
    with suppress(OSError):  # some network drives have none
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
