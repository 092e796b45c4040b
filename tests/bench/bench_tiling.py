"""Tiling against a bare loop, and the whole job and the clipping against sahi: ratios of one run.

    SMEARPREP_DATA=... python -m tests.bench.bench_tiling [--peers PYTHON] [--repeats N] [--images N]
        [--scratch DIR]

`--peers` names the Python of an environment in which sahi is installed; without it those rows are left out.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.bench.measuring import Measured, measure, measure_beside, peer_versions, raw_data, smearprep, store

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


def tiling(images: Path, scratch: Path, repeats: int, kind: str) -> list[dict[str, object]]:
    """Images to 512/256 windows, without cells, beside the bare loop, as a call and as a command.

    Args:
        images: A folder of JPEG files.
        scratch: Where to write.
        repeats: The least time counts.
        kind: Of the windows: "jpg" or "png".
    """
    out, count = scratch / "out", len(list(images.iterdir()))
    rows: list[dict[str, object]] = []
    for cores in ((0,), (0, 1)):
        workers = str(len(cores))
        floor, ours = measure_beside(
            [
                [sys.executable, str(HERE / "floor.py"), str(images), str(out), workers, kind],
                tile(images, out, workers, kind),
            ],
            cores, repeats, lambda: empty(out),
        )  # fmt: skip
        job = [sys.executable, "-m", "tests.bench.tile_job"]
        calls = measure(
            [*job, str(images), str(out), workers, str(repeats), kind], cores, 1, lambda: empty(out)
        )
        bare, call = (Measured(float(word), calls.peak_mb, "") for word in calls.output.split())
        told = f"{count} images to {kind}, {workers} core(s)"
        rows.append(row(f"tile {told}, the call against the bare loop", call, bare, ">= 0.9"))
        rows.append(row(f"tile {told}, as commands, start and imports included", ours, floor, ""))
    return rows


def memory(images: Path, scratch: Path) -> list[dict[str, object]]:
    """Peak memory of all images over that of every eighth one."""
    few = scratch / "few"
    few.mkdir()
    chosen = sorted(images.iterdir())[::8]  # of both image sizes
    for path in chosen:
        (few / path.name).symlink_to(path.resolve())
    rows: list[dict[str, object]] = []
    for cores in ((0,), (0, 1)):
        workers, out = str(len(cores)), scratch / "out"
        empty(out)
        many = measure(tile(images, out, workers, "jpg"), cores, 1)
        empty(out)
        ten = measure(tile(few, out, workers, "jpg"), cores, 1)
        job = f"peak memory, {len(list(images.iterdir()))} images over {len(chosen)}, {workers} worker(s)"
        rows.append(
            {
                "job": job,
                "ratio": round(many.peak_mb / ten.peak_mb, 3),
                "wanted": "<= 1.1, under 300 MB a worker",
                "smearprep MB": round(many.peak_mb),
                "other MB": round(ten.peak_mb),
            }
        )
    return rows


def tile(images: Path, out: Path, workers: str, kind: str) -> list[str]:
    """The command."""
    how = ["--dataset", "folder", "--workers", workers, "--format", kind]
    return smearprep("tile", str(images), str(out), *how)


def empty(folder: Path) -> None:
    """Remove what the last run has written."""
    shutil.rmtree(folder, ignore_errors=True)


def beside_sahi(raw: Path, scratch: Path, python: str, repeats: int, most: int) -> list[dict[str, object]]:
    """The images with markup: the whole job on one core and on two, and the clipping alone on one."""
    ten = scratch / "ten"
    for folder in ("im", "markup"):
        (ten / folder).mkdir(parents=True)
    for path in sorted((raw / "markup").iterdir())[:most]:
        (ten / "markup" / path.name).symlink_to(path)
        (ten / "im" / f"{path.stem}.jpg").symlink_to(raw / "im" / f"{path.stem}.jpg")
    coco, out = scratch / "ten.json", scratch / "sahi"
    measure(smearprep("convert", str(ten / "markup"), "-o", str(coco)), (0,), 1)
    script = str(HERE / "sahi_jobs.py")
    rows: list[dict[str, object]] = []
    for kind, cores, wanted in (
        ("jpg", (0,), ">= 8"), ("jpg", (0, 1), ">= 8"), ("png", (0,), ">= 10"), ("png", (0, 1), ">= 10"),
    ):  # fmt: skip
        whole, ours = measure_beside(
            [
                [python, script, "whole", str(coco), str(ten / "im"), str(out), kind],
                smearprep("tile", str(ten), str(out), "--format", kind),
            ],
            cores, repeats, lambda: empty(out),
        )  # fmt: skip
        job = f"images with outlines to {kind}, {len(cores)} core(s), whole job against sahi slice_coco"
        rows.append(row(job, ours, whole, wanted))
    theirs = measure([python, script, "clip", str(coco)], (0,), 1)
    mine = measure([sys.executable, str(HERE / "clip_job.py"), str(ten)], (0,), repeats)
    a, b = float(mine.output.split()[-1]), float(theirs.output.split()[-1])
    rows.append(
        row(
            "clipping these outlines to their windows, against sahi",
            Measured(a, mine.peak_mb, ""), Measured(b, theirs.peak_mb, ""), ">= 15",
        )
    )  # fmt: skip
    crash = measure(
        [python, script, "crash", str(ten / "markup"), str(ten / "im"), str(out)], (0,), 1, lambda: empty(out)
    )
    rows.append(
        {"job": "sahi on the markup as it is (ours: done, left out and named)", "ratio": crash.output.strip()}
    )
    return rows


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", help="Python of an environment with sahi")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--images", type=int, help="only so many; default: all of ALL-IDB1")
    parser.add_argument("--scratch", help="where to write; a RAM disk leaves the disk's moods out of it")
    arguments = parser.parse_args()
    raw = raw_data() / "ALL_IDB1"
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as name:
        scratch, images = Path(name), Path(name) / "im"
        images.mkdir()
        for path in sorted((raw / "im").iterdir())[: arguments.images]:
            (images / path.name).symlink_to(path)
        rows = [row for kind in ("jpg", "png") for row in tiling(images, scratch, arguments.repeats, kind)]
        rows += memory(images, scratch)
        if arguments.peers:
            rows += beside_sahi(raw, scratch, arguments.peers, arguments.repeats, arguments.images or 10)
    store("tiling", rows, peers=peer_versions(arguments.peers, "sahi") if arguments.peers else None)


if __name__ == "__main__":
    main()
