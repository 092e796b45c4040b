"""The ablation of the YOLACT-CIS paper on real data: white cells of ALL-IDB1 windows and BCCD, one by one.

    SMEARPREP_DATA=... python -m tests.bench.yolact_as_published --scratch DIR [--device cuda] [--epochs N]

Prepares the set `yolact-cis`, makes outlines (ALL-IDB1: touching cells of the masks parted; BCCD: from its
boxes), trains the rows that are named, measures them on the test images (held out by smear), and writes
results/yolact_DEVICE.* with the published figures beside. Given again with the same folder, it goes on.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from smearprep.assist import assist
from smearprep.models.ablation import ablate, load_rows
from smearprep.models.hardware import Hardware
from smearprep.models.recipes import InstanceRecipe
from smearprep.prepare import prepare
from smearprep.recipes import load_recipe
from tests.bench.measuring import store

ROWS = ("yolact", "S = 2", "S = 4", "S = 8", "yolact-cis")


def main() -> None:
    """Prepare, train, measure, store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--epochs", type=int, help="default: the paper's 600")
    parser.add_argument("--size", type=int, help="px; default: the paper's 550")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--rows", nargs="+", default=["yolact-cis"], choices=ROWS)
    arguments = parser.parse_args()
    raw = Path(os.environ["SMEARPREP_DATA"]).resolve()
    folder = arguments.scratch / "yolact-cis"
    if not (folder / "manifest.json").is_file():
        prepare(load_recipe("yolact-cis"), [(None, raw / "ALL_IDB1"), (None, raw / "BCCD")], folder)
    assist(folder, part=True)  # of what has outlines already, nothing changes
    hardware = Hardware(device=arguments.device, compile=arguments.compile)
    rows: list[dict[str, object]] = []
    for row in load_rows(["yolact-cis"], epochs=arguments.epochs, size=arguments.size):
        if row.name in arguments.rows:
            assert isinstance(row.recipe, InstanceRecipe)
            begin = time.perf_counter()
            found = ablate([row], folder, arguments.scratch / "ablation", hardware=hardware)
            seconds = time.perf_counter() - begin
            more = {"epochs": row.recipe.epochs, "size": row.recipe.size, "s": round(seconds)}
            rows += [{**line, **more} for line in found.tables["rows"]]
    store(f"yolact_{hardware.kind}", rows)


if __name__ == "__main__":
    main()
