"""One COCO annotation -> one cell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, cast

import numpy as np
import orjson
import shapely
from shapely import affinity
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.formats.coco.runs import runs_to_shape
from smearprep.formats.coco.writing import OWN_FIELDS
from smearprep.formats.outlines import Unusable
from smearprep.geometry import FARTHEST, FloatArray, assembled
from smearprep.records import OUTLINES, Cell, Outline, Shape

__all__ = [
    "Unusable",
    "entry_to_cell",
    "find_id",
    "is_crowd",
    "is_cvat_mask",
    "open_rings",
    "runs_to_shape",
    "vertices",
    "writable",
]

_NO_BOX = "it has neither an outline nor a box of four numbers"


def entry_to_cell(
    entry: Mapping[str, Any],
    names: Mapping[Any, str],
    size: tuple[int, int] | None,
    parts: Sequence[Polygon | MultiPolygon | None],
    faults: Sequence[str],
) -> tuple[Cell, str]:
    """The cell of an annotation; of a crowd its region.

    Args:
        entry: The annotation.
        names: Category id -> name.
        size: (width, height) of its image in px, where stated.
        parts: The shapes of its rings (of `open_rings`), and
        faults: the fault of each, from `geometry.outlines_to_shapes`.

    Returns:
        The cell, and what was repaired of it, or "".

    Raises:
        Unusable: It makes no cell.
    """
    category = find_id(entry.get("category_id"), names)
    if category is None:
        stated = entry.get("category_id")
        raise Unusable("unknown_label", f"its category_id {stated!r} is none of the file's categories")
    attributes = entry.get("attributes")
    own = {key: entry[key] for key in (*OWN_FIELDS, "annotator") if key in entry}
    told = writable({**attributes, **own} if isinstance(attributes, dict) else own)
    shape, outline, repaired = _place(entry, size, parts, faults)
    if outline == "point" and is_crowd(entry):
        raise Unusable("invalid", "it is a crowd (iscrowd), a region, of which only a point is given")
    if outline == "box" and (turned := _turn(entry, told)):
        del told["rotation"]
        shape = affinity.rotate(shape, turned)  # y points down: with the clock
        outline = "box" if turned % 90 == 0 else "drawn"
    if outline == "box" and is_crowd(entry):
        outline = "drawn"  # the box of a cell is not its outline, but that of a crowd is its region
    return Cell(names[category], shape, outline, told), repaired


def find_id(id_: Any, table: Mapping[Any, Any]) -> Any:
    """The key of a table that an id means, or None; 7, 7.0 and "7" are one id where not both are keys."""
    if isinstance(id_, bool) or not isinstance(id_, int | float | str):
        return None
    if id_ in table:
        return id_
    if isinstance(id_, str):
        is_number = id_.isascii() and id_.isdigit() and len(id_) < 20
        return int(id_) if is_number and int(id_) in table else None
    if isinstance(id_, float) and not id_.is_integer():
        return None
    text = str(int(id_))
    return text if text in table else None


def writable(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that can be written as JSON: lists can be nested too deeply for that."""
    return {
        key: value for key, value in values.items() if not isinstance(value, dict | list) or _is_flat(value)
    }


def _is_flat(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


def is_crowd(entry: Mapping[str, Any]) -> bool:
    """True of a region full of cells that nobody told apart."""
    return bool(entry.get("iscrowd")) and not is_cvat_mask(entry)


def is_cvat_mask(entry: Any) -> bool:
    """True of a mask as CVAT exports it: it calls every mask a crowd, and marks no real crowds."""
    if not isinstance(entry, dict) or not isinstance(entry.get("segmentation"), dict):
        return False
    attributes = entry.get("attributes")
    return bool(entry.get("iscrowd")) and isinstance(attributes, dict) and "occluded" in attributes


def _turn(entry: Mapping[str, Any], told: Mapping[str, Any]) -> float:
    """By how many degrees, with the clock, CVAT has turned a box round its centre; `bbox` is unturned."""
    turned: Any = told.get("rotation")
    if "outline" in entry or not _is_number(turned) or not math.isfinite(turned):
        return 0.0
    return float(turned) % 360


def _place(
    entry: Mapping[str, Any], size: tuple[int, int] | None, parts: Sequence[Any], faults: Sequence[str]
) -> tuple[Shape, Outline, str]:
    """Where a cell is, how that is known, and what was repaired."""
    stated = entry.get("outline")
    segmentation = entry.get("segmentation")
    if stated not in ("box", "point"):
        traced = cast(Outline, stated) if stated in OUTLINES else "drawn"
        if isinstance(segmentation, dict) and segmentation:
            return runs_to_shape(segmentation, size), traced, ""
        if faults:
            shape, repaired = _joined(parts, faults)
            return shape, traced, repaired
    point = _one_keypoint(entry.get("keypoints"))
    box = entry.get("bbox")
    if point is not None and (stated == "point" or not _has_area(box)):
        return point, "point", ""
    return _box_to_shape(box), "box", ""


# ---------------------------------------------------------------- rings


def open_rings(entry: Mapping[str, Any]) -> list[list[Any]]:
    """The rings of an annotation, x, y, x, y, ...; a broken one is empty, so that it counts as invalid."""
    segmentation = entry.get("segmentation")
    if not isinstance(segmentation, list):
        return []
    if segmentation and not isinstance(segmentation[0], list):
        segmentation = [segmentation]  # some tools leave out the outer list
    if not any(segmentation):
        return []  # [[]] is what some tools write of a box
    return [ring if isinstance(ring, list) and not len(ring) % 2 else [] for ring in segmentation]


def vertices(rings: Sequence[list[Any]]) -> tuple[FloatArray, list[int]]:
    """All vertices of rings, (n, 2) in px, and how many each ring has; none where they are no numbers."""
    try:
        flat = np.fromiter(chain.from_iterable(rings), float, sum(map(len, rings)))
    except (TypeError, ValueError, OverflowError):
        rings = [ring if all(map(_is_number, ring)) else [] for ring in rings]
        flat = np.fromiter(chain.from_iterable(rings), float, sum(map(len, rings)))
    return flat.reshape(-1, 2), [len(ring) // 2 for ring in rings]


def _joined(
    parts: Sequence[Polygon | MultiPolygon | None], faults: Sequence[str]
) -> tuple[Polygon | MultiPolygon, str]:
    """The parts of a cell as one shape, and what was repaired."""
    usable = [part for part in parts if part is not None]
    if not usable:
        if "zero_area" in faults:
            raise Unusable("zero_area", "its outline has no area")
        what = "its outline needs at least 3 points, x and y of each a number, and may be no scribble"
        raise Unusable("invalid", what)
    repairs = []
    if "repaired" in faults:
        repairs.append("the outline crossed itself: made valid")
    if len(usable) < len(faults):
        repairs.append(f"{len(faults) - len(usable)} of its {len(faults)} parts had no area: dropped")
    shape, merged = assembled(usable)
    assert shape is not None  # of parts with an area something is left
    if merged:
        repairs.append("its parts overlapped: merged")
    return shape, "; ".join(repairs)


# ---------------------------------------------------------------- boxes and points


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) < 2**63  # an integer may be too large for any float


def _box_to_shape(box: Any) -> Polygon:
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        raise Unusable("invalid", _NO_BOX)
    x, y, w, h = box
    if not all(abs(n) <= FARTHEST for n in box):
        why = "lies in no image" if all(map(math.isfinite, box)) else "has a coordinate that is no number"
        raise Unusable("invalid", f"its box {box} {why}")
    right, lower = x + w, y + h
    if w <= 0 or h <= 0 or not (right - x) * (lower - y) > 0:  # a width may vanish beside a large x
        raise Unusable("zero_area", f"its box {box} has no area")
    shape: Polygon = shapely.box(x, y, right, lower)
    return shape


def _has_area(box: Any) -> bool:
    return isinstance(box, list) and len(box) == 4 and all(_is_number(n) and n > 0 for n in box[2:])


def _one_keypoint(keypoints: Any) -> Point | None:
    """The position of a cell that has exactly one labelled keypoint (v > 0)."""
    if not isinstance(keypoints, list) or not all(map(_is_number, keypoints)):
        return None
    labelled = [keypoints[n : n + 2] for n in range(0, len(keypoints) - 2, 3) if keypoints[n + 2] > 0]
    if len(labelled) != 1 or not all(abs(n) <= FARTHEST for n in labelled[0]):
        return None
    return Point(labelled[0])
