"""How good a run is on a prepared set: the papers' tables with our figures beside theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from smearprep.errors import DataError
from smearprep.findings import Finding, Summary
from smearprep.images import read_bytes, write_atomic
from smearprep.jsonfiles import dump_json, read_json, write_json
from smearprep.models.hardware import Hardware
from smearprep.models.measured import Exam, Row
from smearprep.models.recipes import SemanticRecipe
from smearprep.models.runs import Run, read_run, run_digest, weights_file
from smearprep.set_files import package_version

Progress = Callable[[int, int], None]


def evaluate(
    run_folder: Path,
    folder: Path,
    *,
    subset: str | None = None,
    weights: str = "best",
    hardware: Hardware | None = None,
    again: bool = True,
    progress: Progress | None = None,
) -> Summary:
    """Measure a run on a prepared set, and write RUN/evaluation/SUBSET.json and .md.

    Args:
        run_folder: What `train` has written.
        folder: The set; it may be another one than that of the training.
        subset: "train", "val" or "test"; None: "test" if the set has one, else "val".
        weights: "best" or "last".
        hardware: On what; None: what is there.
        again: Measure also if these weights have been measured on these images; False: take what was found.
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
    run, hardware = read_run(run_folder), hardware or Hardware()
    due = _exam(run, folder, subset, weights, hardware, progress)
    findings = list(due.findings)
    if due.subset == "train":
        findings.append(
            Finding("note", "these are the images that were learned: figures say little of others")
        )
    counts = {"images": due.images, "cells": sum(due.by_category.values())}
    out = run_folder / "evaluation"
    key = _key(run, weights, hardware)
    record = {
        "run": run.data, "set": due.data, "subset": due.subset, "weights": weights, "key": key, **counts,
    }  # fmt: skip
    tables = None if again else _known_tables(out / f"{due.subset}.json", record)
    if tables is None:
        found = due.measure()
        tables = found.tables
        for name, picture in found.pictures:
            write_atomic(out / name, picture)
        write_atomic(out / f"{due.subset}.md", _markdown(run, due.subset, tables).encode())
        write_json(out / f"{due.subset}.json", {**record, **tables}, pretty=True)  # last: it has it all
    return Summary(
        command="evaluate",
        output=str(out / f"{due.subset}.md"),
        counts=counts,
        by_category=dict(due.by_category),
        findings=tuple(findings),
        tables={f"{title} on {due.subset}": tuple(rows) for title, rows in tables.items()},
    )


def _exam(
    run: Run,
    folder: Path,
    subset: str | None,
    weights: str,
    hardware: Hardware,
    progress: Progress | None,
) -> Exam:
    if isinstance(run.recipe, SemanticRecipe):
        from smearprep.models.semantic.evaluating import exam
    else:
        from smearprep.models.instances.evaluating import exam

    return exam(run, folder, subset, weights, hardware, progress)


def _key(run: Run, weights: str, hardware: Hardware) -> str:
    """What, beside the images, decides on the figures: weights, recipe, precision and our version."""
    told = [run_digest(run.recipe, run.data), str(hardware.autocast), package_version("smearprep")]
    return sha256(read_bytes(weights_file(run, weights)) + dump_json(told)).hexdigest()


def _known_tables(path: Path, record: Mapping[str, Any]) -> Mapping[str, Sequence[Row]] | None:
    """The tables of an earlier evaluation that was the same; None if there is none."""
    try:
        found = read_json(path)
    except DataError:
        return None
    if not isinstance(found, dict) or any(found.get(name) != value for name, value in record.items()):
        return None
    return {name: value for name, value in found.items() if name not in record}


def _markdown(run: Run, subset: str, found: Mapping[str, Sequence[Row]]) -> str:
    """The tables as Markdown."""
    title = f"# {run.network.title}: {', '.join(run.categories)}, {subset} images"
    tables = [f"## {name.capitalize()}\n\n{markdown_table(rows)}" for name, rows in found.items()]
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
