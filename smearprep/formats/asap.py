"""ASAP's XML: one file a slide, px of its full resolution.

An annotation's group is its label. One in no group is called by its own name, unless that is only ASAP's
numbering ("Annotation 12"): then by the label that was asked for. A spline is drawn by ASAP as a curve
through its points; the polygon through the same points is read. The image is named nowhere: it is the one
of the file's stem.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from shapely.geometry import Point

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats.outlines import Drawn, drawn_to_cells
from smearprep.formats.reading import ReadOptions
from smearprep.geometry import FARTHEST, FloatArray
from smearprep.records import ImageCells
from smearprep.xmlfiles import read_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

TITLE = "ASAP (XML with <ASAP_Annotations>)"

_ROOT = re.compile(rb"<ASAP_Annotations[\s>/]")
_NUMBERED = re.compile(r"annotation [0-9]+", re.IGNORECASE)
_ORDER = re.compile(r"[0-9]{1,15}")


def sniff(path: Path, head: bytes) -> bool:
    """True if it is XML whose root is <ASAP_Annotations>."""
    return bool(_ROOT.search(head))


def read(path: Path, options: ReadOptions, findings: list[Finding]) -> Iterator[ImageCells]:
    """The cells of one slide; findings call an annotation by its place in the file and its name.

    `annotated` holds the file's groups, the empty ones too.

    Raises:
        DataError: Not there, broken XML, an XML bomb, or not ASAP's.
    """
    root = read_xml(path)
    if root.tag != "ASAP_Annotations":
        raise DataError(path, f"is no ASAP file: its root is <{root.tag}>, not <ASAP_Annotations>")
    file = options.name(path)
    drawn: list[Drawn] = []
    for number, node in enumerate(root.iterfind("Annotations/Annotation"), 1):
        id = f"annotation {number} ({_label(node, 'Name') or 'unnamed'})"
        found = _drawn(node, id)
        if isinstance(found, str):
            findings.append(Finding("invalid", f"{found}; left out", file, id))
        else:
            drawn += found
        node.clear()
    unnamed = sum(not one.label for one in drawn)
    if unnamed:
        what = f"{unnamed} cells are in no group and have no name of their own"
        findings.append(Finding("note", f"{what}; their label is {options.label!r}", file))
    for one in drawn:
        one.label = one.label or options.label
    cells = drawn_to_cells(drawn, file, findings)
    groups = {_label(node, "Name") for node in root.iterfind("AnnotationGroups/Group")} - {""}
    annotated = groups.union(cell.label for cell in cells)
    yield ImageCells(path.stem, None, cells, str(path), frozenset(annotated))


def _label(node: Element, key: str) -> str:
    """A name, or "" where none is stated."""
    name = node.get(key) or ""
    return name if name.strip() else ""


def _drawn(node: Element, id: str) -> list[Drawn] | str:
    """The cell of an annotation, or those of its points; or why there is none."""
    group, name = _label(node, "PartOfGroup"), _label(node, "Name")
    if _NUMBERED.fullmatch(name):
        name = ""
    if group in ("", "None"):
        group, name = name, ""
    told = {"name": name} if name else {}
    kind, xy = (node.get("Type") or "").lower(), _coordinates(node)
    if kind in ("polygon", "spline"):
        return [Drawn(id, group, [xy], attributes=told)]
    if kind == "rectangle":
        ring, is_box = _rectangle(xy)
        return [Drawn(id, group, [ring], outline="box" if is_box else "drawn", attributes=told)]
    if kind not in ("dot", "pointset"):
        return f"its type is {reprlib.repr(node.get('Type'))}, which has no area and is no point"
    if not len(xy) or not (np.abs(xy) <= FARTHEST).all():
        return "its points are not all two numbers"
    return [
        Drawn(id, group, outline="point", attributes=dict(told), shape=Point(*point)) for point in xy.tolist()
    ]


def _coordinates(node: Element) -> FloatArray:
    """The (n, 2) vertices in their stated order (the file's, where it states none); none if one is broken."""
    vertices = node.findall("Coordinates/Coordinate")
    orders = [vertex.get("Order") or "" for vertex in vertices]
    try:
        xy = [[_number(vertex, "X"), _number(vertex, "Y")] for vertex in vertices]
    except ValueError:
        xy = []
    if xy and all(map(_ORDER.fullmatch, orders)):
        xy = [xy[n] for n in sorted(range(len(xy)), key=lambda n: int(orders[n]))]
    return np.array(xy, float).reshape(-1, 2)


def _number(vertex: Element, key: str) -> float:
    return float((vertex.get(key) or "").replace(",", "."))  # ASAP writes commas in some languages


def _rectangle(xy: FloatArray) -> tuple[FloatArray, bool]:
    """The outline of a rectangle of four corners, or of two opposite ones; and whether it is a box."""
    xs, ys = np.unique(xy[:, 0]), np.unique(xy[:, 1])
    closed = len(xy) > 1 and bool((xy[0] == xy[-1]).all())
    if len(xs) != 2 or len(ys) != 2 or len(xy) - closed not in (2, 4):
        return xy, False
    return np.array([(xs[0], ys[0]), (xs[1], ys[0]), (xs[1], ys[1]), (xs[0], ys[1])]), True
