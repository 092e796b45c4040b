"""The annotations of COCO files, changed: whole entries, and the lists of categories that go with them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from smearprep.formats.coco import annotation_fields
from smearprep.formats.coco.places import places, with_keypoints
from smearprep.formats.coco.writing import OWN_FIELDS
from smearprep.records import OUTLINES, Cell

UNKNOWN = "not_exhaustive_category_ids"
"""Of an image record: the categories that nobody has looked for in it."""

ABSENT = "neg_category_ids"
"""Of an image record: the categories that were looked for in it and not found."""

ID_LISTS = (UNKNOWN, ABSENT)

MARKS = ("reviewed", "flagged", "note")
"""Keys of an image record that say what people think of the image."""

_POINT_KEYS = ("keypoints", "num_keypoints")


def changed_entry(entry: Mapping[str, Any], cell: Cell, size: tuple[int, int] | None) -> dict[str, Any]:
    """An annotation with the outline, box or point of a cell, its keys in COCO's order.

    Args:
        entry: As it was; keys that are not about its shape are kept. That somebody has accepted its outline
            is not: it is another one now.
        cell: In px of the image.
        size: (width, height) of the image in px, or None if nobody knows.
    """
    told = {key: value for key, value in cell.attributes.items() if key != "annotator" or key not in entry}
    told.pop("accepted", None)
    gone = (*_POINT_KEYS, *OWN_FIELDS, "attributes")
    if size is None:
        size = math.ceil(cell.bounds[2]), math.ceil(cell.bounds[3])
    (segmentation,), (area,), boxes = places([cell.shape], [cell.outline], size)
    rings = segmentation if isinstance(segmentation, dict) else [ring.tolist() for ring in segmentation]
    place = {"segmentation": rings, "area": area, "bbox": boxes[0]}
    place |= with_keypoints([{}], [cell.outline], boxes)[0]
    kept = {key: value for key, value in entry.items() if key not in gone}
    first = {key: kept.get(key) for key in ("id", "image_id", "category_id")}
    return {
        **first,
        **place,
        **{k: v for k, v in kept.items() if k not in place},
        "outline": cell.outline,
        **annotation_fields(told),
    }


def outline_of_entry(entry: Mapping[str, Any]) -> str:
    """How the shape of an annotation is known, one of `records.OUTLINES`, without looking closely."""
    stated = entry.get("outline")
    if stated in OUTLINES and stated not in ("box", "point"):
        return str(stated)
    segmentation = entry.get("segmentation")
    if stated is None and segmentation and segmentation != [[]]:
        return "drawn"
    box = entry.get("bbox")
    sides = box[2:] if isinstance(box, list) and len(box) == 4 else [0]
    has_box = all(isinstance(side, int | float) and side > 0 for side in sides)
    return "point" if entry.get("keypoints") and (stated == "point" or not has_box) else "box"


# ---------------------------------------------------------------- categories


def add_category(data: dict[str, Any], label: str) -> None:
    """Make a category known to a COCO file; nobody has looked for it in any of its images yet."""
    if category_id(data, label) is not None:
        return
    rows = data.setdefault("categories", [])
    ids = [row["id"] for row in rows if isinstance(row, dict) and type(row.get("id")) is int]
    rows.append({"id": max(ids, default=0) + 1, "name": label})
    not_looked_for(data, label)


def not_looked_for(data: dict[str, Any], label: str) -> None:
    """Say of every image of a COCO file that nobody has looked for a category in it."""
    number = category_id(data, label)
    for record in data["images"]:
        if isinstance(record, dict):
            unknown = category_ids(record.get(UNKNOWN))
            record[UNKNOWN] = unknown if number in unknown else [*unknown, number]


def category_ids(value: Any) -> list[Any]:
    """A list of category ids of an image record, whatever stands there; without what can be no id."""
    return [id_ for id_ in value if isinstance(id_, int | str)] if isinstance(value, list) else []


def category_id(data: Mapping[str, Any], label: str) -> Any:
    """The id of a category in a COCO file, or None."""
    rows = data.get("categories")
    found = (row.get("id") for row in rows or () if isinstance(row, dict) and row.get("name") == label)
    return next(found, None)
