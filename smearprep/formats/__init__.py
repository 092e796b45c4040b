"""Annotation files <-> cells: one format a module, recognised by content.

Every module has `TITLE` (for people), `sniff(path, head)` (is it mine? `head` is the file's first 4 kB)
and `read(path, options, findings)`, which yields one `ImageCells` an image and appends what is wrong.
Bad entries are left out and named; a file that cannot be used at all raises DataError.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats.reading import ReadOptions
from smearprep.images import read_bytes
from smearprep.jsonfiles import read_json
from smearprep.records import ImageCells

NAMES: tuple[str, ...] = ("do_unet", "coco", "voc", "yolo", "xyc", "masks")
"""All formats that are read, in the order in which they are tried."""


class Format(Protocol):
    """What a format module offers."""

    TITLE: str

    def sniff(self, path: Path, head: bytes) -> bool:
        """True if the file is of this format, by its content."""

    def read(self, path: Path, options: ReadOptions, findings: list[Finding]) -> Iterator[ImageCells]:
        """The images and cells of a file."""


def get(name: str) -> Format:
    """A format by name.

    Raises:
        DataError: No such format.
    """
    if name not in NAMES:
        raise DataError(name, f"is no annotation format; known are {', '.join(NAMES)}")
    return cast(Format, import_module(f"smearprep.formats.{name}"))


def recognise(path: Path) -> str:
    """The format of an annotation file, by its content.

    Raises:
        DataError: In none of the known formats.
    """
    head = read_bytes(path, 4096)
    for name in NAMES:
        if get(name).sniff(path, head):
            return name
    if path.suffix.lower() == ".json":
        read_json(path)  # if it is broken, that is what to say, and where
    titles = "; ".join(get(name).TITLE for name in NAMES)
    raise DataError(path, f"is in no annotation format that is read here. Looked for: {titles}")


def read(
    path: Path, options: ReadOptions, findings: list[Finding], format: str | None = None
) -> Iterator[ImageCells]:
    """Read an annotation file, in a stated format or in the one recognised."""
    yield from get(format or recognise(path)).read(path, options, findings)
