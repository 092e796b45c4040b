"""The main job in one function: raw folders and a recipe -> a prepared COCO set.

    OUT/  images/{train,val,test}/<name>.{jpg,png}
          annotations/instances_{train,val,test}.json
          manifest.json
"""

from __future__ import annotations

import os
import platform
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from smearprep import datasets
from smearprep.datasets.loading import LoadOptions
from smearprep.errors import DataError, OutputError, RecipeError
from smearprep.findings import Finding, Summary, count_kinds
from smearprep.formats.coco import CocoWriter
from smearprep.jsonfiles import read_json, write_json
from smearprep.planning import UNSPLIT, plan
from smearprep.recipes import Recipe, Source
from smearprep.records import Plan, PlannedView, RawSet
from smearprep.rendering import Progress, Rendered, RenderTask, image_path, read_journal, render, tasks
from smearprep.splitting import SUBSETS

MANIFEST = "manifest.json"
_STATE = ".smearprep"  # of a run that is under way: its plan's digest, and the journal


def prepare(
    recipe: Recipe,
    roots: Sequence[tuple[str | None, Path]],
    out: Path,
    *,
    workers: int | None = None,
    executor: Executor | None = None,
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
        dry_run: Plan only; nothing is written.
        strict: Stop at the first problem (`findings.PROBLEMS`).
        force: Replace what another recipe, or other raw data, has written to `out`.
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
    _keep_apart([root for _, root in roots], out)
    raw = load_sources(recipe, roots)
    the_plan = plan(recipe, raw)
    _stop_at_problem(the_plan.findings, strict)
    if not the_plan.views:
        raise RecipeError(f"recipe {recipe.name}: nothing is left to prepare. {_told(the_plan.findings)}")
    samples = sum(len(raw_set.samples) for _, raw_set in raw)
    if dry_run:
        return _summary(command, None, recipe, the_plan, samples)
    work = list(tasks(the_plan, recipe.images))
    digest = _plan_digest(recipe, work)
    known = _open_output(out, digest, work, force)
    with _executor(executor, workers) as (pool, in_flight):
        results = render(work, out, pool, out / _STATE / "journal", known, in_flight, strict, progress)
    the_plan = _without_failed(the_plan, results)
    if not the_plan.views:
        raise RecipeError(f"recipe {recipe.name}: no image could be read. {_told(the_plan.findings)}")
    summary = _summary(command, out, recipe, the_plan, samples)
    annotations = _write_annotations(the_plan, recipe, out)
    _write_manifest(recipe, digest, results, annotations, summary, out)
    _tidy(out)
    return summary


# ---------------------------------------------------------------- raw data


def parse_roots(entries: Sequence[str]) -> list[tuple[str | None, Path]]:
    """`["RAW", "bccd=FOLDER"]` as (data set or None, folder) pairs."""
    pairs: list[tuple[str | None, Path]] = []
    for entry in entries:
        name, sign, folder = entry.partition("=")
        known = bool(sign) and name in datasets.NAMES
        pairs.append((name, Path(folder)) if known else (None, Path(entry)))
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
    if recipe.categories:
        names = {*datasets.get(source.dataset).INFO.categories, *source.labels, *recipe.categories}
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


# ---------------------------------------------------------------- the output folder


def _keep_apart(roots: Sequence[Path], out: Path) -> None:
    """Refuse to write into raw data, or above it."""
    target = out.resolve()
    for root in roots:
        raw = root.resolve()
        if target == raw or target.is_relative_to(raw) or raw.is_relative_to(target):
            raise OutputError(f"{out}: lies within the raw folder {root}, or holds it; choose another folder")


def _plan_digest(recipe: Recipe, work: Sequence[RenderTask]) -> str:
    return sha256(orjson.dumps([recipe.as_dict(), [task.key for task in work]])).hexdigest()


def _open_output(out: Path, digest: str, work: Sequence[RenderTask], force: bool) -> dict[str, Rendered]:
    """Make the output folder ready, and tell what earlier runs have finished in it.

    Raises:
        OutputError: It holds something else and `force` is not set, or it cannot be written.
    """
    state = out / _STATE
    try:
        found = _found_plan(out)
        if found is not None and found != digest:
            if not force:
                raise OutputError(
                    f"{out}: holds a set from another recipe, other raw data or another version; "
                    "choose another folder, or replace it with --force"
                )
            for name in ("images", "annotations", _STATE):
                shutil.rmtree(out / name, ignore_errors=True)
            (out / MANIFEST).unlink(missing_ok=True)
        elif found is None and not force and out.is_dir() and any(out.iterdir()):
            raise OutputError(f"{out}: is not empty; choose another folder, or write into it with --force")
        known = {**_from_manifest(out, work), **read_journal(state / "journal")}
        state.mkdir(parents=True, exist_ok=True)
        (state / "plan").write_text(digest, encoding="ascii")
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror or error})") from None
    return known


def _found_plan(out: Path) -> str | None:
    """The digest of the plan that was rendered, or is being rendered, to a folder; "" if unreadable."""
    state = out / _STATE / "plan"
    if state.is_file():
        return state.read_text(encoding="ascii", errors="replace")
    if not (out / MANIFEST).is_file():
        return None
    try:
        return str(read_json(out / MANIFEST)["plan"])
    except (DataError, KeyError, TypeError):
        return ""


def _from_manifest(out: Path, work: Sequence[RenderTask]) -> dict[str, Rendered]:
    """What a finished run has written, so that running it again writes only what is missing."""
    try:
        manifest = read_json(out / MANIFEST)
        inputs, images = dict(manifest["inputs"]), dict(manifest["images"])
    except (DataError, KeyError, TypeError, ValueError):
        return {}
    known = {}
    for task in work:
        outputs = {name: images[name] for name, _ in task.views if name in images}
        if len(outputs) == len(task.views) and task.source in inputs:
            known[task.key] = Rendered(task.key, task.source, inputs[task.source], outputs)
    return known


def _tidy(out: Path) -> None:
    """Remove what a run leaves beside its result: the journal, and temporary files of killed runs."""
    shutil.rmtree(out / _STATE, ignore_errors=True)
    for folder in (out / "images", out / "annotations"):
        for left in folder.rglob(".*.part"):
            left.unlink(missing_ok=True)


@contextmanager
def _executor(executor: Executor | None, workers: int | None) -> Iterator[tuple[Executor, int]]:
    """An executor, and how many tasks it should hold at a time.

    Threads suffice: decoding, resizing and encoding release Python's lock.
    """
    count = workers or os.cpu_count() or 1
    if executor is not None:
        yield executor, 2 * count
        return
    pool = ThreadPoolExecutor(count)
    try:
        yield pool, count + 1
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


# ---------------------------------------------------------------- annotations and manifest


def _without_failed(the_plan: Plan, results: Sequence[Rendered]) -> Plan:
    """The plan without the images that could not be decoded, each named in a finding."""
    failed = {result.source: result.error for result in results if result.error}
    if not failed:
        return the_plan
    views = tuple(v for v in the_plan.views if v.sample.source not in failed)
    lost = tuple(Finding("unreadable", f"{why}; left out", source) for source, why in failed.items())
    return replace(the_plan, views=views, findings=the_plan.findings + lost)


def _write_annotations(the_plan: Plan, recipe: Recipe, out: Path) -> dict[str, str]:
    """Write one COCO file a subset; ids go on from one to the next. Returns their digests."""
    digests = {}
    image_id, cell_id = 1, 1
    for subset in subsets_of(the_plan):
        views = [v for v in the_plan.views if v.subset == subset]
        path = out / annotation_path(subset)
        with CocoWriter(path, the_plan.categories, image_id, cell_id) as writer:
            for planned in views:
                _add_view(writer, planned, recipe)
        image_id += len(views)
        cell_id += sum(len(v.cells) for v in views)
        digests[annotation_path(subset)] = sha256(path.read_bytes()).hexdigest()
    for path in (out / "annotations").glob("instances_*.json"):
        if f"annotations/{path.name}" not in digests:
            path.unlink()  # of a subset that has lost all its images since an earlier run
    return digests


def annotation_path(subset: str) -> str:
    """Where the COCO file of a subset lies, relative to the set."""
    return f"annotations/instances_{subset}.json"


def subsets_of(the_plan: Plan) -> list[str]:
    """The subsets that have images, in their usual order."""
    found = {v.subset for v in the_plan.views}
    return [name for name in (*SUBSETS, UNSPLIT) if name in found]


def _add_view(writer: CocoWriter, planned: PlannedView, recipe: Recipe) -> None:
    sample, cells = planned.sample, planned.cells
    file_name = PurePosixPath(image_path(planned, recipe.images)).name
    image_id = writer.add_image(
        file_name,
        planned.view.size,
        annotated=sample.annotated,
        source=sample.source,
        window=list(planned.view.window),
        smear=sample.smear,
        **({"attributes": dict(sample.attributes)} if sample.attributes else {}),
    )
    extras: list[Mapping[str, Any]] = [
        {
            "visible": c.visible,
            "cell": c.index,
            **({"attributes": dict(c.cell.attributes)} if c.cell.attributes else {}),
        }
        for c in cells
    ]
    labels, shapes = [c.cell.label for c in cells], [c.shape for c in cells]
    writer.add_cells(image_id, planned.view.size, labels, shapes, [c.cell.outline for c in cells], extras)


def _write_manifest(
    recipe: Recipe,
    digest: str,
    results: Sequence[Rendered],
    annotations: Mapping[str, str],
    summary: Summary,
    out: Path,
) -> None:
    read = [result for result in results if not result.error]
    write_json(
        out / MANIFEST,
        {
            "smearprep": _version("smearprep"),
            "libraries": {
                "python": platform.python_version(),
                **{name: _version(name) for name in ("numpy", "opencv-python-headless", "shapely")},
            },
            "recipe": recipe.as_dict(),
            "plan": digest,
            "counts": dict(summary.counts),
            "by_category": dict(summary.by_category),
            "by_subset": {name: dict(row) for name, row in summary.by_subset.items()},
            "findings": [finding.as_dict() for finding in summary.findings],
            "inputs": {result.source: result.sha256 for result in read},
            "annotations": dict(annotations),
            "images": {name: d for result in read for name, d in result.outputs.items()},
        },
        pretty=True,
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _summary(command: str, out: Path | None, recipe: Recipe, the_plan: Plan, samples: int) -> Summary:
    views = the_plan.views
    by_category: Counter[str] = Counter({name: 0 for name in the_plan.categories})
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
        "whole_cells": len({(v.sample.source, c.index) for v in views for c in v.cells}),
        **count_kinds(the_plan.findings),
    }
    return Summary(
        command=command,
        output=None if out is None else str(out),
        counts=counts,
        by_category=dict(by_category),
        by_subset=by_subset,
        findings=the_plan.findings,
        next_step="" if out is None else f"smearprep check {out}",
    )
