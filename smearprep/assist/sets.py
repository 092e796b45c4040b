"""The COCO files of a prepared set, to be changed cell by cell; all else in them stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import shapely
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.assist.made import is_ours, kept_of, restored, without_marks
from smearprep.errors import LayoutError, OutputError
from smearprep.findings import Finding
from smearprep.formats.coco import annotation_fields
from smearprep.formats.coco.reading import CocoFile
from smearprep.formats.coco.writing import OWN_FIELDS
from smearprep.formats.reading import ReadOptions
from smearprep.geometry import polygonal
from smearprep.images import is_file, read_bytes
from smearprep.jsonfiles import dump_json, read_json
from smearprep.records import Cell

_LISTS = ("categories", "images", "annotations")
_PLACES = ("images/{}", "{}", "images", "")  # of the images of a subset; the first is smearprep's own
_POINT_KEYS = ("keypoints", "num_keypoints")


@dataclass(frozen=True, slots=True)
class Known:
    """One cell of an image before anything is done.

    Args:
        positions: Of its annotations in the file's list: several of a component that was parted before.
        cell: The cell.
    """

    positions: tuple[int, ...]
    cell: Cell


@dataclass(frozen=True)
class SetImage:
    """An image of a set.

    Args:
        part: Number of its COCO file.
        key: Its id there.
        name: What findings call it: its path in the set, or its `file_name` where it is not there.
        path: Where it lies, or None.
        size: (width, height) in px as stated, or None.
        cells: Its cells, in the file's order.
        annotated: Categories that were looked for.
    """

    part: int
    key: Any
    name: str
    path: Path | None
    size: tuple[int, int] | None
    cells: tuple[Known, ...]
    annotated: frozenset[str]


class SetFile:
    """One COCO file of a set.

    Args:
        path: Where it lies.
        root: The set.
        findings: What is wrong with it is appended.

    Attributes:
        name: Relative to the set.
        subset: "train", "val", "test", "all", ...
        data: All that is in it, as JSON.
        coco: The same, read.

    Raises:
        DataError: No COCO file.
    """

    def __init__(self, path: Path, root: Path, findings: list[Finding]) -> None:
        self.path = path
        self.name = path.relative_to(root).as_posix()
        self.subset = path.stem.removeprefix("instances_")
        self.coco = CocoFile(path, ReadOptions(base=root), findings)
        self.data: dict[str, Any] = read_json(path)
        self._digest = sha256(read_bytes(path)).digest()

    def check_unchanged(self) -> None:
        """Refuse to write over what somebody else has written in the meantime.

        Raises:
            OutputError: The file is not what it was when it was read.
        """
        if sha256(read_bytes(self.path)).digest() != self._digest:
            raise OutputError(f"{self.path}: has been changed in the meantime; give the same command again")

    def as_bytes(self) -> bytes:
        """The file as JSON, one image and one annotation a line, as `CocoWriter` writes them."""
        return b"{" + b",\n".join(_members(self.data)) + b"}\n"


def _members(data: Mapping[str, Any]) -> Iterator[bytes]:
    for key, value in data.items():
        if key in _LISTS and isinstance(value, list):
            yield orjson.dumps(key) + b":[\n" + b",\n".join(map(_line, value)) + b"\n]"
        else:
            yield orjson.dumps(key) + b":" + _line(value)


def _line(value: Any) -> bytes:
    return dump_json(value).rstrip(b"\n")


# ---------------------------------------------------------------- reading


def open_set(root: Path, findings: list[Finding]) -> list[SetFile]:
    """The COCO files of a set.

    Raises:
        LayoutError: There are none.
        DataError: One cannot be read.
    """
    paths = sorted((root / "annotations").glob("instances_*.json"))
    if not paths:
        raise LayoutError(f"{root}: is no prepared set; looked for annotations/instances_*.json in it")
    return [SetFile(path, root, findings) for path in paths]


def images_of(files: Sequence[SetFile], root: Path, redo: bool) -> Iterator[SetImage]:
    """All images of a set.

    Args:
        files: Its COCO files.
        root: The set.
        redo: Give cells whose outlines were made here as they were before; those that were found here stay.
    """
    for number, file in enumerate(files):
        folders = [root / place.format(file.subset) for place in _PLACES]
        for key, record in file.coco.records.items():
            file_name = record["file_name"].replace("\\", "/")
            path = next((folder / file_name for folder in folders if is_file(folder / file_name)), None)
            image = file.coco.image(key)
            cells = [Known((one.position,), one.cell) for one in image.cells]
            yield SetImage(
                number,
                key,
                path.relative_to(root).as_posix() if path else file_name,
                path,
                image.size,
                tuple(as_before(cells) if redo else cells),
                image.annotated,
            )


def as_before(cells: Sequence[Known]) -> list[Known]:
    """Cells as they were before any of them was made here; pieces of one component are joined again."""
    out: list[Known] = []
    pieces: dict[bytes, int] = {}
    for known in cells:
        kept = kept_of(known.cell)
        if kept.get("outline") != "component":
            out.append(Known(known.positions, restored(known.cell)))
            continue
        group = dump_json([known.cell.label, dict(kept)])
        at = pieces.setdefault(group, len(out))
        if at == len(out):
            out.append(Known((), known.cell))
        out[at] = Known((*out[at].positions, *known.positions), _joined(out[at].cell, known.cell))
    return out


def _joined(a: Cell, b: Cell) -> Cell:
    """The component of which two cells are pieces; its rings begin where those of the first one do."""
    shape = polygonal(shapely.union_all([a.shape, b.shape]).simplify(0))
    assert shape is not None  # of two polygons
    return Cell(a.label, shape, "component", without_marks(a))


def is_found(cell: Cell) -> bool:
    """True of a cell that was made here where nothing was known."""
    return is_ours(cell) and not kept_of(cell)


# ---------------------------------------------------------------- changing


def change(
    files: Sequence[SetFile],
    changed: Sequence[Mapping[int, Sequence[Cell]]],
    found: Sequence[tuple[SetImage, Cell]],
) -> None:
    """Change what files hold; nothing is written.

    Args:
        files: The COCO files of a set; their `data` is changed.
        changed: Of each file, position of an annotation -> the cells in its place, perhaps none. The first
            one keeps the annotation's id.
        found: New cells, and in which image.
    """
    ids = count(
        1 + max((id_ for pair in zip(files, changed, strict=True) for id_ in _left(*pair)), default=0)
    )
    for file, cells in zip(files, changed, strict=True):
        if cells:
            file.data["annotations"] = list(_new_entries(file, cells, ids))
    for label in dict.fromkeys(cell.label for _, cell in found):
        for file in files:
            _add_category(file.data, label)
    for image, cell in found:
        data = files[image.part].data
        numbers = {row.get("name"): row.get("id") for row in data["categories"] if isinstance(row, dict)}
        entry = {"id": next(ids), "image_id": image.key, "category_id": numbers[cell.label], "iscrowd": 0}
        data.setdefault("annotations", []).append(_changed_entry(entry, cell))


def _left(file: SetFile, changed: Mapping[int, Sequence[Cell]]) -> Iterator[int]:
    """The ids of the annotations of a file that are not taken out of it."""
    for position, entry in enumerate(entries_of(file)):
        if changed.get(position, True) and isinstance(entry, dict) and type(entry.get("id")) is int:
            yield entry["id"]


def _new_entries(file: SetFile, changed: Mapping[int, Sequence[Cell]], ids: Iterator[int]) -> Iterator[Any]:
    for position, entry in enumerate(entries_of(file)):
        if position not in changed:
            yield entry
            continue
        for n, cell in enumerate(changed[position]):
            new = _changed_entry(entry, cell)
            yield new if n == 0 else {**new, "id": next(ids)}


def _add_category(data: dict[str, Any], label: str) -> None:
    """Make a category known to a file; nobody has looked for it in any of its images yet."""
    rows = data.setdefault("categories", [])
    if any(isinstance(row, dict) and row.get("name") == label for row in rows):
        return
    ids = [row["id"] for row in rows if isinstance(row, dict) and type(row.get("id")) is int]
    number = max(ids, default=0) + 1
    rows.append({"id": number, "name": label})
    for record in data["images"]:
        if isinstance(record, dict):
            unknown = record.get("not_exhaustive_category_ids")
            record["not_exhaustive_category_ids"] = [*(unknown if isinstance(unknown, list) else []), number]


def entries_of(file: SetFile) -> list[Any]:
    """The annotations of a file, whatever they are."""
    entries = file.data.get("annotations")
    return entries if isinstance(entries, list) else []


def _changed_entry(entry: Mapping[str, Any], cell: Cell) -> dict[str, Any]:
    """An annotation with the outline, box or point of a cell, its keys in COCO's order."""
    told = {key: value for key, value in cell.attributes.items() if key != "annotator" or key not in entry}
    gone = (*_POINT_KEYS, *OWN_FIELDS, "attributes")
    place: dict[str, Any] = {"segmentation": [], "area": cell.area, "bbox": _bbox(cell)}
    if isinstance(cell.shape, Point):
        place |= {"keypoints": [cell.shape.x, cell.shape.y, 2], "num_keypoints": 1}
    elif cell.outline != "box":
        place["segmentation"] = _segmentation(cell.shape)
    kept = {key: value for key, value in entry.items() if key not in gone}
    first = {key: kept.get(key) for key in ("id", "image_id", "category_id")}
    return {
        **first,
        **place,
        **{k: v for k, v in kept.items() if k not in place},
        "outline": cell.outline,
        **annotation_fields(told),
    }


def _segmentation(shape: Polygon | MultiPolygon) -> list[list[float]]:
    """The rings of the parts of a shape without holes, open, x, y, x, y, ...; whole numbers as such."""
    parts = shape.geoms if isinstance(shape, MultiPolygon) else (shape,)
    return [_numbers(np.asarray(part.exterior.coords)[:-1]) for part in parts]


def _numbers(xy: Any) -> list[float]:
    flat: list[float] = xy.ravel().tolist()
    return [int(v) for v in flat] if all(v.is_integer() for v in flat) else flat


def _bbox(cell: Cell) -> list[float]:
    x0, y0, x1, y1 = cell.bounds
    return [x0, y0, x1 - x0, y1 - y0]
