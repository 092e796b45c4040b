"""The whole fields of Raabin-WBC: boxes of white cells, each labelled by two experts.

A box that nobody could name may hold any kind of cell, so no kind is fully annotated in that image. Of
two experts who disagree, the kinds that they name are open; the others are not.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import shapely

from smearprep.cells import fit_to_image
from smearprep.datasets.files import images_in, read_headers, relative, size_text
from smearprep.datasets.raabin.settings import KINDS, NAME, NO_CELLS, UNDECIDED, Job, Settings
from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.images import Header
from smearprep.jsonfiles import read_json
from smearprep.records import Cell, Sample

TITLE = "whole fields (First_microscope, Second_microscope)"
_FOLDERS = ("First_microscope", "Second_microscope")
_ATTRIBUTES = {
    "Zoom": "zoom",
    "Stain Method": "stain",
    "Film Label": "film_label",
    "Camera": "camera",
    "Microscop": "microscope",
    "Microscope": "microscope",
}


def is_here(root: Path) -> bool:
    """True if a folder holds this part; looks at names only."""
    return any((root / name).is_dir() for name in _FOLDERS)


def categories(job: Job) -> tuple[str, ...]:
    """The categories of this part."""
    return job.settings.kinds


def load(job: Job) -> list[Sample]:
    """One sample a field; its smear is the film."""
    left_out: Counter[str] = Counter()
    samples = []
    for folder in _FOLDERS:
        for film in sorted((job.root / folder).glob("*")):
            if film.is_dir():
                samples += _load_film(film, job, left_out)
    if left_out:
        listed = ", ".join(f"{count} {reason}" for reason, count in left_out.most_common())
        what = f"{left_out.total()} boxes are no cell of a known kind and left out: {listed}"
        job.findings.append(Finding("note", what))
    return samples


def _load_film(film: Path, job: Job, left_out: Counter[str]) -> list[Sample]:
    """The fields of one film."""
    images = images_in(film / "images")
    annotations = {path.stem: path for path in sorted((film / "jsons").glob("*.json"))}
    for stem in sorted(annotations.keys() - {image.stem for image in images}):
        what = "its image is not in the folder images; left out"
        job.findings.append(Finding("missing_image", what, relative(annotations[stem], job.root)))
    samples = []
    for image, header in read_headers(images, job.root, job.findings).items():
        annotation = annotations.get(image.stem)
        if annotation is None:
            what = "has no JSON; kept, what is in it is unknown"
            job.findings.append(Finding("missing_annotation", what, relative(image, job.root)))
        sample = _load_field(image, header, annotation, film.name, job, left_out)
        if sample is not None:
            samples.append(sample)
    return samples


def _load_field(
    image: Path, header: Header, annotation: Path | None, film: str, job: Job, left_out: Counter[str]
) -> Sample | None:
    """One field; None if its boxes lie in another frame than the image."""
    oriented = job.settings.frame == "shown"
    size = header.oriented_size(oriented)
    source = f"{NAME}/{relative(image, job.root)}"
    data = _read(annotation, film, job) if annotation else None
    if data is None or annotation is None:
        return Sample(image, source, size, film, oriented=oriented)
    file = relative(annotation, job.root)
    cells, unknown = _read_cells(data, file, job, left_out)
    if not _fits(cells, size) and _fits(cells, size[::-1]):
        what = (
            f"its boxes do not fit the image of {size_text(size)} px, but would fit {size_text(size[::-1])}: "
            "it was rotated; left out. If its EXIF orientation is right, set the option frame: shown"
        )
        job.findings.append(Finding("size_mismatch", what, file))
        return None
    wanted, beyond = fit_to_image([c for c in cells if job.options.wants(c.label)], size, file)
    job.findings.extend(beyond)
    annotated = frozenset(k for k in job.settings.kinds if k not in unknown and job.options.wants(k))
    attributes = {new: data[old] for old, new in _ATTRIBUTES.items() if isinstance(data.get(old), str)}
    return Sample(image, source, size, film, wanted, annotated, None, oriented, attributes)


def _read(path: Path, film: str, job: Job) -> dict[str, Any] | None:
    """The content of a field's JSON, or None and a finding."""
    file = relative(path, job.root)
    try:
        data = read_json(path)
    except DataError as error:
        job.findings.append(Finding("unreadable", f"{error.what}; what is in its image is unknown", file))
        return None
    if not isinstance(data, dict):
        what = "is no object of cells; what is in its image is unknown"
        job.findings.append(Finding("unreadable", what, file))
        return None
    count = sum(key.startswith("Cell_") for key in data)
    if data.get("Cell Numbers", count) != count:
        what = f"states {data['Cell Numbers']} cells, but lists {count}; those are read"
        job.findings.append(Finding("damaged", what, file))
    if data.get("Film ID", film) != film:
        what = f"states the film {data['Film ID']!r}; the folder's name is trusted"
        job.findings.append(Finding("damaged", what, file))
    return data


def _fits(cells: list[Cell], size: tuple[int, int]) -> bool:
    return all(cell.bounds[2] <= size[0] and cell.bounds[3] <= size[1] for cell in cells)


# ---------------------------------------------------------------- cells


def _read_cells(
    data: Mapping[str, Any], file: str, job: Job, left_out: Counter[str]
) -> tuple[list[Cell], frozenset[str]]:
    """The cells of a field, and the kinds that it leaves open."""
    cells = []
    unknown: frozenset[str] = frozenset()
    for key, entry in data.items():
        if not key.startswith("Cell_"):
            continue
        box = _box(entry)
        if box is None:
            what = "a cell without four corners that span a box; left out"
            job.findings.append(Finding("invalid", what, file, key))
            unknown = frozenset(job.settings.kinds)
            continue
        labels = entry.get("Label1"), entry.get("Label2")
        label, opened = decide(labels, job.settings)
        unknown |= opened
        if label is None:
            left_out[_reason(labels)] += 1
            continue
        names = {"label1": labels[0], "label2": labels[1], "cell_id": entry.get("Cell_ID")}
        attributes = {name: value for name, value in names.items() if isinstance(value, str)}
        cells.append(Cell(label, shapely.box(*box), "box", attributes))
    for strange in sorted({label for cell in data.values() for label in _strange(cell)}):
        what = f"the label {strange!r} is no kind of cell that is known; left out"
        job.findings.append(Finding("unknown_label", what, file, strange))
    return cells, unknown


def decide(labels: tuple[Any, Any], settings: Settings) -> tuple[str | None, frozenset[str]]:
    """What a box holds, by its two labels.

    Args:
        labels: Of the first and the second expert; None where one gave none.
        settings: `experts` says whose label counts, `keep` what else is a cell.

    Returns:
        The cell's kind, or None if it is no cell or undecided; and the kinds that it may be all the same.
    """
    given = {label for label in labels if label is not None}
    if settings.experts in ("first", "second"):
        given = {labels[settings.experts == "second"]} - {None}
    agreed = len(given) == 1 and (settings.experts != "both" or labels[0] == labels[1])
    label = next(iter(given)) if agreed else None
    if label in settings.kinds:
        return label, frozenset()
    if label in NO_CELLS:
        return None, frozenset()
    named = {*KINDS, *NO_CELLS}
    is_open = not given or not given <= named or (settings.experts == "both" and None in labels)
    kinds = frozenset(settings.kinds)
    return None, kinds if is_open else kinds & frozenset(given)


def _reason(labels: tuple[Any, Any]) -> str:
    """Why a box was left out, in words."""
    shown = sorted({str(label) for label in labels if label is not None})
    if not shown:
        return "without a label"
    return shown[0] if len(shown) == 1 else " against ".join(shown)


def _strange(entry: Any) -> set[str]:
    """The labels of a cell that nobody documented."""
    if not isinstance(entry, dict):
        return set()
    given = {entry.get("Label1"), entry.get("Label2")} - {None, *KINDS, *NO_CELLS, *UNDECIDED}
    return {str(label) for label in given}


def _box(entry: Any) -> tuple[float, float, float, float] | None:
    """The corners of a cell, xyxy half-open; the files write them as strings."""
    try:
        x0, y0, x1, y1 = (float(entry[key]) for key in ("x1", "y1", "x2", "y2"))
    except (TypeError, ValueError, KeyError):
        return None
    is_box = all(map(math.isfinite, (x0, y0, x1, y1))) and x0 < x1 and y0 < y1
    return (x0, y0, x1, y1) if is_box else None
