"""COCO files as others write them: parts, run lengths, boxes, keypoints, odd ids, and what is broken.

Of an image that says so (`not_exhaustive_category_ids`), only the other categories count as annotated;
a file that says nothing about it was searched for all of its categories. In findings, ids read
"annotation 7", "image 3", "category 2".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any, cast

from smearprep.errors import DataError
from smearprep.findings import Finding, Kind
from smearprep.formats.coco.annotations import Entry, Unusable, entry_to_cell, open_rings, vertices
from smearprep.formats.reading import ReadOptions, stays_inside
from smearprep.geometry import outlines_to_shapes
from smearprep.jsonfiles import read_json
from smearprep.records import Cell, ImageCells

_KEY = re.compile(rb'"(images|annotations|categories|info|licenses)"\s*:\s*[\[{]')


def sniff(path: Path, head: bytes) -> bool:
    """True if the file begins as a JSON object with one of COCO's lists."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") and _KEY.search(head) is not None


@dataclass(frozen=True)
class _Log:
    """Where one file's findings go."""

    file: str
    findings: list[Finding]

    def add(self, kind: Kind, what: str, id_: str) -> None:
        self.findings.append(Finding(kind, what, self.file, id_))


def read(path: Path, options: ReadOptions, findings: list[Finding]) -> Iterator[ImageCells]:
    """The images of a COCO file, in its order, also those without a cell.

    Left out and named: crowds (regions, not cells), annotations without a listed image, a known
    category or a usable shape, and images whose name points out of the folder.

    Args:
        path: The file.
        options: `base` is used.
        findings: What is wrong is appended: of an image, before that image is yielded.

    Raises:
        DataError: Not JSON, or without a list of images.
    """
    data = read_json(path)
    if not isinstance(data, dict) or not isinstance(data.get("images"), list):
        raise DataError(path, "is no COCO file: it has no list of images")
    log = _Log(options.name(path), findings)
    annotations = data.get("annotations")
    entries: list[Any] = annotations if isinstance(annotations, list) else []
    names = _category_names(data.get("categories"), log)
    searched = _searched(data.get("categories"), names, entries) if annotations is not None else {}
    images = _images(data["images"], log)
    by_image = _group(entries, images, log)
    for key, record in images.items():
        if record is not None:
            size = _size(record, log)
            cells = _cells(by_image.pop(key), names, size, log)
            yield ImageCells(record["file_name"], size, cells, str(path), _annotated(record, searched))


# ---------------------------------------------------------------- categories and images


def _category_names(categories: Any, log: _Log) -> dict[Any, str]:
    """Category id -> name; ids may be sparse, begin at 0, or be words."""
    names: dict[Any, str] = {}
    for n, row in enumerate(categories if isinstance(categories, list) else []):
        id_ = row.get("id") if isinstance(row, dict) else None
        name = row.get("name") if isinstance(row, dict) else None
        if not isinstance(id_, int | str) or not isinstance(name, str) or not name.strip():
            log.add("invalid", "the category has no id or no name; left out", f"category {_told(id_, n)}")
        elif names.setdefault(id_, name) != name:
            what = f"two categories have this id; {name!r} is left out, {names[id_]!r} kept"
            log.add("invalid", what, f"category {id_}")
    return names


def _searched(categories: Any, names: Mapping[Any, str], entries: Sequence[Any]) -> dict[Any, str]:
    """The categories that annotators looked for: all but empty ones that only group others."""
    rows = [row for row in categories if isinstance(row, dict)] if isinstance(categories, list) else []
    above = [row.get("supercategory") for row in rows if row.get("supercategory") != row.get("name")]
    used = {entry.get("category_id") for entry in entries if _has_id(entry, "category_id")}
    return {id_: name for id_, name in names.items() if id_ in used or name not in above}


def _images(records: Sequence[Any], log: _Log) -> dict[Any, dict[str, Any] | None]:
    """Image id -> record, or None for an image that is left out."""
    images: dict[Any, dict[str, Any] | None] = {}
    for n, record in enumerate(map(_without_folders, records)):
        id_ = record.get("id") if isinstance(record, dict) else None
        told = f"image {_told(id_, n)}"
        if not isinstance(id_, int | str):
            log.add("invalid", "the image record has no id; left out", told)
        elif id_ in images:
            log.add("invalid", "another image has this id; the later one is left out", told)
        elif not stays_inside(record.get("file_name")):
            what = f"file_name {record.get('file_name')!r} is no path inside the image folder; left out"
            log.add("missing_image", f"{what} with its annotations", told)
            images[id_] = None
        else:
            images[id_] = record
    return images


def _without_folders(record: Any) -> Any:
    """A record whose file_name is a path on the annotator's computer, with the name alone."""
    name = record.get("file_name") if isinstance(record, dict) else None
    if isinstance(name, str) and (PureWindowsPath(name).root or PureWindowsPath(name).drive):
        return {**record, "file_name": PureWindowsPath(name).name}
    return record


def _size(record: Mapping[str, Any], log: _Log) -> tuple[int, int] | None:
    """(width, height) in px as the record states it, or None."""
    size = [record.get("width"), record.get("height")]
    if all(isinstance(n, int | float) and 1 <= n <= 2**31 and n == int(n) for n in size):
        return int(cast(int, size[0])), int(cast(int, size[1]))
    if size != [None, None]:
        what = f"width {size[0]!r} and height {size[1]!r} are no image size; taken as not stated"
        log.add("damaged", what, f"image {record['id']}")
    return None


def _annotated(record: Mapping[str, Any], searched: Mapping[Any, str]) -> frozenset[str]:
    """The categories that were looked for in an image."""
    unknown = record.get("not_exhaustive_category_ids")
    left = unknown if isinstance(unknown, list) else []
    return frozenset(name for id_, name in searched.items() if id_ not in left)


# ---------------------------------------------------------------- annotations


def _group(entries: Sequence[Any], images: Mapping[Any, Any], log: _Log) -> dict[Any, list[Entry]]:
    """The annotations of each image, as (what findings call it, annotation)."""
    groups: dict[Any, list[Entry]] = {key: [] for key in images}
    seen: set[str] = set()
    for n, entry in enumerate(entries):
        told = f"annotation {_told(entry.get('id') if isinstance(entry, dict) else None, n)}"
        if not isinstance(entry, dict):
            log.add("invalid", "the annotation is no JSON object; left out", told)
            continue
        if told in seen:
            log.add("duplicate", "another annotation has this id; both are kept", told)
        seen.add(told)
        if not _has_id(entry, "image_id") or entry["image_id"] not in groups:
            what = f"its image_id {entry.get('image_id')!r} is none of the file's images; left out"
            log.add("missing_image", what, told)
        elif images[entry["image_id"]] is not None:
            groups[entry["image_id"]].append((told, entry))
    return groups


def _cells(
    entries: Sequence[Entry], names: Mapping[Any, str], size: tuple[int, int] | None, log: _Log
) -> tuple[Cell, ...]:
    """The cells of one image, in the file's order; its outlines are built all at once."""
    rings = [open_rings(entry) for _, entry in entries]
    xy, lengths = vertices([ring for group in rings for ring in group])
    shapes, faults = outlines_to_shapes(xy, lengths)
    cells, end = [], 0
    for (told, entry), group in zip(entries, rings, strict=True):
        start, end = end, end + len(group)
        try:
            cell, repaired = entry_to_cell(entry, names, size, shapes[start:end], faults[start:end])
        except Unusable as fault:
            log.add(fault.kind, f"{fault.what}; left out", told)
            continue
        if repaired:
            log.add("repaired", repaired, told)
        cells.append(cell)
    return tuple(cells)


def _told(id_: Any, position: int) -> str:
    """What findings call an entry: its id, or its position where it has none."""
    return str(id_) if isinstance(id_, int | str) else f"at position {position}"


def _has_id(entry: Any, key: str) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get(key), int | str)
