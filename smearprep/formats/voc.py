"""Pascal VOC: boxes in XML, one file an image.

VOC counts pixels from 1 and its corners are inclusive: [xmin - 1, xmax) x [ymin - 1, ymax) here. A box
whose corners fall together has no size as its annotator meant it, though the arithmetic gives 1 px.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import shapely

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats.reading import ReadOptions
from smearprep.records import Cell, ImageCells
from smearprep.xmlfiles import read_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

TITLE = "Pascal VOC (XML with <annotation> and <bndbox>)"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_ROOT = re.compile(rb"<annotation[\s>]")


def sniff(path: Path, head: bytes) -> bool:
    """True if it is XML whose root is <annotation>, as VOC has it (LabelMe's has <imagesize>)."""
    return bool(_ROOT.search(head)) and b"<imagesize" not in head and b"<nrows" not in head


def read(path: Path, options: ReadOptions, findings: list[Finding]) -> Iterator[ImageCells]:
    """The boxes of one file.

    `annotated` holds the labels that occur: one file does not say what else was looked for.

    Raises:
        DataError: Not there, broken XML, an XML bomb, or no VOC.
    """
    file = options.name(path)
    root = read_xml(path)
    if root.tag != "annotation":
        raise DataError(path, f"is no Pascal VOC file: its root is <{root.tag}>, not <annotation>")
    cells = tuple(
        cell for node in root.iter("object") if (cell := _read_object(node, file, findings)) is not None
    )
    polygons = len(root.findall("object/polygon"))
    if polygons:
        what = f"{polygons} objects also hold a polygon; only their boxes are read"
        findings.append(Finding("note", what, file))
    name = _text(root, "filename") or path.stem
    yield ImageCells(name, _size(root), cells, str(path), frozenset(cell.label for cell in cells))


def _read_object(node: Element, file: str, findings: list[Finding]) -> Cell | None:
    """One <object> as a cell, or None and a finding."""
    label = _text(node, "name")
    corners = [_text(node, f"bndbox/{key}") for key in _CORNERS]
    stated = f"{label or 'unnamed'} ({', '.join(corner or '-' for corner in corners)})"
    box = _numbers(corners)
    if not label or box is None:
        what = f"an object lacks its name or four corners that are numbers: {stated}; left out"
        findings.append(Finding("invalid", what, file, stated))
        return None
    x0, y0, x1, y1 = box
    if x1 < x0 or y1 < y0:
        findings.append(Finding("invalid", f"a box with exchanged corners: {stated}; left out", file, stated))
        return None
    if x1 == x0 or y1 == y0:
        findings.append(Finding("zero_area", f"a box of zero size: {stated}; left out", file, stated))
        return None
    flags = {key: True for key in ("truncated", "difficult", "occluded") if _text(node, key) == "1"}
    return Cell(label, shapely.box(x0 - 1, y0 - 1, x1, y1), "box", flags)


def _numbers(corners: list[str]) -> tuple[float, float, float, float] | None:
    try:
        x0, y0, x1, y1 = (float(corner) for corner in corners)
    except ValueError:
        return None
    return (x0, y0, x1, y1) if all(map(math.isfinite, (x0, y0, x1, y1))) else None


def _size(root: Element) -> tuple[int, int] | None:
    """(width, height) as the file states it; None if it does not, or states 0."""
    try:
        width, height = int(_text(root, "size/width")), int(_text(root, "size/height"))
    except ValueError:
        return None
    return (width, height) if width > 0 and height > 0 else None


def _text(node: Element, path: str) -> str:
    return (node.findtext(path) or "").strip()
