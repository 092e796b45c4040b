"""The results of one annotation -> what is drawn: one region an id, its labels and remarks gathered."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import shapely
from shapely.geometry import MultiPolygon, Point

from smearprep.findings import Finding
from smearprep.formats.label_studio.brush import BrokenBrushError, brush_to_shape
from smearprep.formats.outlines import Drawn, Unusable, ellipse, turned
from smearprep.formats.reading import image_size
from smearprep.geometry import FARTHEST, FloatArray

Size = tuple[int, int]

_SHAPES = frozenset(("polygon", "rectangle", "ellipse", "keypoint", "brush"))
_REMARKS = frozenset(("choices", "textarea", "rating", "number", "taxonomy", "datetime"))


@dataclass(slots=True)
class Region:
    """All results that bear one id: a shape, and perhaps labels and remarks apart from it.

    Args:
        id: As the file has it, or the position of a result without one.
        entry: The result that has the shape; None where none has one.
        shape: Its kind: "polygon", "rectangle", ...
        unread: The type of a result that is not read ("bitmask", "vector", ...).
        labels: Its labels, in their order; of several controls all of them.
        told: What else is said of it.
    """

    id: str
    entry: Mapping[str, Any] | None = None
    shape: str = ""
    unread: str = ""
    labels: dict[str, None] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)


def gather(results: Sequence[Any]) -> list[Region]:
    """The regions of an annotation, in the order of their first results.

    What is said of the whole image (choices, texts), and relations between regions, are none.
    """
    regions: dict[str, Region] = {}
    for n, entry in enumerate(results):
        entry = entry if isinstance(entry, dict) else {}
        stated = entry.get("id")
        id_ = str(stated) if isinstance(stated, str | int) and stated != "" else f"at position {n}"
        region = regions.setdefault(id_, Region(id_))
        type_, value = entry.get("type"), entry.get("value")
        type_ = type_.lower() if isinstance(type_, str) else ""
        value = value if isinstance(value, dict) else {}
        region.labels |= dict.fromkeys(labels_of(value))
        kind = type_.removesuffix("labels")
        if kind in _SHAPES:
            if region.entry is None:
                region.entry, region.shape = entry, kind
        elif type_ in _REMARKS:
            region.told[str(entry.get("from_name") or type_)] = value.get(type_, value.get("text"))
        elif type_ not in ("labels", "relation"):
            region.unread = region.unread or type_ or "result without a type"
        _add_remarks(region.told, entry)
    return [region for region in regions.values() if region.entry or region.unread or region.labels]


def labels_of(value: Mapping[str, Any]) -> list[str]:
    """The labels that a result's value states, under `labels`, `polygonlabels`, ..."""
    lists = [stated for key, stated in value.items() if key.endswith("labels") and isinstance(stated, list)]
    return [label for stated in lists for label in stated if isinstance(label, str)]


def _add_remarks(told: dict[str, Any], entry: Mapping[str, Any]) -> None:
    meta = entry.get("meta")
    text = meta.get("text") if isinstance(meta, dict) else None
    lines = text if isinstance(text, list) else [text]
    if any(isinstance(line, str) and line.strip() for line in lines):
        told["description"] = "\n".join(line for line in lines if isinstance(line, str))
    if isinstance(entry.get("parentID"), str):
        told["group"] = entry["parentID"]
    if is_score(entry.get("score")):
        told["score"] = entry["score"]


def is_score(value: Any) -> bool:
    """True for a number from 0 to 1."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def stated_size(entry: Mapping[str, Any]) -> Size | None:
    """(width, height) in px of the image that a result was drawn on, if it says so."""
    return image_size(entry.get("original_width"), entry.get("original_height"))


# ---------------------------------------------------------------- one region


@dataclass(frozen=True)
class Sheet:
    """What the regions of one image have in common.

    Args:
        file: How findings name the annotation file.
        image: How they name the image.
        target: The `to_name` of the image: a task may show several.
        size: (width, height) of the image in px, or None.
        threshold: A pixel of a brush whose alpha is above it was painted.
    """

    file: str
    image: str
    target: Any
    size: Size | None
    threshold: int


def regions_to_drawn(
    regions: Sequence[Region], sheet: Sheet, findings: list[Finding], told: Mapping[str, Any], is_made: bool
) -> list[Drawn]:
    """What the regions of one annotation draw.

    Args:
        regions: Of `gather`.
        sheet: What they have in common.
        findings: Regions left out are named here, as "region ID of IMAGE".
        told: Attributes of each of their cells ("annotator", "made_by", "score").
        is_made: A program made them.
    """
    drawn = []
    for region in regions:
        id_ = f"region {region.id} of {sheet.image}"
        attributes = {key: value for key, value in {**told, **region.told}.items() if _can_be_kept(value)}
        if not is_made:  # a person took over what a model made
            attributes.pop("score", None)
        labels = list(region.labels)
        if len(labels) > 1:
            attributes["labels"] = labels
            what = f"it has {len(labels)} labels; the first is taken, all are kept as attribute"
            findings.append(Finding("note", what, sheet.file, id_))
        one = Drawn(id_, labels[0] if labels else None, attributes=attributes)
        try:
            _draw(one, region, sheet)
        except Unusable as fault:
            findings.append(Finding(fault.kind, f"{fault.what}; left out", sheet.file, id_))
            continue
        if isinstance(one.shape, MultiPolygon):
            what = f"its brush mask has {len(one.shape.geoms)} parts that do not touch; kept as one cell"
            findings.append(Finding("note", what, sheet.file, id_))
        if is_made and one.outline != "point":
            one.outline = "made"
        drawn.append(one)
    return drawn


def _can_be_kept(value: Any) -> bool:
    """False for nothing, and for values nested so deeply that no JSON can be written of them."""
    try:
        return value is not None and bool(orjson.dumps(value))
    except TypeError:
        return False


def _draw(drawn: Drawn, region: Region, sheet: Sheet) -> None:
    """Fill in the outline or the shape of a region."""
    entry = region.entry
    if entry is None:
        what = f"its type {reprlib.repr(region.unread)} is not read" if region.unread else "it has no shape"
        raise Unusable("invalid", what)
    size = _size_of(entry, sheet)
    value = entry.get("value")
    value = value if isinstance(value, dict) else {}
    if region.shape == "polygon":
        drawn.outer = (_corners(value.get("points"), size),)
    elif region.shape == "rectangle":
        _draw_rectangle(drawn, value, size)
    elif region.shape == "ellipse":
        drawn.outer = (_ellipse(value, size),)
    elif region.shape == "keypoint":
        drawn.shape, drawn.outline = Point(_position(value, size)), "point"
    else:
        try:
            drawn.shape = brush_to_shape(value.get("rle"), size, sheet.threshold)
        except BrokenBrushError as error:
            raise Unusable("invalid", str(error)) from None
        if drawn.shape is None:
            raise Unusable("zero_area", "its brush mask has no painted pixel")


def _size_of(entry: Mapping[str, Any], sheet: Sheet) -> Size:
    """(width, height) in px of what a region's percents are of.

    Raises:
        Unusable: Nobody states it, or the region lies on another image, page or turned image.
    """
    if entry.get("to_name") != sheet.target or entry.get("item_index"):
        raise Unusable("invalid", "it lies on another image of the same task; only one image a task is read")
    if entry.get("image_rotation"):
        turned = reprlib.repr(entry["image_rotation"])
        raise Unusable("invalid", f"it was drawn on the image turned by {turned} degrees, which is not read")
    size = stated_size(entry) or sheet.size
    if size is None:
        what = "its coordinates are percent of an image whose size (original_width) nobody states"
        raise Unusable("invalid", what)
    if size != sheet.size:
        raise Unusable(
            "invalid", f"it states {size[0]}x{size[1]} px, another size than the regions before it"
        )
    return size


def _draw_rectangle(drawn: Drawn, value: Mapping[str, Any], size: Size) -> None:
    """A box; where it is turned (about its first corner), an outline of four corners."""
    w, h = (n * whole / 100 for n, whole in zip(_numbers(value, "width", "height"), size, strict=True))
    x, y = _position(value, size)
    if not w or not h:
        raise Unusable("zero_area", "the rectangle has no area")
    turn = _turn(value)
    if turn % (2 * math.pi):
        corners = turned(np.array([(0, 0), (w, 0), (w, h), (0, h)], float), turn)
        drawn.outer = (corners + (x, y),)
    else:
        drawn.shape = shapely.box(min(x, x + w), min(y, y + h), max(x, x + w), max(y, y + h))
        drawn.outline = "box"


def _ellipse(value: Mapping[str, Any], size: Size) -> FloatArray:
    """The corners (96, 2) of an ellipse in px; it is turned in px, not in percent."""
    radii = [n * whole / 100 for n, whole in zip(_numbers(value, "radiusX", "radiusY"), size, strict=True)]
    if min(radii) <= 0:
        raise Unusable("zero_area", "the ellipse has no area")
    return ellipse(_position(value, size), (radii[0], radii[1]), _turn(value))


def _turn(value: Mapping[str, Any]) -> float:
    """The angle in radians by which a shape is turned; stated in degrees, or not at all."""
    return math.radians(_numbers(value, "rotation")[0]) if value.get("rotation") else 0.0


def _position(value: Mapping[str, Any], size: Size) -> tuple[float, float]:
    x, y = _numbers(value, "x", "y")
    return x * size[0] / 100, y * size[1] / 100


def _corners(points: Any, size: Size) -> FloatArray:
    """The corners (n, 2) of a polygon in px; none where they are no pairs of numbers."""
    try:
        xy = np.array(points)
    except (TypeError, ValueError, OverflowError):  # not as many numbers in each
        return np.empty((0, 2))
    if xy.dtype.kind not in "iuf" or xy.shape[1:] != (2,) or not (np.abs(xy) <= FARTHEST).all():
        return np.empty((0, 2))
    in_px: FloatArray = xy.astype(np.float64) * size / 100
    return in_px


def _numbers(value: Mapping[str, Any], *keys: str) -> tuple[float, ...]:
    """Numbers that a value states."""
    numbers = tuple(value.get(key) for key in keys)
    if not all(map(_is_near, numbers)):
        raise Unusable("invalid", f"the shape needs {', '.join(keys)}, each a number within reach")
    return numbers  # type: ignore[return-value]


def _is_near(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= FARTHEST
