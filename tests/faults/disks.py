"""Small disks for tests: file systems in memory that fill up, or may no longer be written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

needs_root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root may mount a file system, on Linux"
)


@contextmanager
def disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system in memory, mounted at a folder that is made for it.

    Args:
        folder: Where.
        size: As tmpfs takes it: "64k".
    """
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def enlarge(folder: Path, size: str) -> None:
    """Give a disk more room."""
    _mount("-o", f"remount,size={size}", str(folder))


def make_read_only(folder: Path) -> None:
    """Forbid to write in a folder, whoever has files open in it.

    Permissions do not bind root: the folder is mounted over itself.
    """
    _mount("--bind", str(folder), str(folder))
    _mount("-o", "remount,bind,ro", str(folder))


def make_writable(folder: Path) -> None:
    """Allow to write again."""
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
