"""The cropped, double-labelled cells of Raabin-WBC: one white cell an image, its class the folder."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from smearprep.datasets.files import images_in, read_headers, relative
from smearprep.datasets.raabin.settings import CLASSES, NAME, Job, film_of
from smearprep.findings import Finding
from smearprep.records import Sample

TITLE = "cropped cells (Train, TestA, TestB)"
_SUBSETS = {"Train": None, "TestA": "test", "TestB": "test"}
"""Train is left open: it may be split further into training and validation."""


def is_here(root: Path) -> bool:
    """True if a folder holds this part; looks at names only."""
    return any((root / subset / kind).is_dir() for subset in _SUBSETS for kind in CLASSES)


def categories(job: Job) -> tuple[str, ...]:
    """The categories of this part."""
    return CLASSES


def load(job: Job) -> list[Sample]:
    """One sample a crop: its class and official folder are attributes, it has no cells."""
    samples = []
    folders: dict[str, set[str]] = defaultdict(set)
    for name, subset in _SUBSETS.items():
        for kind in _folders(job.root / name):
            for path, header in read_headers(images_in(kind), job.root, job.findings).items():
                source = f"{NAME}/{relative(path, job.root)}"
                film = film_of(path.stem)
                if film is None:
                    what = "its name does not begin with a film (95-5-4-1_...); taken as a smear of its own"
                    job.findings.append(Finding("note", what, relative(path, job.root)))
                else:
                    folders[film].add(subset or "train")
                samples.append(
                    Sample(
                        path=path,
                        source=source,
                        size=header.oriented_size(True),
                        smear=film or relative(path, job.root),
                        subset=subset,
                        attributes={"class": kind.name, "folder": name},
                    )
                )
    shared = sorted(film for film, subsets in folders.items() if len(subsets) > 1)
    if shared:
        listed = ", ".join(shared[:5]) + (", ..." if len(shared) > 5 else "")
        what = (
            f"{len(shared)} films have crops in Train and in a test folder ({listed}): the official subsets"
        )
        job.findings.append(Finding("note", f"{what} do not keep films apart"))
    return samples


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []
