"""One page about a prepared set, to be looked at in a browser: what is in it, and what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from smearprep.checking import check
from smearprep.errors import RecipeError
from smearprep.findings import Finding, Summary, count_kinds
from smearprep.images import refuse_special, write_atomic
from smearprep.leaks import LeakAudit, audit, percent
from smearprep.rendering import Progress
from smearprep.reporting.looks import by_smear, by_subset, look_at_all
from smearprep.reporting.numbers import count
from smearprep.reporting.page import Content, need_libraries, render
from smearprep.reporting.preparation import preparation
from smearprep.reporting.reading import read_set
from smearprep.reporting.sheets import chosen, thumbnails

REPORT = "report.html"
_MOST_PAIRS = 6  # of near-duplicates, as pictures


def report(
    prepared: Path,
    out: Path | None = None,
    *,
    um_per_px: float | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Write a page about a prepared set, or about any set in COCO's layout that `check` accepts.

    The page is one HTML file that needs no network. The same set gives the same bytes.

    Args:
        prepared: The set's folder.
        out: The file to write; None: `report.html` in the set's folder.
        um_per_px: Scale of the raw images, in um per px; sizes are then told in um, too.
        progress: Told of images done, of all; each counts twice, once checked and once looked at.

    Returns:
        The summary: counts, and the findings of the leak audit, of `check`, and of reading the images. A
        smear in two subsets is no problem of its own: the audit tells of all smears of two subsets at once.

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
    need_libraries()  # now, and not after minutes of work
    checked = check(prepared, progress and _half(progress, 0))
    content = _content(prepared, checked.findings, um_per_px, progress and _half(progress, 1))
    write_atomic(target, render(content))
    findings = (*content.findings, *content.details)
    counts = {
        "images": checked.counts["images"],
        "cells": checked.counts["cells"],
        "smears": checked.counts["smears"],
        "problems": sum(finding.is_problem for finding in content.findings),
        **count_kinds(findings),
    }
    return Summary(
        "report",
        str(target),
        counts,
        checked.by_category,
        checked.by_subset,
        findings,
        tables={"overlaps": _overlaps(content.audit)} if content.audit.overlaps else {},
    )


def _half(progress: Progress, half: int) -> Progress:
    """Progress of the first (0) or the second (1) time that all images are gone through."""
    return lambda done, total: progress(half * total + done, 2 * total)


def _content(
    prepared: Path, checked: tuple[Finding, ...], um_per_px: float | None, progress: Progress | None
) -> Content:
    """Look at a set that has been checked."""
    data = read_set(prepared)
    looks, audited, unreadable = look_at_all(data.images, prepared, checked, progress)
    found = audit(audited)
    details, rest = _parted(checked, found)
    numbers = count(data)
    groups = by_smear(data.images, looks)
    sheets, pairs = chosen(data, looks), found.near[:_MOST_PAIRS]
    wanted = {image.name for _, images in sheets for image in images}
    wanted |= {name for pair in pairs for name in (pair.first, pair.second)}
    pictures = thumbnails(
        [image for image in data.images if image.name in wanted],
        prepared,
        [category.name for category in numbers.looked_for],
    )
    return Content(
        data=data,
        made=preparation(data.manifest),
        numbers=numbers,
        groups=groups,
        spreads=by_subset(groups, numbers.subsets),
        audit=found,
        findings=(*found.findings(), *rest, *unreadable),
        details=details,
        sheets=[(name, [pictures[i.name] for i in images if i.name in pictures]) for name, images in sheets],
        pairs=[
            (pictures[pair.first], pictures[pair.second])
            for pair in pairs
            if pair.first in pictures and pair.second in pictures
        ],
        um_per_px=um_per_px,
    )


def _parted(checked: Iterable[Finding], found: LeakAudit) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Findings of `check`: leaks of one smear, raw image or picture that the audit tells, too; the rest."""
    told = {name for shared in found.shared for name in shared.names}
    told |= {name for pair in found.near for name in (pair.first, pair.second)}
    parts: tuple[list[Finding], list[Finding]] = [], []
    for finding in checked:
        parts[finding.kind != "leak" or finding.id not in told].append(finding)
    return tuple(parts[0]), tuple(parts[1])


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
