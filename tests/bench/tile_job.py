"""Tile a folder of images by the bare loop and by smearprep's call, in turn, in one process.

python tile_job.py IMAGES SCRATCH WORKERS ROUNDS jpg|png

Prints seconds of the fastest round of each: imports and the start of the interpreter are in neither.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from smearprep.recipes import ImageFiles
from smearprep.steps import one_step
from smearprep.tiling import Tile
from tests.bench import floor


def seconds(job: Callable[[], object], out: Path) -> float:
    """Wall time of a job that writes to a folder which is not there before."""
    shutil.rmtree(out, ignore_errors=True)
    os.sync()
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    images, out, workers, rounds = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    kind, window = sys.argv[5], Tile((512, 512), (256, 256))
    files = ImageFiles("png" if kind == "png" else "jpg")

    def bare() -> None:
        with ThreadPoolExecutor(workers) as pool:
            floor.tile_all(images, out, pool, kind)

    def ours() -> None:
        one_step("tile", images, out, dataset="folder", tile=window, workers=workers, images=files)

    times = [(seconds(bare, out), seconds(ours, out)) for _ in range(rounds)]
    print(min(bare for bare, _ in times), min(ours for _, ours in times))


if __name__ == "__main__":
    main()
