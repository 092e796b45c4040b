"""Annotation files of any format that is read -> one that is written, image by image, in flat memory."""

from __future__ import annotations

import gc
import os
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from smearprep import formats
from smearprep.cells import LabelMap, fit_regions, relabel, relabel_names
from smearprep.datasets.files import is_image, walk
from smearprep.errors import DataError, LayoutError, OutputError
from smearprep.findings import Finding, Kind, Summary, count_kinds
from smearprep.formats.coco import is_own_work
from smearprep.formats.do_unet import TOOL_LABELS
from smearprep.formats.reading import ReadOptions
from smearprep.formats.writing import Holds, WriteOptions, Writer, fit_to_format
from smearprep.images import is_file, read_bytes
from smearprep.jsonfiles import read_json
from smearprep.pictures import Pictures
from smearprep.records import Cell, ImageCells
from smearprep.rendering import Progress
from smearprep.xmlfiles import read_xml

_LEFT_OUT = ("zero_area", "invalid", "unknown_label")  # kinds that name a shape which became no cell
_FIRST_BYTE = {"coco": b"{", "cvat": b"<"}  # of formats that are one file: what may be replaced
_NO_MAP: LabelMap = {}


def convert(
    markup: Sequence[Path],
    output: Path,
    *,
    to: str = "coco",
    labels: LabelMap = _NO_MAP,
    format: str | None = None,
    reading: ReadOptions | None = None,
    writing: WriteOptions | None = None,
    strict: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Turn annotation files into one COCO file, or into another format.

    Cells are cut at their image's border; a mapped cell keeps its first label as attribute
    "original_label". What is left out, repaired or simplified is a finding.

    Args:
        markup: Annotation files, and folders of them (searched at any depth, in sorted order). Masks in
            a folder are read only with format "masks", for they look like any image.
        output: The file to write (COCO, CVAT), replaced if it is there and of that kind; or the folder
            (all other formats), which must be empty or not there.
        to: One of `formats.WRITTEN`.
        labels: Old label -> new label.
        format: One of `formats.NAMES`; None: each file's is recognised.
        reading: `images` is the folder of the images. Sizes are then compared, file names written relative
            to it, and annotations without an image left out. Formats that store no size need it, unless
            the images lie beside the annotation files.
        writing: `categories` fixes their order; cells of others are left out. Else categories are all
            labels, sorted by name.
        strict: Stop at the first file that cannot be used; nothing is written.
        progress: Told of files done, of all.

    Raises:
        LayoutError: A folder without annotation files.
        DataError: Not one image could be used, or, if `strict`, a file could not.
        OutputError: The output is one of the files to read, or cannot be written.
        RecipeError: Unknown format.
    """
    if format is not None:
        formats.get(format)
    target = formats.get_written(to)
    given = [path.absolute() for path in markup]
    files = list(dict.fromkeys(file for path in given for file in _files(path, format, output)))
    _check_output(output, to, given, files)
    options = replace(reading or ReadOptions(), base=_base(given))
    pictures = Pictures(options.images, always=to in formats.WITH_PICTURES)
    job = _Job(options, writing or WriteOptions(), target.HOLDS, labels, pictures, strict)
    with target.writer(output, job.writing, job.findings) as writer:
        for n, file in enumerate(files, 1):
            with _collector_paused():
                job.add_file(writer, file, format, named=file in given)
            if progress:
                progress(n, len(files))
        if not job.rows:
            told = sorted(job.findings, key=lambda finding: not finding.is_problem)
            first = told[0] if told else Finding("note", "no image is annotated in it", files[0].name)
            what = f"{first.what}. None of {len(files)} files could be used; nothing written"
            raise DataError(first.file, what)
    return _summary(job, markup, output, len(files))


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Python's collector of cycles, off for the length of one file.

    A file makes 100,000 objects and no cycle; looking for some took a tenth of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


# ---------------------------------------------------------------- which files


def _files(path: Path, format: str | None, output: Path) -> list[Path]:
    """A file itself, or the annotation files below a folder, sorted, the output of an earlier run aside."""
    if not path.is_dir():
        return [path]
    if format == "masks":
        found, looked_for = [p for p in walk(path) if is_image(p)], "image files"
    else:
        found = [p for p in walk(path) if p.suffix.lower() in formats.SUFFIXES]
        if is_own_work(output):
            found = [p for p in found if p.resolve() != output.resolve()]
        looked_for = f"{', '.join(sorted(formats.SUFFIXES))}; masks are read with --from masks"
    if not found:
        raise LayoutError(f"{path}: no annotation file in this folder (looked for {looked_for})")
    return found


def _check_output(output: Path, to: str, given: Sequence[Path], files: Sequence[Path]) -> None:
    if not files:
        raise LayoutError("no annotation file was given")
    if not output.name:
        raise OutputError("name the file or folder to write")
    if output.resolve() in {file.resolve() for file in files}:
        raise OutputError(f"{output}: is one of the files to read; choose another output")
    first = _FIRST_BYTE.get(to)
    if first is None:
        inside = next((path for path in given if output.resolve().is_relative_to(path.resolve())), None)
        if inside is not None:
            raise OutputError(f"{output}: lies within {inside}, which is read; choose another folder")
    elif is_file(output) and read_bytes(output, 64).lstrip()[:1] not in (b"", first):
        kind = {b"{": "JSON", b"<": "XML"}[first]
        raise OutputError(f"{output}: is there and is no {kind} file; choose another output")


def _base(given: Sequence[Path]) -> Path | None:
    """The folder that findings name files from: the deepest that holds all that was given."""
    common = Path(os.path.commonpath([path if path.is_dir() else path.parent for path in given]))
    return None if common == Path(common.anchor) else common


# ---------------------------------------------------------------- the work


@dataclass
class _Job:
    """What is done to every image, and what was found and counted on the way."""

    options: ReadOptions
    writing: WriteOptions
    holds: frozenset[Holds]
    labels: LabelMap
    pictures: Pictures
    strict: bool
    findings: list[Finding] = field(default_factory=list)
    rows: list[dict[str, int | str]] = field(default_factory=list)
    by_category: Counter[str] = field(default_factory=Counter)
    labels_read: set[str] = field(default_factory=set)
    shapes_read: int = 0
    _first_file: dict[str, str] = field(default_factory=dict)

    def add_file(self, writer: Writer, file: Path, format: str | None, named: bool) -> None:
        """Add all images of one annotation file."""
        name, before = self.options.name(file), len(self.findings)
        start = before
        known = format
        try:
            known = format or formats.recognise(file)
            for image in formats.read(file, self.options, self.findings, known):
                self._add_image(writer, image, name, self.findings[start:])
                start = len(self.findings)
        except DataError as error:
            lost = error.what if known or named else _why_lost(file, error)
            if lost:
                self._say("unreadable", f"{lost}; left out", name)
            else:
                self._say("note", "is in no annotation format that is read here; passed over", name)
        if self.strict:
            for finding in self.findings[before:]:
                if finding.is_problem:
                    raise DataError(finding.file, finding.what)

    def _add_image(self, writer: Writer, image: ImageCells, file: str, found: list[Finding]) -> None:
        """Add one image; `found` are the findings that its reader made of it."""
        read = len(image.cells) + len(image.crowds) + sum(_is_lost_shape(finding) for finding in found)
        self.shapes_read += read
        self.labels_read.update(cell.label for cell in (*image.cells, *image.crowds))
        picture = self.pictures.find(image, file)
        if isinstance(picture, Finding):
            self.findings.append(picture)
            return
        image, cut = fit_regions(image, picture.size, file)
        self.findings += cut
        if self._first_file.setdefault(picture.name, file) != file:
            what = f"{picture.name} is annotated in {self._first_file[picture.name]} as well; both are kept"
            self._say("duplicate", what, file)
        settled = ImageCells(
            picture.name,
            picture.size,
            relabel(image.cells, self.labels),
            file,
            relabel_names(image.annotated, self.labels),
            relabel(image.crowds, self.labels),
        )
        fitting = fit_to_format(self._of_categories(settled), self.holds, self.writing, self.findings)
        writer.add(fitting, picture.path)
        self.by_category.update(cell.label for cell in fitting.cells)
        counts = {
            "shapes_read": read,
            "cells": len(fitting.cells),
            "left_out": max(read - len(fitting.cells) - len(fitting.crowds), 0),
        }
        counts["repaired"] = sum(finding.kind == "repaired" for finding in found)
        self.rows.append({"image": picture.name, **counts})

    def _of_categories(self, image: ImageCells) -> ImageCells:
        """An image without the cells and crowds of other categories than the stated ones."""
        wanted = frozenset(self.writing.categories)
        if not wanted:
            return image
        kept: dict[str, tuple[Cell, ...]] = {}
        for name, regions in (("cells", image.cells), ("crowds", image.crowds)):
            others = Counter(one.label for one in regions if one.label not in wanted)
            for label, count in sorted(others.items()):
                what = f"{count} {name} of {image.file_name} are {label!r}, which is none of the categories"
                self._say("unknown_label", f"{what}; left out", image.file)
            kept[name] = tuple(one for one in regions if one.label in wanted)
        return replace(image, cells=kept["cells"], crowds=kept["crowds"], annotated=image.annotated & wanted)

    def _say(self, kind: Kind, what: str, file: str) -> None:
        self.findings.append(Finding(kind, what, file))


def _is_lost_shape(finding: Finding) -> bool:
    """True if a reader's finding names a shape; "image 3" and "category 2" are none."""
    return finding.kind in _LEFT_OUT and not finding.id.startswith(("image ", "category "))


def _why_lost(file: Path, error: DataError) -> str:
    """What is wrong with a file in no known format that may be a lost annotation; "" of any other file."""
    try:
        if file.suffix.lower() == ".xml":
            read_xml(file)
            return error.what  # of XML there is little else beside images
        if file.suffix.lower() in (".json", ".geojson"):
            read_json(file)
    except DataError as broken:
        return broken.what
    return ""


# ---------------------------------------------------------------- what is told at the end


def _summary(job: _Job, markup: Sequence[Path], output: Path, files: int) -> Summary:
    findings = list(job.findings)
    unused = sorted(old for old in job.labels if old not in job.labels_read)
    findings += [Finding("note", f"the map names the label {old!r}, which no cell has") for old in unused]
    next_step = ""
    vehicles = sorted(TOOL_LABELS & job.labels_read) if not job.labels else []
    if vehicles:
        maps = " ".join(f"--map {name}=RBC" for name in sorted(TOOL_LABELS))
        what = (
            f"the labels {', '.join(vehicles)} are the drawing tool's own names, made for satellite images; "
            f"if they all are red blood cells, convert with {maps}"
        )
        findings.append(Finding("note", what))
        paths = " ".join(shlex.quote(str(path)) for path in markup)
        next_step = f"smearprep convert {paths} -o {shlex.quote(str(output))} {maps}"
    counts = {
        "files": files,
        "images": len(job.rows),
        "shapes_read": job.shapes_read,
        "cells": job.by_category.total(),
        "repaired": 0,
        "zero_area": 0,
        **count_kinds(findings),
    }
    return Summary(
        command="convert",
        output=str(output),
        counts=counts,
        by_category=dict(sorted(job.by_category.items())),
        findings=tuple(findings),
        next_step=next_step,
        tables={"images": tuple(job.rows)},
    )
