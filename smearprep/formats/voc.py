"""Pascal VOC: boxes in XML, one file an image.

VOC counts pixels from 1 and its corners are inclusive: [xmin - 1, xmax) x [ymin - 1, ymax) here. A box
whose corners fall together has no size as its annotator meant it, though the arithmetic gives 1 px; so a
box of at most 1 px is not written.

Written: the corners come back as they were (those that are no whole numbers to 1e-9 px). Truncated,
difficult and occluded stand in VOC's own elements, where false and not stated are the same; all other
attributes in <attributes>, where some annotation tools have them too, each value as a plain text or as
JSON. Of an image without boxes the labels that were looked for are lost: VOC lists none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import shapely

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats.reading import ReadOptions, image_name, image_size
from smearprep.formats.staging import FilePerImage
from smearprep.formats.writing import Holds, WriteOptions
from smearprep.geometry import FARTHEST
from smearprep.jsonfiles import dump_json
from smearprep.records import Cell, ImageCells
from smearprep.xmlfiles import read_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

TITLE = "Pascal VOC (XML with <annotation> and <bndbox>)"
HOLDS: frozenset[Holds] = frozenset({"boxes"})
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_FLAGS = ("truncated", "difficult", "occluded")
_ROOT = re.compile(rb"^(?:\xef\xbb\xbf)?\s*(?:<[?!][^>]*>\s*)*<annotation[\s>]")
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, section 2.2


def sniff(path: Path, head: bytes) -> bool:
    """True if it is XML whose root is <annotation>, as VOC has it (LabelMe's has <imagesize>)."""
    return bool(_ROOT.search(head)) and b"<imagesize" not in head and b"<nrows" not in head


# ---------------------------------------------------------------- reading


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
    name = image_name(_text(root, "filename"), path)
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
    return Cell(label, shapely.box(x0 - 1, y0 - 1, x1, y1), "box", _attributes(node))


def _numbers(corners: list[str]) -> tuple[float, float, float, float] | None:
    try:
        x0, y0, x1, y1 = (float(corner) for corner in corners)
    except ValueError:
        return None
    return (x0, y0, x1, y1) if all(abs(n) <= FARTHEST for n in (x0, y0, x1, y1)) else None


def _attributes(node: Element) -> dict[str, Any]:
    """VOC's flags that are set, and the further attributes of some tools and of our own."""
    told: dict[str, Any] = {key: True for key in _FLAGS if _text(node, key) == "1"}
    for entry in node.iterfind("attributes/attribute"):
        if name := _text(entry, "name"):
            told[name] = _text_to_value(entry.findtext("value") or "")
    return told


def _size(root: Element) -> tuple[int, int] | None:
    """(width, height) as the file states it; None if it does not, or states 0."""
    try:
        return image_size(int(_text(root, "size/width")), int(_text(root, "size/height")))
    except ValueError:
        return None


def _text(node: Element, path: str) -> str:
    return (node.findtext(path) or "").strip()


# ---------------------------------------------------------------- writing


def writer(out: Path, options: WriteOptions, findings: list[Finding]) -> FilePerImage:
    """A writer of one XML file an image, in a folder.

    Boxes of at most 1 px and characters that XML cannot hold are findings "simplified".
    """
    return FilePerImage(out, ".xml", partial(_to_xml, findings=findings), findings)


def _to_xml(image: ImageCells, findings: list[Finding]) -> bytes:
    """The file of an image."""
    assert image.size is not None, "writers are given images of a known size"
    width, height = image.size
    lines = [
        "<annotation>",
        "\t<folder></folder>",
        f"\t<filename>{_escaped(image.file_name)}</filename>",
        f"\t<size><width>{width}</width><height>{height}</height><depth>3</depth></size>",
        "\t<segmented>0</segmented>",
    ]
    for n, cell in enumerate(image.cells):
        x0, y0, xmax, ymax = cell.bounds
        xmin, ymin = x0 + 1, y0 + 1
        if xmax > xmin and ymax > ymin:
            lines += _object(cell, (xmin, ymin, xmax, ymax))
        else:
            what = (
                f"the {cell.label} cell's box is no larger than 1 px, which VOC takes for no size; left out"
            )
            findings.append(Finding("simplified", what, image.file_name, str(n)))
    text, lost = _NO_XML.subn("\ufffd", "\n".join([*lines, "</annotation>", ""]))
    if lost:
        what = f"{lost} characters of its texts are such as XML cannot hold; written as \ufffd"
        findings.append(Finding("simplified", what, image.file_name))
    return text.encode()


def _object(cell: Cell, corners: tuple[float, float, float, float]) -> list[str]:
    """The lines of one cell."""
    flags = {key: cell.attributes.get(key) for key in _FLAGS}
    box = "".join(f"<{key}>{_number(value)}</{key}>" for key, value in zip(_CORNERS, corners, strict=True))
    lines = [
        "\t<object>",
        f"\t\t<name>{_escaped(cell.label)}</name>",
        "\t\t<pose>Unspecified</pose>",
        *(f"\t\t<{key}>{int(value is True)}</{key}>" for key, value in flags.items()),
        f"\t\t<bndbox>{box}</bndbox>",
    ]
    others = {
        key: value for key, value in cell.attributes.items() if not (key in flags and isinstance(value, bool))
    }
    if others:
        lines += ["\t\t<attributes>", *map(_attribute, others.items()), "\t\t</attributes>"]
    return [*lines, "\t</object>"]


def _attribute(entry: tuple[str, Any]) -> str:
    name, value = _escaped(entry[0]), _escaped(_value_to_text(entry[1]))
    return f"\t\t\t<attribute><name>{name}</name><value>{value}</value></attribute>"


def _value_to_text(value: Any) -> str:
    """A text as it is, all else as JSON, and so a text that would be taken for JSON."""
    if isinstance(value, str) and _text_to_value(value) == value:
        return value
    return dump_json(value).decode().rstrip("\n")


def _text_to_value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _escaped(text: str) -> str:
    return escape(text, quote=False).replace("\r", "&#13;")  # parsers turn a bare one into a line break
