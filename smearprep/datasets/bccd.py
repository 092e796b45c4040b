"""BCCD: boxes of red cells, white cells and platelets (VOC), and the Kaggle edition's classified copies.

What looking at the images showed (VOC edition):
- Each was taken for its white cell. The six without a WBC box all show one: in 00133 and 00135 it is
  boxed as Platelets, in 00178, 00228 and 00327 it is cut by the border, in 00171 it is a smudge.
- The 15 without an RBC box all show red cells.
- One WBC box of 00113 is a platelet.
So no box of these two means *not annotated*. No platelet box mostly means that there is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from smearprep import cells as cell_tools
from smearprep.datasets.files import (
    check_options,
    choice,
    images_in,
    read_headers,
    relative,
    size_text,
    stated_frame,
)
from smearprep.datasets.loading import DatasetInfo, LoadOptions
from smearprep.errors import DataError, RecipeError
from smearprep.findings import Finding
from smearprep.formats import voc
from smearprep.formats.reading import ReadOptions
from smearprep.images import read_bytes
from smearprep.records import Cell, ImageCells, RawSet, Sample

RBC, WBC, PLATELETS = "RBC", "WBC", "Platelets"
CATEGORIES = (RBC, WBC, PLATELETS)
SUBSETS = ("train", "val", "test")

INFO = DatasetInfo(
    name="bccd",
    title="BCCD",
    licence="MIT",
    where="github.com/Shenggan/BCCD_Dataset; Kaggle edition: kaggle.com/paultimothymooney/blood-cells",
    citation="Shenggan: BCCD Dataset (images by cosmicad and akshaylamba)",
    categories=CATEGORIES,
    layouts=(
        "JPEGImages/BloodImage_*.jpg with Annotations/*.xml (and ImageSets/Main/*.txt)",
        "the Kaggle edition: dataset-master/ with JPEGImages and Annotations, dataset2-master/ with "
        "images/{TRAIN,TEST,TEST_SIMPLE}/CLASS/*.jpeg",
    ),
)

_NOTHING: frozenset[str] = frozenset()
_MISSPELT = {"Platetlets": PLATELETS, "Platlets": PLATELETS, "Platetets": PLATELETS, "Platelet": PLATELETS}
_CLASSES = ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL")
_CLASS_SUBSETS = {"TRAIN": None, "TEST": "test", "TEST_SIMPLE": "test"}
_BOX_FOLDERS = (".", "BCCD", "dataset-master", "dataset-master/dataset-master")
_CLASS_FOLDERS = (
    ".",
    "images",
    *(f"{f}/images" for f in ("dataset2-master", "dataset2-master/dataset2-master")),
)
_COPY = re.compile(r"_(\d+)_\d+")
_PLAUSIBLE = {WBC: (4_000.0, float("inf")), PLATELETS: (0.0, 8_000.0)}
"""Box areas in px^2 of the real set, the three mislabelled boxes aside: WBC 8,700 up, platelets to 5,500."""


def recognise(root: Path) -> str | None:
    """The layout of a folder, in words, if it is BCCD; looks at names only."""
    boxes, classes = _box_folder(root), _class_folder(root)
    found = [f"boxes (VOC) in {_named(boxes, root)}"] if boxes else []
    found += [f"classified copies in {_named(classes, root)}"] if classes else []
    return "BCCD: " + " and ".join(found) if found else None


def load(root: Path, options: LoadOptions) -> RawSet:
    """Read BCCD.

    Options: `edition`, "boxes" or "classes" (default: the boxes where they are there); and `unknown`, the
    categories of which an image without any box counts as not annotated (default: [RBC, WBC]).

    Args:
        root: The folder.
        options: See above.

    Returns:
        One sample an image, each its own smear; of classified copies, the class is an attribute and all
        copies of one original are one smear.

    Raises:
        RecipeError: Unknown option, or an edition that is not there.
    """
    check_options(options.extra, ("edition", "unknown"), INFO.name)
    boxes, classes = _box_folder(root), _class_folder(root)
    default = "boxes" if boxes else "classes"
    edition = choice(options.extra.get("edition", default), ("boxes", "classes"), "edition", INFO.name)
    folder = boxes if edition == "boxes" else classes
    if folder is None:
        raise RecipeError(f"data set bccd: edition: {edition}: not in {root}")
    findings: list[Finding] = []
    if boxes and boxes != root:
        findings += [
            Finding("note", f"another copy of the boxes; only {_named(boxes, root)}/ is read", path.name)
            for path in sorted(root.iterdir())
            if not boxes.is_relative_to(path) and _box_folder(path)
        ]
    if boxes and classes:
        other = "classes" if edition == "boxes" else "boxes"
        what = f"the edition with {other} lies here too; it is read with the option edition: {other}"
        findings.append(Finding("note", what))
    if edition == "boxes":
        samples = _load_boxes(folder, root, options, findings)
    else:
        samples = _load_classes(folder, root, findings)
    categories = CATEGORIES if edition == "boxes" else ()
    return RawSet(INFO.name, recognise(root) or "", tuple(samples), categories, tuple(findings))


def _box_folder(root: Path) -> Path | None:
    """The folder of JPEGImages/BloodImage_* and Annotations, if there is one."""
    for name in _BOX_FOLDERS:
        folder = root / name
        if (folder / "JPEGImages").is_dir() and (folder / "Annotations").is_dir():
            is_bccd = any(any((folder / part).glob("BloodImage_*")) for part in ("JPEGImages", "Annotations"))
            if is_bccd:
                return folder
    return None


def _class_folder(root: Path) -> Path | None:
    """The folder of TRAIN, TEST and TEST_SIMPLE, if there is one."""
    for name in _CLASS_FOLDERS:
        folder = root / name
        if any((folder / subset / kind).is_dir() for subset in _CLASS_SUBSETS for kind in _CLASSES):
            return folder
    return None


def _named(folder: Path, root: Path) -> str:
    return "." if folder == root else relative(folder, root)


# ---------------------------------------------------------------- boxes


def _load_boxes(folder: Path, root: Path, options: LoadOptions, findings: list[Finding]) -> list[Sample]:
    """The samples of the VOC edition."""
    unknown = _unknown(options.extra)
    images = images_in(folder / "JPEGImages")
    stems = {image.stem for image in images}
    official = _official(folder, stems, root, findings)
    for path in sorted((folder / "Annotations").glob("*.xml")):
        if path.stem not in stems:
            what = "its image is not in JPEGImages; left out"
            findings.append(Finding("missing_image", what, relative(path, root)))
    samples = []
    for image, header in read_headers(images, root, findings).items():
        annotation = folder / "Annotations" / f"{image.stem}.xml"
        read = _read_boxes(annotation, image, root, findings)
        file = relative(annotation, root)
        oriented = stated_frame(header, read.size if read else None, oriented=True)
        if oriented is None:
            assert read is not None and read.size is not None
            found = f"states an image of {size_text(read.size)} px, but it has {size_text(header.size)}"
            findings.append(Finding("size_mismatch", f"{found}; the image is left out", file))
            continue
        size = header.oriented_size(oriented)
        cells, annotated = _settle(read, size, unknown, options, file, findings) if read else ((), _NOTHING)
        source = f"{INFO.name}/{relative(image, root)}"
        subset = official.get(image.stem)
        samples.append(Sample(image, source, size, image.stem, cells, annotated, subset, oriented))
    return samples


def _unknown(extra: Mapping[str, Any]) -> frozenset[str]:
    given = extra.get("unknown", [RBC, WBC])
    if not isinstance(given, list | tuple) or not set(given) <= set(CATEGORIES):
        raise RecipeError(f"data set bccd: unknown: {given!r} is no list of {', '.join(CATEGORIES)}")
    return frozenset(given)


def _read_boxes(annotation: Path, image: Path, root: Path, findings: list[Finding]) -> ImageCells | None:
    """What an image's XML says; None if there is none that can be used."""
    name = relative(annotation, root)
    if not annotation.is_file():
        what = "has no XML; kept, what is in it is unknown"
        findings.append(Finding("missing_annotation", what, relative(image, root)))
        return None
    try:
        (read,) = voc.read(annotation, ReadOptions(base=root), findings)
    except DataError as error:
        findings.append(Finding("unreadable", f"{error.what}; what is in its image is unknown", name))
        return None
    if Path(read.file_name).stem != image.stem:
        what = f"calls its image {read.file_name!r}; the name of the XML itself is trusted"
        findings.append(Finding("note", what, name))
    return read


def _settle(
    read: ImageCells,
    size: tuple[int, int],
    unknown: frozenset[str],
    options: LoadOptions,
    file: str,
    findings: list[Finding],
) -> tuple[tuple[Cell, ...], frozenset[str]]:
    """The cells of one image, spelt right and inside it, and what was looked for in it."""
    spelt = [replace(cell, label=_MISSPELT.get(cell.label, cell.label)) for cell in read.cells]
    misspelt = sum(cell.label in _MISSPELT for cell in read.cells)
    if misspelt:
        findings.append(Finding("note", f"{misspelt} misspelt labels read as {PLATELETS}", file))
    for cell in spelt:
        if cell.label not in CATEGORIES:
            what = f"the label {cell.label!r} is none of {', '.join(CATEGORIES)}; left out"
            findings.append(Finding("unknown_label", what, file, cell.label))
    present = {cell.label for cell in spelt}
    annotated = frozenset(c for c in CATEGORIES if c in present or c not in unknown)
    wanted = [cell for cell in spelt if cell.label in CATEGORIES and options.wants(cell.label)]
    inside, beyond = cell_tools.fit_to_image(wanted, size, file)
    findings += beyond
    _report_doubtful(inside, file, findings)
    return inside, frozenset(c for c in annotated if options.wants(c))


def _report_doubtful(cells: tuple[Cell, ...], file: str, findings: list[Finding]) -> None:
    """Name near-duplicates and boxes of a size that their label does not have; all are kept."""
    for first, second, iou in cell_tools.near_duplicates(cells):
        what = f"two {cells[first].label} boxes are nearly the same (IoU {iou:.2f}); both kept"
        findings.append(Finding("duplicate", what, file, f"{first}, {second}"))
    for n, cell in enumerate(cells):
        least, most = _PLAUSIBLE.get(cell.label, (0.0, float("inf")))
        if not least <= cell.area <= most:
            x0, y0, x1, y1 = cell.bounds
            what = f"a {cell.label} box of {x1 - x0:g}x{y1 - y0:g} px: probably mislabelled; kept as it is"
            findings.append(Finding("damaged", what, file, str(n)))


def _official(folder: Path, stems: set[str], root: Path, findings: list[Finding]) -> dict[str, str]:
    """Stem -> subset, from ImageSets/Main."""
    out: dict[str, str] = {}
    for subset in SUBSETS:
        path = folder / "ImageSets" / "Main" / f"{subset}.txt"
        if not path.is_file():
            continue
        # A line may be "NAME" or, as VOC has it in its lists of one class, "NAME 1".
        for name in (
            line.split()[0]
            for line in read_bytes(path).decode("utf-8-sig", "replace").splitlines()
            if line.strip()
        ):
            if name not in stems:
                what = f"lists {name}, which is not in JPEGImages"
                findings.append(Finding("missing_image", what, relative(path, root), name))
            elif out.setdefault(name, subset) != subset:
                what = f"lists {name}, which is in {out[name]}.txt too; it stays there"
                findings.append(Finding("duplicate", what, relative(path, root), name))
    return out


# ---------------------------------------------------------------- classified copies


def _load_classes(folder: Path, root: Path, findings: list[Finding]) -> list[Sample]:
    """The samples of the Kaggle edition's classification set: no cells, the class as attribute.

    Copies were written by an augmenting program as `_<original>_<random number>.jpeg`, each class and
    subset in a run of its own. Nothing documents that; of all readings it keeps most copies together.
    """
    samples = []
    for subset, official in _CLASS_SUBSETS.items():
        for kind in _CLASSES:
            images = images_in(folder / subset / kind)
            for image, header in read_headers(images, root, findings).items():
                match = _COPY.fullmatch(image.stem)
                smear = f"{subset}/{kind}/{match[1] if match else image.stem}"
                if subset == "TEST_SIMPLE":  # plain copies of the originals of TEST
                    smear = smear.replace("TEST_SIMPLE", "TEST", 1)
                source = f"{INFO.name}/{relative(image, root)}"
                attributes = {"class": kind.capitalize()}
                size = header.oriented_size(True)
                samples.append(Sample(image, source, size, smear, subset=official, attributes=attributes))
    what = "copies of one original are told by the first number in their names, which nothing documents"
    findings.append(Finding("note", what, _named(folder, root)))
    return sorted(samples, key=lambda sample: sample.source)
