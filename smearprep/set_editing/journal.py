"""The journal of a set that people edit: `edits.jsonl`, one JSON object a line, only ever appended to.

An edit is in it, on the disk, before anybody is told that it is done. Three kinds of lines:

{"edit": ID, "kind": "edit" | "undo" | "redo", "image": KEY, "title": ..., "who": ..., "when": ...,
 "cells": {"12": [BEFORE, AFTER], ...}, "record": [BEFORE, AFTER], "ids": {"new-x": 12}}
    One image was changed. BEFORE and AFTER are whole annotations as in the COCO file, null for none; of the
    image's record only the keys that changed.
{"edit": ID, "category": NAME, "who": ..., "when": ...}
    A category was added.
{"folded": N}
    The COCO files hold the first N edits.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, get_args

import orjson

from smearprep.errors import DataError, OutputError
from smearprep.images import is_file, refuse_special
from smearprep.output_folder import EDITS
from smearprep.set_editing.entries import ID_LISTS, MARKS, category_ids
from smearprep.set_editing.syncing import sync_folder

Kind = Literal["edit", "undo", "redo"]
_FOLDED = b'{"folded":'
Pair = tuple[Any, Any]
"""Before and after."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one image, or a category that was added.

    Args:
        id: Made by who asked for it, unique.
        image: Key of the image; "" of a category.
        kind: A change, or that the last one was undone or done again.
        title: In words.
        cells: Id of an annotation -> the whole annotation before and after, None for none.
        record: What of the image's record was changed, before and after; a key may lack in either.
        ids: What annotations that are new are called by who asked for them -> their ids.
        category: The name of the category, or "".
    """

    id: str
    image: str = ""
    kind: Kind = "edit"
    title: str = ""
    cells: Mapping[int, Pair] = field(default_factory=dict)
    record: Pair = ({}, {})
    ids: Mapping[str, int] = field(default_factory=dict)
    category: str = ""

    def inverse(self) -> Edit:
        """The change back."""
        cells = {id_: (after, before) for id_, (before, after) in self.cells.items()}
        before, after = self.record
        return Edit(self.id, self.image, "undo", self.title, cells, (after, before), self.ids)

    def as_line(self, who: str, when: str) -> bytes:
        """The edit as a line of the journal."""
        about: dict[str, Any] = {"category": self.category}
        if not self.category:
            about = {"kind": self.kind, "image": self.image, "title": self.title}
        signed = {"edit": self.id, **about, "who": who, "when": when}
        if not self.category:
            cells = {str(id_): pair for id_, pair in self.cells.items()}
            signed |= {"cells": cells, "record": self.record, "ids": self.ids}
        return orjson.dumps(signed) + b"\n"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a journal.

    Args:
        offset: Where it begins, in bytes.
        edit: What it tells, or None:
        folded: so many edits are in the COCO files.
    """

    offset: int
    edit: Edit | None
    folded: int = 0


class Journal:
    """The journal of a set, which may not be there yet.

    Only one process may have it open: see `output_folder.hold_set`.

    Args:
        root: The set.

    Raises:
        OutputError: A folder or a device is in its place.
    """

    def __init__(self, root: Path) -> None:
        self.path = root / EDITS
        refuse_special(self.path)
        self._size: int | None = None

    def lines(self) -> Iterator[Line]:
        """All lines. A last one that was not written to its end is cut off: nobody was told that it is.

        Raises:
            DataError: One is broken, or the file cannot be read.
            OutputError: The half line cannot be cut off.
        """
        if not is_file(self.path):
            self._size = 0
            return
        offset = 0
        with self._opened() as file:
            for number, raw in enumerate(file, 1):
                if not raw.endswith(b"\n"):
                    break
                yield _parsed(raw, offset, self.path, number)
                offset += len(raw)
        self._cut(offset)

    def folded(self) -> int:
        """How many of the edits, from the first one, are in the COCO files.

        Of a journal that was put back from an older copy, a note counts no more edits than stand before it.

        Raises:
            DataError: As `lines`.
        """
        if not is_file(self.path):
            return 0
        with self._opened() as file:
            edits, folded = 0, 0
            for number, raw in enumerate(file, 1):
                if raw.startswith(_FOLDED) and raw.endswith(b"\n"):
                    folded = max(folded, min(_parsed(raw, 0, self.path, number).folded, edits))
                else:
                    edits += 1
            return folded

    def read(self, offset: int) -> Edit:
        """The edit whose line begins at an offset.

        Raises:
            DataError: It is broken, or is gone.
        """
        with self._opened() as file:
            file.seek(offset)
            raw = file.readline()
        edit = _parsed(raw, offset, self.path, 0).edit
        if edit is None:
            what = f"has no edit at byte {offset} any more; open the set again"
            raise DataError(self.path, what)
        return edit

    def _opened(self) -> IO[bytes]:
        try:
            return self.path.open("rb")
        except OSError as error:
            raise DataError(self.path, f"cannot be read ({error.strerror or error})") from None

    def append(self, line: bytes) -> int:
        """Write a line to the disk, whole or not at all.

        Returns:
            Where it begins, in bytes.

        Raises:
            OutputError: It cannot be written; the journal is as it was.
        """
        assert self._size is not None  # the lines have been read
        begin = self._size
        try:
            self._write(begin, line)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror or error})") from None
        self._size = begin + len(line)
        return begin

    def _write(self, begin: int, line: bytes) -> None:
        is_new = not begin
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            if os.fstat(handle).st_size < begin:
                raise OSError("it has become shorter: another program has changed it; open the set again")
            os.ftruncate(handle, begin)  # what is left of an earlier line that could not be written
            os.lseek(handle, begin, os.SEEK_SET)
            try:
                left = memoryview(line)
                while left:
                    left = left[os.write(handle, left) :]
                os.fsync(handle)
            except BaseException:
                os.ftruncate(handle, begin)
                raise
        finally:
            os.close(handle)
        if is_new:
            sync_folder(self.path.parent)

    def _cut(self, size: int) -> None:
        try:
            if self.path.stat().st_size > size:
                os.truncate(self.path, size)
        except OSError as error:
            what = f"its last line is half written and cannot be cut off ({error.strerror or error})"
            raise OutputError(f"{self.path}: {what}") from None
        self._size = size


# ---------------------------------------------------------------- reading a line


def _parsed(raw: bytes, offset: int, path: Path, number: int) -> Line:
    try:
        data = orjson.loads(raw)
        return Line(offset, None, int(data["folded"])) if "folded" in data else Line(offset, _edit(data))
    except (ValueError, TypeError, KeyError, AttributeError):
        where = f"line {number}" if number else f"the line at byte {offset}"
        raise DataError(
            path,
            f"{where} is broken: it is no edit that smearprep has written. Put back the file as it was, from "
            "a copy; or move it away: the cells then are those of annotations/, and what was edited before "
            "cannot be undone any more",
        ) from None


def _edit(data: Mapping[str, Any]) -> Edit:
    if "category" in data:
        return Edit(_text(data["edit"]), category=_text(data["category"]))
    cells = {int(id_): _pair(pair) for id_, pair in data["cells"].items()}
    if any(entry is not None and entry.get("id") != id_ for id_, pair in cells.items() for entry in pair):
        raise ValueError("an annotation under the id of another one")
    ids = {_text(name): int(id_) for name, id_ in data["ids"].items()}
    if data["kind"] not in get_args(Kind):
        raise ValueError("no edit that can be")
    before, after = map(_record, _pair(data["record"]))
    return Edit(
        _text(data["edit"]),
        _text(data["image"]),
        data["kind"],
        _text(data["title"]),
        cells,
        (before, after),
        ids,
    )


def _record(values: Mapping[str, Any]) -> Mapping[str, Any]:
    for key, value in values.items():
        if key not in MARKS and (key not in ID_LISTS or category_ids(value) != value):
            raise ValueError("what no edit changes of an image")
    return values


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _pair(value: Any) -> Pair:
    before, after = value
    if not all(one is None or isinstance(one, dict) for one in (before, after)):
        raise TypeError(value)
    return before, after
