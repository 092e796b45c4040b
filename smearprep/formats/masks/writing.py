"""Class masks, instance masks and edge maps, in flat memory: each image is rasterised as it comes."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, isfinite
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.errors import OutputError, RecipeError
from smearprep.findings import Finding
from smearprep.formats.masks.files import BACKGROUND, count_values, read_labels
from smearprep.formats.masks.written import CLASS, EDGE, INSTANCE, LABELS, MOST_CELLS, MOST_LABELS
from smearprep.formats.staging import FolderWriter, Numbering
from smearprep.formats.writing import WriteOptions
from smearprep.geometry import shape_to_mask
from smearprep.images import MAX_PIXELS
from smearprep.jsonfiles import dump_json
from smearprep.records import Cell, ImageCells

UInt8 = NDArray[np.uint8]
UInt16 = NDArray[np.uint16]


class MasksWriter(FolderWriter):
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
        super().__init__(out, findings)
        self._classes = Numbering(options.categories)
        self._files: list[str] = []  # class masks that hold a cell
        self._check(options.categories)

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
        name = self._name(image, image.file_name, ".png")
        if name is None:
            return
        self._classes.add(image.annotated)
        numbers = [1 + self._classes.number(cell.label) for cell in image.cells]
        self._check(self._classes.names)
        instances = self._painted(image)
        classes = np.array([0, *numbers], np.uint8)
        self._folder.write(f"{INSTANCE}/{name}", _png(instances))
        self._folder.write(f"{CLASS}/{name}", _png(classes[instances]))
        self._folder.write(f"{EDGE}/{name}", _png(edges(instances)))
        if numbers:
            self._files.append(f"{CLASS}/{name}")

    def _painted(self, image: ImageCells) -> UInt16:
        """The instance mask of an image; what is covered of its cells is named."""
        assert image.size is not None
        instances = np.zeros(image.size[::-1], np.uint16)
        areas = [0] * len(image.cells)
        for n in sorted(range(len(areas)), key=lambda n: _z_order(image.cells[n])):
            areas[n] = _paint(instances, image.cells[n].shape, n + 1)
        shown = count_values(instances)[1:].tolist()
        for n, (cell, area, left) in enumerate(zip(image.cells, areas, shown, strict=False)):
            what = ""
            if not area:
                what = "covers no pixel's centre; left out"
            elif not left:
                what = f"lies wholly below others, all {area} px of it; left out"
            elif left < area:
                what = f"lies partly below others: {area - left} of its {area} px are theirs"
            if what:
                told = f"the {cell.label} cell {what}"
                self._findings.append(Finding("simplified", told, image.file_name, str(n)))
        return instances

    def _check(self, names: Sequence[str]) -> None:
        """Refuse categories that class masks cannot tell apart."""
        if BACKGROUND in names:
            what = f"label {BACKGROUND!r} is what masks call the pixels of no cell; map it to another"
            raise RecipeError(what)
        if len(names) > MOST_LABELS:
            what = f"more than {MOST_LABELS} categories, which the 8 bits of a class mask cannot tell apart"
            raise OutputError(f"{self._out}: {what}")

    def _close(self, finish: bool) -> None:
        """Give classes their final numbers, and write what these are."""
        if not finish:
            return
        numbers = {BACKGROUND: 0, **{name: n for n, name in enumerate(self._classes.names, 1)}}
        changed = self._classes.final()
        final = np.array([0, *(1 + changed[n] for n in range(len(changed)))], np.uint8)
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
