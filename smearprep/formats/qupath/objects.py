"""One Feature of QuPath's -> what is drawn: geometry, class, measurements, metadata."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from shapely.errors import ShapelyError
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.findings import Finding
from smearprep.formats.outlines import Drawn, Unusable, drawn_to_cells
from smearprep.formats.qupath.metadata import OUTLINE_KEY, text_to_value
from smearprep.geometry import FARTHEST, assembled
from smearprep.records import OUTLINES, Outline

GEOMETRIES = frozenset(
    ("Polygon", "MultiPolygon", "Point", "MultiPoint", "LineString", "MultiLineString", "GeometryCollection")
)
_OF_PROGRAMS = frozenset(
    ("detection", "cell", "tile", "PathDetectionObject", "PathCellObject", "PathTileObject")
)
_NO_CELLS = frozenset(("root", "tmaCore", "tma_core", "PathRootObject", "TMACoreObject"))
_DEEPEST = 64  # classes within classes


@dataclass
class Seen:
    """What is told once for a whole file, and what was mended of single objects (id, in words)."""

    without_class: int = 0
    nuclei: int = 0
    other_planes: int = 0
    no_cells: int = 0
    mended: list[tuple[str, str]] = field(default_factory=list)

    def remarks(self, label: str) -> list[str]:
        """What is worth knowing; `label` is that of objects without class and name."""
        counted = (
            (self.without_class, f"without a class, labelled with their names, else with {label!r}"),
            (self.nuclei, "with an outline of the nucleus too; only that of the whole cell is read"),
            (self.other_planes, "on another plane (Z or time) than the first; read as if they lay on it"),
            (self.no_cells, "that are TMA cores or the image itself, no cells; left out"),
        )
        return [f"{count} objects {what}" for count, what in counted if count]


def feature_to_drawn(feature: Any, id_: str, label: str, seen: Seen) -> list[Drawn]:
    """What an object draws: one cell, of a MultiPoint one a point.

    Args:
        feature: The Feature.
        id_: What findings call it.
        label: Where it has neither class nor name.
        seen: What is remarked of it is added here.

    Raises:
        Unusable: It makes no cell.
    """
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise Unusable("invalid", "the entry is no GeoJSON Feature")
    properties, geometry = feature.get("properties"), feature.get("geometry")
    properties = properties if isinstance(properties, dict) else {}
    kind = properties.get("objectType", properties.get("object_type", feature.get("id")))
    if isinstance(kind, str) and kind in _NO_CELLS:
        seen.no_cells += 1
        return []
    if not isinstance(geometry, dict):
        raise Unusable("invalid", "the object has no geometry")
    class_, name = _class_of(properties.get("classification")), properties.get("name")
    attributes = _attributes(properties)
    if isinstance(kind, str) and kind in _OF_PROGRAMS:
        attributes = {OUTLINE_KEY: "made", "made_by": "QuPath", **attributes}
    if class_ is not None and isinstance(name, str):
        attributes["name"] = name
    stated = attributes.pop(OUTLINE_KEY, None)
    outline = cast(Outline, stated) if stated in OUTLINES and stated != "point" else "drawn"
    named = name if isinstance(name, str) and name.strip() else label
    drawn = _draw(geometry, Drawn(id_, class_ or named, outline=outline, attributes=attributes), seen)
    plane = geometry.get("plane")
    seen.other_planes += isinstance(plane, dict) and bool(plane.get("z") or plane.get("t"))
    seen.nuclei += isinstance(feature.get("nucleusGeometry"), dict)
    seen.without_class += class_ is None
    return drawn


def _class_of(stated: Any) -> str | None:
    """The name of a class; a class within others is named as QuPath shows it, "Tumor: Positive".

    Raises:
        Unusable: It has a class without a name.
    """
    if stated is None or stated == {}:
        return None
    names: list[Any] = [stated]
    if isinstance(stated, dict):
        several = stated.get("names")
        names = several if isinstance(several, list) else [stated.get("name")]
        above = stated.get("parentClass")
        while isinstance(above, dict) and len(names) < _DEEPEST:
            names = [above.get("name"), *names]
            above = above.get("parentClass")
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise Unusable("invalid", f"its classification {reprlib.repr(stated)} has no name")
    return ": ".join(names)


def _attributes(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata, back from texts, and measurements as one dict."""
    attributes: dict[str, Any] = {}
    metadata, measurements = properties.get("metadata"), properties.get("measurements")
    for key, value in metadata.items() if isinstance(metadata, dict) else ():
        if isinstance(value, str | int | float):
            attributes[key] = text_to_value(value) if isinstance(value, str) else value
    if isinstance(measurements, list):  # before QuPath 0.4
        pairs = [(row.get("name"), row.get("value")) for row in measurements if isinstance(row, dict)]
    else:
        pairs = list(measurements.items()) if isinstance(measurements, dict) else []
    numbers = {
        name: value
        for name, value in pairs
        if isinstance(name, str) and isinstance(value, int | float) and math.isfinite(value)
    }
    return attributes | {"measurements": numbers} if numbers else attributes


# ---------------------------------------------------------------- geometry


def _draw(geometry: Mapping[str, Any], cell: Drawn, seen: Seen) -> list[Drawn]:
    """The cells of a geometry, each as `cell` says apart from where it is."""
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind in ("Point", "MultiPoint"):
        positions = [coordinates] if kind == "Point" else coordinates
        if not isinstance(positions, list) or not positions or not all(map(_is_position, positions)):
            raise Unusable("invalid", "the point has no position of two numbers")
        return [
            Drawn(cell.id, cell.label, outline="point", attributes=cell.attributes, shape=Point(x, y))
            for x, y, *_ in positions
        ]
    if kind in ("LineString", "MultiLineString"):
        raise Unusable("zero_area", "a line has no area")
    if kind not in ("Polygon", "MultiPolygon"):
        raise Unusable("invalid", f"its geometry is a {reprlib.repr(kind)}, which is not read")
    polygons = _rings([coordinates] if kind == "Polygon" else coordinates)
    if len(polygons) == 1 and len(polygons[0]) == 1 and cell.outline != "box":
        cell.outer = polygons[0]
        return [cell]
    cell.shape = _as_it_stands(polygons)
    if cell.shape is None:
        cell.shape, what = _mended(polygons)
        seen.mended.append((cell.id, what))
    if cell.outline == "box" and not _is_box(cell.shape):  # somebody has changed it since
        cell.outline = "drawn"
    return [cell]


def _rings(coordinates: Any) -> list[list[Any]]:
    """The rings of each polygon, without the third coordinates that some programs add.

    Raises:
        Unusable: These are no polygons.
    """
    if not isinstance(coordinates, list) or not coordinates:
        raise Unusable("invalid", "its outline has no coordinates")
    if not all(isinstance(rings, list) and rings for rings in coordinates):
        raise Unusable("invalid", "its coordinates are no lists of rings")
    return [[_flat(ring) for ring in rings] for rings in coordinates]


def _flat(ring: Any) -> Any:
    """A ring of pairs; what is no ring at all has no vertex."""
    if not isinstance(ring, list):
        return ()
    try:
        if {2}.issuperset(map(len, ring)):
            return ring
    except TypeError:  # a vertex that is a number
        return ring
    return [vertex[:2] if isinstance(vertex, list) else vertex for vertex in ring]


def _as_it_stands(polygons: Sequence[Sequence[Any]]) -> Polygon | MultiPolygon | None:
    """The shape with every vertex kept, or None where it is not valid."""
    parts = []
    try:
        for rings in polygons:
            arrays = [np.array(ring) for ring in rings]
            if not all(xy.dtype.kind in "iuf" and (np.abs(xy) <= FARTHEST).all() for xy in arrays):
                return None
            parts.append(Polygon(arrays[0], arrays[1:]))
    except (TypeError, ValueError, OverflowError, ShapelyError):
        return None
    shape: Polygon | MultiPolygon = parts[0] if len(parts) == 1 else MultiPolygon(parts)
    return shape if shape.is_valid and shape.area > 0 else None


def _mended(polygons: Sequence[Sequence[Any]]) -> tuple[Polygon | MultiPolygon, str]:
    """The shape of outlines that are not valid, and what was done to them.

    Raises:
        Unusable: Nothing with an area is left.
    """
    faults: list[Finding] = []
    pieces = [Drawn(str(n), "part", rings[:1], rings[1:]) for n, rings in enumerate(polygons)]
    parts = drawn_to_cells(pieces, "", faults)
    if not parts:
        raise Unusable(faults[0].kind, faults[0].what.removesuffix("; left out"))
    shape, _ = assembled([cast(Polygon | MultiPolygon, part.shape) for part in parts])
    assert shape is not None  # of parts with an area something is left
    lost = len(pieces) - len(parts)
    dropped = f"; {lost} of its {len(pieces)} parts had no area: dropped" if lost else ""
    return shape, f"its outlines crossed, overlapped or had no area: made valid{dropped}"


def _is_box(shape: Polygon | MultiPolygon) -> bool:
    x0, y0, x1, y1 = shape.bounds
    return isinstance(shape, Polygon) and math.isclose(shape.area, (x1 - x0) * (y1 - y0), rel_tol=1e-6)


def _is_position(position: Any) -> bool:
    return isinstance(position, list) and len(position) >= 2 and all(map(_is_near, position[:2]))


def _is_near(value: Any) -> bool:
    """True for a number within reach of an image; NaN is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= FARTHEST
