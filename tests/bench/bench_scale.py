"""Large sets: how time and memory grow with the number of images, step by step.

    python -m tests.bench.bench_scale [--sizes 10000,100000] [--scratch DIR] [--without-report]

The images are PNG files of a few bytes in which there is nothing to decode, with two cells in each: what is
measured is what smearprep does beside reading pixels. Each step runs in a process of its own; "growth" is
how many times longer it takes than at the size before, per image (1: it grows as the set does). Give
1000000 for a million.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import struct
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.measuring import measure, smearprep, store

SIZE = (640, 480)


# ---------------------------------------------------------------- the images


def write_raw(root: Path, count: int) -> None:
    """A plain folder of images, 1,000 in each sub-folder, with their outlines in one COCO file."""
    from smearprep.formats.coco import CocoWriter

    with CocoWriter(root / "cells.json", ("WBC", "RBC")) as writer:
        for n in range(count):
            name = f"smear{n // 1000:04}/i{n:07}.png"
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(tiny_png(n))
            id_ = writer.add_image(name, SIZE, frozenset({"WBC", "RBC"}))
            writer.add_cells(id_, SIZE, ["WBC", "RBC"], [ring(n % 400, 20), ring(n % 300, 12)], ["drawn"] * 2)


def ring(x: float, radius: float) -> Any:
    """An outline of 32 vertices."""
    from shapely.geometry import Point

    return Point(x + 50, 100).buffer(radius, quad_segs=8)


def tiny_png(n: int) -> bytes:
    """A black image of 1 bit a px; no two of them have the same bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes((SIZE[0] // 8 + 1) * SIZE[1]), 9)
    head = struct.pack(">IIBBBBB", *SIZE, 1, 0, 0, 0, 0)
    text = chunk(b"tEXt", b"n\0" + str(n).encode())
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + text + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


# ---------------------------------------------------------------- the steps


def steps(root: Path) -> None:
    """Load, plan, split and write a set but for its pixels; tells of each the CPU s and the peak memory."""
    from smearprep import datasets
    from smearprep.planning import plan
    from smearprep.recipes import Recipe, Source
    from smearprep.set_files import write_annotations

    recipe = Recipe("scale", (Source("folder"),))
    told: dict[str, tuple[float, float]] = {}
    raw = timed(told, "load", lambda: datasets.load(root / "raw", name="folder"))
    the_plan = timed(told, "plan and split", lambda: plan(recipe, [(recipe.sources[0], raw)]))
    digests = timed(told, "write COCO", lambda: write_annotations(the_plan, recipe, root / "set"))
    timed(told, "write the manifest", lambda: finish(root / "set", recipe, the_plan, digests))
    print(json.dumps(told))


def finish(out: Path, recipe: Any, the_plan: Any, digests: dict[str, str]) -> None:
    """Put the images of a set in their place, unchanged, and write its manifest."""
    from smearprep.findings import Summary
    from smearprep.images import file_digest
    from smearprep.rendering import Rendered, tasks
    from smearprep.set_files import write_manifest

    results, cells = [], sum(len(view.cells) for view in the_plan.views)
    for task in tasks(the_plan, recipe.images):
        digest, (name, _) = file_digest(task.path), task.views[0]
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).hardlink_to(task.path)
        results.append(Rendered(task.key, task.source, digest, {name: digest}))
    counts = {"views": len(the_plan.views), "cells": cells}
    write_manifest(recipe, "0", results, digests, Summary("split", counts=counts), out)


def timed(told: dict[str, tuple[float, float]], name: str, job: Callable[[], Any]) -> Any:
    """What a job returns; its CPU s and the peak memory in MB are noted."""
    start = time.process_time()
    result = job()
    told[name] = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return result


def measured(root: Path, count: int, report: bool) -> dict[str, tuple[float, float]]:
    """Of each step (CPU s, peak MB) for so many images."""
    write_raw(root / "raw", count)
    one = [sorted(os.sched_getaffinity(0))[0]]
    own = measure([sys.executable, "-m", "tests.bench.bench_scale", "--steps", str(root)], one, 1)
    rows = {name: (seconds, peak) for name, (seconds, peak) in json.loads(own.output).items()}
    for name in ("check", "report") if report else ("check",):
        start = children()
        run = measure(smearprep(name, str(root / "set")), one, 1)
        rows[f"{name} (command)"] = children() - start, run.peak_mb
        print(f"{count:,} images, {name}: {children() - start:.1f} CPU s, {run.peak_mb:.0f} MB", flush=True)
    return rows


def children() -> float:
    """The CPU s of all processes that have ended here."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure all sizes, and store the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", default="10000,100000")
    parser.add_argument("--scratch", type=Path)
    parser.add_argument("--without-report", action="store_true")
    parser.add_argument("--steps", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.steps:
        steps(args.steps)
        return
    sizes = [int(size) for size in args.sizes.split(",")]
    rows: list[dict[str, object]] = []
    before: dict[str, tuple[float, float]] = {}
    for n, count in enumerate(sizes):
        with tempfile.TemporaryDirectory(dir=args.scratch, prefix="scale") as folder:
            found = measured(Path(folder), count, not args.without_report)
        for name, (seconds, peak) in found.items():
            row: dict[str, object] = {"images": f"{count:,}", "step": name, "CPU s": f"{seconds:.1f}"}
            growth = seconds / count / (before[name][0] / sizes[n - 1]) if name in before else None
            rows.append(
                {**row, "peak MB": f"{peak:.0f}", "growth": "" if growth is None else f"{growth:.2f}"}
            )
        before = found
    store("scale", rows)


if __name__ == "__main__":
    main()
