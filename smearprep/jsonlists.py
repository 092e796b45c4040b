"""JSON files of long lists, such as COCO files, read record by record.

smearprep writes one record a line. Such a file is never held in memory as a whole; any other JSON file is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from smearprep.errors import DataError
from smearprep.jsonfiles import read_json

_OPENS = re.compile(rb'"([^"\\]+)":\[\n')
_LONGEST_FRAME = 1 << 20  # bytes beside the records; of a file that has more, the records do not lie in lines


class _Lines(NamedTuple):
    """Where the records of a list lie: byte offset of the first one, and how many they are."""

    start: int
    number: int


class JsonLists:
    """The lists of a JSON object in a file. What it yields is what `read_json` would hold.

    Args:
        path: The file.

    Raises:
        DataError: As `read_json`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: dict[str, _Lines] = {}
        frame = self._frame()
        self._rest: Any = read_json(path) if frame is None else frame

    @property
    def frame(self) -> Any:
        """All that is in the file; a list whose records lie in lines is empty here."""
        return self._rest

    def has(self, key: str) -> bool:
        """True if the file is an object that has a list of this name."""
        return isinstance(self._rest, dict) and isinstance(self._rest.get(key), list)

    def count(self, key: str) -> int:
        """How many records a list has; 0 if it is not there."""
        if key in self._lines:
            return self._lines[key].number
        return len(self._rest[key]) if self.has(key) else 0

    def rows(self, key: str) -> Iterator[Any]:
        """The records of a list; none if it is not there.

        Raises:
            DataError: The file has been changed since it was opened.
        """
        lines = self._lines.get(key)
        if lines is None:
            yield from self._rest[key] if self.has(key) else ()
            return
        with self._path.open("rb") as file:
            file.seek(lines.start)
            for _ in range(lines.number):
                try:
                    row = orjson.loads(_record(file.readline())[0])
                except orjson.JSONDecodeError:
                    raise DataError(self._path, "was changed while it was read; do it again") from None
                yield row

    def _frame(self) -> dict[str, Any] | None:
        """The object with its long lists empty, if each of their records is a line of its own; else None.

        Every line is parsed once: what `rows` reads afterwards is sound.
        """
        frame, offset = bytearray(), 0
        try:
            with self._path.open("rb") as file:
                while line := file.readline():
                    offset += len(line)
                    frame += line
                    opened = _OPENS.fullmatch(line)
                    if opened:
                        length, count, end = _skip_records(file)
                        self._lines[opened[1].decode()] = _Lines(offset, count)
                        offset += length
                        frame += end
                    if len(frame) > _LONGEST_FRAME:
                        raise ValueError
            return self._checked(bytes(frame))
        except (OSError, ValueError, RecursionError):  # `read_json` says what is wrong, if anything is
            self._lines.clear()
            return None

    def _checked(self, frame: bytes) -> dict[str, Any]:
        """The object in a frame, if it is beyond doubt that the long lists are its own."""
        found = json.loads(frame, object_pairs_hook=_without_doubles)
        if not self._lines or not isinstance(found, dict) or b"\\" in frame:
            raise ValueError
        if not all(frame.count(f'"{key}"'.encode()) == 1 and found.get(key) == [] for key in self._lines):
            raise ValueError
        return found


def _skip_records(file: Any) -> tuple[int, int, bytes]:
    """Read the lines of a list up to its end: how many bytes, how many records, and the line that ends it.

    Raises:
        ValueError: A record is not in one line.
    """
    length, count, goes_on = 0, 0, True
    while line := file.readline():
        length += len(line)
        if line.startswith(b"]"):
            if goes_on and count:
                raise ValueError
            return length, count, line
        if line == b"\n" and not count:  # a list of none
            goes_on = False
            continue
        if not goes_on:
            raise ValueError
        record, goes_on = _record(line)
        orjson.loads(record)
        count += 1
    raise ValueError


def _record(line: bytes) -> tuple[bytes, bool]:
    """The JSON of a record, and whether another one follows."""
    return (line[:-2], True) if line.endswith(b",\n") else (line, False)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found
