"""Aperio ImageScope's XML (and HALO's, which is like it): one file a slide, px of its full resolution.

A layer (`<Annotation>`) gives its regions their label: its name, or else its attribute ("Description" with
the class as its value, or the class itself). Regions of a layer that is named nowhere are called by their
own text, or else by the label that was asked for. Rectangles and ellipses are stated by two opposite
corners of their box; a rectangle also by its four. A region with NegativeROA="1" is a hole of the smallest
region of its layer that holds it. The image is named nowhere: it is the one of the file's stem.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats.outlines import Drawn, Ring, drawn_to_cells, ellipse
from smearprep.formats.reading import ReadOptions
from smearprep.geometry import outlines_to_shapes
from smearprep.records import ImageCells
from smearprep.xmlfiles import read_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

TITLE = "Aperio ImageScope (XML with <Annotations> and <Region>)"

_ROOT = re.compile(rb"<Annotations[\s>/]")
_MOST_TRIES = 20  # regions about a hole, the smallest first, of which one should hold it
_KINDS = {"0": "polygon", "1": "rectangle", "2": "ellipse", "3": "arrow", "4": "ruler"}

_Ring = list[tuple[float, float]]


def sniff(path: Path, head: bytes) -> bool:
    """True if it is XML with <Annotations> (which ASAP's files have too, but not as their root)."""
    return bool(_ROOT.search(head)) and b"<ASAP_Annotations" not in head


def read(path: Path, options: ReadOptions, findings: list[Finding]) -> Iterator[ImageCells]:
    """The cells of one slide; findings call a region by its Id and its layer's.

    `annotated` holds the layers' labels, those of empty layers too.

    Raises:
        DataError: Not there, broken XML, an XML bomb, or not ImageScope's.
    """
    root = read_xml(path)
    if root.tag != "Annotations":
        raise DataError(path, f"is no ImageScope file: its root is <{root.tag}>, not <Annotations>")
    file = options.name(path)
    drawn: list[Drawn] = []
    layers = {name for layer in root.iterfind("Annotation") if (name := _layer_name(layer))}
    for number, layer in enumerate(root.iterfind("Annotation"), 1):
        drawn += _read_layer(layer, layer.get("Id") or str(number), file, findings)
    unnamed = sum(not one.label for one in drawn)
    if unnamed:
        what = f"{unnamed} regions have no name, nor have their layers; their label is {options.label!r}"
        findings.append(Finding("note", what, file))
    for one in drawn:
        one.label = one.label or options.label
    cells = drawn_to_cells(drawn, file, findings)
    annotated = layers.union(cell.label for cell in cells)
    yield ImageCells(path.stem, None, cells, str(path), frozenset(annotated))


def _layer_name(layer: Element) -> str:
    """What a layer's cells are, or "" if it does not say."""
    name = layer.get("Name") or ""
    if name.strip():
        return name
    for attribute in layer.iterfind("Attributes/Attribute"):
        is_field = attribute.get("Name") in (None, "", "Description")
        name = attribute.get("Value" if is_field else "Name") or ""
        if name.strip():
            return name
    return ""


# ---------------------------------------------------------------- one layer


def _read_layer(layer: Element, id: str, file: str, findings: list[Finding]) -> list[Drawn]:
    """The cells of a layer, its holes given to the regions that hold them."""
    name = _layer_name(layer)
    headers = {
        header.get("Id"): header.get("Name")
        for header in layer.iterfind("Regions/RegionAttributeHeaders/AttributeHeader")
    }
    drawn: list[Drawn] = []
    holes: list[Drawn] = []
    for number, region in enumerate(layer.iterfind("Regions/Region"), 1):
        called = f"region {region.get('Id') or number} of layer {id}"
        kind = _KINDS.get(region.get("Type") or "0", region.get("Type") or "").lower()
        if kind not in ("polygon", "rectangle", "ellipse"):
            what = f"its kind is {reprlib.repr(kind)}, which has no area; left out"
            findings.append(Finding("invalid", what, file, called))
            continue
        ring, is_box = _outline(kind, _vertices(region))
        told = _told(region, headers)
        label = name or told.pop("description", "")
        one = Drawn(called, label, [np.array(ring, float).reshape(-1, 2)], attributes=told)
        if region.get("NegativeROA") == "1":
            holes.append(one)
        else:
            one.outline = "box" if is_box else "drawn"
            drawn.append(one)
        region.clear()
    if holes:
        _pierce(drawn, holes, file, findings)
    return drawn


def _told(region: Element, headers: Mapping[str | None, str | None]) -> dict[str, Any]:
    """The text of a region, and its fields under the names of the layer's table."""
    told: dict[str, Any] = {}
    if (region.get("Text") or "").strip():
        told["description"] = region.get("Text")
    for attribute in region.iterfind("Attributes/Attribute"):
        key, value = attribute.get("Name"), attribute.get("Value")
        if key and value and value.strip():
            told.setdefault(headers.get(key) or key, value)
    return told


def _vertices(region: Element) -> _Ring:
    """The vertices of a region; none if one of them is no pair of numbers."""
    try:
        return [
            (float(vertex.get("X", "")), float(vertex.get("Y", "")))
            for vertices in region.iterfind("Vertices")
            for vertex in vertices
            if vertex.tag in ("Vertex", "V")  # HALO's are the short ones
        ]
    except ValueError:
        return []


def _outline(kind: str, ring: _Ring) -> tuple[Ring, bool]:
    """The outline of a region, and whether it is a box parallel to the axes.

    An ellipse that is stated in some other way than by its box is none that could be known: no vertices.
    """
    xs, ys = sorted({x for x, _ in ring}), sorted({y for _, y in ring})
    corners = len(ring) - (len(ring) > 1 and ring[0] == ring[-1])
    if kind == "polygon" or corners > 4:
        return ring, False
    if len(xs) != 2 or len(ys) != 2 or corners not in (2, 4):
        return ring if kind == "rectangle" else [], False
    (x0, x1), (y0, y1) = xs, ys
    if kind == "rectangle":
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)], True
    return ellipse(((x0 + x1) / 2, (y0 + y1) / 2), ((x1 - x0) / 2, (y1 - y0) / 2)), False


def _pierce(drawn: Sequence[Drawn], holes: Sequence[Drawn], file: str, findings: list[Finding]) -> None:
    """Give each hole to the smallest region that holds it."""
    shapes = _shapes(drawn)
    shapely.prepare(shapes)
    tree, areas = shapely.STRtree(shapes), shapely.area(shapes)
    for hole, shape in zip(holes, _shapes(holes), strict=True):
        near: Any = tree.query(shape) if shape is not None else np.empty(0, np.intp)
        near = near[np.argsort(areas[near], kind="stable")]
        near = near[areas[near] >= shapely.area(shape)][:_MOST_TRIES]
        owners = near[shapely.covers(shapes[near], shape)]
        if not len(owners):
            what = "it is a hole (NegativeROA) that no region of its layer holds; left out"
            findings.append(Finding("invalid", what, file, hole.id))
            continue
        owner = drawn[owners[0]]
        owner.holes = [*owner.holes, *hole.outer]
        owner.outline = "drawn"  # a box with a hole is no box


def _shapes(drawn: Sequence[Drawn]) -> Any:
    """The (n,) shapes of outlines; None where one is broken."""
    rings = [np.asarray(one.outer[0]) for one in drawn]
    xy = np.concatenate([np.empty((0, 2)), *rings])
    shapes = np.empty(len(rings), dtype=object)
    shapes[:] = outlines_to_shapes(xy, list(map(len, rings)))[0]
    return shapes
