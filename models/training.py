"""From a prepared set to trained weights: one call, whatever was interrupted on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from torch import nn

from smearprep.errors import OutputError, RecipeError
from smearprep.findings import Finding, Summary
from smearprep.models.costs import count_parameters
from smearprep.models.engine import History, PhaseJob, run_phase
from smearprep.models.hardware import Hardware
from smearprep.models.lessons import Lesson, lesson
from smearprep.models.recipes import TrainingRecipe
from smearprep.models.runs import STATE, is_first_process, open_run, write_run

Progress = Callable[[int, int], None]


def train(
    recipe: TrainingRecipe,
    folder: Path,
    run: Path,
    *,
    hardware: Hardware | None = None,
    force: bool = False,
    strict: bool = False,
    backbone: Path | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Train a network on a prepared set.

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
        backbone: Weights (safetensors) that the backbone begins with, of networks that have one.
        progress: Told of steps done, of all.

    Returns:
        The summary, with the metrics of the best weights.

    Raises:
        LayoutError: No prepared set.
        DataError: The backbone's weights cannot be used; with `strict`, an image cannot be read.
        RecipeError: The set lacks the category, outlines, or drawn outlines for edges; or the batch cannot be
            shared out to the devices.
        OutputError: The run folder holds something else, or cannot be written.
        TrainingError: The loss became no number.
        KeyboardInterrupt: Interrupted; the run holds weights, and the same call goes on.
    """
    hardware = hardware or Hardware()
    if recipe.batch % hardware.devices:
        raise RecipeError(
            f"{recipe.where}: a batch of {recipe.batch} cannot be shared out evenly to {hardware.devices} "
            "devices; give another with --batch"
        )
    learned = lesson(recipe, folder, strict=strict, backbone=backbone)
    findings = list(learned.findings)
    network = learned.network()
    counts = {"parameters": count_parameters(network), **learned.counts}
    earlier = open_run(run, recipe, learned.digest, force) if is_first_process() else None
    if earlier is not None and earlier.status == "finished":
        findings.append(Finding("note", "this run had ended already; nothing was trained"))
        best = earlier.record["best"]
    else:
        done = 0

        def told(step: int, total: int) -> None:
            nonlocal done
            done += 1  # in this process: a training that goes on has done others before
            if progress:
                progress(step, total)

        begin = time.perf_counter()
        best = _run_parts(recipe, learned, network, run, counts, hardware, told)
        seconds = time.perf_counter() - begin
        counts |= {"seconds": round(seconds), "images_per_second": round(done * recipe.batch / seconds)}
    return Summary(
        command="train",
        output=str(run),
        counts=counts,
        by_category=dict(learned.by_category),
        findings=tuple(findings),
        next_step=f"smearprep evaluate {quote(str(run))} {quote(str(folder))}",
        tables={"best weights": ({key.replace("_", " "): value for key, value in best.items()},)},
    )


def _run_parts(
    recipe: TrainingRecipe,
    learned: Lesson,
    network: nn.Module,
    run: Path,
    counts: Mapping[str, int],
    hardware: Hardware,
    progress: Progress,
) -> dict[str, Any]:
    """All parts, one after the other; the row of the best weights of the last one."""
    history = History()
    steps = [stage.epochs * learned.steps for stage in recipe.stages]

    def note(status: str) -> None:
        if is_first_process():
            results = {"images": counts, "best": history.best}
            write_run(run, recipe, learned.categories, learned.digest, status, results)

    note("running")
    try:
        for number, stage in enumerate(recipe.stages, 1):
            job = PhaseJob(
                run, number, stage.epochs, stage.patience, recipe.validate_every, recipe.samples_every,
                progress, sum(steps[: number - 1]), sum(steps),
            )  # fmt: skip
            run_phase(learned.module(network, number, hardware), job, history, hardware)
    except KeyboardInterrupt:
        note("interrupted")
        raise
    note("finished")
    if is_first_process():
        _tidy(run)
    return history.best or {}


def _tidy(run: Path) -> None:
    """Remove what only an interrupted training needs."""
    import shutil

    try:
        shutil.rmtree(run / STATE)
    except OSError as error:
        raise OutputError(f"{run / STATE}: cannot be removed ({error.strerror or error})") from None
