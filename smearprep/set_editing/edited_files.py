"""The COCO files of a set while it is edited, their annotations held as lines.

An edit replaces a line; all others keep their bytes, and most of the memory that parsed JSON takes is saved.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats.coco.annotations import find_id, is_crowd
from smearprep.set_editing.entries import add_category, not_looked_for, outline_of_entry
from smearprep.set_editing.files import SetFile, find_image, json_line


@dataclass(frozen=True, slots=True)
class Entry:
    """An annotation.

    Args:
        line: As it stands in the COCO file.
        label: Its category.
        is_crowd: It is no cell, but a region full of them.
        is_unreviewed: No person has drawn or accepted its outline.
        score: How sure its maker was, or None.
    """

    line: bytes
    label: str
    is_crowd: bool
    is_unreviewed: bool
    score: float | None

    @classmethod
    def of(cls, entry: Mapping[str, Any], label: str) -> Entry:
        """An annotation of a category."""
        crowd, score = is_crowd(entry), entry.get("score")
        is_settled = crowd or entry.get("accepted") is True or outline_of_entry(entry) == "drawn"
        is_number = isinstance(score, int | float) and not isinstance(score, bool) and math.isfinite(score)
        return cls(json_line(entry), label, crowd, not is_settled, score if is_number else None)

    @property
    def value(self) -> Any:
        """The annotation."""
        return orjson.loads(self.line)


@dataclass(eq=False)
class EditedImage:
    """An image of the set.

    Args:
        key: "<subset>/<file_name>", unique in the set.
        id: Its id in the COCO file.
        file: Its COCO file.
        record: What that says of it.
        path: Where it lies, or None.
        entries: Id -> annotation; those that cannot be edited (of an unknown category, without an id of their
            own) are not among them.
    """

    key: str
    id: int | str
    file: EditedFile
    record: dict[str, Any]
    path: Path | None
    entries: dict[int, Entry] = field(default_factory=dict)

    @property
    def counts(self) -> Counter[str]:
        """How many cells of each category it has."""
        return Counter(entry.label for entry in self.entries.values() if not entry.is_crowd)


class EditedFile:
    """A COCO file of the set, its annotations as lines.

    Args:
        path: Where it lies.
        root: The set.
        findings: What is wrong with it is appended.

    Raises:
        DataError: No COCO file.
    """

    def __init__(self, path: Path, root: Path, findings: list[Finding]) -> None:
        self.file = file = SetFile(path, root, findings, with_entries=False)
        self.is_changed = False
        records = file.coco.records
        raw: dict[Any, dict[str, Any]] = {}
        for record in file.data["images"]:
            key = find_id(record.get("id"), records) if isinstance(record, dict) else None
            raw.setdefault(key, record)
        self.images = {
            id_: EditedImage(
                f"{file.subset}/{record['file_name']}", id_, self, raw[id_],
                find_image(root, file.subset, record["file_name"]),
            )
            for id_, record in records.items()
        }  # fmt: skip
        self.names = _names(file.data)
        self.places: dict[int, EditedImage] = {}  # id of an annotation -> its image, in the file's order
        self.strange: list[bytes] = []
        self._twice: set[int] = set()
        self.highest_id = 0
        for entry in file.stored_entries():
            self._take(entry)
        self._is_sorted = list(self.places) == sorted(self.places)
        if self.strange:
            what = (
                f"annotations without an id of their own, a listed image or a known category: "
                f"{len(self.strange)}; they cannot be edited, and stay as they are"
            )
            findings.append(Finding("invalid", what, file.name))

    def _take(self, entry: Any) -> None:
        id_, image, label = None, None, None
        if isinstance(entry, dict):
            id_ = entry.get("id")
            image = self.images.get(find_id(entry.get("image_id"), self.images))
            label = self.names.get(find_id(entry.get("category_id"), self.names))
        if type(id_) is int:
            self.highest_id = max(self.highest_id, id_)
        if type(id_) is int and id_ in self.places:  # nobody could tell which of the two is meant
            self.strange.append(self.places.pop(id_).entries.pop(id_).line)
            self._twice.add(id_)
        if type(id_) is not int or id_ in self._twice or image is None or label is None:
            self.strange.append(json_line(entry))
            return
        self.places[id_] = image
        image.entries[id_] = Entry.of(entry, label)

    def put(self, image: EditedImage, id_: int, entry: Mapping[str, Any] | None) -> None:
        """Put an annotation in the place of the one of this id, or take that away.

        Raises:
            DataError: It cannot be held (`can_hold`).
        """
        self.is_changed = True
        if entry is None:
            image.entries.pop(id_, None)
            return
        if not self.can_hold(image, id_, entry):
            raise DataError(
                self.file.path,
                f"was changed by another program: it cannot hold the annotation {id_} any more, which was "
                f"edited in {image.key}. Put back the file as it was, or move edits.jsonl away",
            )
        image.entries[id_] = Entry.of(entry, self.names[find_id(entry["category_id"], self.names)])
        self.places[id_] = image
        self.highest_id = max(self.highest_id, id_)

    def can_hold(self, image: EditedImage, id_: int, entry: Mapping[str, Any] | None) -> bool:
        """True if an annotation, or None, can stand in an image under an id.

        Another program may have given the id to an annotation of another image, or taken its category away.
        """
        if entry is None:
            return True
        is_own = find_id(entry.get("image_id"), {image.id: None}) is not None
        owner = self.places.get(id_, image)
        is_free = (owner is image or id_ not in owner.entries) and id_ not in self._twice
        return is_own and is_free and find_id(entry.get("category_id"), self.names) is not None

    def add_category(self, label: str) -> None:
        """Add a category, in no image looked for. Once more, as when a journal is read again, is the same."""
        add_category(self.file.data, label)
        not_looked_for(self.file.data, label)
        self.names = _names(self.file.data)
        self.is_changed = True

    def count(self) -> Counter[str]:
        """How many cells of each category it has."""
        return sum((image.counts for image in self.images.values()), Counter[str]())

    def as_bytes(self) -> bytes:
        """The file."""
        ids = sorted(self.places) if self._is_sorted else list(self.places)
        lines = [entry.line for id_ in ids if (entry := self.places[id_].entries.get(id_))]
        self.file.data["annotations"] = lines + self.strange
        try:
            return self.file.as_bytes()
        finally:
            self.file.data["annotations"] = []


def _names(data: Mapping[str, Any]) -> dict[Any, str]:
    """Category id -> name."""
    rows = data.get("categories")
    names: dict[Any, str] = {}
    for row in rows if isinstance(rows, list) else []:
        id_, name = (row.get("id"), row.get("name")) if isinstance(row, dict) else (None, None)
        if isinstance(id_, int | str) and isinstance(name, str):
            names.setdefault(id_, name)
    return names
