"""The nucleus and cytoplasm masks of Raabin-WBC: grey masks of three levels, one white cell a crop.

Which level is the nucleus is not documented: it is an option, and checked against what cells look like
(the nucleus lies in the cytoplasm). Nor is where the official test set lies: an option names its list.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from shapely.geometry import MultiPolygon

from smearprep.datasets.files import is_image, read_headers, relative, size_text, walk
from smearprep.datasets.raabin.settings import CLASSES, NAME, NUCLEUS, Job, film_of
from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats import masks
from smearprep.geometry import Mask, mask_to_shapes
from smearprep.images import probe
from smearprep.records import Cell, Sample

TITLE = "nucleus and cytoplasm masks (GrTh)"
_ORIGINAL, _MASKS = "Original", "Ground Truth"
_NOTHING: frozenset[str] = frozenset()
_MIN_CELL, _MIN_NUCLEUS = 500, 50  # px; smaller regions are crumbs of the lossy masks


def is_here(root: Path) -> bool:
    """True if a folder holds this part; looks at names only."""
    return _folder(root) is not None


def categories(job: Job) -> tuple[str, ...]:
    """The categories of this part."""
    return (*CLASSES, NUCLEUS)


def _folder(root: Path) -> Path | None:
    for folder in (root / "GrTh", root):
        if (folder / _ORIGINAL).is_dir() and (folder / _MASKS).is_dir():
            return folder
    return None


def load(job: Job) -> list[Sample]:
    """One sample a crop: its white cell, labelled by the class of its folder, and the cell's nucleus."""
    folder = _folder(job.root)
    assert folder is not None
    images = [path for path in walk(folder / _ORIGINAL) if is_image(path)]
    found = {_key(path, folder / _MASKS): path for path in walk(folder / _MASKS) if is_image(path)}
    for key in sorted(found.keys() - {_key(path, folder / _ORIGINAL) for path in images}):
        what = f"its image is not in {_ORIGINAL}; left out"
        job.findings.append(Finding("missing_image", what, relative(found[key], job.root)))
    samples, doubtful = [], 0
    for image, header in read_headers(images, job.root, job.findings).items():
        size = header.oriented_size(True)
        mask = found.get(_key(image, folder / _ORIGINAL))
        cells, annotated, swapped = _read(image, mask, size, job)
        doubtful += swapped
        if cells is None:
            continue
        file = relative(image, job.root)
        smear, subset = film_of(image.stem) or file, _subset(image, folder, job)
        attributes = {"class": image.parent.name}
        samples.append(
            Sample(image, f"{NAME}/{file}", size, smear, cells, annotated, subset, True, attributes)
        )
    _check_test_names(images, job)
    if 2 * doubtful > len(samples):
        what = f"in {doubtful} of {len(samples)} masks the nucleus surrounds the cytoplasm: "
        what += f"the levels {dict(job.settings.levels)} look exchanged; set the option levels"
        job.findings.append(Finding("damaged", what, relative(folder / _MASKS, job.root)))
    return samples


def _key(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _subset(image: Path, folder: Path, job: Job) -> str | None:
    """The official subset, from the list of test names or a folder called so."""
    if job.settings.test & {image.stem, f"{image.parent.name}/{image.stem}"}:
        return "test"
    between = image.relative_to(folder / _ORIGINAL).parts[:-1]
    return "test" if any(part.lower() == "test" for part in between) else None


def _check_test_names(images: list[Path], job: Job) -> None:
    known = {name for path in images for name in (path.stem, f"{path.parent.name}/{path.stem}")}
    for name in sorted(job.settings.test - known):
        what = f"the list of test images names {name}, which is not in {_ORIGINAL}"
        job.findings.append(Finding("missing_image", what, str(job.options.extra["test_list"]), name))


def _read(
    image: Path, mask: Path | None, size: tuple[int, int], job: Job
) -> tuple[tuple[Cell, ...] | None, frozenset[str], bool]:
    """Cells, what was looked for, and if the levels look exchanged; None for cells: leave the image out."""
    wanted = frozenset(c for c in categories(job) if job.options.wants(c))
    if mask is None:
        what = f"has no mask in {_MASKS}; kept, what is in it is unknown"
        job.findings.append(Finding("missing_annotation", what, relative(image, job.root)))
        return (), _NOTHING, False
    file = relative(mask, job.root)
    try:
        found = probe(mask).oriented_size(True)
        if found != size:
            what = f"is {size_text(found)} px, its image {size_text(size)}; left out"
            job.findings.append(Finding("size_mismatch", what, file))
            return None, _NOTHING, False
        if not wanted & {image.parent.name, NUCLEUS}:
            return (), wanted, False
        levels = {name: (grey, grey, grey) for name, grey in job.settings.levels.items()}
        classes = masks.read_classes(mask, levels)
    except DataError as error:
        job.findings.append(Finding("unreadable", f"{error.what}; what is in its image is unknown", file))
        return (), _NOTHING, False
    nucleus, cytoplasm = classes["nucleus"], classes["cytoplasm"]
    cells = _cells(nucleus, cytoplasm, image.parent.name, file, job)
    return tuple(c for c in cells if c.label in wanted), wanted, looks_exchanged(nucleus, cytoplasm)


def _cells(nucleus: Mask, cytoplasm: Mask, kind: str, file: str, job: Job) -> list[Cell]:
    """The white cell, and its nucleus: one cell, however many lobes it has."""
    whole = masks.mask_to_cells(nucleus | cytoplasm, kind, _MIN_CELL, file, job.findings, "drawn")
    if not whole:
        job.findings.append(Finding("damaged", "shows no cell", file))
    lobes, _ = mask_to_shapes(nucleus, _MIN_NUCLEUS)
    if not lobes:
        return list(whole)
    shape = lobes[0] if len(lobes) == 1 else MultiPolygon(lobes)
    return [*whole, Cell(NUCLEUS, shape, "drawn", {"class": kind})]


def looks_exchanged(nucleus: Mask, cytoplasm: Mask) -> bool:
    """True if what is called nucleus reaches farther out than the cytoplasm.

    Lossy masks have a thin line of middle grey round everything: it is taken off first.
    """
    import cv2

    reach = []
    for mask in (nucleus, cytoplasm):
        solid = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
        reach.append(cv2.contourArea(cv2.convexHull(cv2.findNonZero(solid))) if solid.any() else 0.0)
    return 0 < reach[1] < reach[0]
