"""The outline of the one cell that somebody has just put a box on, or a point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import shapely
from shapely.geometry import Point

from smearprep.annotating.cells import cell_to_json
from smearprep.annotating.refusals import EditError
from smearprep.assist import MADE_BY, outline_of
from smearprep.datasets.files import size_text, stated_frame
from smearprep.errors import DataError
from smearprep.images import RGB, decode, probe, read_bytes
from smearprep.records import Cell

_MADE_BY = "smearprep annotate"
"""How "made_by" begins: `assist` does not take away again what was made at a person's wish."""


def place_to_cell(
    category: str, box: Sequence[float] | None, point: Sequence[float] | None, size: tuple[int, int]
) -> Cell:
    """A box or a point as a cell.

    Args:
        category: Its category.
        box: [x, y, w, h] in px; what lies beyond the image is cut off. Or
        point: [x, y] in px.
        size: (width, height) of the image in px.

    Raises:
        EditError: Neither or both, no numbers, or nothing in the image.
    """
    numbers = box if box is not None else point
    if numbers is None or (box is None) == (point is None) or len(numbers) != (4 if box is not None else 2):
        raise EditError("a cell is outlined from a box (x, y, width, height) or a point (x, y)")
    if not all(map(math.isfinite, numbers)):
        raise EditError("the box or point has a coordinate that is no number")
    if box is None:
        x, y = numbers
        if not (0 <= x < size[0] and 0 <= y < size[1]):
            raise EditError("the point lies beyond the image")
        return Cell(category, Point(x, y), "point")
    x0, y0, x1, y1 = numbers[0], numbers[1], numbers[0] + numbers[2], numbers[1] + numbers[3]
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, size[0]), min(y1, size[1])
    if not (x1 > x0 and y1 > y0):
        raise EditError("the box has no area in the image")
    return Cell(category, shapely.box(x0, y0, x1, y1), "box")


class Outliner:
    """Outlines cells; keeps the pixels of the image in which it did so last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last: tuple[Any, RGB] | None = None

    def outline(
        self, path: Path, size: tuple[int, int] | None, cell: Cell, known: Sequence[Cell]
    ) -> dict[str, Any]:
        """The outline of a cell, as JSON.

        Args:
            path: The image.
            size: (width, height) in px as the set states it, or None.
            cell: Its box or point.
            known: The other cells of the image.

        Returns:
            {"cell": the cell without an id, or None, "why": there is none}.

        Raises:
            DataError: The image cannot be read, or has another size.
        """
        attempt = outline_of(self._pixels(path, size), cell, known)
        if attempt.cell is None:
            return {"cell": None, "why": f"no outline was found: {attempt.why}"}
        found = cell_to_json(attempt.cell, is_crowd=False)
        how = found["made_by"].removeprefix(MADE_BY)
        return {"cell": {**found, "made_by": f"{_MADE_BY}{how}"}, "why": ""}

    def _pixels(self, path: Path, size: tuple[int, int] | None) -> RGB:
        try:
            stat = path.stat()
        except OSError as error:
            raise DataError(path, f"cannot be read ({error.strerror or error})") from None
        key = (path, stat.st_mtime_ns, stat.st_size)
        with self._lock:
            if self._last is None or self._last[0] != key:
                self._last = None  # before the next one is there: the memory of one image is enough
                self._last = key, _decoded(path, size)
            return self._last[1]


def _decoded(path: Path, size: tuple[int, int] | None) -> RGB:
    data = read_bytes(path)
    header = probe(path, data)
    oriented = stated_frame(header, size, oriented=False)
    if oriented is None:
        assert size is not None
        raise DataError(path, f"is {size_text(header.size)} px, but its record states {size_text(size)}")
    return decode(data, path, oriented)
