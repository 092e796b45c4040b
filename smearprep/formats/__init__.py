"""Annotation files <-> cells: one format a module, recognised by content.

A module that reads has `TITLE` (for people), `sniff(path, head)` (is it mine? `head` is the file's first
4 kB) and `read(path, options, findings)`, which yields one `ImageCells` an image and appends what is wrong.
Bad entries are left out and named; a file that cannot be used at all raises DataError.

A module that writes has `TITLE`, `HOLDS` (what of a cell its format can hold) and `writer(out, options,
findings)`, which gives a `writing.Writer`.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from smearprep.errors import DataError, RecipeError
from smearprep.findings import Finding
from smearprep.formats.reading import ReadOptions
from smearprep.formats.writing import Holds, WriteOptions, Writer
from smearprep.images import read_bytes
from smearprep.jsonfiles import read_json
from smearprep.records import ImageCells

NAMES: tuple[str, ...] = (
    "do_unet", "labelme", "via", "label_studio", "qupath", "coco", "cvat", "voc", "imagescope", "asap",
    "yolo", "xyc", "masks",
)  # fmt: skip
"""All formats that are read, in the order in which they are tried."""
SUFFIXES = frozenset({".json", ".geojson", ".xml", ".csv", ".txt", ".xyc"})
"""Of annotation files; masks look like any image and are read only where a user says so."""
WRITTEN: tuple[str, ...] = (
    "coco", "labelme", "qupath", "cvat", "yolo", "voc", "masks", "imagefolder", "webdataset",
)  # fmt: skip
"""All formats that are written."""
WITH_PICTURES = frozenset({"imagefolder", "webdataset"})
"""Those that hold the images too."""


class Format(Protocol):
    """What a format module offers."""

    TITLE: str

    def sniff(self, path: Path, head: bytes) -> bool:
        """True if the file is of this format, by its content."""

    def read(self, path: Path, options: ReadOptions, findings: list[Finding]) -> Iterator[ImageCells]:
        """The images and cells of a file."""


class WrittenFormat(Protocol):
    """What a module that writes offers."""

    TITLE: str
    HOLDS: frozenset[Holds]

    def writer(self, out: Path, options: WriteOptions, findings: list[Finding]) -> Writer:
        """A writer to a file or folder."""


def get_written(name: str) -> WrittenFormat:
    """A format that is written, by name.

    Raises:
        RecipeError: No such format.
    """
    if name not in WRITTEN:
        raise RecipeError(f"format {name!r} is not written; known are {', '.join(WRITTEN)}")
    return cast(WrittenFormat, import_module(f"smearprep.formats.{name}"))


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
