"""Clip the outlines of a raw folder to their 512/256 windows; print pieces and seconds.

python clip_job.py RAW
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from smearprep import datasets
from smearprep.tiling import Shaping, Tile, show_cells

if __name__ == "__main__":
    samples = datasets.load(Path(sys.argv[1])).samples
    start = time.perf_counter()
    pieces = sum(len(cells) for sample in samples for _, cells in show_cells(sample, Shaping(tile=Tile())))
    print(pieces, time.perf_counter() - start)
