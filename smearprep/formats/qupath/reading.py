"""QuPath's GeoJSON as its versions write it: collections, lists, single objects, objects inside objects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats.outlines import Unusable, drawn_to_cells
from smearprep.formats.qupath.objects import GEOMETRIES, Seen, feature_to_drawn
from smearprep.formats.reading import ReadOptions, image_name, image_size
from smearprep.jsonfiles import read_json
from smearprep.records import ImageCells

_OBJECTS = re.compile(rb'"type"\s*:\s*"Feature(Collection)?"')
_GEOMETRY = re.compile(rb'"type"\s*:\s*"(GeometryCollection|(Multi)?(Polygon|Point|LineString))"')
_PLACES = re.compile(rb'"(coordinates|geometries)"\s*:')


def sniff(path: Path, head: bytes) -> bool:
    """True if it is JSON with a Feature, or with a geometry as GeoJSON has it."""
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] not in (b"{", b"["):
        return False
    return bool(_OBJECTS.search(head) or (_GEOMETRY.search(head) and _PLACES.search(head)))


def read(path: Path, options: ReadOptions, findings: list[Finding]) -> Iterator[ImageCells]:
    """The one image of a file; findings say "object 3", counted from 0 with the objects inside objects.

    QuPath's files state neither the image's name (it is the file's without .geojson) nor its size; those
    that smearprep has written state both. An object without a class is labelled with its name, else with
    `options.label`. Detections and cells are what QuPath's own programs found: their outline is "made".

    Raises:
        DataError: Not there, not JSON, or without a Feature.
    """
    file = options.name(path)
    data = read_json(path)
    drawn, seen = [], Seen()
    for n, feature in enumerate(_with_children(_features(data, path))):
        id_ = f"object {n}"
        try:
            drawn += feature_to_drawn(feature, id_, options.label, seen)
        except Unusable as fault:
            findings.append(Finding(fault.kind, f"{fault.what}; left out", file, id_))
    cells = drawn_to_cells(drawn, file, findings)
    findings += [Finding("repaired", what, file, id_) for id_, what in seen.mended]
    findings += [Finding("note", what, file) for what in seen.remarks(options.label)]
    image = data.get("image") if isinstance(data, dict) else None
    image = image if isinstance(image, dict) else {}
    name = image_name(image.get("name"), path).removesuffix(".geojson") or path.stem
    size = image_size(image.get("width"), image.get("height"))
    stated = image.get("annotated")
    labels = {label for label in (stated if isinstance(stated, list) else []) if isinstance(label, str)}
    del data, drawn  # a hundred times the size of the cells
    yield ImageCells(name, size, cells, str(path), frozenset(labels.union(cell.label for cell in cells)))


def _features(data: Any, path: Path) -> Sequence[Any]:
    """The objects of a file, unchecked.

    Raises:
        DataError: It is no GeoJSON, or a bare geometry.
    """
    kind = data.get("type") if isinstance(data, dict) else None
    if kind == "Feature":
        return [data]
    features = data if isinstance(data, list) else data.get("features") if isinstance(data, dict) else None
    if isinstance(features, list) and (kind == "FeatureCollection" or any(map(_is_feature, features))):
        return features
    if isinstance(kind, str) and kind in GEOMETRIES:
        what = f"is a bare {kind} without a class; export it from QuPath as an object (a Feature)"
        raise DataError(path, what)
    raise DataError(path, "is no GeoJSON of QuPath's: it has no Feature")


def _is_feature(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("type") == "Feature"


def _with_children(features: Sequence[Any]) -> Iterator[Any]:
    """All objects, each before those inside it, which QuPath's exports of a hierarchy hold."""
    waiting = list(reversed(features))
    while waiting:
        feature = waiting.pop()
        yield feature
        properties = feature.get("properties") if isinstance(feature, dict) else None
        if isinstance(properties, dict):
            inside = properties.get("childObjects", properties.get("children"))
            waiting += reversed(inside) if isinstance(inside, list) else ()
