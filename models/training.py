"""From a prepared set to trained weights: one call, whatever was interrupted on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

import torch
from torch import nn

from smearprep.errors import OutputError, RecipeError
from smearprep.findings import Finding, Summary
from smearprep.labelled import LabelledImage, LabelledSet, digest_of, load_labelled, open_labelled
from smearprep.models.costs import count_parameters
from smearprep.models.engine import History, PhaseJob, run_phase
from smearprep.models.hardware import Hardware
from smearprep.models.recipes import TrainingRecipe
from smearprep.models.runs import STATE, is_first_process, open_run, write_run
from smearprep.models.semantic.training import SemanticTraining
from smearprep.models.zoo import NetworkInfo, get

Progress = Callable[[int, int], None]


def train(
    recipe: TrainingRecipe,
    folder: Path,
    run: Path,
    *,
    hardware: Hardware | None = None,
    force: bool = False,
    strict: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Train a semantic network on a prepared set.

    The same recipe and set give the same weights on a CPU, also if the training was killed on the way and the
    same call is made again.

    Args:
        recipe: What to train, and how.
        folder: The prepared set: "train" is learned, on "val" the best weights are chosen. A set that is not
            divided is learned as a whole.
        run: The folder to write. A training that was stopped there goes on.
        hardware: On what; None: what is there.
        force: Replace another run in `run`.
        strict: Stop at an image that cannot be read.
        progress: Told of steps done, of all.

    Returns:
        The summary, with the metrics of the best weights.

    Raises:
        LayoutError: No prepared set.
        RecipeError: The set lacks the category, outlines, or drawn outlines for edges.
        OutputError: The run folder holds something else, or cannot be written.
        TrainingError: The loss became no number.
        KeyboardInterrupt: Interrupted; the run holds weights, and the same call goes on.
    """
    hardware = hardware or Hardware()
    info = get(recipe.network)
    opened = open_labelled(folder, recipe.category)
    findings = list(opened.findings)
    lost = None if strict else findings
    subset = "train" if "train" in opened.samples else "all"
    train_images = load_labelled(opened, subset, equalised=recipe.equalise, findings=lost)
    val_images = load_labelled(opened, "val", equalised=recipe.equalise, findings=lost)
    phases = [_images_of(recipe, number, train_images, opened) for number in range(1, len(recipe.phases) + 1)]
    findings += _worth_knowing(info, train_images, val_images)
    data = digest_of((*train_images, *val_images))
    counts = _counts(info, train_images, val_images)
    earlier = open_run(run, recipe, data, force) if is_first_process() else None
    if earlier is not None and earlier.status == "finished":
        findings.append(Finding("note", "this run had ended already; nothing was trained"))
        return _summary(run, opened, earlier.record["best"], counts, findings)
    done = 0

    def told(step: int, total: int) -> None:
        nonlocal done
        done += 1  # in this process: a training that goes on has done others before
        if progress:
            progress(step, total)

    begin = time.perf_counter()
    best = _run_phases(recipe, info, phases, val_images, run, opened.category, data, counts, hardware, told)
    seconds = time.perf_counter() - begin
    speed = {"seconds": round(seconds), "chips_per_second": round(done * recipe.batch / seconds)}
    return _summary(run, opened, best, {**counts, **speed}, findings)


def _run_phases(
    recipe: TrainingRecipe,
    info: NetworkInfo,
    phases: Sequence[Sequence[LabelledImage]],
    val_images: Sequence[LabelledImage],
    run: Path,
    category: str,
    data: str,
    counts: Mapping[str, int],
    hardware: Hardware,
    progress: Progress | None,
) -> dict[str, Any]:
    """All phases, one after the other; the row of the best weights of the last one."""
    network = build(info, recipe.seed)
    history = History()
    steps = [phase.epochs * (recipe.chips // recipe.batch) for phase in recipe.phases]

    def note(status: str) -> None:
        if is_first_process():
            write_run(run, recipe, category, data, status, {"images": counts, "best": history.best})

    note("running")
    try:
        for number, (phase, images) in enumerate(zip(recipe.phases, phases, strict=True), 1):
            job = PhaseJob(
                run, number, phase.epochs, phase.patience, recipe.validate_every, recipe.samples_every,
                progress, sum(steps[: number - 1]), sum(steps),
            )  # fmt: skip
            module = SemanticTraining(network, info, recipe, number, images, val_images, hardware)
            run_phase(module, job, history, hardware)
    except KeyboardInterrupt:
        note("interrupted")
        raise
    note("finished")
    if is_first_process():
        _tidy(run)
    return history.best or {}


def build(info: NetworkInfo, seed: int) -> nn.Module:
    """A network with the random weights of a seed; torch's own random state is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return info.build()


def _tidy(run: Path) -> None:
    """Remove what only an interrupted training needs."""
    import shutil

    try:
        shutil.rmtree(run / STATE)
    except OSError as error:
        raise OutputError(f"{run / STATE}: cannot be removed ({error.strerror or error})") from None


# ---------------------------------------------------------------- what is learned from


def _images_of(
    recipe: TrainingRecipe, number: int, images: Sequence[LabelledImage], opened: LabelledSet
) -> Sequence[LabelledImage]:
    """The images of one phase.

    Raises:
        RecipeError: There are none, or none with what the phase learns.
    """
    phase, category = recipe.phases[number - 1], opened.category
    if phase.images == "drawn":
        images = [image for image in images if image.is_drawn]
    if not any(image.cells for image in images):
        what = "no cell with a drawn outline" if phase.images == "drawn" else "no cell"
        raise RecipeError(f"{opened.folder}: in its training images there is {what} of {category}")
    if "edge" in recipe.heads_of(phase) and not any(image.is_drawn for image in images):
        raise RecipeError(
            f"{opened.folder}: network {recipe.network} learns the edges of cells, but no outline of "
            f"{category} was drawn: all were traced from masks, in which cells that touch may be one. Train "
            "`unet`, or prepare a set from drawn outlines"
        )
    return images


def _worth_knowing(
    info: NetworkInfo, train_images: Sequence[LabelledImage], val_images: Sequence[LabelledImage]
) -> list[Finding]:
    findings = []
    small = [i for i in (*train_images, *val_images) if min(i.image.shape[:2]) < info.output_size]
    if small:
        what = (
            f"{len(small)} images are smaller than the {info.output_size} px that {info.name} says at a "
            "time; they are padded with zeros"
        )
        findings.append(Finding("note", what, small[0].source))
    if not val_images:
        findings.append(Finding("note", "the set has no validation subset: the last weights are the best"))
    return findings


# ---------------------------------------------------------------- what is told


def _counts(
    info: NetworkInfo, train_images: Sequence[LabelledImage], val_images: Sequence[LabelledImage]
) -> dict[str, int]:
    return {
        "parameters": count_parameters(build(info, 0)),
        "train_images": len(train_images),
        "train_cells": sum(len(image.cells) for image in train_images),
        "val_images": len(val_images),
        "val_cells": sum(len(image.cells) for image in val_images),
    }


def _summary(
    run: Path,
    opened: LabelledSet,
    best: Mapping[str, Any],
    counts: Mapping[str, int],
    findings: Sequence[Finding],
) -> Summary:
    shown = {key.replace("_", " "): value for key, value in best.items()}
    return Summary(
        command="train",
        output=str(run),
        counts=counts,
        by_category={opened.category: counts["train_cells"] + counts["val_cells"]},
        findings=tuple(findings),
        next_step=f"smearprep evaluate {quote(str(run))} {quote(str(opened.folder))}",
        tables={"best weights": (shown,)},
    )
