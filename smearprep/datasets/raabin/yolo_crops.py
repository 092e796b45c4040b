"""Crops of Raabin-WBC as the TXL-PBC set publishes them: YOLO boxes of white, red cells and platelets."""

from __future__ import annotations

from pathlib import Path

from smearprep.cells import fit_to_image
from smearprep.datasets.files import images_in, read_headers, relative
from smearprep.datasets.raabin.settings import NAME, Job
from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats import yolo
from smearprep.records import Cell, Sample

TITLE = "crops with YOLO boxes"
_FOLDER = "crops"


def is_here(root: Path) -> bool:
    """True if a folder holds this part; looks at names only."""
    folder = root / _FOLDER
    return (
        (folder / "images").is_dir() and (folder / "labels").is_dir() and (folder / "classes.txt").is_file()
    )


def categories(job: Job) -> tuple[str, ...]:
    """The categories of this part: the names in classes.txt."""
    return yolo.read_classes(job.root / _FOLDER / "classes.txt")


def load(job: Job) -> list[Sample]:
    """One sample a crop. Its name is random, so that its film is unknown: each is a smear of its own."""
    folder = job.root / _FOLDER
    classes = categories(job)
    images = images_in(folder / "images")
    stems = {image.stem for image in images}
    for path in sorted((folder / "labels").glob("*.txt")):
        if path.stem not in stems and path.name != "classes.txt":
            what = "its image is not in the folder images; left out"
            job.findings.append(Finding("missing_image", what, relative(path, job.root)))
    samples = []
    for image, header in read_headers(images, job.root, job.findings).items():
        size = header.oriented_size(True)
        cells = _read(folder / "labels" / f"{image.stem}.txt", image, size, classes, job)
        annotated = frozenset(c for c in classes if job.options.wants(c))
        source = f"{NAME}/{relative(image, job.root)}"
        if cells is None:
            cells, annotated = (), frozenset()
        samples.append(Sample(image, source, size, image.stem, cells, annotated))
    what = "the names of these crops do not tell their film; each counts as a smear of its own"
    job.findings.append(Finding("note", what, _FOLDER))
    return samples


def _read(
    path: Path, image: Path, size: tuple[int, int], classes: tuple[str, ...], job: Job
) -> tuple[Cell, ...] | None:
    """The cells of a crop, or None if nobody knows."""
    file = relative(path, job.root)
    if not path.is_file():
        what = "has no label file; kept, what is in it is unknown"
        job.findings.append(Finding("missing_annotation", what, relative(image, job.root)))
        return None
    try:
        read = yolo.read_cells(path, size, classes, file, job.findings)
    except DataError as error:
        job.findings.append(Finding("unreadable", f"{error.what}; what is in its image is unknown", file))
        return None
    cells, beyond = fit_to_image([cell for cell in read if job.options.wants(cell.label)], size, file)
    job.findings.extend(beyond)
    return cells
