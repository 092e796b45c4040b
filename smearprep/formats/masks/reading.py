"""One mask file -> the cells of its image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from smearprep.findings import Finding
from smearprep.formats.masks.arrays import labels_to_cells, mask_to_cells
from smearprep.formats.masks.files import is_label_image, one_channel, read_classes, read_mask, size_of
from smearprep.formats.masks.written import find_place, read_written
from smearprep.formats.reading import ReadOptions
from smearprep.records import Cell, ImageCells

_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"BM")


def sniff(path: Path, head: bytes) -> bool:
    """True if the file is an image."""
    return head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def read(path: Path, options: ReadOptions, findings: list[Finding]) -> Iterator[ImageCells]:
    """The cells of one mask; its image is the one of the same stem.

    Nothing is yielded for a class mask or edge map of a set of `class`, `instance`, `edge` and labels.json:
    its cells stand in the instance mask.

    Raises:
        DataError: Not a readable image.
    """
    place = None if options.colours else find_place(path)
    if place is not None:
        yield from read_written(path, place, options, findings)
        return
    file = options.name(path)
    annotated = frozenset({options.label})
    cells: tuple[Cell, ...]
    if options.colours:
        classes = read_classes(path, options.colours)
        size = size_of(next(iter(classes.values())))
        annotated = frozenset(classes)
        cells = tuple(
            cell
            for label, mask in classes.items()
            for cell in mask_to_cells(mask, label, options.min_area.get(label, 1), file, findings)
        )
    else:
        min_area = options.min_area.get(options.label, 1)
        values = one_channel(path)
        if values is not None and is_label_image(values):
            size = size_of(values)
            cells = labels_to_cells(values, options.label, min_area, file, findings)
        else:
            mask = read_mask(path, options.threshold, file, findings)
            size = size_of(mask)
            cells = mask_to_cells(mask, options.label, min_area, file, findings)
    yield ImageCells(path.stem, size, cells, str(path), annotated)
