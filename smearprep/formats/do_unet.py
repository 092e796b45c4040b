"""The markup of the DO-U-Net tool: pathologists' polygons of one image a file.

The tool was first made for satellite images; its labels Truck, Tanker and Trailer are kept as they
stand, for only the user knows what they mean (of ALL-IDB1 all three are red blood cells).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats.reading import ReadOptions
from smearprep.geometry import FloatArray, outlines_to_shapes
from smearprep.jsonfiles import read_json
from smearprep.records import Cell, ImageCells

TITLE = "DO-U-Net markup (JSON with image_information and markup)"
TOOL_LABELS = frozenset({"Truck", "Tanker", "Trailer"})
"""The labels the drawing tool offers. A file that uses one was drawn with all three at hand."""

_BROKEN = (KeyError, TypeError, ValueError, OverflowError)
_vertices, _x, _y = (itemgetter(key) for key in ("vertices", "x", "y"))
_OUTLINE_FAULTS = {
    "zero_area": "the polygon has no area; left out",
    "repaired": "the polygon crossed itself; made valid, its parts kept as one cell",
}


def sniff(path: Path, head: bytes) -> bool:
    """True if the file begins with the tool's own keys."""
    return b'"image_information"' in head or (b'"markup"' in head and b'"vertices"' in head)


def read(path: Path, options: ReadOptions, findings: list[Finding]) -> Iterator[ImageCells]:
    """The one image of a markup file; findings call a polygon by its index in `markup`.

    Raises:
        DataError: Not JSON, or without a list `markup`.
    """
    data = read_json(path)
    markup = data.get("markup") if isinstance(data, dict) else None
    if not isinstance(markup, list):
        raise DataError(path, 'is no DO-U-Net markup: it has no list "markup"')
    file = options.name(path)
    image = data.get("image_information")
    image = image if isinstance(image, dict) else {}
    size = _size(image, file, findings)
    cells = _cells(markup, file, findings)
    labels = frozenset(cell.label for cell in cells)
    annotated = labels | TOOL_LABELS if labels & TOOL_LABELS else labels
    name = _image_name(image, path)
    del data, markup  # a hundred times the size of the cells
    yield ImageCells(name, size, cells, str(path), annotated)


def _image_name(image: Mapping[str, Any], path: Path) -> str:
    """The image's name without the folder it had on the drawer's computer; else the file's stem."""
    stated = image.get("image_name")
    name = PureWindowsPath(stated).name.strip() if isinstance(stated, str) else ""
    return path.stem if name in ("", "..") or "\0" in name else name


def _size(image: Mapping[str, Any], file: str, findings: list[Finding]) -> tuple[int, int] | None:
    """(width, height) in px as stated, or None."""
    width, height = image.get("image_width"), image.get("image_height")
    if isinstance(width, int) and isinstance(height, int) and min(width, height) >= 1:
        return width, height
    what = f"image_width {width!r} and image_height {height!r} are no image size; taken as not stated"
    findings.append(Finding("damaged", what, file))
    return None


def _cells(markup: Sequence[Any], file: str, findings: list[Finding]) -> tuple[Cell, ...]:
    """The cells of all polygons that can be used, in the file's order."""
    xy, lengths = _outlines(markup)
    shapes, faults = outlines_to_shapes(xy, lengths)
    cells = []
    for n, (entry, shape, fault) in enumerate(zip(markup, shapes, faults, strict=True)):
        if fault:
            what = _OUTLINE_FAULTS.get(fault) or _why_invalid(entry)
            findings.append(Finding(fault, what, file, str(n)))
        if shape is None:
            continue
        label = entry.get("object_label")
        if not isinstance(label, str) or not label.strip():
            findings.append(Finding("invalid", f"object_label is {label!r}; left out", file, str(n)))
            continue
        cells.append(Cell(label, shape, "drawn", _attributes(entry)))
    return tuple(cells)


def _outlines(markup: Sequence[Any]) -> tuple[FloatArray, list[int]]:
    """The vertices of all polygons, (n, 2) in px, and how many each has: none where one is broken."""
    try:
        return _flat(markup)
    except _BROKEN:  # something in there is odd: find out which, one by one
        pass
    found = []
    for entry in markup:
        try:
            found.append(_flat([entry]))
        except _BROKEN:
            found.append((np.empty((0, 2)), [0]))
    return np.concatenate([xy for xy, _ in found]), [n for _, lengths in found for n in lengths]


def _flat(markup: Sequence[Any]) -> tuple[FloatArray, list[int]]:
    groups = list(map(_vertices, markup))
    lengths = list(map(len, groups))
    points = list(chain.from_iterable(groups))
    xy = np.empty((len(points), 2))
    xy[:, 0] = np.fromiter(map(_x, points), float, len(points))
    xy[:, 1] = np.fromiter(map(_y, points), float, len(points))
    return xy, lengths


def _why_invalid(entry: Any) -> str:
    try:
        _, (count,) = _flat([entry])
    except _BROKEN:
        return "the polygon has no list of vertices with numbers x and y; left out"
    if count < 3:
        return f"the polygon has {count} {'point' if count == 1 else 'points'}, 3 are needed; left out"
    return "the polygon has a coordinate that is not finite, or crosses itself thousands of times; left out"


def _attributes(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the pathologist remarked, where the file says so.

    `marker` is the name of the computer the outline was drawn on: nobody's business, and left out.
    """
    return {"comments": entry["marker_comments"]} if entry.get("marker_comments") else {}
