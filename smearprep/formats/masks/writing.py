"""Class masks, instance masks and edge maps, in flat memory: each image is rasterised as it comes."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, isfinite
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.errors import OutputError, RecipeError
from smearprep.findings import Finding
from smearprep.formats.masks.files import BACKGROUND, count_values, read_labels
from smearprep.formats.masks.written import CLASS, EDGE, INSTANCE, LABELS, MOST_CELLS, MOST_LABELS
from smearprep.formats.writing import StagedFolder, WriteOptions, name_taken
from smearprep.geometry import shape_to_mask
from smearprep.images import MAX_PIXELS
from smearprep.jsonfiles import dump_json
from smearprep.records import Cell, ImageCells

UInt8 = NDArray[np.uint8]
UInt16 = NDArray[np.uint16]


class MasksWriter:
    """Writes a folder of class masks, instance masks and edge maps, all lossless PNG, and labels.json.

    Instances are numbered from 1 in the order of the cells. Where cells overlap, a pixel belongs to the one
    of the greater attribute "z_order" (0 where it has none), then to the later one.

    Args:
        out: The folder, which must be empty or not there.
        options: Class numbers from 1 on follow `categories`; if there are none, all labels and all
            annotated categories sorted by name.
        findings: What is covered by other cells, boxes and points ("simplified"), and images that cannot
            be written so.

    Raises:
        OutputError: The folder holds something or cannot be written; more than 255 categories.
        RecipeError: A label that is none of the categories, or is called "background".
    """

    def __init__(self, out: Path, options: WriteOptions, findings: list[Finding]) -> None:
        self._folder = StagedFolder(out)
        self._out = out
        self._findings = findings
        self._fixed = options.categories
        self._numbers: dict[str, int] = {}  # in order of appearance
        self._files: list[str] = []  # class masks that hold a cell
        for name in options.categories:
            self._number(name)

    def __enter__(self) -> Self:
        self._folder.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            try:
                self._finish()
            except BaseException as failure:
                self._folder.__exit__(type(failure), failure, failure.__traceback__)
                raise
        self._folder.__exit__(kind, error, trace)

    def add(self, image: ImageCells, picture: Path | None) -> None:
        """Write an image's three masks."""
        assert image.size is not None, "writers are given images of a known size"
        (width, height), count = image.size, len(image.cells)
        why = ""
        if width * height > MAX_PIXELS:
            why = f"is {width}x{height} px, and masks of more than {MAX_PIXELS:,} pixels are not written"
        elif count > MOST_CELLS:
            why = f"has {count} cells, and an instance mask can tell {MOST_CELLS} apart"
        if why:
            self._findings.append(Finding("unreadable", f"{why}; left out", image.file_name))
            return
        name = self._folder.free_name(image.file_name, ".png")
        if name is None:
            self._findings.append(name_taken(image))
            return
        for label in () if self._fixed else sorted(image.annotated):
            self._number(label)
        cells = self._held(image)
        instances = self._painted(image.file_name, cells, image.size)
        classes = np.array([0, *(self._number(cell.label) for _, cell in cells)], np.uint8)
        self._folder.write(f"{INSTANCE}/{name}", _png(instances))
        self._folder.write(f"{CLASS}/{name}", _png(classes[instances]))
        self._folder.write(f"{EDGE}/{name}", _png(edges(instances)))
        if cells:
            self._files.append(f"{CLASS}/{name}")

    def _held(self, image: ImageCells) -> list[tuple[int, Cell]]:
        """The cells whose outline is known, and which they are; the others are named."""
        held = []
        for n, cell in enumerate(image.cells):
            if isinstance(cell.shape, Point) or cell.outline == "box":
                what = (
                    f"the {cell.label} cell is only a {cell.outline}: which pixels are its own, nobody knows"
                )
                self._findings.append(Finding("simplified", f"{what}; left out", image.file_name, str(n)))
            else:
                held.append((n, cell))
        return held

    def _painted(self, file: str, cells: Sequence[tuple[int, Cell]], size: tuple[int, int]) -> UInt16:
        """The instance mask of cells; what is covered of them is named."""
        instances = np.zeros(size[::-1], np.uint16)
        areas = [0] * len(cells)
        for at in sorted(range(len(cells)), key=lambda at: _z_order(cells[at][1])):
            areas[at] = _paint(instances, cells[at][1].shape, at + 1)
        shown = count_values(instances)[1:].tolist()
        for (n, cell), area, left in zip(cells, areas, shown, strict=False):
            what = ""
            if not area:
                what = "covers no pixel's centre; left out"
            elif not left:
                what = f"lies wholly below others, all {area} px of it; left out"
            elif left < area:
                what = f"lies partly below others: {area - left} of its {area} px are theirs"
            if what:
                self._findings.append(Finding("simplified", f"the {cell.label} cell {what}", file, str(n)))
        return instances

    def _number(self, label: str) -> int:
        """The number of a class, final if the categories were stated."""
        number = self._numbers.get(label)
        if number is None:
            if label == BACKGROUND:
                raise RecipeError(
                    f"label {label!r} is what masks call the pixels of no cell; map it to another"
                )
            if self._fixed and label not in self._fixed:
                raise RecipeError(f"label {label!r} is none of the categories {', '.join(self._fixed)}")
            if len(self._numbers) == MOST_LABELS:
                what = (
                    f"more than {MOST_LABELS} categories, which the 8 bits of a class mask cannot tell apart"
                )
                raise OutputError(f"{self._out}: {what}")
            number = self._numbers[label] = len(self._numbers) + 1
        return number

    def _finish(self) -> None:
        """Give classes their final numbers, and write what these are."""
        names = self._fixed or tuple(sorted(self._numbers))
        numbers = {BACKGROUND: 0, **{name: n for n, name in enumerate(names, 1)}}
        final = np.array([0, *(numbers[name] for name in self._numbers)], np.uint8)
        if (final != np.arange(len(final))).any():
            for file in self._files:
                self._folder.write(file, _png(final[read_labels(self._folder.path / file)]))
        self._folder.write(LABELS, dump_json(numbers, pretty=True))


def edges(instances: UInt16) -> UInt8:
    """The edge map of an instance mask, both (H, W): 255 where a cell ends, else 0.

    An edge is a cell's pixel that has another cell or background above, below, left or right of it. So
    the edge between two touching cells is 2 px wide, as in the counting paper's maps, and a cell less its
    edge touches no other cell. Where the image ends nothing is known, and so there is no edge.
    """
    out = np.zeros(instances.shape, np.uint8)
    for a, b in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        differ = instances[a] != instances[b]
        out[a][differ] = 255
        out[b][differ] = 255
    out[instances == 0] = 0
    return out


def _z_order(cell: Cell) -> float:
    """Its place in the order from below to above."""
    stated: Any = cell.attributes.get("z_order")
    is_number = isinstance(stated, int | float) and not isinstance(stated, bool) and isfinite(stated)
    return stated if is_number else 0


def _paint(instances: UInt16, shape: Polygon | MultiPolygon | Point, number: int) -> int:
    """Give a shape's pixels its number; how many these are."""
    assert isinstance(shape, Polygon | MultiPolygon), shape
    height, width = instances.shape
    x0, y0, x1, y1 = shape.bounds
    left, top = max(floor(x0), 0), max(floor(y0), 0)
    right, bottom = min(ceil(x1), width), min(ceil(y1), height)
    if right <= left or bottom <= top:
        return 0
    moved: Any = shapely.transform(shape, lambda xy: xy - (left, top))
    mask = shape_to_mask(moved, (right - left, bottom - top))
    instances[top:bottom, left:right][mask] = number
    return int(np.count_nonzero(mask))


def _png(values: UInt8 | UInt16) -> bytes:
    """A lossless image of one channel."""
    import cv2

    options = [cv2.IMWRITE_PNG_COMPRESSION, 6, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    done, buffer = cv2.imencode(".png", values, options)
    assert done, values.shape
    return buffer.tobytes()
