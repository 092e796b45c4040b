"""Large sets: how time and memory grow with the number of images, step by step.

    python -m tests.bench.bench_scale [--sizes 10000,100000] [--million] [--scratch DIR]

"images": so many raw images of 640x480 px with two cells each, split. "windows": so many 512x512 windows with
stride 256 of raw images of 2592x1944 px with 24 cells each, split. The files are PNG of a few bytes in which
there is nothing to decode: what is measured is what smearprep does beside pixels. Each step runs in a process
of its own; "growth" is how many times longer it takes than at the size before, per image (1: it grows as the
set does). --million adds a million windows, which takes most of an hour and 8 GB of disk and memory.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import struct
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from shapely.geometry import Point

from smearprep import datasets
from smearprep.findings import Summary
from smearprep.formats.coco import CocoWriter
from smearprep.planning import plan
from smearprep.recipes import Recipe, Source
from smearprep.records import Plan
from smearprep.rendering import Rendered, tasks
from smearprep.set_files import write_annotations, write_manifest
from smearprep.tiling import Shaping, Tile, views
from tests.bench.measuring import measure, smearprep, store


@dataclass(frozen=True)
class Kind:
    """A kind of set.

    Args:
        size: (width, height) in px of a raw image.
        cells: How many it has.
        tile: Its windows, or None: it is kept whole.
    """

    size: tuple[int, int]
    cells: int
    tile: Tile | None = None

    def raw_images(self, images: int) -> int:
        """How many raw images there must be for a set of so many images."""
        return math.ceil(images / len(views(self.size, Shaping(tile=self.tile))))


KINDS = {
    "images": Kind((640, 480), 2),
    "windows": Kind((2592, 1944), 24, Tile((512, 512), (256, 256))),
}


# ---------------------------------------------------------------- the images


def write_raw(root: Path, kind: Kind, count: int) -> None:
    """A plain folder of images, 1,000 in each sub-folder, with their outlines in one COCO file."""
    labels = ("WBC", "RBC")
    with CocoWriter(root / "cells.json", labels) as writer:
        for n in range(count):
            name = f"smear{n // 1000:04}/i{n:07}.png"
            write_tiny(root / name, n, kind.size)
            id_ = writer.add_image(name, kind.size, frozenset(labels))
            shapes = [ring(n, k, kind.size) for k in range(kind.cells)]
            writer.add_cells(
                id_, kind.size, [labels[k % 2] for k in range(kind.cells)], shapes, ["drawn"] * kind.cells
            )


def ring(n: int, k: int, size: tuple[int, int]) -> Any:
    """The outline of a cell, of 32 vertices, anywhere in an image."""
    radius = 12 + 8 * (k % 2)
    x, y = ((97 * n + 331 * k) % (size[0] - 50) + 25, (41 * n + 173 * k) % (size[1] - 50) + 25)
    return Point(x, y).buffer(radius, quad_segs=8)


def write_tiny(path: Path, n: int, size: tuple[int, int]) -> str:
    """Write a black image of 1 bit a px, unlike that of any other n; returns its digest."""
    data = tiny_png(n, size)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return sha256(data).hexdigest()


def tiny_png(n: int, size: tuple[int, int]) -> bytes:
    """Its bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", *size, 1, 0, 0, 0, 0)
    text = chunk(b"tEXt", b"n\0" + str(n).encode())
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + text + chunk(b"IDAT", black(size)) + chunk(b"IEND", b"")
    )


@lru_cache
def black(size: tuple[int, int]) -> bytes:
    """The compressed rows."""
    return zlib.compress(bytes((size[0] // 8 + 1) * size[1]), 9)


# ---------------------------------------------------------------- the steps


def steps(root: Path, kind: Kind) -> None:
    """Load, plan, split and write a set but for its pixels; tells of each the CPU s and the peak memory."""
    recipe = Recipe("scale", (Source("folder", tile=kind.tile),))
    told: dict[str, tuple[float, float]] = {}
    raw = timed(told, "load", lambda: datasets.load(root / "raw", name="folder"))
    the_plan = timed(told, "plan and split", lambda: plan(recipe, [(recipe.sources[0], raw)]))
    digests = timed(told, "write COCO", lambda: write_annotations(the_plan, recipe, root / "set"))
    rendered = list(images(the_plan, recipe, root / "set"))
    cells = sum(len(view.cells) for view in the_plan.views)
    summary = Summary("split", counts={"views": len(the_plan.views), "cells": cells})
    timed(
        told,
        "write the manifest",
        lambda: write_manifest(recipe, "0", rendered, digests, summary, root / "set"),
    )
    print(json.dumps({"images": len(the_plan.views), "cells": cells, "steps": told}))


def images(the_plan: Plan, recipe: Recipe, out: Path) -> Iterator[Rendered]:
    """Write the images of a set, with nothing on them."""
    number = 0
    for task in tasks(the_plan, recipe.images):
        written = {}
        for name, view in task.views:
            written[name] = write_tiny(out / name, number, view.size)
            number += 1
        yield Rendered(task.key, task.source, "0" * 64, written)


def timed(told: dict[str, tuple[float, float]], name: str, job: Callable[[], Any]) -> Any:
    """What a job returns; its CPU s and the peak memory in MB are noted."""
    start = time.process_time()
    result = job()
    told[name] = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return result


def measured(root: Path, name: str, count: int) -> tuple[dict[str, tuple[float, float]], int]:
    """Of each step (CPU s, peak MB) for a set of so many images; and how many cells it has."""
    kind = KINDS[name]
    write_raw(root / "raw", kind, kind.raw_images(count))
    one = [sorted(os.sched_getaffinity(0))[0]]
    own = measure([sys.executable, "-m", "tests.bench.bench_scale", "--steps", name, str(root)], one, 1)
    found = json.loads(own.output)
    assert found["images"] >= count, "windows were left out"
    rows = {step: (seconds, peak) for step, (seconds, peak) in found["steps"].items()}
    print(f"{count:,} {name}: {rows}", flush=True)
    for step in ("check", "report"):
        start = children()
        run = measure(smearprep(step, str(root / "set")), one, 1)
        rows[f"{step} (command)"] = children() - start, run.peak_mb
        print(f"{count:,} {name}, {step}: {children() - start:.1f} CPU s, {run.peak_mb:.0f} MB", flush=True)
    return rows, found["cells"]


def children() -> float:
    """The CPU s of all processes that have ended here."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def rows_of(name: str, sizes: list[int], scratch: Path | None) -> Iterator[dict[str, object]]:
    """The rows of the table for one kind of set."""
    before: dict[str, tuple[float, float]] = {}
    for n, count in enumerate(sizes):
        with tempfile.TemporaryDirectory(dir=scratch, prefix="scale") as folder:
            found, cells = measured(Path(folder), name, count)
        for step, (seconds, peak) in found.items():
            growth = seconds / count / (before[step][0] / sizes[n - 1]) if step in before else None
            yield {
                "set": f"{count:,} {name}",
                "cells": f"{cells:,}",
                "step": step,
                "CPU s": f"{seconds:.1f}",
                "peak MB": f"{peak:.0f}",
                "growth": "" if growth is None else f"{growth:.2f}",
            }
        before = found


def main() -> None:
    """Measure all sets, and store the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", default="10000,100000")
    parser.add_argument("--million", action="store_true", help="a million windows, too")
    parser.add_argument("--scratch", type=Path)
    parser.add_argument("--steps", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.steps:
        steps(Path(args.steps[1]), KINDS[args.steps[0]])
        return
    sizes = [int(size) for size in args.sizes.split(",")]
    more = {"images": sizes, "windows": [*sizes, 1_000_000] if args.million else sizes}
    store("scale", [row for name, some in more.items() for row in rows_of(name, some, args.scratch)])


if __name__ == "__main__":
    main()
