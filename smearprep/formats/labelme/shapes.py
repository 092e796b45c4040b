"""One shape of a labelme file -> what it draws."""

from __future__ import annotations

import base64
import io
import math
import reprlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.formats.outlines import Drawn, Ring, Unusable, ellipse
from smearprep.geometry import FARTHEST, Mask, mask_to_shapes
from smearprep.records import Outline

Position = tuple[float, float]
GroupId = int | float | str

_MOST_PIXELS = 50_000_000  # of one cell's mask: tracing takes up to 12 bytes a pixel
_MOST_PIECES = 10_000  # of one cell's mask
_LONGEST_OUTLINE = 1_000_000  # px
_NOTHING: Mapping[str, Any] = {}
_RINGS = frozenset(("oriented_rectangle", "rotation", "quadrilateral"))
_NO_AREA = frozenset(("line", "linestrip", "points"))
_ONE_CHANNEL = frozenset(("1", "L", "P", "I;16", "I"))


def entry_to_drawn(entry: Any, id_: str) -> Drawn:
    """What a shape draws. Whether an outline is sound is not looked at.

    Args:
        entry: One of a file's `shapes`.
        id_: What findings call it.

    Raises:
        Unusable: It makes no cell.
    """
    if not isinstance(entry, dict):
        raise Unusable("invalid", "the shape is no JSON object")
    kind = entry.get("shape_type") or "polygon"  # old files do not state it
    told = _attributes(entry)
    drawn = Drawn(id_, entry.get("label"), attributes=told)
    if kind == "polygon":
        drawn.outer = _as_drawn(entry)
    elif kind == "point":
        drawn.shape = Point(_positions(entry, (1,), "a point needs one position")[0])
        drawn.outline = "point"
    else:
        _draw(drawn, entry, kind)
    if "outline" in entry or "made_by" in told:
        drawn.outline = _outline(entry, told, drawn.outline)
    return drawn


def _draw(drawn: Drawn, entry: Mapping[str, Any], kind: Any) -> None:
    """Fill in what a shape other than a polygon or a point draws."""
    if kind == "rectangle":
        drawn.outer, drawn.outline = _rectangle(_positions(entry, (2, 4), "a rectangle needs two corners"))
    elif kind == "circle":
        centre, rim = _positions(entry, (2,), "a circle needs its centre and a point of its rim")
        radius = math.dist(centre, rim)
        drawn.outer = (ellipse(centre, (radius, radius)),)
    elif kind == "mask":
        drawn.shape = _mask(entry)
    elif isinstance(kind, str) and kind in _RINGS:
        drawn.outer = _as_drawn(entry)
    elif isinstance(kind, str) and kind in _NO_AREA:
        raise Unusable("zero_area", f"a shape of type {kind!r} has no area")
    else:
        raise Unusable("invalid", f"its shape_type {reprlib.repr(kind)} is not known")


# ---------------------------------------------------------------- where it is


def _as_drawn(entry: Mapping[str, Any]) -> tuple[Ring]:
    ring: Ring = entry.get("points", ())
    return (ring,)


def _positions(entry: Mapping[str, Any], counts: Sequence[int], needed: str) -> list[Position]:
    """The points of a shape as (x, y) in px, if there are as many as there may be."""
    points = entry.get("points")
    if isinstance(points, list) and len(points) in counts and all(map(_is_position, points)):
        return [(x, y) for x, y in points]
    raise Unusable("invalid", f"{needed}, x and y of each a number")


def _is_position(point: Any) -> bool:
    return isinstance(point, list) and len(point) == 2 and all(map(_is_near, point))


def _is_near(value: Any) -> bool:
    """True for a number within reach of an image; NaN is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= FARTHEST


def _rectangle(corners: Sequence[Position]) -> tuple[tuple[Ring], Outline]:
    """The ring of a rectangle, and how it is known: if it is stated by four corners and turned, as drawn."""
    if len(corners) == 2:
        (ax, ay), (bx, by) = corners
        return ([(ax, ay), (bx, ay), (bx, by), (ax, by)],), "box"
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = corners
    across_first = (ay, bx, cy, dx) == (by, cx, dy, ax)
    down_first = (ax, by, cx, dy) == (bx, cy, dx, ay)
    return (corners,), "box" if across_first or down_first else "drawn"


def _mask(entry: Mapping[str, Any]) -> Polygon | MultiPolygon:
    """The outline of a mask along its pixel edges; its regions are the parts of one cell."""
    (ax, ay), (bx, by) = _positions(entry, (2,), "a mask needs two corners")
    # People can drag a mask by parts of a pixel: its corners are whole numbers apart, but may not be whole.
    size = round(abs(ax - bx)) + 1, round(abs(ay - by)) + 1
    mask = _pixels(entry.get("mask"), size) != 0
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise Unusable("zero_area", "its mask has no pixel")
    # Some programs store a mask as large as the image for each cell: only what is set is traced.
    mask = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if _is_noise(mask):
        raise Unusable("invalid", "its mask is noise, and its outline would take minutes to trace")
    shapes, _ = mask_to_shapes(mask)
    corner = round(min(ax, bx)) + columns[0], round(min(ay, by)) + rows[0]
    shape = shapes[0] if len(shapes) == 1 else MultiPolygon(shapes)
    return shapely.transform(shape, lambda xy: xy + corner)


def _is_noise(mask: Mask) -> bool:
    """True for a mask of more pieces, or of a longer outline, than all cells of an image together have."""
    outline = int(np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1]))
    if outline <= 4 * _MOST_PIECES:
        return False
    import cv2

    pieces, _ = cv2.connectedComponents(mask.view(np.uint8), connectivity=4)
    return outline > _LONGEST_OUTLINE or pieces > _MOST_PIECES


def _pixels(text: Any, size: tuple[int, int]) -> NDArray[np.generic]:
    """The values of a mask of (width, height) px, (H, W), from a PNG file in base64."""
    from PIL import Image

    if size[0] * size[1] > _MOST_PIXELS:
        raise Unusable("invalid", f"its mask of {size[0]}x{size[1]} px is too large")
    if not isinstance(text, str):
        raise Unusable("invalid", "it is a mask without its picture")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large or odd files; we decide ourselves
            with Image.open(io.BytesIO(base64.b64decode(text)), formats=("PNG",)) as image:
                stated, is_plain = image.size, image.mode in _ONE_CHANNEL
                values = np.asarray(image) if stated == size and is_plain else None
    except Exception:  # Pillow has no one error for a damaged file
        raise Unusable("invalid", "the picture of its mask is no PNG file that can be read") from None
    if values is None:
        told = f"of {stated[0]}x{stated[1]} px" if is_plain else "in colours"
        raise Unusable("invalid", f"its mask is {told}, its corners span {size[0]}x{size[1]} px")
    return values


# ---------------------------------------------------------------- what is said of it


def group_of(entry: Mapping[str, Any]) -> GroupId | None:
    """The number (or name) that the shapes of one cell share, or None."""
    value = entry.get("group_id")
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else None


def _attributes(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a shape says of its cell beside label and place: what is set, not what is left at its default."""
    told: dict[str, Any] = {}
    stated, flags = entry.get("attributes"), entry.get("flags")
    if stated and isinstance(stated, dict):
        told |= _json_values(stated)
    if flags and isinstance(flags, dict):
        told |= {name: True for name, value in flags.items() if value is True}
    if entry.get("difficult") is True:
        told["difficult"] = True
    description, score = entry.get("description"), entry.get("score")
    if description and is_description(description):
        told["description"] = description
    if score is not None and is_score(score):
        told["score"] = score
    if entry.get("group_id") is not None and "parts" not in entry:
        group = group_of(entry)
        if group is not None:
            told["group"] = group
    return told or _NOTHING


def is_description(value: Any) -> bool:
    """True for what a shape's own key "description" holds; anything else is among its `attributes`."""
    return isinstance(value, str) and value != ""


def is_score(value: Any) -> bool:
    """True for what a shape's own key "score" holds."""
    return _is_near(value)


def _json_values(attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes without NaN, which is no JSON value, and not so deep that they could not be written."""
    try:
        values: dict[str, Any] = orjson.loads(orjson.dumps([[[[attributes]]]]))[0][0][0][0]
    except (orjson.JSONEncodeError, orjson.JSONDecodeError):
        raise Unusable("invalid", "its attributes are nested too deeply") from None
    return values


def _outline(entry: Mapping[str, Any], told: Mapping[str, Any], by_kind: Outline) -> Outline:
    """How a shape is known, where more is said about that than by its type."""
    stated = entry.get("outline")
    if by_kind == "drawn" and stated in ("drawn", "component", "made"):
        return cast(Outline, stated)
    return usual_outline(by_kind, told)


def usual_outline(by_kind: Outline, attributes: Mapping[str, Any]) -> Outline:
    """How a shape of some type is known if a file does not say so: a program's, if it is named and scored."""
    is_made = by_kind == "drawn" and "made_by" in attributes and "score" in attributes
    return "made" if is_made else by_kind
