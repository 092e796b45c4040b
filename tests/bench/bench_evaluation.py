"""COCO's evaluation of masks: pycocotools as its examples use it, and smearprep with either engine.

    python -m tests.bench.bench_evaluation [--images N] [--cells N] [--rounds N]

Discs in images of 1280x960 px; nine tenths of them are found, a little beside, and some are invented. The
average precision of all ways must be the same. What smearprep does before (drawing outlines as run lengths)
is within its time; pycocotools and hotcoco are given the run lengths. One core; all take turns, and the
least time counts.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import shapely
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from shapely.geometry import Point

from smearprep.detection import ComparedImage, average_precision
from smearprep.detection.coco_entries import encode, numbered
from smearprep.records import Cell
from tests.bench.measuring import in_turns, store

SIZE = (1280, 960)
LABEL = "RBC"


def images(count: int, cells: int) -> list[ComparedImage]:
    """Images with cells that are there and cells that were found."""
    rng = np.random.default_rng(0)
    made = []
    for n in range(count):
        shapes = [
            Point(*rng.uniform(30, np.array(SIZE) - 30)).buffer(rng.uniform(15, 25)) for _ in range(cells)
        ]
        truth = tuple(Cell(LABEL, shape, "drawn") for shape in shapes)
        found = tuple(_found(shape, rng) for shape in shapes if rng.random() < 0.9)
        made.append(ComparedImage(f"{n}.png", SIZE, truth, found))
    return made


def _found(shape: Any, rng: np.random.Generator) -> Cell:
    moved = shapely.transform(shape, lambda xy: xy + rng.normal(0, 2, 2))
    return Cell(LABEL, moved, "made", {"score": float(rng.random())})


def by_pycocotools(entries: Sequence[list[dict[str, Any]]], number: int) -> float:
    """As its examples show, but that the limit of 100 cells an image is raised."""
    sets = []
    for group in entries:
        coco = COCO()
        records = [{"id": n, "width": SIZE[0], "height": SIZE[1]} for n in range(1, number + 1)]
        annotations = copy.deepcopy(group)
        coco.dataset = {
            "images": records,
            "categories": [{"id": 1, "name": LABEL}],
            "annotations": annotations,
        }
        coco.createIndex()
        sets.append(coco)
    evaluation = COCOeval(*sets, "segm")
    most = max(len(group) for group in entries)
    evaluation.params.maxDets = [1, 10, most]
    evaluation.evaluate()
    evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, 0, 0, 2]
    return float(precision[precision > -1].mean())


def rows_of(given: Sequence[ComparedImage], rounds: int) -> list[dict[str, object]]:
    """All ways, the plain one first."""
    entries = numbered([encode(image, [LABEL], "mask") for image in given])
    found: dict[str, float] = {}

    def noted(name: str, way: Callable[[], float | None]) -> Callable[[], None]:
        def job() -> None:
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                found[name] = float(way() or 0)

        return job

    ways: dict[str, Callable[[], float | None]] = {
        "pycocotools": lambda: by_pycocotools(entries, len(given)),
        "smearprep with pycocotools": lambda: _ours(given, "pycocotools"),
        "smearprep with hotcoco": lambda: _ours(given, "hotcoco"),
    }
    seconds = in_turns([noted(name, way) for name, way in ways.items()], rounds)
    assert max(found.values()) - min(found.values()) < 1e-6, found
    cells = sum(len(image.truth) for image in given)
    return [
        {
            "job": name,
            "images": len(given),
            "cells": cells,
            "AP": round(found[name], 4),
            "s": round(one, 3),
            "times as fast as pycocotools": round(seconds[0] / one, 2),
        }
        for name, one in zip(ways, seconds, strict=True)
    ]


def _ours(given: Sequence[ComparedImage], engine: Any) -> float | None:
    return average_precision(given, categories=[LABEL], engine=engine).overall.ap


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=5)
    parser.add_argument("--cells", type=int, default=400, help="an image")
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    store("evaluation", rows_of(images(arguments.images, arguments.cells), arguments.rounds))


if __name__ == "__main__":
    main()
