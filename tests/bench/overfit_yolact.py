"""Can the network learn at all? YOLACT-CIS on eight real windows with white cells, until it knows them.

    SMEARPREP_DATA=... python -m tests.bench.overfit_yolact --scratch DIR [--steps N] [--size PX]

Prepares windows of ALL-IDB1, takes eight training windows with two cells or more, learns them without
distortion, measures on the same eight, and writes results/overfit_DEVICE.*.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from pathlib import Path

from smearprep.jsonfiles import read_json, write_json
from smearprep.models.evaluation import evaluate
from smearprep.models.hardware import Hardware
from smearprep.models.recipes import Distortion, InstanceRecipe
from smearprep.models.training import train
from smearprep.prepare import prepare
from smearprep.recipes import parse_recipe
from tests.bench.measuring import store

COUNT = 8
WINDOWS = """
name: windows
sources:
  - dataset: all_idb1
    tile: {size: 512, stride: 256, edge: shift, keep: any, keep_categories: WBC}
categories: [WBC]
resize: 256
split: {ratio: "7:1:2", by: smear, seed: 0}
"""
STILL = Distortion(
    brightness=(0, 0), contrast=(1, 1), saturation=(1, 1), hue=(0, 0), expand=1, crop=False, flips=False,
    turns=False,
)  # fmt: skip


def eight(source: Path, out: Path) -> None:
    """A set of some of a set's training windows, spread over it."""
    data = read_json(source / "annotations" / "instances_train.json")
    cells: dict[int, int] = {}
    for entry in data["annotations"]:
        cells[entry["image_id"]] = cells.get(entry["image_id"], 0) + 1
    several = [image for image in data["images"] if cells.get(image["id"], 0) > 1]
    chosen = several[:: len(several) // COUNT][:COUNT]
    ids = {image["id"] for image in chosen}
    for image in chosen:
        target = out / "images" / "all" / image["file_name"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / "images" / "train" / image["file_name"], target)
    entries = [entry for entry in data["annotations"] if entry["image_id"] in ids]
    write_json(out / "annotations" / "instances_all.json", {**data, "images": chosen, "annotations": entries})


def main() -> None:
    """Prepare, learn, measure, store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--rate", type=float, default=0.01)
    arguments = parser.parse_args()
    scratch, hardware = arguments.scratch, Hardware(device=arguments.device)
    raw = Path(os.environ["SMEARPREP_DATA"]).resolve() / "ALL_IDB1"
    prepare(parse_recipe(WINDOWS, "windows"), [(None, raw)], scratch / "windows")
    shutil.rmtree(scratch / "eight", ignore_errors=True)
    eight(scratch / "windows", scratch / "eight")
    recipe = InstanceRecipe(
        "overfit", "yolact-cis", size=arguments.size, batch=COUNT, epochs=arguments.steps,
        learning_rate=arguments.rate, warm_up=50, drops=(0.8,), clip=10.0, distortion=STILL,
        validate_every=arguments.steps, samples_every=0,
    )  # fmt: skip
    begin, cpu = time.perf_counter(), time.process_time()
    train(
        recipe, scratch / "eight", scratch / "overfit", hardware=hardware, force=True,
        progress=lambda done, total: print(done, total, round(time.perf_counter() - begin), flush=True),
    )  # fmt: skip
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    found = evaluate(scratch / "overfit", scratch / "eight", subset="all", hardware=hardware)
    row = found.tables["masks on all"][0]
    figures = {name: round(row[name], 4) for name in ("ap", "ap50", "ap75")}
    more = {"size": recipe.size, "steps": recipe.epochs, "s": round(seconds), "cpu s": round(cpu)}
    store(f"overfit_{hardware.kind}", [{"windows": COUNT, "cells": row["truth"], **figures, **more}])


if __name__ == "__main__":
    main()
