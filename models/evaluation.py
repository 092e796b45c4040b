"""How good a run is on a prepared set: the papers' tables with our figures beside theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from smearprep.counting import METHODS, Tally, how_many
from smearprep.errors import RecipeError
from smearprep.findings import Finding, Summary
from smearprep.images import write_atomic
from smearprep.jsonfiles import write_json
from smearprep.labelled import LabelledSet, digest_of, load_labelled, open_labelled
from smearprep.models.hardware import Hardware
from smearprep.models.published import COUNTS, OUTPUTS
from smearprep.models.runs import Run, load_network, read_run
from smearprep.models.semantic.scoring import Scores, predictions

Progress = Callable[[int, int], None]
Row = dict[str, Any]


def evaluate(
    run_folder: Path,
    folder: Path,
    *,
    subset: str | None = None,
    weights: str = "best",
    hardware: Hardware | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Measure a run on a prepared set, and write RUN/evaluation/SUBSET.json and .md.

    Args:
        run_folder: What `train` has written.
        folder: The set; it may be another one than that of the training.
        subset: "train", "val" or "test"; None: "test" if the set has one, else "val".
        weights: "best" or "last".
        hardware: On what; None: what is there.
        progress: Told of images done, of all.

    Returns:
        The summary, with a table of the outputs (loss, mean IoU, IoU, Dice, Tversky, accuracy) and one of
        counts (accuracy as the counting paper defines it, mean absolute error, its standard deviation).

    Raises:
        LayoutError: No run, or no prepared set.
        DataError: run.json or weights are damaged, or of another network.
        RecipeError: The set lacks category, subset or outlines.
        OutputError: The evaluation cannot be written.
    """
    hardware = hardware or Hardware()
    run = read_run(run_folder)
    network = load_network(run, weights).to(hardware.kind, memory_format=torch.channels_last)  # type: ignore[call-overload]
    opened = open_labelled(folder, run.category)
    subset = _subset(opened, subset)
    findings = list(opened.findings)
    images = load_labelled(opened, subset, equalised=run.recipe.equalise, findings=findings)
    scores = Scores(run.network, run.recipe)
    counted: dict[str, list[tuple[int, int]]] = {method: [] for method in METHODS}
    parameters = run.counting
    for n, (image, said) in enumerate(predictions(network, run.network, images, hardware), 1):
        scores.add(said, image.target)
        planes = (said * 255).round().astype("uint8")  # (heads, H, W)
        edge = planes[1] if len(planes) > 1 else None
        for method in METHODS:
            counted[method].append((how_many(method, planes[0], edge, parameters), len(image.cells)))
        if progress:
            progress(n, len(images))
    outputs = _output_rows(run, scores)
    counts = _count_rows(run, counted)
    if subset == "train":
        findings.append(
            Finding("note", "these are the images that were learned: figures say little of others")
        )
    record = {
        "run": run.record["data"], "set": digest_of(images), "subset": subset, "weights": weights,
        "images": len(images), "cells": sum(len(image.cells) for image in images),
        "outputs": outputs, "counts": counts,
    }  # fmt: skip
    write_json(run_folder / "evaluation" / f"{subset}.json", record, pretty=True)
    write_atomic(run_folder / "evaluation" / f"{subset}.md", _markdown(run, subset, outputs, counts).encode())
    return Summary(
        command="evaluate",
        output=str(run_folder / "evaluation" / f"{subset}.md"),
        counts={"images": len(images), "cells": record["cells"]},
        by_category={run.category: record["cells"]},
        findings=tuple(findings),
        tables={f"outputs on {subset}": tuple(outputs), f"counts on {subset}": tuple(counts)},
    )


def _subset(opened: LabelledSet, subset: str | None) -> str:
    there = ", ".join(opened.samples)
    if subset is None:
        found = next((name for name in ("test", "val", "all") if name in opened.samples), None)
        if found is None:
            raise RecipeError(f"{opened.folder}: has neither test nor validation images; name one of {there}")
        return found
    if subset not in opened.samples:
        raise RecipeError(f"{opened.folder}: has no images in subset {subset!r}; it has {there}")
    return subset


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


def _markdown(run: Run, subset: str, outputs: Sequence[Row], counts: Sequence[Row]) -> str:
    """The tables as Markdown."""
    title = f"# {run.network.title}: {run.category}, {subset} images"
    return "\n\n".join([title, _table(outputs), _table(counts)]) + "\n"


def _table(rows: Sequence[Row]) -> str:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(key.replace("_", " ") for key in keys) + " |", "|" + "---|" * len(keys)]
    lines += ["| " + " | ".join(_shown(row.get(key)) for key in keys) + " |" for row in rows]
    return "\n".join(lines)


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)
