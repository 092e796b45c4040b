"""The lists of a COCO file: categories, images and annotations, with ids of every kind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Any

from smearprep.findings import Finding, Kind
from smearprep.formats.coco.annotations import find_id, is_crowd, is_cvat_mask
from smearprep.formats.reading import image_size, stays_inside

_UPLOADED = re.compile(r"(^|/)(media|data)/upload/")  # where Label Studio keeps images
_URL = re.compile(r"[a-z][a-z0-9+.-]+://([^?#]*)", re.IGNORECASE)
_SERVED = "/data/local-files/?d="  # Label Studio: before the path of an image that was not uploaded


@dataclass(frozen=True)
class Log:
    """Where one file's findings go.

    Args:
        file: What findings call it.
        findings: All there are.
    """

    file: str
    findings: list[Finding]

    def add(self, kind: Kind, what: str, id_: str = "") -> None:
        """Add a finding; `id_` is what in the file."""
        self.findings.append(Finding(kind, what, self.file, id_))


# ---------------------------------------------------------------- categories and images


def category_names(categories: Any, log: Log) -> dict[Any, str]:
    """Category id -> name; ids may be sparse, begin at 0, or be words."""
    names: dict[Any, str] = {}
    for n, row in enumerate(categories if isinstance(categories, list) else []):
        id_, name = _id(row), row.get("name") if isinstance(row, dict) else None
        told = told_as("category", row, n)
        if id_ is None or not isinstance(name, str) or not name.strip():
            log.add("invalid", "the category has no id or no name; left out", told)
        elif names.setdefault(id_, name) != name:
            what = f"two categories have this id; {name!r} is left out, {names[id_]!r} kept"
            log.add("invalid", what, told)
    return names


def searched_categories(categories: Any, names: Mapping[Any, str], used: Iterable[Any]) -> dict[Any, str]:
    """The categories that annotators looked for: all but empty ones that only group others.

    Args:
        categories: The file's list, whatever it is.
        names: What `category_names` found in it.
        used: The category ids of the annotations.
    """
    rows = [row for row in categories if isinstance(row, dict)] if isinstance(categories, list) else []
    above = {
        row["supercategory"]
        for row in rows
        if isinstance(row.get("supercategory"), str) and row["supercategory"] != row.get("name")
    }
    known = {find_id(id_, names) for id_ in used}
    return {id_: name for id_, name in names.items() if id_ in known or name not in above}


def by_id(names: Mapping[Any, str]) -> list[tuple[Any, str]]:
    """Categories in the order of their ids; in the file's where ids are words."""
    rows = list(names.items())
    return rows if any(isinstance(id_, str) for id_ in names) else sorted(rows)


def image_records(records: Sequence[Any], log: Log) -> dict[Any, dict[str, Any] | None]:
    """Image id -> record, or None for an image that is left out."""
    images: dict[Any, dict[str, Any] | None] = {}
    for n, record in enumerate(map(_without_folders, records)):
        id_, told = _id(record), told_as("image", record, n)
        if id_ is None:
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
    """A record whose file_name is a path on the annotator's computer, or a URL, with the name alone."""
    stated = record.get("file_name") if isinstance(record, dict) else None
    if not isinstance(stated, str):
        return record
    name = stated.replace("\\", "/")
    url = _URL.match(name)
    path = PureWindowsPath(url[1] if url else name.rpartition(_SERVED)[2])
    if url or path.root or path.drive or _UPLOADED.search(name) or _SERVED in name:
        return {**record, "file_name": path.name}
    return record


def stated_size(record: Mapping[str, Any], log: Log) -> tuple[int, int] | None:
    """(width, height) in px as the record states it, or None."""
    stated = record.get("width"), record.get("height")
    size = image_size(*stated)
    if size is None and stated != (None, None):
        what = f"width {stated[0]!r} and height {stated[1]!r} are no image size; taken as not stated"
        log.add("damaged", what, told_as("image", record, 0))
    return size


def annotated_in(record: Mapping[str, Any], searched: Mapping[Any, str]) -> frozenset[str]:
    """The categories that were looked for in an image."""
    stated = record.get("not_exhaustive_category_ids")
    unknown = {find_id(id_, searched) for id_ in stated} if isinstance(stated, list) else set()
    return frozenset(name for id_, name in searched.items() if id_ not in unknown)


# ---------------------------------------------------------------- annotations


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of the annotations before a shape is built.

    Args:
        ids: Of each (what findings call it, its image_id), whatever that is; None: it is no JSON object.
        categories: The category ids that they have.
    """

    ids: list[tuple[str, Any] | None]
    categories: set[Any]


def survey(entries: Iterable[Any], log: Log) -> Survey:
    """Go through the annotations once, whatever they are."""
    found = Survey([], set())
    masks = crowds = 0
    for n, entry in enumerate(entries):
        if not isinstance(entry, dict):
            found.ids.append(None)
            continue
        found.ids.append((told_as("annotation", entry, n), entry.get("image_id")))
        category = entry.get("category_id")
        if isinstance(category, int | float | str):
            found.categories.add(category)
        masks += is_cvat_mask(entry)
        crowds += is_crowd(entry)
    if masks:
        what = f"masks marked as crowds, as CVAT does with every mask: {masks}; read as cells"
        log.add("note", what)
    if crowds:
        what = f"regions full of cells (iscrowd): {crowds}; taken neither for cells nor for background"
        log.add("note", what)
    return found


def group_by_image(
    ids: Iterable[tuple[str, Any] | None], images: Mapping[Any, Any], log: Log
) -> dict[Any, list[int]]:
    """The positions of the annotations of each image; `ids` as of `Survey`."""
    groups: dict[Any, list[int]] = {key: [] for key in images}
    seen: set[str] = set()
    for n, known in enumerate(ids):
        if known is None:
            what = "the annotation is no JSON object; left out"
            log.add("invalid", what, told_as("annotation", None, n))
            continue
        told, image_id = known
        if told in seen:
            log.add("duplicate", "another annotation has this id; both are kept", told)
        seen.add(told)
        key = find_id(image_id, images)
        if key is None:
            what = f"its image_id {image_id!r} is none of the file's images; left out"
            log.add("missing_image", what, told)
        elif images[key] is not None:
            groups[key].append(n)
    return groups


def _id(row: Any) -> int | str | None:
    """The id of an entry: a whole number or a text."""
    id_ = row.get("id") if isinstance(row, dict) else None
    if isinstance(id_, float) and id_.is_integer() and abs(id_) < 2**63:
        return int(id_)
    return id_ if isinstance(id_, int | str) and not isinstance(id_, bool) else None


def told_as(what: str, row: Any, position: int) -> str:
    """What findings call an entry: by its id, or its position where it has none."""
    id_ = _id(row)
    return f"{what} at position {position}" if id_ is None else f"{what} {id_}"
