"""xyc: the centres of cells, one `x y` a line, in px from the top left (ALL-IDB1's annotation).

Fields are parted by any white space; blank lines say nothing. An empty file means: looked for, none
found. Whether the first pixel is 0 or 1 is stated nowhere; coordinates are taken as they are unless
`origin` says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from shapely.geometry import Point

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats.reading import ReadOptions
from smearprep.images import read_bytes
from smearprep.records import Cell, ImageCells

TITLE = "xyc points (x and y of a cell's centre, one cell a line)"


def sniff(path: Path, head: bytes) -> bool:
    """True if the first line that is not blank holds two numbers; a blank file needs the suffix .xyc."""
    lines = [line for line in head.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip()]
    if not lines:
        return path.suffix.lower() == ".xyc"
    return len(lines[0].split()) == 2 and _numbers(lines[0].decode("utf-8", "replace")) is not None


def read(path: Path, options: ReadOptions, findings: list[Finding]) -> Iterator[ImageCells]:
    """The points of one file, all of `options.label`; their image is the one of the same stem.

    Raises:
        DataError: Not there, or not text.
    """
    cells = read_points(path, options.label, options.name(path), findings)
    yield ImageCells(path.stem, None, cells, str(path), frozenset({options.label}))


def read_points(
    path: Path, label: str, file: str, findings: list[Finding], origin: int = 0
) -> tuple[Cell, ...]:
    """The points of one file.

    Args:
        path: The file.
        label: What the points are.
        file: How findings name the file.
        findings: Where broken lines are reported, with their number.
        origin: Coordinate of the first pixel as the file counts: 0, or 1 for one-based files.

    Returns:
        Cells of outline "point", in the file's order.

    Raises:
        DataError: Not there, or not text.
    """
    cells = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        numbers = _numbers(line)
        if numbers is None or len(numbers) != 2:
            what = f"line {number}: two numbers were expected, found {line.strip()[:40]!r}; left out"
            findings.append(Finding("invalid", what, file, f"line {number}"))
            continue
        x, y = numbers
        cells.append(Cell(label, Point(x - origin, y - origin), "point"))
    return tuple(cells)


def _numbers(line: str) -> list[float] | None:
    """The finite numbers of a line, or None if anything else stands in it."""
    try:
        numbers = [float(word) for word in line.split()]
    except ValueError:
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


def _text(path: Path) -> str:
    data = read_bytes(path)
    if b"\0" in data:
        raise DataError(path, "is not text; lines of x and y were expected")
    return data.decode("utf-8-sig", "replace")
