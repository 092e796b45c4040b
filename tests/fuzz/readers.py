"""Targets: annotation files, and the jobs on COCO files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from smearprep import formats
from smearprep.cells import fit_to_image
from smearprep.coco_files.filtering import Criteria, filter_cells
from smearprep.coco_files.statistics import stats
from smearprep.findings import KINDS, Finding
from smearprep.formats.reading import ReadOptions
from tests.fuzz.fuzzing import Target
from tests.fuzz.seeds import SUFFIXES, seeds


def annotations(name: str, place: Path) -> Target:
    """One reader.

    Args:
        name: The format.
        place: An empty folder, best on a RAM disk.
    """
    if name != "masks":
        Image.fromarray(np.zeros((80, 100, 3), np.uint8)).save(place / "a.jpg")
    options = ReadOptions(base=place, classes=("RBC", "WBC") if name == "yolo" else ())
    return Target(seeds(name), partial(_read, name, place / f"a{SUFFIXES[name]}", options))


def _read(name: str, file: Path, options: ReadOptions, data: bytes) -> str:
    file.write_bytes(data)
    findings: list[Finding] = []
    count = 0
    formats.get(name).sniff(file, data[:4096])
    for image in formats.read(file, options, findings, name):
        count += len(image.cells)
        for cell in image.cells:
            assert isinstance(cell.label, str)
            assert not cell.shape.is_empty
        if image.size is not None and max(image.size) < 10**6:
            fit_to_image(image.cells, image.size, "a")
    return f"{'some' if count else 'no'} cells; {_told(findings)}"


def _told(findings: list[Finding]) -> str:
    for finding in findings:
        assert finding.kind in KINDS
        finding.what.encode("utf-8", "backslashreplace")
    return "; ".join(sorted({finding.what for finding in findings}))


def coco_files(place: Path) -> Target:
    """The jobs on whole COCO files."""
    file, out = place / "cells.json", place / "out.json"

    def try_out(data: bytes) -> str:
        file.write_bytes(data)
        counted = stats([file])
        filter_cells(file, out, Criteria(categories=("WBC",)))
        stats([out])
        return _told(list(counted.findings))

    return Target(seeds("coco"), try_out)
