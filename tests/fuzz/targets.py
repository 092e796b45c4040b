"""All that reads files, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from tests.fuzz import folders, packed, pictures, readers, texts
from tests.fuzz.fuzzing import Target
from tests.fuzz.seeds import SUFFIXES

Make = Callable[[Path], Target]
"""Given an empty folder, best on a RAM disk."""

TARGETS: Mapping[str, Make] = MappingProxyType(
    {
        **{name: partial(readers.annotations, name) for name in SUFFIXES},
        "coco_files": readers.coco_files,
        **{kind: partial(pictures.pictures, kind) for kind in pictures.KINDS},
        **{kind: partial(packed.archives, kind) for kind in packed.KINDS},
        "recipe": texts.recipes,
        "training": texts.trainings,
        "parameters": texts.parameters,
        "set": folders.coco_of_a_set,
        "manifest": folders.manifest,
        "journal": folders.notes_of_a_run,
        "edits": folders.edits,
        "predictions": partial(folders.predicted, "predictions.json"),
        "predicted_cells": partial(folders.predicted, "cells.json"),
        "predicted_mask": partial(folders.predicted, "mask/i0.png"),
        "weights": folders.weights,
        "run": folders.run_file,
    }
)
