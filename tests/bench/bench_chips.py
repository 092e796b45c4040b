"""Chips a second: the published generator, the albumentations pipeline, and the pool, ratios of one run.

    SMEARPREP_DATA=... python -m tests.bench.bench_chips [--device cuda] [--rounds N]

On the ten real images with outlines of red cells, 188 px in and 100 px out. All but the pool on a GPU is on
one core; the jobs take turns, so that a slow moment of the machine is slow for all.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from smearprep import datasets
from smearprep.augmentation import Augmentation, Centres, centres_of, draw, equalise
from smearprep.augmentation.chips import sliced
from smearprep.augmentation.composed import pipeline
from smearprep.datasets.loading import LoadOptions
from smearprep.images import read
from smearprep.models.semantic.pool import ImagePool
from smearprep.targets import EDGE, MASK, rasterise
from tests.bench.measuring import raw_data, store
from tests.bench.published_chips import padded, published_chips

IN, OUT = 188, 100
RESIZED = Augmentation(scale=(0.8, 1.25), degrade=(0.5, 1.0))
TURN, GPU_TURN = 64, 6400
"""Chips of a turn: some batches, so that each job finds its memory as its last batch has left it."""
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Job:
    """Something that makes a batch of chips when it is called."""

    name: str
    batch: int
    make: Callable[[], object]
    wanted: str = ""


@dataclass(frozen=True)
class Field:
    """The images and targets of the bench."""

    images: Sequence[Image]
    targets: Sequence[Image]
    centres: Centres


def red_cells(raw: Path) -> Field:
    """The images with outlines of red cells, equalised, and their targets."""
    options = LoadOptions(extra={"rbc": "markup"})
    samples = [s for s in datasets.load(raw, options, "all_idb1").samples if "RBC" in s.annotated]
    targets = [rasterise([c for c in s.cells if c.label == "RBC"], s.size) for s in samples]
    images = [equalise(read(s.path, s.oriented)) for s in samples]
    return Field(images, targets, centres_of(targets, OUT))


def published_job(field: Field, batch: int) -> Job:
    """The published generator."""
    edge = (IN - OUT) // 2
    images = [padded(np.ascontiguousarray(image[..., ::-1]), edge) for image in field.images]
    masks, edges = (
        [padded((t & bit != 0).astype(np.uint8), edge) for t in field.targets] for bit in (MASK, EDGE)
    )
    rng = np.random.default_rng(0)
    return Job("published", batch, lambda: published_chips(images, masks, edges, rng, batch))


def pipeline_job(field: Field, batch: int) -> Job:
    """The albumentations pipeline, drawing included."""
    rng, steps = np.random.default_rng(0), pipeline(Augmentation(), IN, OUT, seed=0)

    def make() -> list[object]:
        draws = draw(field.centres, Augmentation(), rng, batch)
        made = []
        for k, number in enumerate(draws.image):
            shown, labelled = sliced(field.images[number], field.targets[number], draws, k, IN)
            made.append(steps(image=shown, mask=labelled))
        return made

    return Job("albumentations pipeline", batch, make)


def pool_job(pool: ImagePool, centres: Centres, batch: int, augmentation: Augmentation, **more: str) -> Job:
    """The pool, drawing included."""
    rng = np.random.default_rng(0)
    where = "cpu" if pool.device.type == "cpu" else f"cuda ({torch.cuda.get_device_name()})"
    name = f"pool on {where}" + (", degraded and scaled" if augmentation is RESIZED else "")
    return Job(name, batch, lambda: pool.chips(draw(centres, augmentation, rng, batch)), **more)


def seconds(job: Job) -> float:
    """Time of a turn of a job; what is queued on a GPU is waited for."""
    chips = GPU_TURN if job.name.startswith("pool on cuda") else TURN
    start = time.perf_counter()
    for _ in range(chips // job.batch):
        job.make()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / chips


def rates(jobs: Sequence[Job], rounds: int) -> list[float]:
    """Chips a second of each job: of its least time in rounds in which all take turns."""
    turns = [[seconds(job) for job in jobs] for _ in range(rounds + 1)]
    return [1 / min(own) for own in zip(*turns[1:], strict=True)]  # the first round warms up


def row(job: Job, rate: float, published: float) -> dict[str, object]:
    """A row of the table."""
    return {
        "job": job.name,
        "batch": job.batch,
        "chips/s": round(rate),
        "times published": round(rate / published, 2),
        "wanted": job.wanted,
    }


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="cuda adds the pool on it")
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    field = red_cells(raw_data() / "ALL_IDB1")
    wanted = {"cpu": ">= 2", "cuda": ">= 50"}
    pools = [
        ImagePool(field.images, field.targets, IN, OUT, device)
        for device in dict.fromkeys(["cpu", arguments.device])
    ]
    rows = []
    for batch in (8, 64):
        jobs = [published_job(field, batch), pipeline_job(field, batch)]
        for pool in pools:
            jobs += [
                pool_job(pool, field.centres, batch, Augmentation(), wanted=wanted[pool.device.type]),
                pool_job(pool, field.centres, batch, RESIZED),
            ]
        found = rates(jobs, arguments.rounds)
        rows += [row(job, rate, found[0]) for job, rate in zip(jobs, found, strict=True)]
    store("chips" if arguments.device == "cpu" else "chips_cuda", rows)


if __name__ == "__main__":
    main()
