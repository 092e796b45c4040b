"""Tiling against a bare loop, and the whole job and the clipping against sahi: ratios of one run.

    SMEARPREP_DATA=... python -m tests.bench.bench_tiling [--sahi PYTHON] [--repeats N] [--scratch DIR]

`--sahi` names the Python of an environment in which sahi is installed; without it those rows are left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.bench.measuring import Measured, measure, measure_beside, smearprep, store

HERE = Path(__file__).parent


def row(job: str, ours: Measured, other: Measured, wanted: str) -> dict[str, object]:
    """A row of the table: how many times as fast as the other we are."""
    return {
        "job": job,
        "smearprep s": round(ours.seconds, 2),
        "other s": round(other.seconds, 2),
        "ratio": round(other.seconds / ours.seconds, 2),
        "wanted": wanted,
        "smearprep MB": round(ours.peak_mb),
        "other MB": round(other.peak_mb),
    }


def tiling(raw: Path, scratch: Path, repeats: int) -> list[dict[str, object]]:
    """All images of ALL-IDB1 to 512/256 JPEG windows, images only, beside the bare loop; memory."""
    few = scratch / "few"
    few.mkdir()
    for path in sorted((raw / "im").iterdir())[::8]:  # of both image sizes
        (few / path.name).symlink_to(path)
    out = scratch / "out"

    def empty() -> None:
        shutil.rmtree(out, ignore_errors=True)

    rows: list[dict[str, object]] = []
    for cores in ((0,), (0, 1)):
        count = str(len(cores))
        floor, ours = measure_beside(
            [
                [sys.executable, str(HERE / "floor.py"), str(raw / "im"), str(out), count],
                smearprep("tile", str(raw / "im"), str(out), "--dataset", "folder", "--workers", count),
            ],
            cores, repeats, empty,
        )  # fmt: skip
        job = [sys.executable, "-m", "tests.bench.tile_job", str(raw / "im"), str(out), count, str(repeats)]
        calls = measure(job, cores, 1, empty)
        bare, call = (Measured(float(word), calls.peak_mb, "") for word in calls.output.split())
        rows.append(
            row(f"tile 78 images, {count} core(s), the call against the bare loop", call, bare, ">= 0.9")
        )
        rows.append(
            row(f"the same as commands, start and imports included, {count} core(s)", ours, floor, "")
        )
        ten = measure(
            smearprep("tile", str(few), str(out), "--dataset", "folder", "--workers", count), cores, 1, empty
        )
        rows.append(
            {
                "job": f"peak memory, 78 images over 10, {count} worker(s)",
                "ratio": round(ours.peak_mb / ten.peak_mb, 3),
                "wanted": "<= 1.1, under 300 MB a worker",
                "smearprep MB": round(ours.peak_mb),
                "other MB": round(ten.peak_mb),
            }
        )
    return rows


def beside_sahi(raw: Path, scratch: Path, python: str, repeats: int) -> list[dict[str, object]]:
    """The ten images with markup: the whole job, and the clipping alone, on one core."""
    ten = scratch / "ten"
    (ten / "im").mkdir(parents=True)
    (ten / "markup").symlink_to(raw / "markup")
    for path in sorted((raw / "markup").iterdir()):
        (ten / "im" / f"{path.stem}.jpg").symlink_to(raw / "im" / f"{path.stem}.jpg")
    coco, out = scratch / "ten.json", scratch / "sahi"
    measure(smearprep("convert", str(raw / "markup"), "-o", str(coco)), (0,), 1)

    def empty() -> None:
        shutil.rmtree(out, ignore_errors=True)

    script = str(HERE / "sahi_jobs.py")
    whole, ours = measure_beside(
        [
            [python, script, "whole", str(coco), str(ten / "im"), str(out)],
            smearprep("tile", str(ten), str(out), "--workers", "1"),
        ],
        (0,), repeats, empty,
    )  # fmt: skip
    rows = [row("10 images, 3,832 outlines, whole job, against sahi slice_coco", ours, whole, ">= 5")]
    theirs = measure([python, script, "clip", str(coco)], (0,), 1)
    mine = measure([sys.executable, str(HERE / "clip_job.py"), str(ten)], (0,), repeats)
    a, b = float(mine.output.split()[-1]), float(theirs.output.split()[-1])
    rows.append(
        row(
            "clipping these outlines to their windows, against sahi",
            Measured(a, mine.peak_mb, ""), Measured(b, theirs.peak_mb, ""), ">= 10",
        )
    )  # fmt: skip
    crash = measure([python, script, "crash", str(raw / "markup"), str(ten / "im"), str(out)], (0,), 1, empty)
    rows.append(
        {"job": "sahi on the markup as it is (ours: done, left out and named)", "ratio": crash.output.strip()}
    )
    return rows


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sahi", help="Python of an environment with sahi")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scratch", help="where to write; a RAM disk leaves the disk's moods out of it")
    arguments = parser.parse_args()
    raw = Path(os.environ["SMEARPREP_DATA"]).resolve() / "ALL_IDB1"
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as name:
        rows = tiling(raw, Path(name), arguments.repeats)
        if arguments.sahi:
            rows += beside_sahi(raw, Path(name), arguments.sahi, arguments.repeats)
    store("tiling", rows)


if __name__ == "__main__":
    main()
