"""CVAT's XML -> cells."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats.cvat import shapes
from smearprep.formats.cvat.shapes import whole
from smearprep.formats.outlines import Drawn, Unusable, drawn_to_cells
from smearprep.formats.reading import ReadOptions, image_name, image_size
from smearprep.records import Cell, ImageCells, Outline
from smearprep.xmlfiles import read_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

PART = "part_of_cell"
"""The attribute that the parts of one cell share: CVAT's polygons have one ring each."""

_ROOT = re.compile(rb"<annotations[\s>]")
_MARKS = (b"<version", b"<meta", b"<image ", b"<track ")  # NDP.view's files have the same root
_NO_CELLS = frozenset({"tag", "polyline", "cuboid", "skeleton"})
_BATCH = 2000  # shapes whose vertices are held as Python numbers at once
_VIDEO = 'is a video export (it holds tracks); export the task again as "CVAT for images 1.1"'
_NO_IMAGE = 'holds no images; export the task again as "CVAT for images 1.1"'

_Kinds = Mapping[tuple[str | None, str | None], str]
"""(label, attribute) -> its input type, as the file's list of labels states it."""


def sniff(path: Path, head: bytes) -> bool:
    """True if it is XML whose root is <annotations>, followed by what CVAT writes."""
    return bool(_ROOT.search(head)) and any(mark in head for mark in _MARKS)


def read(path: Path, options: ReadOptions, findings: list[Finding]) -> Iterator[ImageCells]:
    """The images of a file; findings call a shape by its kind, its place in its image, and the image.

    Raises:
        DataError: Not there, broken XML, an XML bomb, no CVAT file, one of a video, or without images.
    """
    root = read_xml(path)
    if root.tag != "annotations":
        raise DataError(path, f"is no CVAT file: its root is <{root.tag}>, not <annotations>")
    if root.find("track") is not None:
        raise DataError(path, _VIDEO)
    images = root.findall("image")
    if not images:
        raise DataError(path, _NO_IMAGE)
    listed, kinds = _labels(root)
    annotated = listed or frozenset(
        label
        for node in chain.from_iterable(images)
        if node.tag in _SHAPES and (label := node.get("label", "")).strip()
    )
    reader = _Reader(path, options.name(path), annotated, kinds, findings)
    tags = sum(node.tag == "tag" for node in chain.from_iterable(images))
    if tags:
        findings.append(
            Finding("note", f"{tags} tags are said of whole images; they are not read", reader.file)
        )
    for node in images:
        image = reader.image(node)
        if image is not None:
            yield image


def _labels(root: Element) -> tuple[frozenset[str], _Kinds]:
    """The labels that cells can have, by the file's own list; and of what kind their attributes are."""
    listed: set[str] = set()
    kinds: dict[tuple[str | None, str | None], str] = {}
    for node in root.iterfind("meta/*/labels/label"):  # of a task, a job or a project
        name = node.findtext("name") or ""
        for attribute in node.iterfind("attributes/attribute"):
            kinds[name, attribute.findtext("name")] = attribute.findtext("input_type") or ""
        # What has a parent is a point of a skeleton.
        if name.strip() and node.findtext("type") not in _NO_CELLS and node.find("parent") is None:
            listed.add(name)
    return frozenset(listed), kinds


@dataclass(frozen=True)
class _Reader:
    """What all images of a file have in common."""

    path: Path
    file: str
    annotated: frozenset[str]
    kinds: _Kinds
    findings: list[Finding]

    def image(self, node: Element) -> ImageCells | None:
        """An image and its cells; its elements are emptied, for the whole file is in memory."""
        stated = (node.get("name") or "").strip()
        if not stated:
            what = f"an image has no name; left out, with its {len(node)} shapes"
            self._say("missing_image", what, f"image {node.get('id')}")
            node.clear()
            return None
        name = image_name(stated, self.path)
        size = image_size(whole(node.get("width")), whole(node.get("height")))
        if size is None:
            sides = " and ".join(f"{side} {reprlib.repr(node.get(side))}" for side in ("width", "height"))
            self._say("damaged", f"{sides} are no image size; taken as not stated", f"image {name}")
        cells = self._cells(node, name)
        node.clear()
        annotated = self.annotated.union(cell.label for cell in cells)
        return ImageCells(name, size, cells, str(self.path), annotated)

    def _cells(self, image: Element, name: str) -> tuple[Cell, ...]:
        groups = _joined(image)
        cells: list[Cell] = []
        for start in range(0, len(groups), _BATCH):
            drawn: list[Drawn] = []
            for number, nodes in groups[start : start + _BATCH]:
                tag = nodes[0].tag
                id = f"{tag if tag in _SHAPES or tag in _LEFT_OUT else 'shape'} {number} of {name}"
                try:
                    drawn += self._drawn(nodes, id)
                except Unusable as unusable:
                    self._say(unusable.kind, f"{unusable.what}; left out", id)
                for node in nodes:
                    node.clear()
            cells += drawn_to_cells(drawn, self.file, self.findings)
        return tuple(cells)

    def _drawn(self, nodes: Sequence[Element], id: str) -> list[Drawn]:
        """The cells of a shape, or of the shapes that are parts of one cell."""
        node = nodes[0]
        to_drawn = _SHAPES.get(node.tag)
        if to_drawn is None:
            unknown = f"{reprlib.repr(node.tag)} is no shape that is known here"
            raise Unusable("invalid", _LEFT_OUT.get(node.tag, unknown))
        found = to_drawn(nodes, Drawn(id, node.get("label")))
        told, outline = self._told(node)
        for one in found:
            one.attributes = dict(told)
            if one.outline == "drawn":
                one.outline = outline
        return found

    def _told(self, node: Element) -> tuple[dict[str, Any], Outline]:
        """The attributes of a shape, and how its outline is known."""
        told: dict[str, Any] = {}
        for name, text in _attributes(node):
            kind = self.kinds.get((node.get("label"), name), "")
            told[name] = _typed(text, "number" if name == "score" else kind)
        part = told.pop(PART, None)
        for name, field in (("group", "group_id"), ("z_order", "z_order")):
            stated = node.get(field)
            is_of_parts = name == "group" and stated == str(part)  # which are a group only for the eye
            if stated and stated != "0" and not is_of_parts:
                told.setdefault(name, _typed(stated, "number"))
        if node.get("occluded") == "1":
            told.setdefault("occluded", True)
        source = node.get("source") or "manual"
        if source == "auto":
            told.setdefault("made_by", "CVAT")
            return told, "made"
        if source != "manual":
            told.setdefault("source", source)
        if "made_by" in told and "score" in told:
            return told, "made"  # CVAT calls all that was uploaded to it "file"
        if told.get("outline") == "component":
            del told["outline"]
            return told, "component"
        return told, "drawn"

    def _say(self, kind: Any, what: str, id: str) -> None:
        self.findings.append(Finding(kind, what, self.file, id))


def _joined(image: Element) -> list[tuple[int, list[Element]]]:
    """The shapes of an image with their places, counted from 1; parts of one cell together."""
    groups: list[tuple[int, list[Element]]] = []
    of_part: dict[tuple[Any, str], list[Element]] = {}
    for number, node in enumerate(image, 1):
        part = dict(_attributes(node)).get(PART)
        if part is None or node.tag != "polygon":
            if node.tag != "tag":  # says something of the whole image
                groups.append((number, [node]))
        elif (node.get("label"), part) in of_part:
            of_part[node.get("label"), part].append(node)
        else:
            of_part[node.get("label"), part] = [node]
            groups.append((number, of_part[node.get("label"), part]))
    return groups


def _attributes(node: Element) -> list[tuple[str, str]]:
    """The names and texts of a shape's attributes."""
    return [
        (name, child.text or "") for child in node if child.tag == "attribute" and (name := child.get("name"))
    ]


def _typed(text: str, kind: str) -> Any:
    """A value as its kind says, or the text itself where that cannot be."""
    if kind == "checkbox" and text in ("true", "false"):
        return text == "true"
    if kind == "number":
        number = whole(text)
        if number is not None and -(2**63) <= number < 2**64:  # what JSON writers can hold
            return number
        try:
            value = float(text)
        except ValueError:
            return text
        return value if math.isfinite(value) else text
    return text


# ---------------------------------------------------------------- kinds of shape


def _polygon(nodes: Sequence[Element], drawn: Drawn) -> list[Drawn]:
    drawn.outer = [shapes.polygon(node) for node in nodes]
    return [drawn]


def _box(nodes: Sequence[Element], drawn: Drawn) -> list[Drawn]:
    ring, parallel = shapes.box(nodes[0])
    drawn.outer, drawn.outline = [ring], "box" if parallel else "drawn"
    return [drawn]


def _ellipse(nodes: Sequence[Element], drawn: Drawn) -> list[Drawn]:
    drawn.outer = [shapes.ellipse(nodes[0])]
    return [drawn]


def _points(nodes: Sequence[Element], drawn: Drawn) -> list[Drawn]:
    found = shapes.points(nodes[0])
    return [Drawn(drawn.id, drawn.label, outline="point", shape=point) for point in found]


def _mask(nodes: Sequence[Element], drawn: Drawn) -> list[Drawn]:
    drawn.shape = shapes.mask(nodes[0])
    return [drawn]


_SHAPES: Mapping[str, Callable[[Sequence[Element], Drawn], list[Drawn]]] = {
    "polygon": _polygon,
    "box": _box,
    "ellipse": _ellipse,
    "points": _points,
    "mask": _mask,
}
_LEFT_OUT: Mapping[str, str] = {
    "polyline": "a line has no area",
    "cuboid": "a cuboid is no flat outline",
    "skeleton": "a skeleton is no outline",
}
