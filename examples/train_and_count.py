"""From a prepared set to a count in Python, and chips for a trainer of your own.

    python examples/train_and_count.py OUT

Draws its own smears and trains for a moment only, so that it runs anywhere; good weights take more epochs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from smearprep import synthetic
from smearprep.augmentation import Augmentation, centres_of, draw
from smearprep.augmentation.chips import sliced
from smearprep.augmentation.composed import pipeline
from smearprep.labelled import load_labelled
from smearprep.models.evaluation import evaluate
from smearprep.models.prediction import count_images, predict
from smearprep.models.recipes import changed, load_training
from smearprep.models.training import train
from smearprep.opened import open_for_one
from smearprep.prepare import prepare
from smearprep.recipes import load_recipe


def main(out: Path) -> None:
    """Prepare, train, evaluate, predict and count in `out`."""
    synthetic.write_all_idb1(out / "ALL_IDB1", images=6)
    prepare(load_recipe("unet-wbc"), [(None, out / "ALL_IDB1")], out / "set")

    recipe = changed(load_training("white-cells"), epochs=1, chips=16)
    print("trained:", train(recipe, out / "set", out / "run").tables["best weights"])
    print("evaluated:", evaluate(out / "run", out / "set", subset="val").tables["outputs on val"])
    predict(out / "run", [out / "set" / "images" / "val"], out / "predictions")
    print("counted:", count_images(out / "run", [out / "set"], out / "counts").tables["counts"])

    chips_for_your_own_trainer(out / "set")


def chips_for_your_own_trainer(folder: Path) -> None:
    """The same chips that `train` learns from, one at a time, through albumentations."""
    images = load_labelled(open_for_one(folder, "WBC"), "train")
    centres = centres_of((image.target for image in images), output_size=100)
    draws = draw(centres, Augmentation(), np.random.default_rng(0), n=4)
    compose = pipeline(Augmentation(), input_size=188, output_size=100, seed=0)
    for n, number in enumerate(draws.image):
        image, mask = sliced(images[number].image, images[number].target, draws, n, 188)
        made = compose(image=image, mask=mask)
        print("chip of", images[number].source, made["image"].shape, "cells cover", (made["mask"] & 1).mean())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
