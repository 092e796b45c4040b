"""The three trainings of the counting paper on real data, evaluated on smears that were held out.

    SMEARPREP_DATA=... python -m tests.bench.train_as_published --scratch DIR [--device cuda] [--epochs N]

Prepares the sets, trains red-cells, white-cells and platelets with the published range of colours (each phase
for N epochs of 1,000 chips), evaluates them on the test images, and writes results/trainings_DEVICE.* with
the published figures beside, and the curves as results/curves_*.png. Given again with the same folder, it
goes on; raw data are needed only for sets that are not in it yet. `--results` has the figures written
elsewhere.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from smearprep.augmentation import Augmentation
from smearprep.models.evaluation import evaluate
from smearprep.models.hardware import Hardware
from smearprep.models.recipes import changed, load_training
from smearprep.models.training import train
from smearprep.prepare import prepare
from smearprep.recipes import load_recipe
from tests.bench.measuring import RESULTS, raw_data, store

TRAININGS = (("red-cells", "do-unet"), ("white-cells", "unet-wbc"), ("platelets", "unet-plt"))


def one(name: str, recipe: str, arguments: argparse.Namespace, hardware: Hardware) -> list[dict[str, object]]:
    """Prepare, train and evaluate one; its rows."""
    folder, run = arguments.scratch / recipe, arguments.scratch / f"run-{name}"
    if not (folder / "manifest.json").is_file():
        prepare(load_recipe(recipe), [(None, raw_data() / "ALL_IDB1")], folder)
    published = changed(
        load_training(name), epochs=arguments.epochs, chips=arguments.chips, augmentation=Augmentation()
    )
    trained = train(published, folder, run, hardware=hardware)
    found = evaluate(run, folder, hardware=hardware)
    arguments.results.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / "curves.png", arguments.results / f"curves_{name}.png")
    seconds, speed = trained.counts.get("seconds", ""), trained.counts.get("images_per_second", "")
    rows: list[dict[str, object]] = []
    for table in found.tables.values():
        for row in table:
            first, *rest = row.items()
            figures = {key: round(value, 4) if isinstance(value, float) else value for key, value in rest}
            rows.append({"training": name, "what": first[1], **figures, "s": seconds, "chips/s": speed})
    return rows


def main() -> None:
    """Train, evaluate, store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--epochs", type=int, help="of each phase; default: those of the recipes")
    parser.add_argument("--chips", type=int, help="an epoch; default: those of the recipes")
    parser.add_argument("--only", choices=[name for name, _ in TRAININGS])
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    hardware = Hardware(device=arguments.device, compile=arguments.compile)
    rows: list[dict[str, object]] = []
    for name, recipe in TRAININGS:
        if arguments.only in (None, name):
            rows += one(name, recipe, arguments, hardware)
    store(f"trainings_{hardware.kind}", rows, arguments.results)


if __name__ == "__main__":
    main()
