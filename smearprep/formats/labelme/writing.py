"""Write labelme files, one beside each image: labelme opens them, and smearprep reads all of it back."""

from __future__ import annotations

import posixpath
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.findings import Finding
from smearprep.formats.labelme.shapes import is_description, is_score, usual_outline
from smearprep.formats.staging import FilePerImage
from smearprep.formats.writing import Holds, WriteOptions, Writer
from smearprep.jsonfiles import dump_json
from smearprep.records import Cell, ImageCells, Outline

HOLDS: frozenset[Holds] = frozenset({"outlines", "parts", "boxes", "points"})
_VERSION = "5.5.0"  # of the labelme whose files these are like
_WHOLE = 2**53  # floats beyond it are all whole, and too large for an integer in JSON


def writer(out: Path, options: WriteOptions, findings: list[Finding]) -> Writer:
    """Writes a folder of JSON files, each where its image lies below the image folder."""
    return FilePerImage(out, ".json", image_to_bytes, findings)


def image_to_bytes(image: ImageCells, picture: bytes | None = None) -> bytes:
    """The file of an image.

    Args:
        image: Its cells are such as the format holds.
        picture: The image itself as a JPEG or PNG file, to lie in the file: labelme then opens it wherever it
            lies. None: labelme looks for the image beside the file.
    """
    assert image.size is not None, image.file_name
    width, height = image.size
    return dump_json(
        {
            "version": _VERSION,
            "flags": {},
            "shapes": list(_entries(image.cells)),
            "imagePath": posixpath.basename(image.file_name),
            "imageData": None if picture is None else b64encode(picture).decode("ascii"),
            "imageHeight": height,
            "imageWidth": width,
        }
    )


def _entries(cells: Sequence[Cell]) -> Iterator[dict[str, Any]]:
    """The shapes of all cells, parts of one cell under one group_id that no other cell of its label has."""
    uses = Counter((cell.label, _group(cell)) for cell in cells)
    taken = {group for _, group in uses}
    free = (n for n in count(1) if n not in taken)
    for cell in cells:
        group = _group(cell)
        rest = dict(cell.attributes)
        if group is not None and uses[cell.label, group] == 1:
            del rest["group"]
        else:
            group = None
        parts = cell.shape.geoms if isinstance(cell.shape, MultiPolygon) else [cell.shape]
        extra: dict[str, Any] = {}
        if group is None and len(parts) > 1:
            group, extra = next(free), {"parts": len(parts)}
        for part in parts:
            yield _entry(cell, part, group, dict(rest)) | extra


def _group(cell: Cell) -> int | None:
    """A cell's group, if it is a number such as labelme has them."""
    group = cell.attributes.get("group")
    return group if isinstance(group, int) and not isinstance(group, bool) else None


def _entry(cell: Cell, part: Polygon | Point, group: int | None, rest: dict[str, Any]) -> dict[str, Any]:
    """One shape.

    Args:
        cell: The cell.
        part: Its shape, or one polygon of it.
        group: The group_id.
        rest: The attributes that are still to be written; used up.
    """
    kind, outline, points = _drawn(cell, part)
    description = rest.pop("description") if is_description(rest.get("description")) else ""
    flags = {name: rest.pop(name) for name in [name for name, value in rest.items() if value is True]}
    entry = {
        "label": cell.label,
        "points": [[_number(x), _number(y)] for x, y in points],
        "group_id": group,
        "description": description,
        "shape_type": kind,
        "flags": flags,
        "mask": None,
    }
    if is_score(rest.get("score")):
        entry["score"] = rest.pop("score")
    if rest:
        entry["attributes"] = rest
    if cell.outline != usual_outline(outline, cell.attributes):
        entry["outline"] = cell.outline
    return entry


def _drawn(cell: Cell, part: Polygon | Point) -> tuple[str, Outline, list[list[float]]]:
    """The shape_type, how a reader takes such a shape to be known, and its points."""
    if isinstance(part, Point):
        return "point", "point", [[part.x, part.y]]
    if cell.outline == "box":
        x0, y0, x1, y1 = part.bounds
        return "rectangle", "box", [[x0, y0], [x1, y1]]
    return "polygon", "drawn", shapely.get_coordinates(part.exterior)[:-1].tolist()


def _number(value: float) -> float:
    """A coordinate, as an integer where it is one."""
    return int(value) if value.is_integer() and abs(value) < _WHOLE else value
