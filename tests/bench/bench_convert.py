"""Markup -> COCO: polygons a second beside a bare `orjson.loads` of the same files, and memory at 500,000.

    SMEARPREP_DATA=... python -m tests.bench.bench_convert [--rounds N] [--polygons N]

Both loops run in one process, in turn, on one core; of each the fastest round counts, so that what else
the machine does disturbs least. Nothing is stored about the machine but its hardware.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.measuring import measure, raw_data, store

LABELS = {"Truck": "RBC", "Tanker": "RBC", "Trailer": "RBC"}


def rounds(markup: Path, out: Path, count: int) -> None:
    """Print polygons read, and seconds of the fastest bare and of the fastest whole round."""
    import orjson

    from smearprep.converting import convert

    files = sorted(markup.iterdir())
    bare, whole, read = [], [], 0
    for _ in range(count):
        start = time.perf_counter()
        for file in files:
            orjson.loads(file.read_bytes())
        middle = time.perf_counter()
        read = convert([markup], out, labels=LABELS).counts["shapes_read"]
        bare.append(middle - start)
        whole.append(time.perf_counter() - middle)
    print(read, min(bare), min(whole))


def many(markup: Path, out: Path) -> None:
    """Convert a large folder once; print polygons read and seconds."""
    from smearprep.converting import convert

    start = time.perf_counter()
    read = convert([markup], out, labels=LABELS).counts["shapes_read"]
    print(read, time.perf_counter() - start)


def repeated(markup: Path, folder: Path, polygons: int) -> Path:
    """A folder in which the ten files lie under other names as often as it takes."""
    folder.mkdir()
    for n in range(-(-polygons // 3833)):
        for file in sorted(markup.iterdir()):
            (folder / f"{n:04}_{file.name}").symlink_to(file)
    return folder


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--polygons", type=int, default=500_000)
    parser.add_argument("--job", nargs=3, metavar=("NAME", "MARKUP", "OUT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        name, given, out = arguments.job
        if name == "rounds":
            rounds(Path(given), Path(out), arguments.rounds)
        else:
            many(Path(given), Path(out))
        return
    markup = raw_data() / "ALL_IDB1" / "markup"
    this = [sys.executable, "-m", "tests.bench.bench_convert", "--rounds", str(arguments.rounds), "--job"]
    with tempfile.TemporaryDirectory() as scratch:
        out = str(Path(scratch) / "out.json")
        few = measure([*this, "rounds", str(markup), out], (0,), 1)
        folder = repeated(markup, Path(scratch) / "many", arguments.polygons)
        large = measure([*this, "many", str(folder), out], (0,), 1)
    read, bare, whole = (float(word) for word in few.output.split())
    read_many, seconds = (float(word) for word in large.output.split())
    store(
        "convert",
        [
            {
                "job": "10 markup files -> COCO, one core", "polygons": int(read),
                "polygons/s": round(read / whole), "time over bare orjson.loads": round(whole / bare, 2),
                "peak MB": round(few.peak_mb), "wanted": ">= 25,000/s",
            },
            {
                "job": "the same files many times over", "polygons": int(read_many),
                "polygons/s": round(read_many / seconds), "peak MB": round(large.peak_mb),
                "wanted": "<= 300 MB",
            },
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
