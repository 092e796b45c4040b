"""Annotation files of any format that is read -> one COCO file, image by image, in flat memory."""

from __future__ import annotations

import gc
import os
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from smearprep import formats
from smearprep.cells import LabelMap, fit_to_image, relabel, relabel_names
from smearprep.datasets.files import is_image, walk
from smearprep.errors import DataError, LayoutError, OutputError
from smearprep.findings import Finding, Kind, Summary, count_kinds, shown_name
from smearprep.formats.coco import CocoWriter, annotation_fields, is_own_work
from smearprep.formats.do_unet import TOOL_LABELS
from smearprep.formats.reading import ReadOptions, stays_inside
from smearprep.images import is_file, probe, read_bytes
from smearprep.jsonfiles import read_json
from smearprep.records import ImageCells
from smearprep.rendering import Progress

_SUFFIXES = (".json", ".xml", ".txt", ".xyc")  # of the files looked at in a folder
_LEFT_OUT = ("zero_area", "invalid", "unknown_label")  # kinds that name a shape which became no cell
_NO_MAP: LabelMap = {}


def convert(
    markup: Sequence[Path],
    output: Path,
    *,
    labels: LabelMap = _NO_MAP,
    format: str | None = None,
    images: Path | None = None,
    classes: Sequence[str] = (),
    label: str = "cell",
    colours: Mapping[str, tuple[int, int, int]] | None = None,
    threshold: int = 127,
    min_area: Mapping[str, int] | None = None,
    strict: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Turn annotation files into one COCO file.

    Categories are all labels, sorted by name. Cells are cut at their image's border; a mapped cell
    keeps its first label as attribute "original_label". What is left out or repaired is a finding.

    Args:
        markup: Annotation files, and folders of them (searched at any depth, in sorted order). Masks in
            a folder are read only with format "masks", for they look like any image.
        output: The COCO file; replaced if it is there.
        labels: Old label -> new label.
        format: One of `formats.NAMES`; None: each file's is recognised.
        images: Folder of the images. Sizes are then compared, file names written relative to it, and
            annotations without an image left out. Formats that store no size need it, unless the
            images lie beside the annotation files.
        classes: Class names by index, for YOLO labels without a list of names.
        label: What the cells of a binary mask or the points of a point file are.
        colours: Label -> (R, G, B), for colour-coded masks.
        threshold: A mask pixel above this grey value is foreground.
        min_area: Label -> smallest region of a mask, in px, that is a cell.
        strict: Stop at the first file that cannot be used; nothing is written.
        progress: Told of files done, of all.

    Raises:
        LayoutError: A folder without annotation files.
        DataError: Not one image could be used, or, if `strict`, a file could not.
        OutputError: The output is one of the files to read, or cannot be written.
    """
    if format is not None:
        formats.get(format)
    given = [path.absolute() for path in markup]
    files = list(dict.fromkeys(file for path in given for file in _files(path, format, output)))
    _check_output(output, files)
    options = ReadOptions(
        base=_base(given),
        images=images,
        classes=tuple(classes),
        label=label,
        colours=colours or {},
        threshold=threshold,
        min_area=min_area or {},
    )
    job = _Job(options, labels, strict)
    with CocoWriter(output) as writer:
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
        found = [p for p in walk(path) if p.suffix.lower() in _SUFFIXES]
        if is_own_work(output):
            found = [p for p in found if p.resolve() != output.resolve()]
        looked_for = f"{', '.join(_SUFFIXES)}; masks are read with --from masks"
    if not found:
        raise LayoutError(f"{path}: no annotation file in this folder (looked for {looked_for})")
    return found


def _check_output(output: Path, files: Sequence[Path]) -> None:
    if not files:
        raise LayoutError("no annotation file was given")
    if not output.name:
        raise OutputError("name the COCO file to write")
    if is_file(output) and read_bytes(output, 64).lstrip()[:1] not in (b"", b"{"):
        raise OutputError(f"{output}: is there and is no JSON file; choose another output")
    if output.resolve() in {file.resolve() for file in files}:
        raise OutputError(f"{output}: is one of the files to read; choose another output")


def _base(given: Sequence[Path]) -> Path | None:
    """The folder that findings name files from: the deepest that holds all that was given."""
    common = Path(os.path.commonpath([path if path.is_dir() else path.parent for path in given]))
    return None if common == Path(common.anchor) else common


# ---------------------------------------------------------------- where the images lie


class _ImageFolder:
    """The images below a folder, by name and by stem."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._found: dict[str, list[Path]] = {}
        for path in walk(root) if root.is_dir() else []:
            if is_image(path):
                for key in {path.name, path.stem}:
                    self._found.setdefault(key, []).append(path)

    def find(self, file_name: str) -> list[Path]:
        """The images that an annotation can mean, the exact path alone if it is there."""
        name = PurePosixPath(file_name.replace("\\", "/"))
        exact = self._root / name
        if is_image(exact) and is_file(exact):
            return [exact]
        return self._found.get(name.name) or self._found.get(name.stem) or []

    def name(self, path: Path) -> str:
        """An image's name relative to the folder, with `/`."""
        return shown_name(path.relative_to(self._root))


# ---------------------------------------------------------------- the work


@dataclass
class _Job:
    """What is done to every image, and what was found and counted on the way."""

    options: ReadOptions
    labels: LabelMap
    strict: bool
    findings: list[Finding] = field(default_factory=list)
    rows: list[dict[str, int | str]] = field(default_factory=list)
    by_category: Counter[str] = field(default_factory=Counter)
    labels_read: set[str] = field(default_factory=set)
    shapes_read: int = 0
    _first_file: dict[str, str] = field(default_factory=dict)
    _folders: dict[Path, _ImageFolder] = field(default_factory=dict)

    def add_file(self, writer: CocoWriter, file: Path, format: str | None, named: bool) -> None:
        """Add all images of one annotation file."""
        name, before = self.options.name(file), len(self.findings)
        start = before
        try:
            for image in formats.read(file, self.options, self.findings, format):
                self._add_image(writer, image, name, self.findings[start:])
                start = len(self.findings)
        except DataError as error:
            lost = _why_lost(file, error)
            if lost or named:
                self._say("unreadable", f"{lost or error.what}; left out", name)
            else:
                self._say("note", "is in no annotation format that is read here; passed over", name)
        if self.strict:
            for finding in self.findings[before:]:
                if finding.is_problem:
                    raise DataError(finding.file, finding.what)

    def _add_image(self, writer: CocoWriter, image: ImageCells, file: str, found: list[Finding]) -> None:
        """Add one image; `found` are the findings that its reader made of it."""
        read = len(image.cells) + sum(_is_lost_shape(finding) for finding in found)
        self.shapes_read += read
        self.labels_read.update(cell.label for cell in image.cells)
        settled = self._settle(image, file)
        if isinstance(settled, Finding):
            self.findings.append(settled)
            return
        file_name, size = settled
        fitting, cut = fit_to_image(image.cells, size, file)
        self.findings += cut
        if self._first_file.setdefault(file_name, file) != file:
            what = f"{file_name} is annotated in {self._first_file[file_name]} as well; both are kept"
            self._say("duplicate", what, file)
        cells = relabel(fitting, self.labels)
        labels = [cell.label for cell in cells]
        annotated = relabel_names(image.annotated, self.labels)
        writer.add_cells(
            writer.add_image(file_name, size, annotated),
            size,
            labels,
            [cell.shape for cell in cells],
            [cell.outline for cell in cells],
            [annotation_fields(cell.attributes) for cell in cells],
        )
        self.by_category.update(labels)
        counts = {"shapes_read": read, "cells": len(cells), "left_out": read - len(cells)}
        counts["repaired"] = sum(finding.kind == "repaired" for finding in found)
        self.rows.append({"image": file_name, **counts})

    def _settle(self, image: ImageCells, file: str) -> tuple[str, tuple[int, int]] | Finding:
        """The name and size (width, height) an image is written with, or why it is left out."""
        name, stated = image.file_name, image.size
        if not stays_inside(name):
            return Finding(
                "missing_image", f"the image's name {name!r} leads out of its folder; left out", file
            )
        if self.options.images is None and stated is not None:
            return name, stated
        root = self.options.images or Path(image.file).parent
        if root not in self._folders:
            self._folders[root] = _ImageFolder(root)
        folder = self._folders[root]
        found = folder.find(name)
        if len(found) != 1:
            what = f"could be {folder.name(found[0])} or {folder.name(found[1])}" if found else "is not there"
            advice = "" if self.options.images else "; its size is needed: name the folder by --images"
            return Finding("missing_image", f"its image {name!r} {what}{advice}; left out", file)
        real_name = folder.name(found[0])
        try:
            header = probe(found[0])
        except DataError as error:
            return Finding("unreadable", f"{error.what}; left out", real_name)
        sizes = header.oriented_size(True), header.size
        if stated is not None and stated not in sizes:
            told = f"states {stated[0]}x{stated[1]} px, {real_name} has {sizes[0][0]}x{sizes[0][1]}"
            return Finding("size_mismatch", f"{told}: its outlines would be misplaced; left out", file)
        return real_name, stated or sizes[0]

    def _say(self, kind: Kind, what: str, file: str) -> None:
        self.findings.append(Finding(kind, what, file))


def _is_lost_shape(finding: Finding) -> bool:
    """True if a reader's finding names a shape; "image 3" and "category 2" are none."""
    return finding.kind in _LEFT_OUT and not finding.id.startswith(("image ", "category "))


def _why_lost(file: Path, error: DataError) -> str:
    """What is wrong with a file that may be a lost annotation; "" of any other file in a folder."""
    if file.suffix.lower() != ".json":
        return error.what if file.suffix.lower() == ".xml" else ""
    try:
        value = read_json(file)
    except DataError as broken:  # says where it broke; `error` may only say that no format knows it
        return broken.what
    is_ours = isinstance(value, dict) and not {"images", "markup"}.isdisjoint(value)
    return error.what if is_ours else ""


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
