"""Raabin-WBC: white cells as classified crops, in whole fields with boxes, and with nucleus masks.

Four parts, each read where it lies; the film, named in folder and file names, is the smear in all:
- cropped: `Train|TestA|TestB/<Class>/<Film>_<Cell>.jpg`; the class is an attribute, no box is made up.
- fields: `{First,Second}_microscope/<Film>/{images,jsons}`: of each cell a box and two experts' labels.
- ground_truth: `GrTh/{Original,Ground Truth}/<Class>/NAME`: the white cell and its nucleus.
- yolo: `crops/{images,labels,classes.txt}`: the crops of the TXL-PBC set, boxes of all their cells.
"""

from __future__ import annotations

from pathlib import Path

from smearprep.datasets.loading import DatasetInfo, LoadOptions
from smearprep.datasets.raabin import cropped, fields, ground_truth, yolo_crops
from smearprep.datasets.raabin.settings import CLASSES, KINDS, NAME, NUCLEUS, Job, read_settings
from smearprep.errors import RecipeError
from smearprep.records import RawSet

_READERS = {"cropped": cropped, "fields": fields, "ground_truth": ground_truth, "yolo": yolo_crops}
_CATEGORIES = tuple(dict.fromkeys([*CLASSES, *KINDS, NUCLEUS, "WBC", "RBC", "Platelets"]))

INFO = DatasetInfo(
    name=NAME,
    title="Raabin-WBC",
    licence="no formal licence: read the terms on the site; the crops of TXL-PBC: MIT",
    where="raabindata.com; TXL-PBC: github.com/lugan113/TXL-PBC_Dataset",
    citation="Kouzehkanan et al., A large dataset of white blood cells, Scientific Reports 12 (2022) 1123",
    categories=_CATEGORIES,
    layouts=(
        "Train|TestA|TestB/CLASS/FILM_CELL.jpg",
        "First_microscope|Second_microscope/FILM/ with jsons/ and images/",
        "GrTh/ with Original/CLASS/ and Ground Truth/CLASS/",
        "crops/ with images/, labels/ (YOLO) and classes.txt",
    ),
)


def recognise(root: Path) -> str | None:
    """The layout of a folder, in words, if it is Raabin-WBC; looks at names only."""
    found = [reader.TITLE for reader in _READERS.values() if reader.is_here(root)]
    return "Raabin-WBC: " + ", ".join(found) if found else None


def load(root: Path, options: LoadOptions) -> RawSet:
    """Read Raabin-WBC; for its options see `settings.Settings` (`test_list` is a file with its names).

    Raises:
        RecipeError: Unknown option, a value that cannot be used, or a part that is not there.
        DataError: The list of test names, or of classes, cannot be read.
    """
    job = Job(root, options, read_settings(root, options.extra), [])
    here = [part for part in job.settings.parts if _READERS[part].is_here(root)]
    if not here:
        raise RecipeError(f"data set {NAME}: parts: none of {', '.join(job.settings.parts)} is in {root}")
    samples = [sample for part in here for sample in _READERS[part].load(job)]
    known = {category for part in here for category in _READERS[part].categories(job)}
    return RawSet(
        dataset=NAME,
        layout=recognise(root) or "",
        samples=tuple(sorted(samples, key=lambda sample: sample.source)),
        categories=tuple(c for c in _CATEGORIES if c in known) + tuple(sorted(known - set(_CATEGORIES))),
        findings=tuple(job.findings),
    )
