"""Cells -> CVAT's XML, in flat memory; the same calls give the same bytes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import IO, Any, Self
from xml.sax.saxutils import escape, quoteattr

import shapely
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.errors import OutputError
from smearprep.findings import Finding
from smearprep.formats.cvat.reading import PART
from smearprep.formats.staging import SpooledFile
from smearprep.jsonfiles import dump_json
from smearprep.records import Cell, ImageCells

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MOST = 10**9  # of a group or a level: CVAT has 31 bits, and the groups of parts are counted on


class CvatWriter(SpooledFile):
    """Writes one "CVAT for images 1.1" file, image by image.

    A context manager: the file is there after a clean exit, whole; after an exception nothing is. The
    images go to a temporary file beside the target until then, for the list of labels stands before them.

    Args:
        path: The file to write, `.xml`; what is there is replaced.
        categories: The labels that were looked for; none: all that come by, sorted by name.
        findings: What XML cannot hold, and what the list of labels cannot say, is appended.

    Raises:
        OutputError: The file is no `.xml`, or cannot be written (on entering, adding or leaving).
    """

    def __init__(self, path: Path, categories: Sequence[str], findings: list[Finding]) -> None:
        super().__init__(path)
        self._labels = tuple(categories)
        self._findings = findings
        self._annotated: list[frozenset[str]] = []
        self._kinds: dict[str, dict[str, set[str]]] = {}  # of each label's attributes, as they come by

    def __enter__(self) -> Self:
        if self._path.suffix.lower() != ".xml":
            raise OutputError(f"{self._path}: a CVAT file is one .xml file for all images; name it so")
        return super().__enter__()

    def add(self, image: ImageCells, picture: Path | None) -> None:
        """Add an image: its size is stated, and no cell has a hole."""
        assert image.size is not None
        width, height = image.size
        name = _legal(image.file_name)
        if name != image.file_name:
            what = "its name has characters that XML cannot hold; each was replaced by U+FFFD"
            self._findings.append(Finding("simplified", what, name))
        number = len(self._annotated)
        lines = [f'  <image id="{number}" name={quoteattr(name)} width="{width}" height="{height}">\n']
        own = (_group(cell) or 0 for cell in image.cells)
        fresh = count(1 + max(own, default=0))
        for n, cell in enumerate(image.cells):
            shown = _legal_cell(cell)
            if shown is not cell:
                what = f"the {shown.label} cell has text that XML cannot hold; replaced by U+FFFD"
                self._findings.append(Finding("simplified", what, name, str(n)))
            lines += self._shapes(shown, fresh)
        lines.append("  </image>\n")
        self._annotated.append(frozenset(map(_legal, image.annotated)))
        self._put("".join(lines).encode())

    def _shapes(self, cell: Cell, fresh: Iterator[int]) -> Iterator[str]:
        """The shapes of a cell: one, or a polygon a part."""
        further = {name: value for name, value in cell.attributes.items() if name != PART}
        source = "manual"
        if cell.outline == "made" or (cell.outline in ("box", "point") and "made_by" in further):
            source = "auto"
        elif further.get("source") in ("semi-auto", "file"):
            source = further.pop("source")
        if cell.outline == "component":
            further["outline"] = "component"
        occluded = int(further.get("occluded") is True)
        if occluded:
            del further["occluded"]
        z_order = further.pop("z_order") if _is_whole(further.get("z_order")) else 0
        group = _group(cell)
        if group is not None:
            del further["group"]
        if isinstance(cell.shape, MultiPolygon) and cell.outline != "box":
            further[PART] = next(fresh)
            group = group or further[PART]
        inside = "".join(self._attribute(cell.label, *pair) for pair in further.items())
        head = f'label={quoteattr(cell.label)} source="{source}" occluded="{occluded}"'
        tail = f'z_order="{z_order}"' + (f' group_id="{group}"' if group else "")
        self._kinds.setdefault(cell.label, {})
        for tag, place in _places(cell):
            yield f"    <{tag} {head} {place} {tail}>{inside}</{tag}>\n"

    def _attribute(self, label: str, name: str, value: Any) -> str:
        kinds = self._kinds.setdefault(label, {}).setdefault(name, set())
        if isinstance(value, str):
            kinds.add("text")
            text = value
        else:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            kinds.add("checkbox" if isinstance(value, bool) else "number" if is_number else "text")
            text = _legal(dump_json(value).decode().strip())
        return f"<attribute name={quoteattr(name)}>{_text(text)}</attribute>"

    def _finish(self, file: IO[bytes], spool: IO[bytes]) -> None:
        """Write the file from the labels and the spooled images."""
        labels = tuple(map(_legal, self._labels))
        if not labels:
            labels = tuple(sorted(set(self._kinds).union(*self._annotated)))
        partly = sum(not annotated.issuperset(labels) for annotated in self._annotated)
        if partly:
            what = (
                f"{partly} of {len(self._annotated)} images were not searched for all labels; CVAT's list of "
                "labels is for all images, so a reader will take what was not looked for as not there"
            )
            self._findings.append(Finding("note", what, self._path.name))
        file.write("".join(self._head(labels)).encode())
        shutil.copyfileobj(spool, file, 1 << 20)
        file.write(b"</annotations>\n")

    def _head(self, labels: Sequence[str]) -> Iterator[str]:
        """All that stands before the images."""
        yield '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
        yield f"  <meta>\n    <task>\n      <size>{len(self._annotated)}</size>\n"
        yield "      <mode>annotation</mode>\n      <labels>\n"
        for label in labels:
            yield f"        <label><name>{_text(label)}</name><type>any</type><attributes>"
            for name, kinds in sorted(self._kinds.get(label, {}).items()):
                kind = next(iter(kinds)) if len(kinds) == 1 else "text"
                yield f"<attribute><name>{_text(name)}</name><mutable>False</mutable>"
                yield f"<input_type>{kind}</input_type><default_value></default_value><values></values>"
                yield "</attribute>"
            yield "</attributes></label>\n"
        yield "      </labels>\n    </task>\n  </meta>\n"


# ---------------------------------------------------------------- where a cell is


def _places(cell: Cell) -> Iterator[tuple[str, str]]:
    """The element of each shape of a cell, and the attributes that say where it is."""
    if isinstance(cell.shape, Point):
        yield "points", f'points="{_vertices([(cell.shape.x, cell.shape.y)])}"'
    elif cell.outline == "box":
        x0, y0, x1, y1 = map(_number, cell.bounds)
        yield "box", f'xtl="{x0}" ytl="{y0}" xbr="{x1}" ybr="{y1}"'
    else:
        for part in _parts(cell.shape):
            yield "polygon", f'points="{_vertices(shapely.get_coordinates(part.exterior)[:-1].tolist())}"'


def _parts(shape: Polygon | MultiPolygon) -> Sequence[Polygon]:
    return list(shape.geoms) if isinstance(shape, MultiPolygon) else [shape]


def _vertices(xy: Sequence[Sequence[float]]) -> str:
    return ";".join(f"{_number(x)},{_number(y)}" for x, y in xy)


def _number(value: float) -> str:
    """The shortest decimal that is read back as the same number."""
    return repr(float(value)).removesuffix(".0")


# ---------------------------------------------------------------- what else is known of it


def _group(cell: Cell) -> int | None:
    """The number of a cell's group, if CVAT can hold it."""
    group: Any = cell.attributes.get("group")
    return group if _is_whole(group) and group > 0 else None


def _is_whole(value: Any) -> bool:
    """True if CVAT has a field for such a number: its fields have 31 bits, and 0 says nothing there."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < abs(value) <= _MOST


# ---------------------------------------------------------------- text


def _legal(text: str) -> str:
    """Text without the characters that XML 1.0 cannot hold, not even escaped."""
    return _ILLEGAL.sub("\ufffd", text)


def _legal_cell(cell: Cell) -> Cell:
    """A cell whose texts XML can hold: the same object if all of them already are."""
    texts = {_legal(name): _legal(v) if isinstance(v, str) else v for name, v in cell.attributes.items()}
    label = _legal(cell.label)
    if label == cell.label and texts == cell.attributes:
        return cell
    return Cell(label, cell.shape, cell.outline, texts)


def _text(text: str) -> str:
    return escape(text, _KEPT)


_KEPT: Mapping[str, str] = {"\r": "&#13;"}  # parsers make a line feed of it
