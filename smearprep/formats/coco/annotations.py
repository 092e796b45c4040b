"""One COCO annotation -> one cell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, cast

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.findings import Kind
from smearprep.formats.coco.writing import OWN_FIELDS
from smearprep.geometry import FloatArray, assembled, mask_to_shapes
from smearprep.images import MAX_PIXELS
from smearprep.records import OUTLINES, Cell, Outline, Shape

Entry = tuple[str, dict[str, Any]]
"""What findings call an annotation, and the annotation."""

_NO_BOX = "it has neither an outline nor a box of four numbers"


class Unusable(Exception):  # noqa: N818 - it says what an entry is
    """An annotation that makes no cell: becomes a finding, never an error for the user.

    Args:
        kind: Of the finding.
        what: What is wrong, without a full stop.
    """

    def __init__(self, kind: Kind, what: str) -> None:
        super().__init__(what)
        self.kind = kind
        self.what = what


def entry_to_cell(
    entry: Mapping[str, Any],
    names: Mapping[Any, str],
    size: tuple[int, int] | None,
    parts: Sequence[Polygon | MultiPolygon | None],
    faults: Sequence[str],
) -> tuple[Cell, str]:
    """The cell of an annotation.

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
    category = entry.get("category_id")
    if not isinstance(category, int | str) or category not in names:
        raise Unusable("unknown_label", f"its category_id {category!r} is none of the file's categories")
    if entry.get("iscrowd"):
        raise Unusable("invalid", "it is a crowd (iscrowd), a region and not one cell")
    attributes = entry.get("attributes")
    told = dict(attributes) if isinstance(attributes, dict) else {}
    told |= {key: entry[key] for key in OWN_FIELDS if key in entry}
    shape, outline, repaired = _place(entry, size, parts, faults)
    return Cell(names[category], shape, outline, told), repaired


def _place(
    entry: Mapping[str, Any], size: tuple[int, int] | None, parts: Sequence[Any], faults: Sequence[str]
) -> tuple[Shape, Outline, str]:
    """Where a cell is, how that is known, and what was repaired."""
    stated = entry.get("outline")
    segmentation = entry.get("segmentation")
    if stated not in ("box", "point"):
        traced = cast(Outline, stated) if stated in OUTLINES else "drawn"
        if isinstance(segmentation, dict):
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
        raise Unusable("invalid", "its outline needs at least 3 points, x and y of each a number")
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
    if not all(map(math.isfinite, box)):
        raise Unusable("invalid", f"its box {box} has a coordinate that is no number")
    if not _has_area(box):
        raise Unusable("zero_area", f"its box {box} has no area")
    x, y, w, h = box
    return Polygon([(x, y), (x + w, y), (x + w, y + h), (x, y + h)])


def _has_area(box: Any) -> bool:
    return isinstance(box, list) and len(box) == 4 and all(_is_number(n) and n > 0 for n in box[2:])


def _one_keypoint(keypoints: Any) -> Point | None:
    """The position of a cell that has exactly one labelled keypoint (v > 0)."""
    if not isinstance(keypoints, list) or not all(map(_is_number, keypoints)):
        return None
    labelled = [keypoints[n : n + 2] for n in range(0, len(keypoints) - 2, 3) if keypoints[n + 2] > 0]
    if len(labelled) != 1 or not all(map(math.isfinite, labelled[0])):
        return None
    return Point(labelled[0])


# ---------------------------------------------------------------- run lengths


def runs_to_shape(segmentation: Mapping[str, Any], size: tuple[int, int] | None) -> Polygon | MultiPolygon:
    """The outline of a run-length mask along its pixel edges; its 4-connected regions become parts."""
    stated = segmentation.get("size")
    if not isinstance(stated, list) or len(stated) != 2 or not all(isinstance(n, int) for n in stated):
        raise Unusable("invalid", "its run lengths have no size")
    height, width = stated
    if size is not None and (width, height) != size:
        raise Unusable("invalid", f"its run lengths are for {width}x{height} px, not for {size[0]}x{size[1]}")
    if min(height, width) < 1 or height * width > MAX_PIXELS:
        raise Unusable("invalid", f"its run lengths are for an image of {width}x{height} px")
    ends = np.cumsum(_runs(segmentation.get("counts")))
    if not len(ends) or ends[-1] != height * width or (np.diff(ends, prepend=0) < 0).any():
        raise Unusable("invalid", f"its run lengths do not add up to {width}x{height} px")
    covered = np.flatnonzero(np.diff(ends, prepend=0)[1::2])
    if not len(covered):
        raise Unusable("zero_area", "its mask has no pixel")
    # Only the columns with foreground are ever laid out as pixels.
    left = int(ends[2 * covered[0]]) // height
    right = -(-int(ends[2 * covered[-1] + 1]) // height)
    edges = np.clip(np.concatenate([[0], ends]), left * height, right * height)
    flat = np.repeat(np.arange(len(ends)) % 2 == 1, np.diff(edges))
    shapes, _ = mask_to_shapes(flat.reshape(right - left, height).T)
    moved = [shapely.transform(shape, lambda xy: xy + (left, 0)) for shape in shapes]
    return moved[0] if len(moved) == 1 else MultiPolygon(moved)


def _runs(counts: Any) -> NDArray[np.int64]:
    """Run lengths, compressed (str) or not (list of int)."""
    if isinstance(counts, str):
        counts = _decompress(counts)
    if not isinstance(counts, list) or not all(isinstance(n, int) and abs(n) < 2**31 for n in counts):
        raise Unusable("invalid", "its run lengths are neither a list of whole numbers nor a string")
    return np.array(counts, dtype=np.int64)


def _decompress(text: str) -> list[int]:
    """COCO's compressed run lengths as numbers.

    Each character carries 5 bits, low ones first, and 32 for "more to come"; from the fourth run on, the
    difference to the run two before is stored (rleFrString in the COCO API's maskApi.c). Decoded here
    because pycocotools reads beyond the end of a broken string.
    """
    runs: list[int] = []
    value, shift = 0, 0
    for code in text.encode("utf-8"):
        code -= 48
        if not 0 <= code < 64 or shift > 60:
            raise Unusable("invalid", "its compressed run lengths are damaged")
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            if code & 16:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value, shift = 0, 0
    if shift:
        raise Unusable("invalid", "its compressed run lengths end too soon")
    return runs
