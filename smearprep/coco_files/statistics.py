"""What is in COCO files: counted and measured."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smearprep.coco_files.files import Progress, open_files, ordered
from smearprep.findings import Finding, Summary, count_kinds
from smearprep.formats.coco.reading import CocoFile, CocoImage
from smearprep.records import OUTLINES

Row = Mapping[str, Any]


def stats(files: Sequence[Path], *, progress: Progress | None = None) -> Summary:
    """Count and measure the cells of COCO files; nothing is written.

    Of each category: its cells, by how their outline is known; the images it was looked for in, and the
    median and greatest number of its cells in one of these; the median, 5th and 95th percentile of their
    areas in px^2; and the median diameter in px of a circle of their area, 2 * sqrt(area / pi). Areas are
    of cells with an outline; where a category has none but boxes, of the boxes, and it says so; a figure
    that is not there is None.

    Args:
        files: The COCO files; given twice, counted once.
        progress: Told of images done, of all.

    Returns:
        Counts, cells of each category, and the tables "files", "categories", "areas" and "outlines".

    Raises:
        LayoutError: No file was given.
        DataError: A file is no COCO file.
    """
    findings: list[Finding] = []
    opened = open_files(list({path.resolve(): path for path in files}.values()), findings)
    order = ordered((), (name for file in opened for name in file.categories), findings)
    job = _Count()
    total, done = sum(len(file.records) for file in opened), 0
    rows = []
    for file in opened:
        job.start(file)
        for key in file.records:
            job.add(file.image(key))
            done += 1
            if progress:
                progress(done, total)
        rows.append({**job.file_row, "findings": sum(f.file == file.name for f in findings)})
    tables: dict[str, tuple[Row, ...]] = {
        "files": tuple(rows),
        "categories": tuple(job.category_row(name) for name in order),
        "areas": tuple(job.area_row(name) for name in order),
        "outlines": tuple(job.outline_row(name) for name in order),
    }
    return Summary(
        command="coco stats",
        counts={
            "files": len(opened),
            "images": sum(row["images"] for row in rows),
            "images_without_a_cell": sum(row["without a cell"] for row in rows),
            "images_not_annotated": sum(row["not annotated"] for row in rows),
            "cells": sum(row["cells"] for row in rows),
            "categories": len(order),
            **count_kinds(findings),
        },
        by_category={name: job.cells[name] for name in order},
        findings=tuple(findings),
        tables={title: table for title, table in tables.items() if table},
    )


class _Count:
    """What has been counted so far."""

    def __init__(self) -> None:
        self.cells: Counter[str] = Counter()
        self.file_row: dict[str, Any] = {}
        self._outlines: Counter[tuple[str, str]] = Counter()
        self._images_with: Counter[str] = Counter()
        self._per_image: defaultdict[str, list[int]] = defaultdict(list)
        self._areas: defaultdict[tuple[str, bool], list[float]] = defaultdict(list)

    def start(self, file: CocoFile) -> None:
        """Go on with another file."""
        self.file_row = {"file": file.name, "images": 0, "without a cell": 0, "not annotated": 0, "cells": 0}

    def add(self, image: CocoImage) -> None:
        """Count an image."""
        cells = [one.cell for one in image.cells]
        row = self.file_row
        row["images"] += 1
        row["without a cell"] += not cells
        row["not annotated"] += not image.annotated
        row["cells"] += len(cells)
        here = Counter(cell.label for cell in cells)
        self.cells.update(here)
        self._images_with.update(here.keys())
        for name in image.annotated:
            self._per_image[name].append(here[name])
        for cell in cells:
            self._outlines[cell.label, cell.outline] += 1
            if cell.outline != "point":
                self._areas[cell.label, cell.outline == "box"].append(cell.area)

    def outline_row(self, name: str) -> Row:
        """The cells of a category by how their outline is known."""
        used = [outline for outline in OUTLINES if any(outline == found for _, found in self._outlines)]
        return {"category": name, **{outline: self._outlines[name, outline] for outline in used}}

    def category_row(self, name: str) -> Row:
        """How often a category is there, and where it was looked for."""
        per_image = self._per_image[name]
        return {
            "category": name,
            "cells": self.cells[name],
            "images with it": self._images_with[name],
            "looked for in": len(per_image),
            "median an image": float(np.median(per_image)) if per_image else None,
            "most in an image": max(per_image, default=0),
        }

    def area_row(self, name: str) -> Row:
        """How large the cells of a category are."""
        outlined = self._areas.get((name, False))
        areas = outlined or self._areas.get((name, True), [])
        low, middle, high = np.percentile(areas, (5, 50, 95)).tolist() if areas else (None, None, None)
        diameters = 2 * np.sqrt(np.array(areas) / math.pi)
        return {
            "category": name,
            "measured on": "outlines" if outlined else "boxes" if areas else "nothing",
            "5 %": low,
            "median": middle,
            "95 %": high,
            "median diameter": float(np.median(diameters)) if areas else None,
        }
