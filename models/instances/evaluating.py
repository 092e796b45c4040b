"""How good a network of the YOLACT family is: the tables of its paper, its figures beside ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from smearprep.detection import ComparedImage, average_precision, confusion, confusion_sheet, pixel_agreement
from smearprep.images import encode
from smearprep.models.hardware import Hardware
from smearprep.models.instances.finding import Finder
from smearprep.models.instances.scenes import Scene, cells_of, load_scenes
from smearprep.models.instances.scoring import compared
from smearprep.models.measured import Exam, Measured, Row, choose_subset
from smearprep.models.published import INSTANCES
from smearprep.models.recipes import spread
from smearprep.models.runs import Run, instance_recipe, load_network
from smearprep.opened import digest_of, open_for_many

_SHOWN = 24  # images of the sheet of mistakes


def exam(
    run: Run,
    folder: Path,
    subset: str | None,
    weights: str,
    hardware: Hardware,
    progress: Callable[[int, int], None] | None = None,
) -> Exam:
    """Read the images on which a run is to be measured.

    Returns:
        The exam. Its tables are COCO's AP of masks and of boxes, over all images and for each data set, of
        pixel precision and recall, and of what was found, missed and invented; with a sheet of mistakes.

    Raises:
        As `smearprep.models.evaluation.evaluate`.
    """
    finder = finder_of(run, weights, hardware)
    opened = open_for_many(folder, run.categories)
    chosen = choose_subset(folder, opened.samples, subset)
    findings = list(opened.findings)
    scenes = load_scenes(opened, chosen, findings=findings)

    def measure() -> Measured:
        images = compared(finder, scenes, progress)
        tables = {
            "masks": _precision_rows(run, images, "mask"),
            "boxes": _precision_rows(run, images, "box"),
            "pixels": _pixel_rows(run, images),
            "cells": _confusion_rows(run, images),
        }
        return Measured(tables, [(f"{chosen}.png", _sheet(run, scenes, images))] if scenes else [])

    by_category = cells_of(scenes, run.categories)
    return Exam(chosen, digest_of(scenes), len(scenes), by_category, findings, measure)


def finder_of(run: Run, weights: str, hardware: Hardware) -> Finder:
    """The network of a run, on its device.

    Raises:
        RecipeError: It tells no single cells.
        DataError: Its weights are damaged, or of another network.
    """
    recipe = instance_recipe(run)
    network = load_network(run, weights).to(hardware.kind, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Finder(network, recipe, run.categories, hardware, f"smearprep {run.network.name}")


def _precision_rows(run: Run, images: Sequence[ComparedImage], kind: Any) -> list[Row]:
    """A row a data set and category, the paper's figures of all images in the first."""
    found = average_precision(images, categories=run.categories, kind=kind)
    rows = list(found.as_dicts())
    if len({image.group for image in images}) == 1:  # its rows would be those of all images again
        rows = [row for row in rows if row["group"] == "all"]
    if len(run.categories) == 1:  # all of them are that one
        rows = [row for row in rows if row["category"] != "all"]
    paper = INSTANCES.get(run.network.name, {}) if kind == "mask" and run.categories == ("WBC",) else {}
    if rows and paper:
        rows[0] |= {f"paper {name}": value for name, value in paper.items()}
    return rows


def _pixel_rows(run: Run, images: Sequence[ComparedImage]) -> list[Row]:
    rows = [row.as_dict() for row in pixel_agreement(images, categories=run.categories)]
    several = len({image.group for image in images}) > 1
    return [row for row in rows if several or row["group"] == "all"]


def _confusion_rows(run: Run, images: Sequence[ComparedImage]) -> list[Row]:
    """What became of the true and the found cells whose score is at least 0.5."""
    return list(confusion(images, categories=run.categories).matrix())


def _sheet(run: Run, scenes: Sequence[Scene], images: Sequence[ComparedImage]) -> bytes:
    places = spread(len(scenes), _SHOWN)
    pairs = [(scenes[n].image, images[n]) for n in places]
    return encode(confusion_sheet(pairs, categories=run.categories, columns=4, longest=550), "png")
