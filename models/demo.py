"""The whole job on smears that smearprep draws itself, on to a trained network and a cell count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from smearprep.demo import demo as prepared_demo
from smearprep.drawing import contact_sheet
from smearprep.findings import Summary
from smearprep.images import RGB, encode, read, write_atomic
from smearprep.models.evaluation import evaluate
from smearprep.models.hardware import Hardware
from smearprep.models.prediction import count_images, predict
from smearprep.models.recipes import TrainingRecipe, changed, load_training
from smearprep.models.training import train
from smearprep.prepare import prepare
from smearprep.recipes import load_recipe
from smearprep.rendering import Progress

_SIDE = 560  # px of a picture in the sheet


def short_training() -> TrainingRecipe:
    """The recipe white-cells, cut short to about a minute on two cores."""
    return changed(load_training("white-cells"), epochs=4, chips=240)


def demo(
    out: Path,
    seed: int = 0,
    workers: int | None = None,
    progress: Progress | None = None,
    *,
    training: TrainingRecipe | None = None,
    hardware: Hardware | None = None,
) -> Summary:
    """Do what `smearprep.demo` does, then train a U-Net for white cells, predict with it and count.

    What is written besides: `cells/` (whole images with white cells), `run/`, `predictions/`, `counts/`, and
    `counted.png`, which shows what the network says of images that it has not learned.

    Args:
        out: The folder to write; given again, what is there already is not done again.
        seed: Of the smears.
        workers: As in `prepare`.
        progress: Told of steps done, of all.
        training: None: `short_training`. Of another recipe's run in the folder nothing is kept.
        hardware: On what; None: what is there.

    Returns:
        The summary of the preparation, with tables of what was made and how good it is.

    Raises:
        OutputError: The folder holds something else, or cannot be written.
    """
    first = prepared_demo(out, seed, workers)
    training = training or short_training()
    roots = [(None, out / "raw" / "ALL_IDB1")]
    prepare(load_recipe("unet-wbc"), roots, out / "cells", workers=workers, force=True)
    trained = train(training, out / "cells", out / "run", hardware=hardware, force=True, progress=progress)
    evaluated = evaluate(out / "run", out / "cells", hardware=hardware)
    unseen = [folder for name in ("val", "test") if (folder := out / "cells" / "images" / name).is_dir()]
    predicted = predict(out / "run", unseen, out / "predictions", hardware=hardware)
    counted = count_images(out / "run", [out / "cells"], out / "counts", hardware=hardware)
    _picture(out)
    (outputs,) = evaluated.tables["outputs on test"]
    steps = (
        ("train", "run/", f"{training.network} on {trained.counts['train_images']} images"),
        ("predict", "predictions/", f"{predicted.counts['cells']} white cells outlined"),
        ("count", "counts/counts.csv", "in three ways, in all images"),
        ("picture", "counted.png", "images not learned, and what the network says: look at it"),
    )
    more = tuple({"step": step, "result": result, "what": what} for step, result, what in steps)
    tables: dict[str, tuple[Mapping[str, Any], ...]] = {
        "made": (*first.tables["made"], *more),
        "on the test image": ({name: outputs[name] for name in ("dice", "iou", "accuracy")},),
        "white cells in all images": counted.tables["counts"],
    }
    return replace(first, tables=tables, next_step=f"smearprep report {quote(str(out / 'set'))}")


def _picture(out: Path) -> None:
    """A sheet of predicted images: the image, its mask, and the cells drawn over it."""
    pictures: list[RGB] = []
    names: list[str] = []
    for path in sorted((out / "predictions" / "overlay").glob("*.png")):
        mask = read(out / "predictions" / "mask" / f"{path.stem}.png")
        (image,) = (out / "cells" / "images").glob(f"*/{path.stem}.*")
        pictures += [_smaller(read(image)), _smaller(mask), _smaller(read(path))]
        names += [path.stem, "what the network says", "cells"]
    write_atomic(out / "counted.png", encode(contact_sheet(pictures, names, columns=3), "png"))


def _smaller(image: RGB) -> RGB:
    """An image of at most `_SIDE` px a side."""
    import cv2

    scale = min(1.0, _SIDE / max(image.shape[:2]))
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
