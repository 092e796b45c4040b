"""Hugging Face's imagefolder: the images as they are, and a metadata.jsonl beside them.

    OUT/train/a.jpg  OUT/train/metadata.jsonl     for images below train, val or test
    OUT/b.jpg        OUT/metadata.jsonl           for all others

A line of metadata.jsonl is an image: file_name (relative to the line's file), width, height and `objects`, in
which every entry is a list with one element a cell: bbox [x, y, width, height] in px, category (number from 0
on), category_name, segmentation (the open rings [x, y, x, y, ...] of its parts; none of a box or a point, for
no outline is invented), area in px and outline (how it is known). Attributes are not written.

`datasets.load_dataset("imagefolder", data_dir=OUT)` guesses the types of all columns from the first lines of
each file: so all numbers but categories are floats, and the first line has an outline if any line has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats.staging import FolderWriter, Numbering
from smearprep.formats.writing import Holds, WriteOptions, coco_place
from smearprep.images import SUFFIXES, read_bytes
from smearprep.jsonfiles import dump_json
from smearprep.records import ImageCells

TITLE = "Hugging Face imagefolder (images with a metadata.jsonl)"
HOLDS: frozenset[Holds] = frozenset({"outlines", "parts", "boxes", "points"})

_METADATA, _SPOOL = "metadata.jsonl", ".lines.part"
_SPLITS = ("train", "val", "test")
_NOTHING, _CELLS, _OUTLINES = range(3)  # what a line shows of the columns' types
_SAYS_SPLIT = re.compile(
    r"(?:^|[-._ 0-9/])"
    r"(?:train|training|validation|valid|dev|val|test|testing|eval|evaluation)"
    r"(?:$|[-._ 0-9/])"
)
"""Where `datasets` takes a part of a path for the name of a split (its data_files.py)."""


def writer(out: Path, options: WriteOptions, findings: list[Finding]) -> ImageFolderWriter:
    """A writer of a folder with the images in it."""
    return ImageFolderWriter(out, options, findings)


@dataclass
class _Lines:
    """The lines of one metadata.jsonl, spooled until the numbers of the categories are known.

    Args:
        folder: Of the file, relative to the output: "" or a split.
        rank: The most that a line shows of the columns' types.
        first: Where the first line that shows it begins in the spool.
        stop: Where the last line ends.
    """

    folder: str
    rank: int = -1
    first: int = 0
    stop: int = 0

    def named(self, file: str) -> str:
        """A file beside it, relative to the output."""
        return f"{self.folder}/{file}" if self.folder else file


class ImageFolderWriter(FolderWriter):
    """Writes images and their metadata, in flat memory.

    Args:
        out: The folder, which must be empty or not there.
        options: Category numbers follow `categories`; if there are none, all labels and all
            annotated categories sorted by name.
        findings: Images whose name is taken are left out and named here, and what `load_dataset` will not
            take as it is meant.

    Raises:
        OutputError: The folder holds something or cannot be written.
        DataError: On adding, an image is not there or cannot be read.
        RecipeError: On adding, a label that is none of the categories.
    """

    def __init__(self, out: Path, options: WriteOptions, findings: list[Finding]) -> None:
        super().__init__(out, findings)
        self._categories = Numbering(options.categories)
        self._lines: dict[str, _Lines] = {}
        self._misread: list[str] = []  # names that `load_dataset` will take for those of splits

    def add(self, image: ImageCells, picture: Path | None) -> None:
        """Copy an image, byte for byte, and note its cells."""
        if picture is None:
            what = (
                "its image is needed, for it becomes part of the output: name the images' folder by --images"
            )
            raise DataError(image.file_name, what)
        folder, inner = _place(image.file_name)
        suffix = PurePosixPath(inner).suffix
        if suffix.lower() not in SUFFIXES:
            inner, suffix = inner + picture.suffix, picture.suffix
        lines = self._lines.get(folder) or _Lines(folder)
        if self._name(image, lines.named(inner), suffix) is None:
            return
        line, rank = self._line(image, inner)
        self._folder.write(lines.named(inner), read_bytes(picture))
        self._lines[folder] = lines
        self._spool(lines, line, rank)
        if _SAYS_SPLIT.search(str(PurePosixPath(inner).parent) if folder else inner):
            self._misread.append(image.file_name)

    def _line(self, image: ImageCells, name: str) -> tuple[bytes, int]:
        """An image's line, with the categories' numbers of now, and what it shows of the types."""
        assert image.size is not None, "writers are given images of a known size"
        self._categories.add(image.annotated)
        places = [coco_place(cell, image.size) for cell in image.cells]
        rings = [segmentation for segmentation, _, _ in places]
        objects = {
            "bbox": [box for _, _, box in places],
            "category": [self._categories.number(cell.label) for cell in image.cells],
            "category_name": [cell.label for cell in image.cells],
            "segmentation": rings,
            "area": [area for _, area, _ in places],
            "outline": [cell.outline for cell in image.cells],
        }
        width, height = image.size
        record = {"file_name": name, "width": width, "height": height, "objects": objects}
        rank = _OUTLINES if any(rings) else _CELLS if image.cells else _NOTHING
        return dump_json(record), rank

    def _spool(self, lines: _Lines, line: bytes, rank: int) -> None:
        with self._folder.errors(), (self._folder.path / lines.named(_SPOOL)).open("ab") as file:
            file.write(line)
        if rank > lines.rank:
            lines.rank, lines.first = rank, lines.stop
        lines.stop += len(line)

    def _close(self, finish: bool) -> None:
        """Write the metadata with the final numbers, and say what will not be taken as it is meant."""
        if not finish:
            return
        final = self._categories.final()
        for lines in self._lines.values():
            spool = self._folder.path / lines.named(_SPOOL)
            with self._folder.errors():
                with (self._folder.path / lines.named(_METADATA)).open("wb") as file:
                    file.writelines(_renumbered(line, final) for line in _ordered(spool, lines.first))
                spool.unlink()
        self._findings += self._doubts()

    def _doubts(self) -> Iterator[Finding]:
        """What `load_dataset` makes of the folder that was not meant."""
        if "" in self._lines and len(self._lines) > 1:
            splits = ", ".join(split for split in self._lines if split)
            what = f"some images lie in {splits}, others in no split: load_dataset leaves the others out"
            yield Finding("note", what, _METADATA)
        if self._misread:
            what = "load_dataset takes a part of its path for the name of a split"
            others = f", and so of {len(self._misread) - 1} others" if len(self._misread) > 1 else ""
            advice = "rename it, or place it below train, val or test"
            yield Finding("note", f"{what}{others}; {advice}", self._misread[0])
        full = max(self._lines.values(), key=lambda lines: lines.rank, default=None)
        for lines in self._lines.values():
            if full is not None and lines.rank < full.rank:
                lack = "outline" if lines.rank == _CELLS else "cell"
                what = f"holds no {lack}, so that load_dataset takes its columns for others than those of "
                what += f"{full.named(_METADATA)}; load these two one by one (data_dir)"
                yield Finding("note", what, lines.named(_METADATA))


def _place(file_name: str) -> tuple[str, str]:
    """An image's split or "", and its path below that."""
    parts = PurePosixPath(file_name).parts
    below = parts[1:] if parts[:1] == ("images",) else parts
    if len(below) > 1 and below[0] in _SPLITS:
        return below[0], "/".join(below[1:])
    return "", file_name


def _ordered(spool: Path, first: int) -> Iterator[bytes]:
    """The lines of a spool, that at offset `first` before all others."""
    with spool.open("rb") as file:
        file.seek(first)
        yield file.readline()
        file.seek(0)
        at = 0
        for line in file:
            if at != first:
                yield line
            at += len(line)


def _renumbered(line: bytes, numbers: dict[int, int]) -> bytes:
    if all(old == new for old, new in numbers.items()):
        return line
    record: dict[str, Any] = orjson.loads(line)
    objects = record["objects"]
    objects["category"] = [numbers[n] for n in objects["category"]]
    return dump_json(record)
