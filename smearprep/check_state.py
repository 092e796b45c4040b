"""What `check` reads of a set, record by record, and what it remembers of what has come by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.jsonlists import JsonLists


class CocoRecords:
    """A COCO file, whose records are read one by one; what is no list of objects is empty, and a finding.

    Args:
        path: The file.
        findings: What is wrong with it is told here.
    """

    def __init__(self, path: Path, findings: list[Finding]) -> None:
        self.name = f"annotations/{path.name}"
        self.subset = path.stem.removeprefix("instances_")
        self.sizes: dict[int | str, tuple[Any, Any]] = {}  # of its images, as they have come by
        self._findings = findings
        self._lists: JsonLists | None = None
        try:
            self._lists = JsonLists(path)
        except DataError as error:
            findings.append(Finding("corrupt", error.what, self.name))
        for key in ("images", "annotations", "categories"):
            if self._lists is None or not self._lists.has(key):
                findings.append(Finding("corrupt", f"has no list of {key}", self.name))

    def count(self, key: str) -> int:
        """How many records a list has."""
        return len(self._lists.records(key)) if self._lists else 0

    def rows(self, key: str) -> Iterator[dict[str, Any]]:
        """The records of a list that have an id."""
        lost = 0
        for row in self._lists.records(key) if self._lists else ():
            if isinstance(row, dict) and is_id(row.get("id")):
                yield row
            else:
                lost += 1
        if lost:
            what = f"{lost} of its {key} have no id that can be used"
            self._findings.append(Finding("corrupt", what, self.name))


class Seen:
    """What has come by so far, over all subsets."""

    def __init__(self) -> None:
        self.image_ids = _Ids()
        self.annotation_ids = _Ids()
        self.files: set[str] = set()
        self.categories: dict[str, list[tuple[Any, Any]]] = {}
        self.subsets: dict[str, dict[str, tuple[str, ...]]] = {
            what: {} for what in ("smear", "source", "content")
        }
        self.first_with: dict[str, str] = {}  # digest -> the first image that has it
        self.images: Counter[str] = Counter()
        self.cells: Counter[str] = Counter()
        self.by_category: Counter[str] = Counter()

    def lies_in(self, what: str, key: str, subset: str) -> None:
        """Note where a smear, a source or a content lies."""
        known = self.subsets[what].get(key, ())
        if subset not in known:  # a tuple, not a set: of most of 100,000 keys there is one subset
            self.subsets[what][key] = (*known, subset)


class _Ids:
    """Ids that have come by; those that count up, as most do, take no room."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._first = 0
        self._others: set[int | str] = set()

    def add(self, id_: int | str) -> bool:
        """Take up an id; False if it has come by before."""
        if self._next is None and isinstance(id_, int):
            self._first = self._next = id_
        if id_ in self._others or (self._next is not None and self._is_counted(id_, self._next)):
            return False
        if id_ == self._next:
            self._next += 1
        else:
            self._others.add(id_)
        return True

    def _is_counted(self, id_: int | str, end: int) -> bool:
        return isinstance(id_, int) and self._first <= id_ < end


def is_id(value: object) -> bool:
    """True for what COCO files have as ids: whole numbers, and texts."""
    return isinstance(value, int | str) and not isinstance(value, bool)
