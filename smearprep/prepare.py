"""The main job in one function: raw folders and a recipe -> a prepared COCO set.

OUT/  images/{train,val,test}/<name>.{jpg,png}
annotations/instances_{train,val,test}.json
manifest.json
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any

from smearprep import datasets
from smearprep.datasets.loading import LoadOptions
from smearprep.errors import DataError, RecipeError
from smearprep.findings import Finding, Summary, count_kinds
from smearprep.output_folder import (
    check_still_ours,
    hold_set,
    journal,
    keep_apart,
    open_output,
    plan_digest,
    tidy,
)
from smearprep.planning import plan
from smearprep.pools import pool
from smearprep.recipes import Recipe, Source
from smearprep.records import Plan, RawSet
from smearprep.remote import local_folder
from smearprep.rendering import Progress, Rendered, render, tasks
from smearprep.set_files import subsets_of, whole_cell, write_annotations, write_manifest
from smearprep.shards import remove_shards, write_shards


def prepare(
    recipe: Recipe,
    roots: Sequence[tuple[str | None, Path]],
    out: Path,
    *,
    workers: int | None = None,
    executor: Executor | None = None,
    shards: int | None = None,
    dry_run: bool = False,
    strict: bool = False,
    force: bool = False,
    progress: Progress | None = None,
    command: str = "prepare",
) -> Summary:
    """Load, tile or pad, resize, split, write images, COCO and manifest.

    The same recipe and the same raw data give the same bytes, whatever the number of workers and however
    often the run was interrupted.

    Args:
        recipe: What to do.
        roots: Raw folders, each with its data set's name, or None to recognise it.
        out: The folder to write. A run that was killed there is continued.
        workers: Threads (default: one a core).
        executor: Use this `concurrent.futures.Executor` instead; it is not shut down.
        shards: Also write the set as WebDataset shards of so many images each (`smearprep.shards`).
        dry_run: Plan only; nothing is written.
        strict: Stop at the first problem (`findings.PROBLEMS`).
        force: Replace a set from another recipe, or other raw data, in `out`; never what is no set.
        progress: Told of images written, of all.
        command: The verb for the summary.

    Returns:
        The summary; its findings name all that was left out or changed.

    Raises:
        LayoutError: A raw folder cannot be recognised.
        RecipeError: The recipe does not fit the raw folders, or leaves nothing.
        OutputError: The output folder holds something else, or cannot be written.
        DataError: With `strict`, the first problem.
    """
    keep_apart([root for _, root in roots], out)
    raw = load_sources(recipe, roots)
    the_plan = plan(recipe, raw)
    _stop_at_problem(the_plan.findings, strict)
    if not the_plan.views:
        raise RecipeError(f"recipe {recipe.name}: nothing is left to prepare. {_told(the_plan.findings)}")
    samples = sum(len(raw_set.samples) for _, raw_set in raw)
    if dry_run:
        return _summary(command, None, the_plan, samples)
    work = list(tasks(the_plan, recipe.images))
    digest = plan_digest(recipe, work)
    with hold_set(out, command):
        known = open_output(out, digest, work, force)
        with pool(executor, workers) as (workforce, in_flight):
            results = render(work, out, workforce, journal(out), known, in_flight, strict, progress)
        the_plan = _without_failed(the_plan, results)
        if not the_plan.views:
            raise RecipeError(f"recipe {recipe.name}: no image could be read. {_told(the_plan.findings)}")
        check_still_ours(out, digest)
        annotations = write_annotations(the_plan, recipe, out)
        told, not_held = _shards(the_plan, recipe, annotations, shards, out)
        the_plan = replace(the_plan, findings=(*the_plan.findings, *not_held))
        summary = _summary(command, out, the_plan, samples)
        write_manifest(recipe, digest, results, annotations, summary, out, told)
        tidy(out)
        return summary


# ---------------------------------------------------------------- raw data


def parse_roots(
    entries: Sequence[str], cache: Path | None = None, progress: Progress | None = None
) -> list[tuple[str | None, Path]]:
    """`["RAW", "bccd=FOLDER"]` as (data set or None, folder) pairs.

    Args:
        entries: As they were given; a folder may be an address such as `s3://...`.
        cache: Where what lies at an address is copied to.
        progress: Told of files copied, of all.

    Raises:
        RecipeError: An entry that names no folder.
        LayoutError, DataError, OutputError, SmearprepError: As `remote.local_folder`.
    """
    pairs: list[tuple[str | None, Path]] = []
    for entry in entries:
        name, sign, folder = entry.partition("=")
        known = bool(sign) and name in datasets.NAMES
        if not (folder if known else entry):
            raise RecipeError(f"--raw {entry}: names no folder")
        root = local_folder(folder if known else entry, cache, progress)
        pairs.append((name if known else None, root))
    return pairs


def load_sources(recipe: Recipe, roots: Sequence[tuple[str | None, Path]]) -> list[tuple[Source, RawSet]]:
    """Load the raw folder of each source of a recipe.

    Raises:
        RecipeError: A source without a folder, a folder without a source, or two for one.
        LayoutError: A folder that cannot be recognised.
    """
    named = [(name or datasets.recognise(root)[0], root) for name, root in roots]
    expected = [source.dataset for source in recipe.sources]
    given = [name for name, _ in named]
    for name, root in named:
        if name not in expected:
            raise RecipeError(f"{root} holds {name}, but recipe {recipe.name} wants {', '.join(expected)}")
    for name in expected:
        if given.count(name) != 1:
            what = "no raw folder holds it" if name not in given else "two raw folders hold it"
            raise RecipeError(f"recipe {recipe.name} wants {name}: {what}; give one with --raw {name}=FOLDER")
    root_of = dict(named)
    return [(source, _load(recipe, source, root_of[source.dataset])) for source in recipe.sources]


def _load(recipe: Recipe, source: Source, root: Path) -> RawSet:
    """Load what the recipe needs of a data set: the categories before the label map."""
    wanted = None
    categories = datasets.get(source.dataset).INFO.categories
    if recipe.categories and categories:  # a plain folder has those of its files
        names = {*categories, *source.labels, *recipe.categories}
        wanted = frozenset(name for name in names if source.labels.get(name, name) in recipe.categories)
    return datasets.load(root, LoadOptions(wanted=wanted, extra=source.options), name=source.dataset)


def _stop_at_problem(findings: Sequence[Finding], strict: bool) -> None:
    for finding in findings:
        if strict and finding.is_problem:
            raise DataError(finding.file, finding.what)


def _told(findings: Sequence[Finding]) -> str:
    told = ", ".join(f"{count} {kind}" for kind, count in count_kinds(findings).items())
    first = next((f" First: {f.file}: {f.what}." for f in findings if f.kind != "note"), "")
    return f"Found: {told or 'no images that pass the keep rule'}.{first}"


# ---------------------------------------------------------------- the run


def _shards(
    the_plan: Plan, recipe: Recipe, annotations: Mapping[str, str], size: int | None, out: Path
) -> tuple[Mapping[str, Any] | None, Sequence[Finding]]:
    """Write shards if they are wanted; if not, those of an earlier run do not stay."""
    if size is not None:
        return write_shards(the_plan, recipe, annotations, size, out)
    remove_shards(out)
    return None, ()


def _without_failed(the_plan: Plan, results: Sequence[Rendered]) -> Plan:
    """The plan without the images that could not be decoded, each named in a finding."""
    failed = {result.source: result.error for result in results if result.error}
    if not failed:
        return the_plan
    views = tuple(v for v in the_plan.views if v.sample.source not in failed)
    lost = tuple(Finding("unreadable", f"{why}; left out", source) for source, why in failed.items())
    return replace(the_plan, views=views, findings=the_plan.findings + lost)


def _summary(command: str, out: Path | None, the_plan: Plan, samples: int) -> Summary:
    views = the_plan.views
    by_category: Counter[str] = Counter(dict.fromkeys(the_plan.categories, 0))
    by_category.update(c.cell.label for v in views for c in v.cells)
    by_subset = {}
    for subset in subsets_of(the_plan):
        own = [v for v in views if v.subset == subset]
        by_subset[subset] = {
            "images": len(own),
            "cells": sum(len(v.cells) for v in own),
            "smears": len({v.sample.smear for v in own}),
        }
    counts = {
        "raw_images": samples,
        "raw_images_used": len({v.sample.source for v in views}),
        "views": len(views),
        "cells": sum(by_category.values()),
        "whole_cells": len({whole_cell(v.sample, c) for v in views for c in v.cells}),
        **({"crowds": crowds} if (crowds := sum(len(v.crowds) for v in views)) else {}),
        **count_kinds(the_plan.findings),
    }
    return Summary(
        command=command,
        output=None if out is None else str(out),
        counts=counts,
        by_category=dict(by_category),
        by_subset=by_subset,
        findings=the_plan.findings,
        next_step="" if out is None else f"smearprep check {quote(str(out))}",
    )
