"""The ablation of the YOLACT-CIS paper on real data: white cells of ALL-IDB1 windows and BCCD, one by one.

    SMEARPREP_DATA=... python -m tests.bench.yolact_as_published --scratch DIR [--device cuda] [--epochs N]

Prepares the set `yolact-cis`, makes outlines (ALL-IDB1: touching cells of the masks parted; BCCD: from its
boxes), trains the rows that are named, measures them on the test images (held out by smear), and writes
results/yolact_trained_DEVICE.* with the published figures beside. Given again with the same folder, it goes
on. On a computer without the raw data `--set` names a set that is ready, with its outlines; `--only-set`
makes that set and no more. `--results` has the figures written elsewhere.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from smearprep.assist import assist
from smearprep.jsonfiles import read_json, write_json
from smearprep.models.ablation import AblationRow, ablate, load_rows
from smearprep.models.hardware import Hardware
from smearprep.models.recipes import InstanceRecipe
from smearprep.prepare import prepare
from smearprep.recipes import load_recipe
from tests.bench.measuring import RESULTS, raw_data, store

ROWS = ("yolact", "S = 2", "S = 4", "S = 8", "yolact-cis")
_TOLD_EVERY = 30.0  # s


def made_set(folder: Path) -> Path:
    """The prepared set with its outlines; it is made where it is not there."""
    if not (folder / "manifest.json").is_file():
        raw = raw_data()
        prepare(load_recipe("yolact-cis"), [(None, raw / "ALL_IDB1"), (None, raw / "BCCD")], folder)
    assist(folder, part=True)  # of what has outlines already, nothing changes
    return folder


class Clock:
    """Tells how far a row is, and knows for how long it was trained and measured, over all calls.

    Args:
        file: Keeps the seconds of the rows.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.seconds: dict[str, float] = read_json(file) if file.is_file() else {}
        self._told = 0.0
        self._row, self._steps = "", 0

    def run(self, row: AblationRow, folder: Path, out: Path, hardware: Hardware) -> None:
        """Train and measure a row; one that is done adds nothing."""
        self._row, self._steps, begin = row.name, 0, time.perf_counter()
        try:
            ablate([row], folder, out, hardware=hardware, progress=self._progress)
        finally:
            if self._steps:
                self.seconds[row.name] = self.seconds.get(row.name, 0) + time.perf_counter() - begin
                write_json(self._file, self.seconds)

    def _progress(self, done: int, total: int) -> None:
        self._steps += 1
        if time.monotonic() >= self._told + _TOLD_EVERY or done == total:
            self._told = time.monotonic()
            print(f"{self._row}: step {done} of {total}", flush=True)


def measured(
    rows: Sequence[AblationRow], folder: Path, scratch: Path, hardware: Hardware
) -> list[dict[str, object]]:
    """Train and measure rows one by one; the table of all, with the seconds that each took."""
    clock = Clock(scratch / f"seconds_{hardware.kind}.json")
    for row in rows:
        clock.run(row, folder, scratch / "ablation", hardware)
    recipes = {row.name: row.recipe for row in rows}
    lines: list[dict[str, object]] = []
    for line in ablate(rows, folder, scratch / "ablation", hardware=hardware).tables["rows"]:
        recipe = recipes[line["row"]]
        assert isinstance(recipe, InstanceRecipe)
        more = {"epochs": recipe.epochs, "batch": recipe.batch, "size": recipe.size}
        lines.append({**line, **more, "s": round(clock.seconds.get(line["row"], 0))})
    return lines


def main() -> None:
    """Prepare, train, measure, store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--set", type=Path, help="a prepared set with outlines; default: made from raw data")
    parser.add_argument("--only-set", action="store_true")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--epochs", type=int, help="default: the paper's 600")
    parser.add_argument("--size", type=int, help="px; default: the paper's 550")
    parser.add_argument("--batch", type=int, help="images a step; default: the paper's 16")
    parser.add_argument("--validate-every", type=int, help="epochs; a GPU has nothing to do meanwhile")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--rows", nargs="+", default=["yolact-cis"], choices=ROWS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    folder = arguments.set or made_set(arguments.scratch / "yolact-cis")
    if arguments.only_set:
        return
    hardware = Hardware(device=arguments.device, precision=arguments.precision, compile=arguments.compile)
    rows = load_rows(["yolact-cis"], epochs=arguments.epochs, size=arguments.size, batch=arguments.batch)
    chosen = [row for row in rows if row.name in arguments.rows]
    if arguments.validate_every:
        every = {"validate_every": arguments.validate_every}
        chosen = [replace(row, recipe=replace(row.recipe, **every)) for row in chosen]
    arguments.scratch.mkdir(parents=True, exist_ok=True)
    found = measured(chosen, folder, arguments.scratch, hardware)
    store(f"yolact_trained_{hardware.kind}", found, arguments.results)


if __name__ == "__main__":
    main()
