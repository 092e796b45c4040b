"""A large set that is edited: CPU seconds and memory of opening it, of an edit, and of a fold.

    python -m tests.bench.bench_editing --scratch FOLDER [--images N]

20 outlines of 60 vertices an image, no pixels: only the annotations count. In one process, which also tells
the peak of its memory after each step.
"""

from __future__ import annotations

import argparse
import resource
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from smearprep.annotating import Session
from smearprep.formats.coco import CocoWriter
from tests.bench.measuring import store

SIZE, CELLS, VERTICES, EDITS = (640, 480), 20, 60, 30


def write_set(folder: Path, images: int) -> None:
    """A set of drawn-like outlines in three subsets."""
    rng, first = np.random.default_rng(0), 1
    angles = np.linspace(0, 2 * np.pi, VERTICES, endpoint=False)
    for subset, share in (("train", 0.7), ("val", 0.1), ("test", 0.2)):
        count = round(images * share)
        path = folder / f"annotations/instances_{subset}.json"
        with CocoWriter(path, ("RBC", "WBC"), first, 1 + (first - 1) * CELLS) as writer:
            for n in range(count):
                id_ = writer.add_image(f"{subset}{n}.png", SIZE, frozenset(("RBC", "WBC")))
                radii = rng.uniform(10, 30, (CELLS, 1)) * (1 + 0.1 * rng.standard_normal((CELLS, VERTICES)))
                x, y = rng.uniform(60, 580, (CELLS, 1)), rng.uniform(60, 420, (CELLS, 1))
                rings = np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], axis=2)
                shapes: Any = shapely.polygons(rings)
                writer.add_cells(id_, SIZE, ["RBC"] * CELLS, list(shapes), ["made"] * CELLS)
        first += count


def cpu_seconds(job: Callable[[], object]) -> float:
    """What a job takes of the processor."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    job()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def move_some(session: Session, key: str) -> float:
    """Move cells of an image one by one; the median CPU seconds of an edit."""
    state, seconds = session.image(key), []
    for n in range(EDITS):
        cell = dict(state["cells"][n % CELLS])
        outer = [[x + 0.25, y] for x, y in cell["parts"][0]["outer"]]
        cells = {str(cell["id"]): {**cell, "parts": [{"outer": outer, "holes": []}]}}
        patch = {"edit": f"e{n}", "revision": state["revision"], "title": "moved", "cells": cells}
        seconds.append(cpu_seconds(lambda patch=patch: state.update(session.edit(key, patch))))
    return statistics.median(seconds)


def row(step: str, seconds: float) -> dict[str, object]:
    """A row of the table."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"step": step, "CPU s": f"{seconds:.4f}", "peak so far, MB": round(peak)}


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--images", type=int, default=5000)
    asked = parser.parse_args()
    folder = asked.scratch / f"editing_{asked.images}"
    if not folder.exists():
        write_set(folder, asked.images)
    opened: list[Session] = []
    what = f"{asked.images:,} images, {asked.images * CELLS:,} outlines"
    rows = [row(f"open, {what}", cpu_seconds(lambda: opened.append(Session(folder))))]
    with opened[0] as session:
        key = session.overview()["images"][asked.images // 3]["key"]
        rows.append(row("list of all images", cpu_seconds(session.overview)))
        rows.append(row(f"an edit (median of {EDITS})", move_some(session, key)))
        rows.append(row("fold", cpu_seconds(session.fold)))
    (folder / "edits.jsonl").unlink()  # the next run edits with the same ids
    store("editing", rows)


if __name__ == "__main__":
    main()
