"""What a report knows of a set: its images, the sizes of their cells, and what the manifest says.

Outlines are not built here: of most images a report needs no more of a cell than its box and area.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from smearprep.errors import DataError
from smearprep.formats.reading import image_size
from smearprep.images import read_bytes
from smearprep.jsonfiles import read_json
from smearprep.jsonlists import JsonLists
from smearprep.leaks import AuditedImage, in_order, set_images
from smearprep.output_folder import MANIFEST
from smearprep.records import OUTLINES, View


@dataclass(frozen=True, slots=True)
class SetCell:
    """One cell as one image shows it.

    Args:
        label: Its category.
        outline: How its shape is known.
        diameter: In px of the raw image (see `_diameter`); NaN where it has no size.
        visible: The share of the whole cell that is shown, 0..1.
        number: Of the whole cell in its raw image, or None where the set does not say.
    """

    label: str
    outline: str
    diameter: float
    visible: float
    number: int | None


@dataclass(frozen=True, slots=True)
class SetImage:
    """One image of a set.

    Args:
        audited: Its file, subset, source, smear and window.
        size: (width, height) in px as its record states it, or None.
        cells: Its cells, in the file's order.
        annotated: Categories that were looked for in it.
    """

    audited: AuditedImage
    size: tuple[int, int] | None
    cells: tuple[SetCell, ...]
    annotated: frozenset[str]

    @property
    def name(self) -> str:
        """Its file, relative to the set."""
        return self.audited.name

    @property
    def subset(self) -> str:
        """Its subset."""
        return self.audited.subset


@dataclass(frozen=True)
class SetData:
    """A set, read.

    Args:
        images: In the order of the annotation files, subset by subset.
        categories: In the order of the annotation files.
        subsets: In their usual order, also those without an image.
        manifest: The manifest, or nothing where there is none that can be read.
        manifest_digest: SHA-256 of its file, or "".
    """

    images: tuple[SetImage, ...]
    categories: tuple[str, ...]
    subsets: tuple[str, ...]
    manifest: Mapping[str, Any]
    manifest_digest: str


def annotation_file(prepared: Path, subset: str) -> Path:
    """The COCO file of a subset."""
    return prepared / "annotations" / f"instances_{subset}.json"


def read_set(prepared: Path) -> SetData:
    """Read a set's annotation files; what is broken in them is left out (`check` names it).

    Raises:
        LayoutError: No set is there.
    """
    audited = {image.name: image for image in set_images(prepared)}
    files = sorted((prepared / "annotations").glob("instances_*.json"))
    subsets = in_order(path.stem.removeprefix("instances_") for path in files)
    images: list[SetImage] = []
    categories: dict[str, None] = {}
    for subset in subsets:
        file = _File(annotation_file(prepared, subset))
        categories.update(dict.fromkeys(file.labels.values()))
        images += file.images(subset, audited)
    return SetData(tuple(images), tuple(categories), tuple(subsets), *_manifest(prepared))


class _File:
    """One COCO file, read record by record; what cannot be used in it is passed over."""

    def __init__(self, path: Path) -> None:
        try:
            self._lists: JsonLists | None = JsonLists(path)
        except DataError:
            self._lists = None
        self.labels = {
            row["id"]: row["name"]
            for row in self._rows("categories")
            if isinstance(row.get("name"), str) and row["name"].strip()
        }

    def _rows(self, key: str) -> Iterator[dict[str, Any]]:
        for row in self._lists.records(key) if self._lists else ():
            if isinstance(row, dict) and isinstance(row.get("id"), int | str):
                yield row

    def images(self, subset: str, audited: Mapping[str, AuditedImage]) -> Iterator[SetImage]:
        """The images that the audit knows, each once, with their cells."""
        left, known = dict(audited), []
        for record in self._rows("images"):
            own = left.pop(f"images/{subset}/{record.get('file_name')}", None)
            if own is not None:
                size = image_size(record.get("width"), record.get("height"))
                known.append((record["id"], own, size, self._annotated(record)))
        scales = {
            id_: View(own.window, size).scale if own.window and size else (1.0, 1.0)
            for id_, own, size, _ in known
        }
        cells = self._cells(scales)
        for id_, own, size, annotated in known:
            yield SetImage(own, size, tuple(cells.get(id_, ())), annotated)

    def _cells(self, scales: Mapping[int | str, tuple[float, float]]) -> dict[int | str, list[SetCell]]:
        """Of each image whose scale is given, its cells."""
        cells: dict[int | str, list[SetCell]] = {}
        for row in self._rows("annotations"):
            image: Any = row.get("image_id")
            category = row.get("category_id")
            scale = scales.get(image) if isinstance(image, int | str) and not row.get("iscrowd") else None
            label = self.labels.get(category) if isinstance(category, int | str) else None
            if label is not None and scale is not None:
                outline = _outline(row)
                number, visible = row.get("cell"), _number(row.get("visible"))
                cell = SetCell(
                    label,
                    outline,
                    _diameter(row, outline, scale),
                    1.0 if visible is None else visible,
                    number if isinstance(number, int) else None,
                )
                cells.setdefault(image, []).append(cell)
        return cells

    def _annotated(self, record: Mapping[str, Any]) -> frozenset[str]:
        unknown = record.get("not_exhaustive_category_ids")
        left = unknown if isinstance(unknown, list) else []
        return frozenset(label for id_, label in self.labels.items() if id_ not in left)


def _outline(row: Mapping[str, Any]) -> str:
    """How a cell's shape is known, where a foreign file does not say it."""
    if row.get("outline") in OUTLINES:
        return str(row["outline"])
    if row.get("segmentation"):
        return "drawn"
    box = row.get("bbox")
    has_box = isinstance(box, list) and len(box) == 4 and all(_number(side) for side in box[2:])
    return "point" if row.get("keypoints") and not has_box else "box"


def _diameter(row: Mapping[str, Any], outline: str, scale: tuple[float, float]) -> float:
    """How large a cell is, in raw px.

    Of an outline, the diameter of the circle that has its area, as the file states it (`check` compares
    the two); of a box, the mean (geometric) of its sides, which is the diameter of a round cell in it; of
    a point, which has no size, NaN.

    Args:
        row: The annotation.
        outline: How its shape is known.
        scale: Image px per raw px, along x and y.
    """
    if outline == "point":
        return math.nan
    box = row.get("bbox")
    if outline == "box":
        sides = [_number(side) for side in box[2:]] if isinstance(box, list) and len(box) == 4 else [None]
        area = math.prod(side or 0.0 for side in sides)
    else:
        area = (_number(row.get("area")) or 0.0) * 4 / math.pi
    return math.sqrt(area / scale[0] / scale[1]) if 0 < area < math.inf else math.nan


def _number(value: object) -> float | None:
    """A number that can be measured with: finite, and no truth value."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e15 else None


def _manifest(prepared: Path) -> tuple[Mapping[str, Any], str]:
    """The manifest and its digest."""
    try:
        manifest = read_json(prepared / MANIFEST)
        digest = sha256(read_bytes(prepared / MANIFEST)).hexdigest()
    except DataError:
        return {}, ""
    return (manifest, digest) if isinstance(manifest, dict) else ({}, "")
