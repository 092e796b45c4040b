"""JSON files of long lists, such as COCO files, read record by record.

smearprep writes one record a line. Such a file is never held in memory as a whole; any other JSON file is.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, overload

import orjson

from smearprep.errors import DataError
from smearprep.jsonfiles import read_json

_OPENS = re.compile(rb'"([^"\\]+)":\[\n')
_LONGEST_FRAME = 1 << 20  # bytes beside the records; of a file that has more, the records do not lie in lines


class Records(Sequence[Any]):
    """The records of a list that lie in lines of their own; each is read when it is asked for.

    Args:
        path: The file.
        starts: Byte offset of each record's line, and of what comes after the last one.
    """

    def __init__(self, path: Path, starts: array[int]) -> None:
        self._path = path
        self._starts = starts

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __iter__(self) -> Iterator[Any]:
        return self.at(range(len(self)))

    @overload
    def __getitem__(self, n: int) -> Any: ...

    @overload
    def __getitem__(self, n: slice) -> list[Any]: ...

    def __getitem__(self, n: int | slice) -> Any:
        if isinstance(n, slice):
            return list(self.at(range(len(self))[n]))
        (row,) = self.at((range(len(self))[n],))
        return row

    def at(self, positions: Iterable[int]) -> Iterator[Any]:
        """The records at some positions.

        Raises:
            DataError: The file has been changed since it was opened.
        """
        try:
            with self._path.open("rb") as file:
                where = -1
                for n in positions:
                    start, end = self._starts[n : n + 2]
                    if start != where:
                        file.seek(start)
                    where = end
                    yield orjson.loads(_record(file.read(end - start))[0])
        except (OSError, orjson.JSONDecodeError):
            raise DataError(self._path, "was changed while it was read; do it again") from None


class JsonLists:
    """The lists of a JSON object in a file. What it yields is what `read_json` would hold.

    Args:
        path: The file.

    Raises:
        DataError: As `read_json`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: dict[str, Records] = {}
        frame = self._frame()
        self._rest: Any = read_json(path) if frame is None else frame

    @property
    def frame(self) -> Any:
        """All that is in the file; a list whose records lie in lines is empty here."""
        return self._rest

    def has(self, key: str) -> bool:
        """True if the file is an object that has a list of this name."""
        return isinstance(self._rest, dict) and isinstance(self._rest.get(key), list)

    def records(self, key: str) -> Sequence[Any]:
        """The records of a list; none if it is not there. Those that lie in lines stay in the file."""
        if key in self._lines:
            return self._lines[key]
        return self._rest[key] if self.has(key) else ()

    def _frame(self) -> dict[str, Any] | None:
        """The object with its long lists empty, if each of their records is a line of its own; else None.

        Every line is parsed once: what `records` holds afterwards is sound.
        """
        frame, offset = bytearray(), 0
        try:
            with self._path.open("rb") as file:
                while line := file.readline(_LONGEST_FRAME + 1):
                    offset += len(line)
                    frame += line
                    opened = _OPENS.fullmatch(line)
                    if opened:
                        starts, end = _skip_records(file, offset)
                        self._lines[opened[1].decode()] = Records(self._path, starts)
                        offset = starts[-1] + len(end)
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


def _skip_records(file: BinaryIO, offset: int) -> tuple[array[int], bytes]:
    """Read the lines of a list up to its end.

    Args:
        file: Read up to where the list begins.
        offset: In bytes, of this place.

    Returns:
        Where each record begins, and where the line begins that ends the list; and that line.

    Raises:
        ValueError: A record is not in one line.
    """
    starts, goes_on = array("q"), True
    while line := file.readline():
        if line.startswith(b"]"):
            if goes_on and starts:
                raise ValueError
            starts.append(offset)
            return starts, line
        if line == b"\n" and not starts:  # a list of none
            goes_on = False
        elif not goes_on:
            raise ValueError
        else:
            record, goes_on = _record(line)
            orjson.loads(record)
            starts.append(offset)
        offset += len(line)
    raise ValueError


def _record(line: bytes) -> tuple[bytes, bool]:
    """The JSON of a record, and whether another one follows."""
    return (line[:-2], True) if line.endswith(b",\n") else (line, False)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found
