"""One page about a prepared set, to be looked at in a browser: what is in it, and what is wrong with it."""

from __future__ import annotations

import math
from pathlib import Path

from smearprep.checking import check
from smearprep.errors import RecipeError
from smearprep.findings import Summary, count_kinds
from smearprep.images import refuse_special, write_atomic
from smearprep.leaks import LeakAudit, audit, percent
from smearprep.rendering import Progress
from smearprep.reporting.looks import by_smear, by_subset, look_at_all
from smearprep.reporting.numbers import count
from smearprep.reporting.page import Content, render
from smearprep.reporting.reading import read_set
from smearprep.reporting.sheets import chosen, thumbnails

REPORT = "report.html"
_MOST_PAIRS = 6  # of near-duplicates, as pictures


def report(
    prepared: Path, out: Path | None = None, *, um_per_px: float | None = None, progress: Progress | None = None
) -> Summary:
    """Write a page about a prepared set, or about any set in COCO's layout that `check` accepts.

    The page is one HTML file that needs no network. The same set gives the same bytes.

    Args:
        prepared: The set's folder.
        out: The file to write; None: `report.html` in the set's folder.
        um_per_px: Scale of the raw images, in um per px; sizes are then told in um, too.
        progress: Told of images done, of all; each counts twice, once checked and once looked at.

    Returns:
        The summary: counts, and the findings of `check`, of reading the images, and of the leak audit.

    Raises:
        LayoutError: No set is there.
        RecipeError: The scale is no length.
        OutputError: The page cannot be written.
        SmearprepError: matplotlib or jinja2 is not installed.
    """
    if um_per_px is not None and not 0 < um_per_px < math.inf:
        raise RecipeError(f"{um_per_px} um per px is no scale; give a number above 0, such as 0.1")
    target = prepared / REPORT if out is None else out
    refuse_special(target)

    def first(done: int, total: int) -> None:
        if progress:
            progress(done, 2 * total)

    def second(done: int, total: int) -> None:
        if progress:
            progress(total + done, 2 * total)

    checked = check(prepared, first)
    data = read_set(prepared)
    looks, audited, unreadable = look_at_all(data.images, prepared, checked.findings, second)
    found = audit(audited)
    findings = (*checked.findings, *unreadable, *found.findings())
    numbers = count(data)
    groups = by_smear(data.images, looks)
    sheets = chosen(data, looks)
    pairs = found.near[:_MOST_PAIRS]
    in_pairs = {name for pair in pairs for name in (pair.first, pair.second)}
    wanted = [image for _, images in sheets for image in images]
    wanted += [image for image in data.images if image.name in in_pairs]
    pictures = thumbnails(wanted, prepared, [category.name for category in numbers.categories])
    content = Content(
        data=data,
        numbers=numbers,
        groups=groups,
        spreads=by_subset(groups, numbers.subsets),
        audit=found,
        findings=findings,
        sheets=[(name, [pictures[i.name] for i in own if i.name in pictures]) for name, own in sheets],
        pairs=[
            (pictures[pair.first], pictures[pair.second])
            for pair in pairs
            if pair.first in pictures and pair.second in pictures
        ],
        um_per_px=um_per_px,
    )
    write_atomic(target, render(content))
    counts = {
        "images": checked.counts["images"],
        "cells": checked.counts["cells"],
        "smears": checked.counts["smears"],
        "problems": sum(finding.is_problem for finding in findings),
        **count_kinds(findings),
    }
    return Summary(
        "report",
        str(target),
        counts,
        checked.by_category,
        checked.by_subset,
        findings,
        tables={"overlaps": _overlaps(found)} if found.overlaps else {},
    )


def _overlaps(found: LeakAudit) -> tuple[dict[str, str | int], ...]:
    return tuple(
        {
            "of the px in": overlap.subset,
            "lie also in": overlap.other,
            "share": percent(overlap.share),
            "px in both": overlap.leaked,
            "px in all": overlap.pixels,
        }
        for overlap in found.overlaps
    )
