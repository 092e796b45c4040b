"""WebDataset: tar files of `<key>.jpg` (the image as it is) and `<key>.json` (its cells), one pair an image.

The JSON is file_name, width, height, annotated (the labels that were looked for) and cells, each with
category, segmentation (open rings [x, y, x, y, ...], one a part; of a shape with holes COCO's compressed
run lengths; [] of a box or a point, for no outline is invented), area, bbox [x, y, width, height], outline
(how it is known) and, if it has any, attributes. All lengths are px.

A key is the image's path with `_` for slashes, dots (a reader takes all after the first one for the suffix)
and blanks; where two images would share one, a number is added. The path itself is file_name.
"""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

from smearprep.errors import DataError, OutputError
from smearprep.findings import Finding
from smearprep.formats.staging import FolderWriter, name_taken
from smearprep.formats.writing import ALL_SHAPES, WriteOptions, coco_place
from smearprep.images import SUFFIXES, read_bytes
from smearprep.jsonfiles import dump_json
from smearprep.records import Cell, ImageCells

TITLE = "WebDataset (tar files of images and JSON)"
HOLDS = ALL_SHAPES
_NOT_IN_KEYS = re.compile(r"[./\\\s\x00-\x1f]")


def writer(out: Path, options: WriteOptions, findings: list[Finding]) -> WebDatasetWriter:
    """A writer of a folder of tar files."""
    return WebDatasetWriter(out, options, findings)


class WebDatasetWriter(FolderWriter):
    """Writes 000000.tar, 000001.tar, ..., one image after the other. The same calls give the same bytes.

    Args:
        out: The folder, which must be empty or not there.
        options: `shard_size` images go into each file.
        findings: An image that comes twice is left out and named here.

    Raises:
        OutputError: The folder holds something or cannot be written.
        DataError: On adding, an image is not there or cannot be read.
    """

    def __init__(self, out: Path, options: WriteOptions, findings: list[Finding]) -> None:
        super().__init__(out, findings)
        self._shard_size = options.shard_size
        self._count = 0
        self._tar: tarfile.TarFile | None = None
        self._names: set[str] = set()
        self._keys: set[str] = set()

    def add(self, image: ImageCells, picture: Path | None) -> None:
        """Add an image, byte for byte, and its cells."""
        if picture is None:
            what = (
                "its image is needed, for it becomes part of the output: name the images' folder by --images"
            )
            raise DataError(image.file_name, what)
        if image.file_name in self._names:
            self._findings.append(name_taken(image))
            return
        data = read_bytes(picture)
        self._names.add(image.file_name)
        key = self._free_key(image.file_name)
        if self._count % self._shard_size == 0:
            self._close_tar()
            path = self._folder.path / f"{self._count // self._shard_size:06d}.tar"
            with self._folder.errors():
                self._tar = tarfile.open(path, "w")  # noqa: SIM115 - is closed when it is full
        self._count += 1
        self._put(f"{key}{picture.suffix.lower()}", data)
        self._put(f"{key}.json", dump_json(_record(image)))

    def _free_key(self, file_name: str) -> str:
        path = PurePosixPath(file_name)
        stem = str(path.with_suffix("") if path.suffix.lower() in SUFFIXES else path)
        wanted = key = _NOT_IN_KEYS.sub("_", stem)
        n = 1
        while (
            key.casefold() in self._keys
        ):  # some file systems, on which it is unpacked, do not tell A from a
            n += 1
            key = f"{wanted}_{n}"
        self._keys.add(key.casefold())
        return key

    def _put(self, name: str, data: bytes) -> None:
        """A file without owner and date: what is not told differs from none to none."""
        assert self._tar is not None
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(data), 0o644
        with self._folder.errors():
            self._tar.addfile(entry, io.BytesIO(data))

    def _close(self, finish: bool) -> None:
        try:
            self._close_tar()
        except OutputError:
            if finish:
                raise

    def _close_tar(self) -> None:
        if self._tar is not None:
            with self._folder.errors():
                self._tar.close()


def _record(image: ImageCells) -> dict[str, Any]:
    """The JSON of an image."""
    assert image.size is not None, "writers are given images of a known size"
    return {
        "file_name": image.file_name,
        "width": image.size[0],
        "height": image.size[1],
        "annotated": sorted(image.annotated),
        "cells": [_cell(cell, image.size) for cell in image.cells],
    }


def _cell(cell: Cell, size: tuple[int, int]) -> dict[str, Any]:
    segmentation, area, box = coco_place(cell, size)
    if isinstance(segmentation, list):
        segmentation = [[_short(n) for n in ring] for ring in segmentation]
    told = {
        "category": cell.label,
        "segmentation": segmentation,
        "area": _short(area),
        "bbox": [_short(n) for n in box],
        "outline": cell.outline,
    }
    return {**told, "attributes": dict(cell.attributes)} if cell.attributes else told


def _short(number: float) -> float:
    """A whole number as an integer: the same value in fewer bytes."""
    return int(number) if number.is_integer() else number
