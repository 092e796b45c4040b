"""COCO files as others write them: parts, run lengths, boxes, keypoints, odd ids, and what is broken.

Of an image that says so (`not_exhaustive_category_ids`), only the other categories count as annotated;
a file that says nothing about it was searched for all of its categories. In findings, ids read
"annotation 7", "image 3", "category 2".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats.coco.annotations import entry_to_cell, is_crowd, open_rings, vertices, writable
from smearprep.formats.coco.lists import (
    Log,
    annotated_in,
    by_id,
    category_names,
    group_by_image,
    image_records,
    searched_categories,
    stated_size,
    survey,
    told_as,
)
from smearprep.formats.coco.writing import OWN_FIELDS
from smearprep.formats.outlines import Unusable
from smearprep.formats.reading import ReadOptions
from smearprep.geometry import outlines_to_shapes
from smearprep.jsonlists import JsonLists, Records
from smearprep.records import Cell, ImageCells

_KEY = re.compile(rb'"(images|annotations|categories|info|licenses)"\s*:\s*[\[{]')
_RESULT_KEYS = ("image_id", "category_id")
_IMAGE_KEYS = frozenset(
    ("id", "file_name", "width", "height", "not_exhaustive_category_ids", "neg_category_ids")
)
_ENTRY_KEYS = frozenset(
    (
        *("id", "image_id", "category_id", "segmentation", "area", "bbox", "iscrowd"),
        *("outline", "attributes", "annotator", *OWN_FIELDS),
    )
)
_ANNOTATIONS = "annotations"
_NOTHING: Mapping[str, Any] = {}


def sniff(path: Path, head: bytes) -> bool:
    """True of a JSON object with one of COCO's lists, and of a list of detection results."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"["):
        return all(b'"%b"' % key.encode() in text for key in _RESULT_KEYS)
    return text.startswith(b"{") and _KEY.search(head) is not None


def read(path: Path, options: ReadOptions, findings: list[Finding]) -> Iterator[ImageCells]:
    """The images of a COCO file, in its order, also those without a cell.

    Crowds are no cells; they are kept beside them. Left out and named: annotations without a listed image, a
    known category or a usable shape, and images whose name points out of the folder.

    Args:
        path: The file.
        options: `base` is used.
        findings: What is wrong is appended: of an image, before that image is yielded.

    Raises:
        DataError: Not JSON, or without a list of images.
    """
    file = CocoFile(path, options, findings)
    for key in file.records:
        yield file.image(key).as_image_cells()


@dataclass(frozen=True, slots=True)
class CocoCell:
    """A cell and what else a COCO file says of it.

    Args:
        cell: The cell.
        position: Of its annotation in the file's list.
        further: Keys of the annotation that are none of COCO's or smearprep's own.
        is_crowd: It is no cell, but a region full of them.
    """

    cell: Cell
    position: int
    further: Mapping[str, Any]
    is_crowd: bool = False


@dataclass(frozen=True, slots=True)
class CocoImage:
    """An image and all that a COCO file says of it.

    Args:
        key: Its id in the file.
        file_name: Its name as the file has it.
        size: (width, height) in px as the file states it, or None.
        cells: Its cells, in the file's order.
        annotated: Categories that were looked for.
        further: Keys of the image record that COCO itself does not need: smear, source, window, ...
        file: The COCO file, as it was given.
        crowds: Its regions full of cells that nobody told apart, in the file's order.
    """

    key: int | str
    file_name: str
    size: tuple[int, int] | None
    cells: tuple[CocoCell, ...]
    annotated: frozenset[str]
    further: Mapping[str, Any]
    file: str
    crowds: tuple[CocoCell, ...] = ()

    def as_image_cells(self) -> ImageCells:
        """What all formats have in common."""
        cells, crowds = (tuple(one.cell for one in some) for some in (self.cells, self.crowds))
        return ImageCells(self.file_name, self.size, cells, self.file, self.annotated, crowds)


class CocoFile:
    """A COCO file whose lists are read; the cells of an image are made when it is asked for.

    Args:
        path: The file.
        options: `base` is used.
        findings: What is wrong is appended; of an image, when it is asked for.
        data: What is in the file, where that is known already; it is not changed. None: it is read.

    Attributes:
        path: The file.
        name: What findings call it.
        records: Image id -> record, of all images that can be used, in the file's order. A `file_name`
            with folders of another computer is here the name alone.
        categories: Name -> id of the categories that were looked for, in the order of their ids.

    Raises:
        DataError: Not JSON, or without a list of images.
    """

    def __init__(self, path: Path, options: ReadOptions, findings: list[Finding], data: Any = None) -> None:
        data = _opened(path) if data is None else data
        if not isinstance(data, dict) or not isinstance(data.get("images"), list):
            raise DataError(path, _why_none(data))
        self.path = path
        self.name = options.name(path)
        self._log = log = Log(self.name, findings)
        self._entries = _annotations(data, log)
        known = survey(self._entries, log)
        self._names = category_names(data.get("categories"), log)
        searched = searched_categories(data.get("categories"), self._names, known.categories)
        self.categories: dict[str, int | str] = {}
        for id_, name in by_id(searched):
            self.categories.setdefault(name, id_)
        self._searched = searched if isinstance(data.get(_ANNOTATIONS), list | Records) else {}
        images = image_records(data["images"], log)
        self._positions = group_by_image(known.ids, images, log)
        self.records = {key: record for key, record in images.items() if record is not None}

    @property
    def annotation_ids(self) -> list[Any]:
        """The id of each annotation, by position, whatever it is."""
        return [entry.get("id") if isinstance(entry, dict) else None for entry in self._entries]

    def image(self, key: Any) -> CocoImage:
        """An image with its cells, by a key of `records`."""
        record = self.records[key]
        size = stated_size(record, self._log)
        regions = self._regions(self._positions[key], size)
        return CocoImage(
            key,
            record["file_name"],
            size,
            tuple(one for one in regions if not one.is_crowd),
            annotated_in(record, self._searched),
            writable({name: value for name, value in record.items() if name not in _IMAGE_KEYS}),
            str(self.path),
            tuple(one for one in regions if one.is_crowd),
        )

    def _regions(self, positions: Sequence[int], size: tuple[int, int] | None) -> list[CocoCell]:
        """The cells and crowds of one image, in the file's order; its outlines are built all at once."""
        kept = self._entries
        entries = list(kept.at(positions)) if isinstance(kept, Records) else [kept[n] for n in positions]
        rings = [open_rings(entry) for entry in entries]
        xy, lengths = vertices([ring for group in rings for ring in group])
        shapes, faults = outlines_to_shapes(xy, lengths)
        regions, end = [], 0
        for n, entry, group in zip(positions, entries, rings, strict=True):
            start, end = end, end + len(group)
            try:
                cell, repaired = entry_to_cell(entry, self._names, size, shapes[start:end], faults[start:end])
            except Unusable as fault:
                self._log.add(fault.kind, f"{fault.what}; left out", told_as("annotation", entry, n))
                continue
            if repaired:
                self._log.add("repaired", repaired, told_as("annotation", entry, n))
            regions.append(CocoCell(cell, n, _further(entry, cell), is_crowd(entry)))
        return regions


def _opened(path: Path) -> Any:
    """What is in a file; annotations that lie in lines of their own stay there."""
    lists = JsonLists(path)
    frame = lists.frame
    if not isinstance(frame, dict):
        return frame
    stored = {key: lists.records(key) for key in frame if lists.has(key)}
    return {**frame, **{key: rows if key == _ANNOTATIONS else list(rows) for key, rows in stored.items()}}


def _annotations(data: Mapping[str, Any], log: Log) -> Sequence[Any]:
    """The annotations, whatever they are."""
    entries = data.get(_ANNOTATIONS)
    if isinstance(entries, list | Records):
        return entries
    if entries is not None:
        log.add("invalid", "what it has as `annotations` is no list; left out")
    return ()


def _further(entry: Mapping[str, Any], cell: Cell) -> Mapping[str, Any]:
    if _ENTRY_KEYS.issuperset(entry):
        return _NOTHING
    left = entry.keys() - _ENTRY_KEYS
    if cell.outline == "point":
        left -= {"keypoints", "num_keypoints"}  # the writer makes them of the point
    return writable({key: entry[key] for key in entry if key in left})


def _why_none(data: Any) -> str:
    """Why something is no COCO file, and what to do."""
    first = data[0] if isinstance(data, list) and data else None
    if isinstance(first, dict) and all(key in first for key in _RESULT_KEYS):
        return (
            "is a list of detection results: it has neither the images nor the categories' names. Put the "
            "list in as `annotations` of the COCO file that the detector was given, and take that file"
        )
    return "is no COCO file: it has no list of images"
