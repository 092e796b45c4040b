"""Cells as QuPath reads them: one FeatureCollection an image, every object an annotation."""

from __future__ import annotations

import colorsys
import hashlib
import math
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.findings import Finding
from smearprep.formats.qupath.metadata import OUTLINE_KEY, value_to_text
from smearprep.formats.staging import FilePerImage
from smearprep.formats.writing import WriteOptions, Writer
from smearprep.geometry import FloatArray, rings
from smearprep.records import Cell, ImageCells, Shape

_HUES = 29


def writer(out: Path, options: WriteOptions, findings: list[Finding]) -> Writer:
    """A writer of one .geojson file an image, in a folder.

    Args:
        out: The folder.
        options: None is used: the format holds every cell.
        findings: An image whose file's name is taken is left out and named here.
    """
    return FilePerImage(out, ".geojson", image_to_geojson, findings)


def image_to_geojson(image: ImageCells) -> bytes:
    """An image's file; the same cells give the same bytes."""
    told: dict[str, Any] = {"name": image.file_name}
    if image.size is not None:
        told |= {"width": image.size[0], "height": image.size[1]}
    told["annotated"] = sorted(image.annotated)
    head = b'{"type":"FeatureCollection",\n"image":' + orjson.dumps(told) + b',\n"features":[\n'
    colours = {label: _colour(label) for label in {cell.label for cell in image.cells}}
    features = (
        orjson.dumps(_feature(cell, colours[cell.label], f"{n} {image.file_name}"))
        for n, cell in enumerate(image.cells)
    )
    return head + b",\n".join(features) + b"\n]}\n"


def _feature(cell: Cell, colour: list[int], unique: str) -> dict[str, Any]:
    """A cell as a Feature; its id is made from a text that no other cell has."""
    digest = hashlib.sha256(unique.encode()).digest()
    properties: dict[str, Any] = {"objectType": "annotation"}
    attributes = dict(cell.attributes)
    if isinstance(attributes.get("name"), str):
        properties["name"] = attributes.pop("name")
    properties["classification"] = {"name": cell.label, "color": colour}
    if _are_measurements(attributes.get("measurements")):
        properties["measurements"] = attributes.pop("measurements")
    metadata = {key: value_to_text(value) for key, value in attributes.items()}
    if cell.outline not in ("drawn", "point"):
        metadata[OUTLINE_KEY] = cell.outline
    if metadata:
        properties["metadata"] = metadata
    return {
        "type": "Feature",
        "id": str(uuid.UUID(bytes=digest[:16], version=5)),
        "geometry": _geometry(cell.shape),
        "properties": properties,
    }


def _are_measurements(value: Any) -> bool:
    """True for what QuPath can hold as measurements: names with finite numbers."""
    if not isinstance(value, Mapping) or not value:
        return False
    return all(type(n) in (int, float) and math.isfinite(n) for n in value.values())


def _colour(label: str) -> list[int]:
    """The colour of a label, (R, G, B): always the same, whatever other labels there are."""
    digest = hashlib.sha256(label.encode()).digest()
    hue, value = int.from_bytes(digest[:4]) % _HUES / _HUES, 0.9 if digest[4] & 1 else 0.65
    return [round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.85, value)]


def _geometry(shape: Shape) -> dict[str, Any]:
    if isinstance(shape, Point):
        return {"type": "Point", "coordinates": [_number(shape.x), _number(shape.y)]}
    if isinstance(shape, MultiPolygon):
        return {"type": "MultiPolygon", "coordinates": [_closed_rings(part) for part in shape.geoms]}
    return {"type": "Polygon", "coordinates": _closed_rings(shape)}


def _closed_rings(polygon: Polygon) -> list[list[list[int | float]]]:
    """The outer ring, then the holes; the last vertex of each is its first one."""
    return [_ring(ring) for ring in rings(polygon)]


def _ring(xy: FloatArray) -> list[list[int | float]]:
    vertices: list[list[int | float]] = xy.tolist()
    if not (xy == np.rint(xy)).any():
        return vertices
    return [[_number(x), _number(y)] for x, y in vertices]


def _number(value: float) -> int | float:
    """A whole number without ".0": fewer bytes, the same value."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
