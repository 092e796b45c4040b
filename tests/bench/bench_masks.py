"""Masks -> outlines: exact along the pixels' edges, holes kept, beside what is usually done in a few lines.

    SMEARPREP_DATA=... python -m tests.bench.bench_masks [--peers PYTHON] [--images N] [--rounds N]

The red-cell masks of ALL-IDB1, decoded before, on one core; each way takes turns, and the least time
counts. "Exact" is the share of masks whose outlines give, drawn, the same pixels again. `--peers` names the
Python of an environment with supervision and datumaro.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

from smearprep.formats.masks import read_mask
from smearprep.geometry import mask_to_shapes, shape_to_mask
from tests.bench.measuring import in_turns, measure, peer_versions, raw_data, store

Mask = NDArray[np.bool_]
JOBS = Path(__file__).with_name("masks_jobs.py")


def by_contours(mask: Mask) -> list[Polygon]:
    """As it is usually done: OpenCV's outer contours, which run through the middles of pixels."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [Polygon(ring[:, 0]) for ring in found if len(ring) >= 3]


def by_smearprep(mask: Mask) -> list[Polygon]:
    """Every region, holes kept."""
    return mask_to_shapes(mask)[0]


WAYS: dict[str, Callable[[Mask], list[Polygon]]] = {
    "smearprep": by_smearprep,
    "cv2.findContours": by_contours,
}


def exact(way: Callable[[Mask], list[Polygon]], masks: Sequence[Mask]) -> float:
    """Share of masks that come back."""
    same = 0
    for mask in masks:
        again = np.zeros_like(mask)
        for shape in way(mask):
            again |= shape_to_mask(shape, (mask.shape[1], mask.shape[0]))
        same += bool((again == mask).all())
    return same / len(masks)


def own_rows(masks: Sequence[Mask], rounds: int) -> list[dict[str, object]]:
    """The ways of this environment; the first is smearprep's."""
    jobs = [lambda way=way: [way(mask) for mask in masks] for way in WAYS.values()]
    seconds = in_turns(jobs, rounds)
    return [
        _row(name, sum(len(way(mask)) for mask in masks), one, seconds[0], exact(way, masks))
        for (name, way), one in zip(WAYS.items(), seconds, strict=True)
    ]


def _row(name: str, outlines: int, seconds: float, ours: float, share: float | None) -> dict[str, object]:
    told = {
        "job": name,
        "outlines": outlines,
        "s": round(seconds, 3),
        "outlines/s": round(outlines / seconds),
    }
    times = {"time over smearprep's": round(seconds / ours, 2)}
    return {**told, **times, "exact": "" if share is None else f"{100 * share:.0f} %"}


def peer_rows(python: str, masks: Sequence[Mask], rounds: int, ours: float) -> list[dict[str, object]]:
    """What others need for the same masks."""
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "masks.npz"
        np.savez(file, *masks)
        for name in ("supervision", "datumaro"):
            told = json.loads(measure([python, str(JOBS), name, str(file), str(rounds)], (0,), 1).output)
            rows.append(_row(name, told["outlines"], told["seconds"], ours, None))
    return rows


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", metavar="PYTHON")
    parser.add_argument("--images", type=int, help="only so many masks; default: all")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    files = sorted((raw_data() / "ALL_IDB1" / "masks" / "rbc").iterdir())[: arguments.images]
    masks = [read_mask(file) for file in files]
    rows = own_rows(masks, arguments.rounds)
    if arguments.peers:
        rows += peer_rows(arguments.peers, masks, arguments.rounds, float(str(rows[0]["s"])))
    peers = peer_versions(arguments.peers, "supervision", "datumaro") if arguments.peers else None
    store("masks", rows, peers=peers)


if __name__ == "__main__":
    main()
