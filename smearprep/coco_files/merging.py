"""Several COCO files of one set of images, such as those of several annotators -> one."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from smearprep.coco_files.files import (
    Match,
    Progress,
    check_output,
    images_by_name,
    open_files,
    ordered,
)
from smearprep.coco_files.matching import near_points, overlaps
from smearprep.coco_files.rewriting import (
    category_ids_changed,
    number,
    renumbered,
    writable_size,
    write_image,
)
from smearprep.errors import RecipeError
from smearprep.findings import Finding, Summary, count_kinds
from smearprep.formats.coco import CocoWriter
from smearprep.formats.coco.reading import CocoCell, CocoFile, CocoImage
from smearprep.records import Cell

Duplicates = Literal["keep", "first"]
NEARLY_THE_SAME = 0.8
"""Intersection over union from which two cells of one label are taken for one cell, annotated twice."""

Part = tuple[int, Any]
"""Number of a file, and the id of an image in it."""


def merge(
    files: Sequence[Path],
    output: Path,
    *,
    categories: Sequence[str] = (),
    annotator_from_file: bool = False,
    duplicates: Duplicates = "keep",
    match: Match = "path",
    progress: Progress | None = None,
) -> Summary:
    """Make one COCO file of several.

    Records of one image become one image with all cells; entries of an image record that differ are those
    of the first file. Categories are united by name. Of the merged image, a category counts as looked for
    if it was looked for in any of the files that have the image: all their cells are there. One that was
    looked for in none of them is in its `not_exhaustive_category_ids`.

    Every cell gets the attribute "source_file", unless it has one from an earlier merge. Ids are those of
    the files where that can be; of a file that shares an id with an earlier one, all are new.

    Args:
        files: The COCO files, the one whose order and entries count first.
        output: The COCO file to write; replaced if it is there.
        categories: Categories that come first, in this order. All others follow: those of the first
            file, then what is new in the next ones.
        annotator_from_file: Give every cell without an attribute "annotator" the name of its file.
        duplicates: What becomes of a cell that nearly is (same label, intersection over union of 0.8 or
            more) one of an earlier file: "keep" it, or keep the "first" one only. They are counted.
        match: What makes two images one: the same "path", or the same file "name" without folders and
            without the prefix of Label Studio's uploads.
        progress: Told of images done, of all.

    Raises:
        LayoutError: No file was given.
        RecipeError: A file given twice, an unknown option, or a category listed twice.
        DataError: A file is no COCO file.
        OutputError: The output is one of the files to read, or cannot be written.
    """
    if len({path.resolve() for path in files}) < len(files):
        raise RecipeError("merge: a file was given twice")
    if duplicates not in ("keep", "first"):
        raise RecipeError(f"duplicates {duplicates!r}: choose keep or first")
    check_output(output, files)
    findings: list[Finding] = []
    opened = open_files(files, findings)
    job = _Merge(opened, match, duplicates, annotator_from_file, findings)
    order = ordered(categories, (name for file in opened for name in file.categories), findings)
    with CocoWriter(output, order) as writer:
        for n, (name, parts) in enumerate(job.parts.items(), 1):
            job.add_image(writer, name, parts)
            if progress:
                progress(n, len(job.parts))
    return _summary(job, output, order)


class _Merge:
    """What is done to every image, and what was found and counted on the way."""

    def __init__(
        self,
        files: Sequence[CocoFile],
        match: Match,
        duplicates: Duplicates,
        annotator_from_file: bool,
        findings: list[Finding],
    ) -> None:
        self.files, self.duplicates, self.findings = files, duplicates, findings
        self._annotator_from_file = annotator_from_file
        self.parts: dict[str, list[Part]] = {}
        for n, file in enumerate(files):
            for name, keys in images_by_name(file, match, findings).items():
                self.parts.setdefault(name, []).extend((n, key) for key in keys)
        self.images = self.shared = 0
        self.by_category: Counter[str] = Counter()
        self.cells: Counter[int] = Counter()
        self.near: Counter[tuple[int, int]] = Counter()
        self.differing: Counter[str] = Counter()
        self._give_ids()

    def _give_ids(self) -> None:
        first = [[key for (n, key), *_ in self.parts.values() if n == m] for m in range(len(self.files))]
        image_ids = number(first)
        annotations = [file.annotation_ids for file in self.files]
        self._cell_ids = number(annotations)
        self._image_ids: dict[Part, int] = {}
        for n, file in enumerate(self.files):
            self._image_ids.update(zip([(n, key) for key in first[n]], image_ids[n], strict=True))
            self.findings += renumbered(file.name, "images", first[n], image_ids[n])
            self.findings += renumbered(file.name, "annotations", annotations[n], self._cell_ids[n])

    def add_image(self, writer: CocoWriter, name: str, parts: Sequence[Part]) -> None:
        """Write one image with the cells of all files that have it."""
        read = [(n, self.files[n].image(key)) for n, key in parts]
        stated = [(n, image) for n, image in read if image.size is not None]
        first, image = (stated or read)[0]
        size = writable_size(image.size, name, self.files[first].name)
        if isinstance(size, Finding):
            self.findings.append(size)
            return
        fitting = [(n, other) for n, other in read if other.size in (None, size)]
        self.findings += [
            self._mismatch(n, other, size) for n, other in read if other.size not in (None, size)
        ]
        cells, ids = self._united(fitting, name)
        self.images += 1
        self.shared += len({n for n, _ in fitting}) > 1
        self.by_category.update(one.cell.label for one in cells if not one.is_crowd)
        annotated = frozenset[str]().union(*(other.annotated for _, other in fitting))
        image_id = self._image_ids[parts[0]]
        write_image(
            writer, image_id, fitting[0][1].file_name, size, annotated, self._record(fitting), cells, ids
        )

    def _mismatch(self, n: int, image: CocoImage, size: tuple[int, int]) -> Finding:
        assert image.size is not None
        what = (
            f"{image.file_name} has {image.size[0]}x{image.size[1]} px here and {size[0]}x{size[1]} px in an "
            f"earlier file; its {len(image.cells)} cells are left out"
        )
        return Finding("size_mismatch", what, self.files[n].name, f"image {image.key}")

    def _record(self, images: Sequence[tuple[int, CocoImage]]) -> dict[str, Any]:
        """What the records say beyond COCO; the first one counts."""
        record: dict[str, Any] = {}
        for _, image in images:
            self.differing.update(k for k, value in image.further.items() if record.get(k, value) != value)
            record = {**image.further, **record}
        return record

    def _united(self, images: Sequence[tuple[int, CocoImage]], name: str) -> tuple[list[CocoCell], list[int]]:
        """The cells of all files, then their crowds, and the ids of both."""
        cells: list[CocoCell] = []
        ids: list[int] = []
        owner: list[int] = []
        for n, image in images:
            doubled = self._doubled(n, image.cells, cells, owner, name)
            for m, one in enumerate(image.cells):
                if m in doubled and self.duplicates == "first":
                    continue
                ids.append(self._cell_ids[n][one.position])
                cells.append(replace(one, cell=self._signed(n, one.cell)))
                owner.append(n)
                self.cells[n] += 1
        for n, image in images:
            ids += [self._cell_ids[n][one.position] for one in image.crowds]
            cells += [replace(one, cell=self._signed(n, one.cell)) for one in image.crowds]
        return cells, ids

    def _doubled(
        self, n: int, new: Sequence[CocoCell], old: Sequence[CocoCell], owner: Sequence[int], name: str
    ) -> set[int]:
        """Which cells of a file nearly are cells of earlier files."""
        before = [m for m, of in enumerate(owner) if of != n]
        a, b = [one.cell for one in new], [old[m].cell for m in before]
        doubled: dict[int, int] = {}
        pairs = [*overlaps(a, b, NEARLY_THE_SAME, name), *near_points(a, b, 0, name)]
        for i, j in pairs:
            if a[i].label == b[j].label:
                doubled.setdefault(i, owner[before[j]])
        self.near.update((n, m) for m in doubled.values())
        return set(doubled)

    def _signed(self, n: int, cell: Cell) -> Cell:
        """A cell with the name of its file, and perhaps of its annotator."""
        name = self.files[n].name
        added = {"source_file": name}
        if self._annotator_from_file:
            added["annotator"] = str(PurePosixPath(name).with_suffix(""))
        return replace(cell, attributes={**added, **cell.attributes})


def _summary(job: _Merge, output: Path, order: Sequence[str]) -> Summary:
    findings = list(job.findings)
    for file in job.files:
        findings += category_ids_changed(file, {name: name for name in file.categories}, order)
    done = "kept" if job.duplicates == "keep" else "left out"
    for (n, m), count in sorted(job.near.items()):
        what = (
            f"nearly the same cells as in {job.files[m].name} (same label, intersection over union of "
            f"{NEARLY_THE_SAME} or more): {count}; {done}"
        )
        findings.append(Finding("duplicate", what, job.files[n].name))
    if job.differing:
        told = ", ".join(f"{key}: {count}" for key, count in sorted(job.differing.items()))
        what = f"image records that differ between files ({told}); those of the first file are kept"
        findings.append(Finding("note", what))
    rows = tuple(
        {"file": file.name, "images": len(file.records), "cells": job.cells[n]}
        for n, file in enumerate(job.files)
    )
    return Summary(
        command="coco merge",
        output=str(output),
        counts={
            "files": len(job.files),
            "images": job.images,
            "images_in_several_files": job.shared,
            "cells": job.by_category.total(),
            "near_duplicates": job.near.total(),
            **count_kinds(findings),
        },
        by_category={name: job.by_category[name] for name in order},
        findings=tuple(findings),
        next_step=f"smearprep coco stats {shlex.quote(str(output))}",
        tables={"files": rows},
    )
