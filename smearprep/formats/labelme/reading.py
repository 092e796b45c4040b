"""labelme files as labelme and its relatives write them: every kind of shape, groups, embedded images."""

from __future__ import annotations

import base64
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

from smearprep.errors import DataError
from smearprep.findings import Finding, shown_name
from smearprep.formats.labelme.groups import joined
from smearprep.formats.labelme.shapes import GroupId, entry_to_drawn, group_of
from smearprep.formats.outlines import Drawn, Unusable, drawn_to_cells
from smearprep.formats.reading import ReadOptions, image_name, image_size
from smearprep.images import probe
from smearprep.jsonfiles import read_json
from smearprep.records import ImageCells

_OWN_KEY = re.compile(rb'"(imagePath|imageData|imageHeight|imageWidth|shape_type|mask)"\s*:')
_SHAPES = re.compile(rb'"shapes"\s*:\s*\[')
_PAIRS = re.compile(rb'"points"\s*:\s*\[\s*\[')


def sniff(path: Path, head: bytes) -> bool:
    """True if it is a JSON object with keys that only labelme uses, or with shapes of paired points."""
    if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        return False
    if _OWN_KEY.search(head):
        return _SHAPES.search(head) is not None or b'"imageData"' in head
    return _SHAPES.search(head) is not None and _PAIRS.search(head) is not None


def read(path: Path, options: ReadOptions, findings: list[Finding]) -> Iterator[ImageCells]:
    """The one image of a file; findings call a shape by its index in `shapes`.

    Shapes of one label and one group_id are one cell. `imagePath` is relative to the file: where that lies
    below `options.base`, the image is named relative to it, too.

    Raises:
        DataError: Not JSON, or without a list of shapes.
    """
    data = read_json(path)
    entries = data.get("shapes") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        raise DataError(path, 'is no labelme file: it has no list "shapes"')
    file = options.name(path)
    size = _size(data, file, findings)
    name = _name(data.get("imagePath"), path, options.base)
    cells = drawn_to_cells(_drawn(entries, file, findings), file, findings)
    del data, entries  # a hundred times the size of the cells
    yield ImageCells(name, size, cells, str(path), frozenset(cell.label for cell in cells))


def _name(stated: Any, path: Path, base: Path | None) -> str:
    """The image's name relative to `base`; its bare name where it does not lie below that."""
    name = image_name(stated, path)
    whole = PureWindowsPath(stated if isinstance(stated, str) else "")
    if whole.drive or whole.root:
        return name
    beside = path.relative_to(base).parent if base is not None and path.is_relative_to(base) else PurePath()
    below = posixpath.normpath(
        posixpath.join(shown_name(beside), whole.as_posix() if ".." in whole.parts else name)
    )
    return image_name(below, path) if posixpath.basename(below) == posixpath.basename(name) else name


def _size(data: Mapping[str, Any], file: str, findings: list[Finding]) -> tuple[int, int] | None:
    """(width, height) in px as stated, else of the embedded image, or None."""
    stated = data.get("imageWidth"), data.get("imageHeight")
    size = image_size(*stated)
    if size is not None:
        return size
    embedded = data.get("imageData")
    if isinstance(embedded, str) and embedded:
        try:
            return probe(Path("imageData"), base64.b64decode(embedded.rpartition(",")[2])).size
        except (ValueError, DataError):
            what = "imageData holds no image that can be read; the image's size is taken as not stated"
            findings.append(Finding("damaged", what, file))
    elif stated != (None, None):
        what = "imageWidth and imageHeight are no image size; taken as not stated"
        findings.append(Finding("damaged", what, file))
    return None


def _drawn(entries: Sequence[Any], file: str, findings: list[Finding]) -> list[Drawn]:
    """What is drawn of each cell, in the order of their first shapes."""
    cells: list[list[Drawn]] = []
    groups: dict[tuple[str, GroupId], list[Drawn]] = {}
    for n, entry in enumerate(entries):
        try:
            drawn = entry_to_drawn(entry, str(n))
        except Unusable as fault:
            findings.append(Finding(fault.kind, f"{fault.what}; left out", file, str(n)))
            continue
        group = None if entry.get("group_id") is None else group_of(entry)
        if group is None or not isinstance(drawn.label, str):
            cells.append([drawn])
        elif (drawn.label, group) in groups:
            groups[drawn.label, group].append(drawn)
        else:
            groups[drawn.label, group] = [drawn]
            cells.append(groups[drawn.label, group])
    if not groups:
        return [drawn for (drawn,) in cells]
    return [drawn for cell in cells for drawn in joined(cell, file, findings)]
