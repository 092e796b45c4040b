"""The cells of a prepared set as `assist` sees them: read, restored to what was known before, replaced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import shapely

from smearprep.assist.made import is_ours, kept_of, restored, without_marks
from smearprep.formats.coco.annotations import find_id
from smearprep.formats.reading import image_size
from smearprep.geometry import polygonal
from smearprep.jsonfiles import dump_json
from smearprep.records import Cell
from smearprep.set_editing import SetFile, add_category, category_id, changed_entry, find_image


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


def images_of(files: Sequence[SetFile], root: Path, redo: bool) -> Iterator[SetImage]:
    """All images of a set.

    Args:
        files: Its COCO files.
        root: The set.
        redo: Give cells whose outlines were made here as they were before; those that were found here stay.
    """
    for number, file in enumerate(files):
        for key, record in file.coco.records.items():
            file_name = record["file_name"].replace("\\", "/")
            path = find_image(root, file.subset, file_name)
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
    """Cells as they were before any of them was made here; pieces of one component are joined again.

    An outline that a person has accepted stays.
    """
    out: list[Known] = []
    pieces: dict[bytes, int] = {}
    for known in cells:
        kept, is_accepted = kept_of(known.cell), known.cell.attributes.get("accepted") is True
        if is_accepted or kept.get("outline") != "component":
            out.append(known if is_accepted else Known(known.positions, restored(known.cell)))
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
    """True of a cell that was made here where nothing was known, and that nobody has accepted since."""
    return is_ours(cell) and not kept_of(cell) and cell.attributes.get("accepted") is not True


# ---------------------------------------------------------------- changing


def change(
    files: Sequence[SetFile],
    changed: Sequence[Mapping[int, Sequence[Cell]]],
    found: Sequence[tuple[SetImage, Cell]],
    highest_id: int = 0,
) -> None:
    """Change what files hold; nothing is written.

    Args:
        files: The COCO files of a set; their `data` is changed.
        changed: Of each file, position of an annotation -> the cells in its place, perhaps none. The first
            one keeps the annotation's id.
        found: New cells, and in which image.
        highest_id: The highest id that some annotation had before; new ones have higher ids.
    """
    left = [highest_id, *(id_ for pair in zip(files, changed, strict=True) for id_ in _left(*pair))]
    ids = count(1 + max(left))
    for file, cells in zip(files, changed, strict=True):
        if cells:
            file.data["annotations"] = list(_new_entries(file, cells, ids))
    for label in dict.fromkeys(cell.label for _, cell in found):
        for file in files:
            add_category(file.data, label)
    for image, cell in found:
        data = files[image.part].data
        number = category_id(data, cell.label)
        entry = {"id": next(ids), "image_id": image.key, "category_id": number, "iscrowd": 0}
        data.setdefault("annotations", []).append(changed_entry(entry, cell, image.size))


def _left(file: SetFile, changed: Mapping[int, Sequence[Cell]]) -> Iterator[int]:
    """The ids of the annotations of a file that are not taken out of it."""
    for position, entry in enumerate(file.entries):
        if changed.get(position, True) and isinstance(entry, dict) and type(entry.get("id")) is int:
            yield entry["id"]


def _new_entries(file: SetFile, changed: Mapping[int, Sequence[Cell]], ids: Iterator[int]) -> Iterator[Any]:
    records = file.coco.records
    for position, entry in enumerate(file.entries):
        if position not in changed:
            yield entry
            continue
        record = records[find_id(entry["image_id"], records)]
        size = image_size(record.get("width"), record.get("height"))
        for n, cell in enumerate(changed[position]):
            new = changed_entry(entry, cell, size)
            yield new if n == 0 else {**new, "id": next(ids)}
