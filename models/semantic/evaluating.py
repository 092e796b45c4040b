"""How good a semantic network is: the tables of the counting paper, its figures beside ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from smearprep.counting import METHODS, Tally, how_many
from smearprep.labelled import load_labelled
from smearprep.models.hardware import Hardware
from smearprep.models.measured import Exam, Measured, Row, choose_subset
from smearprep.models.published import COUNTS, OUTPUTS
from smearprep.models.runs import Run, load_network, semantic_recipe
from smearprep.models.semantic.scoring import Scores, predictions
from smearprep.opened import digest_of, open_for_one

Counted = dict[str, list[tuple[int, int]]]
"""method -> (counted, true) of each image."""


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
        The exam. Its tables are of the outputs (loss, mean IoU, IoU, Dice, Tversky, accuracy) and of counts
        (accuracy as the counting paper defines it, mean absolute error, its standard deviation) in the images
        of which all cells were told apart.

    Raises:
        As `smearprep.models.evaluation.evaluate`.
    """
    recipe = semantic_recipe(run)
    network = load_network(run, weights).to(hardware.kind, memory_format=torch.channels_last)  # type: ignore[call-overload]
    opened = open_for_one(folder, run.category)
    chosen = choose_subset(folder, opened.samples, subset)
    findings = list(opened.findings)
    images = load_labelled(opened, chosen, equalised=recipe.equalise, findings=findings)

    def measure() -> Measured:
        scores, counted = Scores(recipe), Counted()
        for n, (image, said) in enumerate(predictions(network, recipe.info, images, hardware), 1):
            scores.add(said, image.target)
            planes = (said * 255).round().astype("uint8")  # (heads, H, W)
            edge = planes[1] if len(planes) > 1 else None
            for method in METHODS if image.is_countable else ():
                pair = (how_many(method, planes[0], edge, run.counting), len(image.cells))
                counted.setdefault(method, []).append(pair)
            if progress:
                progress(n, len(images))
        return Measured({"outputs": _output_rows(run, scores), "counts": _count_rows(run, counted)})

    cells = {run.category: sum(len(image.cells) for image in images)}
    return Exam(chosen, digest_of(images), len(images), cells, findings, measure)


def _output_rows(run: Run, scores: Scores) -> list[Row]:
    """A row an output: our figures, and the papers' where they gave one."""
    rows: list[Row] = []
    for head, found in scores.as_dict().items():
        paper = OUTPUTS.get((run.network.name, run.category, head), {})
        rows.append({"output": head, **found, **{f"paper {name}": value for name, value in paper.items()}})
    return rows


def _count_rows(run: Run, counted: Mapping[str, Sequence[tuple[int, int]]]) -> list[Row]:
    rows: list[Row] = []
    for method, pairs in counted.items():
        tally = Tally.of(pairs)
        rows.append(
            {
                "method": method,
                "accuracy %": 100 * tally.accuracy,
                "error": tally.error,
                "error sd": tally.error_sd,
                "counted": tally.counted,
                "true": tally.true,
                "paper accuracy %": COUNTS.get((run.network.name, run.category, method)),
            }
        )
    return rows
