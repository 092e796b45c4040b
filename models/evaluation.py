"""How good a run is on a prepared set: the papers' tables with our figures beside theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from smearprep.findings import Finding, Summary
from smearprep.images import write_atomic
from smearprep.jsonfiles import write_json
from smearprep.models.hardware import Hardware
from smearprep.models.measured import Measured, Row
from smearprep.models.recipes import SemanticRecipe
from smearprep.models.runs import Run, read_run

Progress = Callable[[int, int], None]


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
        The summary, with the tables of `smearprep.models.semantic.evaluating` or of
        `smearprep.models.instances.evaluating`.

    Raises:
        LayoutError: No run, or no prepared set.
        DataError: run.json or weights are damaged, or of another network.
        RecipeError: The set lacks category, subset or outlines.
        OutputError: The evaluation cannot be written.
    """
    run = read_run(run_folder)
    subset, found = _measure(run, folder, subset, weights, hardware or Hardware(), progress)
    findings = list(found.findings)
    if subset == "train":
        findings.append(
            Finding("note", "these are the images that were learned: figures say little of others")
        )
    counts = {"images": found.images, "cells": sum(found.by_category.values())}
    record = {
        "run": run.data, "set": found.data, "subset": subset, "weights": weights, **counts, **found.tables,
    }  # fmt: skip
    out = run_folder / "evaluation"
    write_json(out / f"{subset}.json", record, pretty=True)
    write_atomic(out / f"{subset}.md", _markdown(run, subset, found).encode())
    for name, picture in found.pictures:
        write_atomic(out / name, picture)
    return Summary(
        command="evaluate",
        output=str(out / f"{subset}.md"),
        counts=counts,
        by_category=dict(found.by_category),
        findings=tuple(findings),
        tables={f"{title} on {subset}": tuple(rows) for title, rows in found.tables.items()},
    )


def _measure(
    run: Run,
    folder: Path,
    subset: str | None,
    weights: str,
    hardware: Hardware,
    progress: Progress | None,
) -> tuple[str, Measured]:
    if isinstance(run.recipe, SemanticRecipe):
        from smearprep.models.semantic.evaluating import measure
    else:
        from smearprep.models.instances.evaluating import measure

    return measure(run, folder, subset, weights, hardware, progress)


def _markdown(run: Run, subset: str, found: Measured) -> str:
    """The tables as Markdown."""
    title = f"# {run.network.title}: {', '.join(run.categories)}, {subset} images"
    tables = [f"## {name.capitalize()}\n\n{markdown_table(rows)}" for name, rows in found.tables.items()]
    return "\n\n".join([title, *tables]) + "\n"


def markdown_table(rows: Sequence[Row]) -> str:
    """Rows as a Markdown table; columns in order of appearance."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(key.replace("_", " ") for key in keys) + " |", "|" + "---|" * len(keys)]
    lines += ["| " + " | ".join(_shown(row.get(key)) for key in keys) + " |" for row in rows]
    return "\n".join(lines)


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)
