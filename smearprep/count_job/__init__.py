"""Count cells, and find the figures to count them by: the verbs `count` and `tune`, one call each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from functools import cache
from pathlib import Path
from shlex import quote
from typing import Any

from smearprep.count_job.files import (
    PICTURES,
    TABLE,
    Row,
    check_parameter_file,
    holds_counts,
    load_parameters,
    table,
    write_parameters,
)
from smearprep.count_job.sources import Countable, ToCount, open_source
from smearprep.count_job.tuning import Tuned, tuned
from smearprep.count_job.work import Work, count_each, true_cells
from smearprep.counting import (
    BORDERS,
    METHODS,
    Border,
    Method,
    Parameters,
    Tally,
    Way,
    defaults,
)
from smearprep.errors import LayoutError, OutputError, RecipeError
from smearprep.findings import Finding, Summary
from smearprep.formats.reading import stays_inside
from smearprep.images import write_atomic
from smearprep.output_folder import keep_apart
from smearprep.pools import pool
from smearprep.predictions import replaced_folder
from smearprep.rendering import Progress

__all__ = ["Countable", "count", "load_parameters", "tune"]

_DIGITS = 4  # of figures in tables
_ENOUGH = 5  # images to tune on


def count(
    source: Path | Iterable[Countable],
    out: Path,
    *,
    methods: Sequence[Method] | None = None,
    parameters: Parameters | Path | None = None,
    border: Border = "all",
    category: str | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Count the cells of each image.

    Writes `counts.csv`, a line an image and method, and `overlay/<image>.jpg` with what was counted. Where it
    is known which cells are there, they are counted by the same border rule and compared. The bytes are the
    same whoever does the work.

    Args:
        source: A prediction folder; a prepared set of whole images, whose outlines are then taken for what a
            faultless network would say (an upper bound for any network); or images from elsewhere.
        out: The folder to write; an earlier count in it is replaced.
        methods: How, each on its own; None: in all ways. Single cells that a network has told are counted as
            they are.
        parameters: The figures, or a file of them; None: those of the category.
        border: Which cells at the border of an image count.
        category: What is counted; None: what was predicted, or the only category of the set.
        workers: Threads (default: one a core).
        executor: Use this `concurrent.futures.Executor` instead; it is not shut down.
        progress: Told of images done, of all.

    Returns:
        The summary, with a table of the methods: accuracy (in percent, `counting.image_accuracy`, mean over
        the images), mean absolute error and its standard deviation, bias (cells an image), and totals. An
        image that cannot be read is left out and named.

    Raises:
        LayoutError: Nothing to count in, or a set of windows.
        DataError: A broken prediction folder; a file of parameters that is not there.
        RecipeError: An unknown method, border rule or category; parameters that cannot be; no outlines.
        OutputError: The folder holds something else, or cannot be written.
    """
    _check_words(METHODS if methods is None else methods, border)
    opened = open_source(source, category)
    figures = cache(lambda: _figures(parameters, opened.category))  # single cells need none
    keep_apart(opened.roots, out)
    order: list[str] = []
    rows: dict[str, tuple[Row, ...]] = {}
    told: dict[str, Finding] = {}
    with (
        replaced_folder(out, (TABLE, PICTURES), holds_counts) as part,
        pool(executor, workers) as (workforce, most),
    ):
        work = _work(opened.images(), order, methods, figures, border)
        for image, outcome in count_each(work, workforce, most, opened.total or None):
            if outcome.error:
                told[image.name] = Finding("unreadable", f"{outcome.error}; left out", image.file)
            else:
                rows[image.name] = outcome.rows
                write_atomic(part / PICTURES / f"{image.name}.jpg", outcome.picture)
            if progress:
                done = len(rows) + len(told)
                progress(done, max(opened.total, done))
        left_out = tuple(told[name] for name in order if name in told)
        if not rows:
            raise LayoutError(_nothing_to_count(left_out))
        counts = [row for name in order for row in rows.get(name, ())]
        write_atomic(part / TABLE, table(counts, opened.category))
    return _summary(counts, (*opened.findings, *left_out), out, len(rows))


def _nothing_to_count(left_out: Sequence[Finding]) -> str:
    if not left_out:
        return "there was no image to count in"
    return f"none of the {len(left_out)} images could be counted. {left_out[0].file}: {left_out[0].what}"


def _work(
    images: Iterable[ToCount],
    order: list[str],
    methods: Sequence[Method] | None,
    figures: Callable[[], Parameters],
    border: Border,
) -> Iterator[Work]:
    """What is done with each image; the names are put down in their order."""
    names: set[str] = set()
    for image in images:
        _take(names, image.name)
        order.append(image.name)
        if image.is_single and methods is not None:
            raise RecipeError(
                "single cells that a network has told are counted as they are; leave --method out"
            )
        yield (
            Work(image, (), None, border)
            if image.is_single
            else Work(image, methods or METHODS, figures(), border)
        )


def _check_words(methods: Sequence[Method], border: Border) -> None:
    unknown = [method for method in methods if method not in METHODS]
    if unknown or not methods or len(set(methods)) < len(methods):
        named = ", ".join(methods) or "none"
        raise RecipeError(f"methods {named}: choose some of {', '.join(METHODS)}, each once")
    if border not in BORDERS:
        raise RecipeError(f"border {border!r}: choose one of {', '.join(BORDERS)}")


def _figures(parameters: Parameters | Path | None, category: str) -> Parameters:
    if isinstance(parameters, Parameters):
        return parameters
    return defaults(category) if parameters is None else load_parameters(parameters, category)


def _take(names: set[str], name: str) -> None:
    if not stays_inside(name) or name.casefold() in names:
        raise OutputError(
            f"{name!r}: is the name of two images, or no name for a file; count them one by one"
        )
    names.add(name.casefold())


def _summary(rows: Sequence[Row], findings: tuple[Finding, ...], out: Path, images: int) -> Summary:
    methods = dict.fromkeys(row.method for row in rows)
    known = [row for row in rows if row.method == rows[0].method and row.truth is not None]
    counts = {"images": images}
    if known:
        counts |= {"images_with_truth": len(known), "true": sum(row.truth or 0 for row in known)}
    return Summary(
        command="count",
        output=str(out),
        counts=counts,
        findings=findings,
        tables={"counts": tuple(_method_row(method, rows) for method in methods)},
    )


def _method_row(method: Way, rows: Sequence[Row]) -> dict[str, Any]:
    own = [row for row in rows if row.method == method]
    row: dict[str, Any] = {"method": method, "counted": sum(row.count for row in own)}
    pairs = [(row.count, row.truth) for row in own if row.truth is not None]
    return {**row, **_tally_row(Tally.of(pairs))} if pairs else row


def _tally_row(tally: Tally) -> dict[str, Any]:
    return {
        "true": tally.true,
        "accuracy %": round(100 * tally.accuracy, 2),
        "mean error": round(tally.error, _DIGITS),
        "+-": round(tally.error_sd, _DIGITS),
        "bias": round(tally.bias, _DIGITS),
    }


# ---------------------------------------------------------------- tune


def tune(
    source: Path,
    out: Path,
    *,
    subset: str = "val",
    methods: Sequence[Method] = METHODS,
    parameters: Parameters | Path | None = None,
    border: Border = "all",
    category: str | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Find the figures by which each method counts best, by trying a grid of them.

    The best have the highest mean accuracy; of equal ones the smallest mean absolute error, then the smallest
    change. The same images give the same file.

    Args:
        source: A prepared set of whole images, or a prediction folder made from one.
        out: The YAML file to write, for `count`; an earlier one is replaced.
        subset: Of a set, the images to count in. A prediction folder is taken as a whole.
        methods: Those to tune; the figures of the others stay.
        parameters: Where to begin, or a file of it; None: at those of the category.
        border: As in `count`.
        category: As in `count`.
        progress: Told of images done, of all, over all methods.

    Returns:
        The summary, with a table of each method before and after.

    Raises:
        LayoutError, DataError, RecipeError: As `count`; or it is not known which cells there are.
        OutputError: Something else is in the place of the file, or it cannot be written.
    """
    _check_words(methods, border)
    check_parameter_file(out)
    opened = open_source(source, category, subset)
    start = _figures(parameters, opened.category)
    loaded = [image.load() for image in opened.images()]
    images = [(image, true_cells(image, border)) for image in loaded]
    known = [(image, there) for image, there in images if there is not None]
    if not known:
        raise RecipeError(
            f"{source}: nobody knows how many cells are in these images; tune on a prepared set"
        )
    found = tuned(known, methods, start, border, progress)
    write_parameters(out, found[-1].parameters, opened.category)
    return Summary(
        command="tune",
        output=str(out),
        counts={"images": len(known), "true": sum(there for _, there in known)},
        findings=(*opened.findings, *_few(len(known))),
        next_step=f"smearprep count {quote(str(source))} -o counts --parameters {quote(str(out))}",
        tables={"figures": tuple(_tuned_row(one) for one in found)},
    )


def _few(images: int) -> tuple[Finding, ...]:
    """Said of figures that are only known to suit a few images."""
    if images >= _ENOUGH:
        return ()
    return (Finding("note", f"tuned on {images} images only: other images may need other figures"),)


def _tuned_row(one: Tuned) -> dict[str, Any]:
    return {
        "method": one.method,
        "tried": one.tried,
        "accuracy % before": round(100 * one.before.accuracy, 2),
        "after": round(100 * one.after.accuracy, 2),
        "mean error before": round(one.before.error, _DIGITS),
        "then": round(one.after.error, _DIGITS),
        "changed": one.changed,
    }
