"""What is told of the job: what could not be done, what was done, and how sure it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote

from smearprep.assist.made import is_ours
from smearprep.assist.work import Outcome, Work
from smearprep.findings import Finding, Summary, count_kinds
from smearprep.records import Cell


def told(work: Sequence[Work], outcomes: Sequence[Outcome]) -> Iterator[Finding]:
    """What could not be done."""
    for one, outcome in zip(work, outcomes, strict=True):
        if outcome.error:
            yield Finding(outcome.kind, outcome.error, one.image.name)
        for number, why in outcome.refused.items():
            cell = one.image.cells[number].cell
            x, y = round(cell.bounds[0]), round(cell.bounds[1])
            what = f"no outline was found for this {cell.label} cell: {why}; it stays a {cell.outline}"
            yield Finding("note", what, one.image.name, f"at {x}, {y}")


def summary(
    folder: Path,
    work: Sequence[Work],
    outcomes: Sequence[Outcome],
    findings: list[Finding],
    dry_run: bool = False,
) -> Summary:
    """What was done, or is to be done."""
    cells = [known.cell for one in work for known in one.image.cells if one.wishes.wants(known.cell)]
    if not work:
        what = "nothing is to be done: every cell has an outline already, and nobody asked for more"
        findings.append(Finding("note", what))
    counts = {"images": len(work), **_by_outline(cells)}
    rows: list[Mapping[str, object]] = []
    if not dry_run:
        new = [after for outcome in outcomes for cells in outcome.cells.values() for after in cells]
        new += [cell for outcome in outcomes for cell in outcome.found]
        rows = _rows([cell for cell in new if is_ours(cell)])
        counts |= {"outlines_made": sum(is_ours(cell) for cell in new)}
    return Summary(
        command="assist",
        output=None if dry_run or not counts.get("outlines_made") else str(folder),
        counts={**counts, **count_kinds(findings)},
        by_category=dict(sorted(Counter(cell.label for cell in cells).items())),
        findings=tuple(findings),
        next_step=f"smearprep check {quote(str(folder))}" if not dry_run else "",
        tables={"outlines made": tuple(rows)} if rows else {},
    )


def _by_outline(cells: Sequence[Cell]) -> dict[str, int]:
    """How many boxes, points and components are to be outlined."""
    counts = Counter(cell.outline for cell in cells)
    names = {"box": "boxes", "point": "points", "component": "components"}
    return {name: counts[outline] for outline, name in names.items() if counts[outline]}  # type: ignore[index]


def _rows(cells: Sequence[Cell]) -> list[Mapping[str, object]]:
    """Of each category and method, how many outlines were made and how sure they are."""
    scores: dict[tuple[str, str], list[float]] = {}
    for cell in cells:
        scores.setdefault((cell.label, cell.attributes["made_by"]), []).append(cell.attributes["score"])
    return [
        {"category": label, "made by": how, "cells": len(own), "mean score": round(sum(own) / len(own), 3),
         "least score": min(own)}
        for (label, how), own in sorted(scores.items())
    ]  # fmt: skip
