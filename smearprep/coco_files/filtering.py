"""A part of a COCO file: some categories, some cells, some images."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smearprep.coco_files.files import Progress, check_known, check_once, nearest
from smearprep.coco_files.rewriting import Rewriting, category_ids_changed
from smearprep.errors import RecipeError
from smearprep.findings import Finding, Summary, count_kinds
from smearprep.formats.coco import CocoWriter
from smearprep.formats.coco.reading import CocoCell, CocoImage
from smearprep.records import OUTLINES, Cell


@dataclass(frozen=True)
class Criteria:
    """Which cells and images of a COCO file are kept.

    Args:
        categories: Only these, in this order; none: all, in the file's order.
        min_area: Only cells of at least so many px^2. A point has no area and is kept; of a box it is the
            box's.
        max_area: Only cells of at most so many px^2.
        outlines: Only cells of which the shape is known in one of these ways (`records.OUTLINES`).
        min_score: Only cells with at least this score; what has no score was not made by a program and is
            kept.
        annotators: Only cells with one of these as attribute "annotator".
        images_with: Only images with a cell of one of these categories that meets all the above but
            `categories`.
        only_images_with_cells: Only images in which a cell is left.

    Raises:
        RecipeError: A number that is negative or none, bounds the wrong way round, an unknown outline, or
            a category listed twice.
    """

    categories: tuple[str, ...] = ()
    min_area: float = 0
    max_area: float = math.inf
    outlines: tuple[str, ...] = ()
    min_score: float | None = None
    annotators: tuple[str, ...] = ()
    images_with: tuple[str, ...] = ()
    only_images_with_cells: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.min_area <= self.max_area:
            raise RecipeError(
                f"area from {self.min_area:g} to {self.max_area:g} px: 0 or more, the smaller first"
            )
        if self.min_score is not None and math.isnan(self.min_score):
            raise RecipeError("min score: give a number, such as 0.5")
        for outline in self.outlines:
            if outline not in OUTLINES:
                raise RecipeError(f"outline {outline!r} is not known; {nearest(outline, OUTLINES)}")
        check_once(self.categories)

    def fault(self, cell: Cell) -> str:
        """Why a cell is left out, or "" if it is kept, its category aside."""
        if self.outlines and cell.outline not in self.outlines:
            return f"outline {cell.outline}"
        if self.annotators and "annotator" not in cell.attributes:
            return "no annotator"
        if self.annotators and str(cell.attributes["annotator"]) not in self.annotators:
            return "another annotator"
        score = cell.attributes.get("score")
        if self.min_score is not None and isinstance(score, int | float) and not score >= self.min_score:
            return "low score"
        if cell.outline != "point" and cell.area < self.min_area:
            return "too small"
        if cell.outline != "point" and cell.area > self.max_area:
            return "too large"
        return ""


def filter_cells(
    file: Path, output: Path, criteria: Criteria, *, progress: Progress | None = None
) -> Summary:
    """Write a part of a COCO file; everything else about images and cells stays as it is.

    Images and annotations keep their ids if these are whole numbers that stand once. What was looked for
    in an image stays as it was, except for categories that are left out: where cells were left out by
    another criterion, a note says so. Crowds of the categories that are kept stay.

    Args:
        file: The COCO file.
        output: The COCO file to write; replaced if it is there.
        criteria: What is kept.
        progress: Told of images done, of all.

    Returns:
        Counts, and as table "left out" how many cells and images for which reason: that which they fail
        first, in the order of `Criteria`, the category before all others.

    Raises:
        RecipeError: A category or annotator that is not in the file.
        DataError: It is no COCO file.
        OutputError: The output is the input, or cannot be written.
    """
    source = Rewriting(file, output)
    known = source.file.categories
    check_known((*criteria.categories, *criteria.images_with), list(known), "category")
    order = criteria.categories or tuple(known)
    source.findings += category_ids_changed(source.file, {name: name for name in order}, order)
    job = _Filter(criteria, order)
    with CocoWriter(output, order) as writer:
        for image in source.images(progress):
            cells = job.kept(image)
            crowds = [one for one in image.crowds if one.cell.label in order]
            if cells is not None and source.write(
                writer, image, [*cells, *crowds], image.annotated & set(order)
            ):
                job.images += 1
                job.by_category.update(one.cell.label for one in cells)
        missing = [name for name in criteria.annotators if name not in job.annotators]
        check_known(missing, sorted(job.annotators), "annotator")
    return _summary(job, source, output)


class _Filter:
    """What is kept of every image, and what was counted on the way."""

    def __init__(self, criteria: Criteria, order: Sequence[str]) -> None:
        self.criteria, self.order = criteria, order
        self.images = 0
        self.by_category: Counter[str] = Counter()
        self.by_criterion = 0
        self.left_out: Counter[str] = Counter()
        self.images_left_out: Counter[str] = Counter()
        self.annotators: set[str] = set()

    def kept(self, image: CocoImage) -> list[CocoCell] | None:
        """The cells of an image that are kept, or None if the image is left out."""
        kept: list[CocoCell] = []
        fitting: set[str] = set()
        for one in image.cells:
            if "annotator" in one.cell.attributes:
                self.annotators.add(str(one.cell.attributes["annotator"]))
            why = self.criteria.fault(one.cell)
            if not why:
                fitting.add(one.cell.label)
            if one.cell.label not in self.order:
                self.left_out[f"category {one.cell.label}"] += 1
            elif why:
                self.by_criterion += 1
                self.left_out[why] += 1
            else:
                kept.append(one)
        wanted = self.criteria.images_with
        if wanted and fitting.isdisjoint(wanted):
            why = f"no {' or '.join(wanted)} in it"
        elif self.criteria.only_images_with_cells and not kept:
            why = "no cell left in it"
        else:
            return kept
        self.images_left_out[why] += 1
        self.left_out["in an image that is left out"] += len(kept)
        return None


def _summary(job: _Filter, source: Rewriting, output: Path) -> Summary:
    findings = list(source.findings)
    if job.by_criterion:
        what = (
            f"cells left out of categories that still count as looked for: {job.by_criterion}. What learns "
            "from this file takes them for background"
        )
        findings.append(Finding("note", what, source.file.name))
    rows = [
        {"what": "cells", "why": why, "count": count} for why, count in sorted(job.left_out.items()) if count
    ]
    rows += [{"what": "images", "why": why, "count": n} for why, n in sorted(job.images_left_out.items())]
    return Summary(
        command="coco filter",
        output=str(output),
        counts={
            "images_read": len(source.file.records),
            "images": job.images,
            "cells": job.by_category.total(),
            "cells_left_out": job.left_out.total(),
            **count_kinds(findings),
        },
        by_category={name: job.by_category[name] for name in job.order},
        findings=tuple(findings),
        next_step=f"smearprep coco stats {shlex.quote(str(output))}",
        tables={"left out": tuple(rows)} if rows else {},
    )
