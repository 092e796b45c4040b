"""What all outlines made here have in common: how they came about, how sure they are, what was there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.geometry import Mask, mask_to_shapes
from smearprep.records import Cell

MADE_BY = "smearprep assist"
"""How "made_by" begins in every cell that is made here."""

GIVEN = "given"
"""The attribute of a made cell that keeps what was known of it before."""

_DIGITS = 4  # of a score


@dataclass(frozen=True)
class Attempt:
    """What came of outlining one cell.

    Args:
        cell: The cell with its outline; None if there is none.
        why: Why there is none, in words.
    """

    cell: Cell | None
    why: str = ""


def made(cell: Cell, shape: Polygon, how: str, score: float) -> Cell:
    """A cell with an outline in place of its box, point or component.

    Args:
        cell: As it was; its other attributes are kept.
        shape: The outline in px.
        how: The method, for "made_by".
        score: How sure it is, 0..1.
    """
    told = {"made_by": f"{MADE_BY} {how}", "score": round(float(score), _DIGITS), GIVEN: _given(cell)}
    return Cell(cell.label, shape, "made", {**cell.attributes, **told})


def found(label: str, shape: Polygon, how: str, score: float) -> Cell:
    """A cell where nothing was known before."""
    told = {"made_by": f"{MADE_BY} {how}", "score": round(float(score), _DIGITS)}
    return Cell(label, shape, "made", told)


def _given(cell: Cell) -> dict[str, Any]:
    """What is kept of a cell as it was."""
    if isinstance(cell.shape, Point):
        return {"outline": cell.outline, "point": [cell.shape.x, cell.shape.y]}
    x0, y0, x1, y1 = cell.bounds
    kept: dict[str, Any] = {"outline": cell.outline, "bbox": [x0, y0, x1 - x0, y1 - y0]}
    return kept if cell.outline == "box" else {**kept, "area": cell.area}


def is_ours(cell: Cell) -> bool:
    """True if the outline was made here (and not drawn over since)."""
    return cell.outline == "made" and str(cell.attributes.get("made_by", "")).startswith(MADE_BY)


def kept_of(cell: Cell) -> Mapping[str, Any]:
    """What a made cell says of what was there before; nothing if there was nothing, or it is not readable."""
    kept = cell.attributes.get(GIVEN)
    return kept if is_ours(cell) and isinstance(kept, dict) else {}


def restored(cell: Cell) -> Cell:
    """A cell made from a box or a point as it was before; any other cell as it is."""
    kept = kept_of(cell)
    numbers = kept.get("point" if kept.get("outline") == "point" else "bbox")
    if not isinstance(numbers, list) or not all(isinstance(v, int | float) for v in numbers):
        return cell
    attributes = without_marks(cell)
    if kept["outline"] == "point" and len(numbers) == 2:
        return Cell(cell.label, Point(numbers), "point", attributes)
    if kept["outline"] == "box" and len(numbers) == 4 and min(numbers[2:]) > 0:
        x, y, w, h = numbers
        return Cell(cell.label, shapely.box(x, y, x + w, y + h), "box", attributes)
    return cell


def without_marks(cell: Cell) -> dict[str, Any]:
    """The attributes of a made cell that are not of its making."""
    return {key: value for key, value in cell.attributes.items() if key not in ("made_by", "score", GIVEN)}


# ---------------------------------------------------------------- masks


def largest_part(mask: Mask) -> Mask:
    """The largest 4-connected part of a mask (the upper one of two), its holes filled. Empty: stays empty."""
    import cv2
    from scipy.ndimage import binary_fill_holes

    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        np.ascontiguousarray(mask).view(np.uint8), connectivity=4, ltype=cv2.CV_32S
    )
    if count < 2:
        return np.zeros(mask.shape, bool)
    part = labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    filled: Mask = binary_fill_holes(part)
    return filled


def mask_to_outline(mask: Mask, x: int, y: int, size: tuple[int, int]) -> Polygon | None:
    """The pixel-edge outline of the largest part of a mask, holes filled.

    Args:
        mask: (h, w) bool.
        x: Column of the image in which the mask begins; may lie outside.
        y: Row of the image, likewise.
        size: (width, height) of the image in px; what lies beyond is cut off.

    Returns:
        One polygon without holes in px of the image, or None if nothing of the mask is in it.
    """
    left, top = max(-x, 0), max(-y, 0)
    inside = mask[top : max(size[1] - y, 0), left : max(size[0] - x, 0)]
    if not inside.any():
        return None
    shapes, _ = mask_to_shapes(largest_part(inside))
    moved = shapely.transform(shapes[0].exterior, lambda xy: xy + (x + left, y + top))
    return Polygon(moved)


def filled(shape: Polygon | MultiPolygon) -> Polygon:
    """The largest part of a shape, its holes filled."""
    parts = shape.geoms if isinstance(shape, MultiPolygon) else (shape,)
    return Polygon(max(parts, key=lambda part: Polygon(part.exterior).area).exterior)
