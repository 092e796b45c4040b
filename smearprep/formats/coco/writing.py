"""Write COCO files of any length in flat memory; the same calls give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import orjson

from smearprep.errors import RecipeError
from smearprep.formats.coco.places import places, with_keypoints
from smearprep.formats.staging import SpooledFile
from smearprep.images import is_file, read_bytes
from smearprep.records import Cell, ImageCells, Shape

_HEAD = b'{"info":{"description":"cells in blood-smear images, written by smearprep"}'
_NOTHING: Mapping[str, Any] = {}
OWN_FIELDS = ("visible", "cell", "made_by", "score", "accepted")
"""Attributes of a cell that stand in the annotation itself; all others are in its `attributes`."""
_OWN = frozenset(OWN_FIELDS)
_BETWEEN = b",\n"
_MARK = b"\x01"  # stands round a category's number in the spool; JSON never has it as a bare byte


def annotation_fields(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """A cell's attributes as further keys of its annotation, for `CocoWriter.add_cell(s)`."""
    if not attributes:
        return _NOTHING
    if _OWN.isdisjoint(attributes):
        return {"attributes": dict(attributes)}
    fields = {key: attributes[key] for key in OWN_FIELDS if key in attributes}
    rest = {key: value for key, value in attributes.items() if key not in fields}
    return {**fields, "attributes": rest} if rest else fields


def is_own_work(path: Path) -> bool:
    """True if a file was written by a CocoWriter."""
    return is_file(path) and read_bytes(path, len(_HEAD)) == _HEAD


class CocoWriter(SpooledFile):
    """Writes a COCO file annotation by annotation, in flat memory.

    A context manager: the file is there after a clean exit, whole; after an exception nothing is.
    Image records are held until then, annotations go to a temporary file beside the target. The same
    calls give the same bytes.

    Args:
        path: The file to write; what is there is replaced.
        categories: Names in the order of their ids 1, 2, ...; None: every label and every annotated
            category that comes by, sorted by name.
        first_image_id: Of the first image; the next ones count up.
        first_annotation_id: Of the first cell; the next ones count up.

    Raises:
        OutputError: The file cannot be written (on entering, adding or leaving).
    """

    def __init__(
        self,
        path: Path,
        categories: Sequence[str] | None = None,
        first_image_id: int = 1,
        first_annotation_id: int = 1,
    ) -> None:
        super().__init__(path)
        self._fixed = None if categories is None else tuple(categories)
        self._numbers: dict[str, int] = {}  # as the spool has them: in order of appearance
        self._marked: dict[str, orjson.Fragment] = {}
        self._images: dict[int, dict[str, Any]] = {}
        self._annotated: dict[int, frozenset[str]] = {}
        self._present: dict[int, set[str]] = {}
        self._next_image = first_image_id
        self._next_cell = first_annotation_id

    def add(self, image: ImageCells, picture: Path | None) -> None:
        """Add an image, its cells, then its crowds; its annotation file is the record's `annotation_file`."""
        assert image.size is not None
        id_ = self.add_image(image.file_name, image.size, image.annotated, annotation_file=image.file)
        self.add_records(id_, image.size, image.cells)
        self.add_records(id_, image.size, image.crowds, iscrowd=1)

    def add_records(
        self, image_id: int, size: tuple[int, int], cells: Sequence[Cell], **extra: Any
    ) -> Sequence[int]:
        """Add cells with their attributes; see `add_cells`.

        Args:
            image_id: From `add_image`.
            size: (width, height) of the image in px.
            cells: In px of the image.
            extra: Further keys of each annotation; `iscrowd=1` of crowds.

        Returns:
            The annotations' ids.

        Raises:
            RecipeError: A label that is none of the stated categories.
        """
        return self.add_cells(
            image_id,
            size,
            [cell.label for cell in cells],
            [cell.shape for cell in cells],
            [cell.outline for cell in cells],
            [{**annotation_fields(cell.attributes), **extra} for cell in cells],
        )

    def add_image(
        self,
        file_name: str,
        size: tuple[int, int],
        annotated: frozenset[str] | None = None,
        record: Mapping[str, Any] = _NOTHING,
        **extra: Any,
    ) -> int:
        """Add an image.

        Args:
            file_name: As other programs find it, with `/`.
            size: (width, height) in px.
            annotated: Categories that were looked for in it. All other categories become its
                `not_exhaustive_category_ids`; those looked for with no cell its `neg_category_ids`.
                None: nothing is said about it (a reader then takes all categories for annotated).
            record: Further keys of the image record: JSON values. May have an "id" that no other image has.
            extra: The same, by name.

        Returns:
            Its id.
        """
        image_id = int(record.get("id", self._next_image))
        self._next_image = max(self._next_image, image_id + 1)
        self._images[image_id] = {
            "id": image_id, "file_name": file_name, "width": size[0], "height": size[1], **record, **extra
        }  # fmt: skip
        self._present[image_id] = set()
        if annotated is not None:
            self._annotated[image_id] = annotated
        return image_id

    def add_cell(
        self,
        image_id: int,
        size: tuple[int, int],
        label: str,
        shape: Shape,
        outline: str,
        **extra: Any,
    ) -> int:
        """Add one cell: `add_cells` of one. Many cells at once are several times faster.

        Returns:
            The annotation's id.
        """
        return self.add_cells(image_id, size, [label], [shape], [outline], [extra])[0]

    def add_cells(
        self,
        image_id: int,
        size: tuple[int, int],
        labels: Sequence[str],
        shapes: Sequence[Shape],
        outlines: Sequence[str],
        extras: Sequence[Mapping[str, Any]] | None = None,
        ids: Sequence[int] | None = None,
    ) -> Sequence[int]:
        """Add the cells of an image (or some of them; any image added so far, in any order).

        Args:
            image_id: From `add_image`.
            size: (width, height) of the image in px.
            labels: Category of each.
            shapes: Shape of each, in px of the image.
            outlines: How each is known: one of `records.OUTLINES`.
            extras: Further keys of each annotation: JSON values.
            ids: Of each annotation, such as no other has; None: they count up.

        Returns:
            The annotations' ids.

        Raises:
            RecipeError: A label that is none of the stated categories.
        """
        if ids is None:
            ids = range(self._next_cell, self._next_cell + len(shapes))
        if not ids:
            return ids
        self._next_cell = max(self._next_cell, max(ids) + 1)
        self._present[image_id].update(labels)
        numbers = [self._number(label) for label in labels]
        segmentations, areas, boxes = places(shapes, outlines, size)
        lines = [
            orjson.dumps(
                {
                    "id": id_, "image_id": image_id, "category_id": number, "segmentation": segmentation,
                    "area": area, "bbox": box, "iscrowd": 0, "outline": outline, **extra,
                },
                option=orjson.OPT_SERIALIZE_NUMPY,
            )
            for id_, number, segmentation, area, box, outline, extra in zip(
                ids, numbers, segmentations, areas, boxes, outlines,
                with_keypoints(extras or [_NOTHING] * len(ids), outlines, boxes), strict=True,
            )
        ]  # fmt: skip
        self._put(_BETWEEN.join(lines), between=_BETWEEN)
        return ids

    def _number(self, label: str) -> orjson.Fragment:
        """What stands in the spool for the id of a category."""
        marked = self._marked.get(label)
        if marked is None:
            if self._fixed is not None and label not in self._fixed:
                raise RecipeError(f"label {label!r} is none of the categories {', '.join(self._fixed)}")
            number = self._numbers[label] = len(self._numbers)
            marked = self._marked[label] = orjson.Fragment(b"%b%d%b" % (_MARK, number, _MARK))
        return marked

    def _finish(self, file: IO[bytes], spool: IO[bytes]) -> None:
        """Write the file from the image records and the spooled annotations."""
        names = self._fixed
        if names is None:
            names = tuple(sorted(set(self._numbers).union(*self._annotated.values())))
        ids = {name: n for n, name in enumerate(names, 1)}
        final = {number: ids[name] for name, number in self._numbers.items()}
        file.write(_HEAD + b',\n"licenses":[],\n"categories":[\n')
        file.writelines(_list_lines({"id": n, "name": name} for name, n in ids.items()))
        file.write(b'\n],\n"images":[\n')
        file.writelines(_list_lines(self._image_record(n, ids) for n in self._images))
        file.write(b'\n],\n"annotations":[\n')
        file.writelines(_renumbered(spool, final))
        file.write(b"\n]}\n")

    def _image_record(self, image_id: int, ids: Mapping[str, int]) -> dict[str, Any]:
        record = self._images[image_id]
        annotated = self._annotated.get(image_id)
        if annotated is None:
            return record
        absent = annotated - self._present[image_id]
        return {
            **record,
            "not_exhaustive_category_ids": [n for name, n in ids.items() if name not in annotated],
            "neg_category_ids": [n for name, n in ids.items() if name in absent],
        }


def _list_lines(records: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """JSON records, one a line, with commas between."""
    for n, record in enumerate(records):
        yield (_BETWEEN if n else b"") + orjson.dumps(record)


def _renumbered(lines: IO[bytes], ids: Mapping[int, int]) -> Iterator[bytes]:
    """Spooled annotations with their categories' final ids."""
    final = {b"%d" % number: b"%d" % id_ for number, id_ in ids.items()}
    while block := lines.read(1 << 20) + lines.readline():
        pieces = block.split(_MARK)
        pieces[1::2] = map(final.__getitem__, pieces[1::2])
        yield b"".join(pieces)
