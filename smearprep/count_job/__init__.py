"""Count cells, and find the figures to count them by: the verbs `count` and `tune`, one call each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
    picture,
    table,
    write_parameters,
)
from smearprep.count_job.sources import Countable, open_source
from smearprep.count_job.tuning import Tuned, tuned
from smearprep.counting import (
    BORDERS,
    METHODS,
    Border,
    Found,
    Method,
    Parameters,
    Tally,
    Way,
    cells_found,
    counted_boxes,
    defaults,
    find,
)
from smearprep.errors import LayoutError, OutputError, RecipeError
from smearprep.findings import Finding, Summary
from smearprep.formats.reading import stays_inside
from smearprep.images import write_atomic
from smearprep.output_folder import keep_apart
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
    progress: Progress | None = None,
) -> Summary:
    """Count the cells of each image.

    Writes `counts.csv`, a line an image and method, and `overlay/<image>.jpg` with what was counted. Where it
    is known which cells are there, they are counted by the same border rule and compared.

    Args:
        source: A prediction folder; a prepared set of whole images, whose outlines are then taken for what a
            faultless network would say (an upper bound for any network); or images from elsewhere.
        out: The folder to write; an earlier count in it is replaced.
        methods: How, each on its own; None: in all ways. Single cells that a network has told are counted as
            they are.
        parameters: The figures, or a file of them; None: those of the category.
        border: Which cells at the border of an image count.
        category: What is counted; None: what was predicted, or the only category of the set.
        progress: Told of images done, of all.

    Returns:
        The summary, with a table of the methods: accuracy (in percent, `counting.image_accuracy`, mean over
        the images), mean absolute error and its standard deviation, bias (cells an image), and totals.

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
    rows: list[Row] = []
    names: set[str] = set()
    with replaced_folder(out, (TABLE, PICTURES), holds_counts) as part:
        for image in opened.images():
            _take(names, image.name)
            found = _found(image, methods, figures, border)
            there = _truth(image, border)
            rows += [Row(image.name, method, len(cells), there) for method, cells in found.items()]
            write_atomic(part / PICTURES / f"{image.name}.jpg", picture(image, found))
            if progress:
                progress(len(names), max(opened.total, len(names)))
        if not rows:
            raise LayoutError("there was no image to count in")
        write_atomic(part / TABLE, table(rows, opened.category))
    return _summary(rows, opened.findings, out, len(names))


def _found(
    image: Countable, methods: Sequence[Method] | None, figures: Callable[[], Parameters], border: Border
) -> dict[Way, Found]:
    """What is counted in an image, by way of counting."""
    if image.cells is not None:
        if methods is not None:
            raise RecipeError(
                "single cells that a network has told are counted as they are; leave --method out"
            )
        return {"instances": cells_found(image.cells, (image.mask.shape[1], image.mask.shape[0]), border)}
    return {m: find(m, image.mask, image.edge, figures(), border) for m in methods or METHODS}


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


def _truth(image: Countable, border: Border) -> int | None:
    if image.truth is None:
        return None
    size = image.mask.shape[1], image.mask.shape[0]
    return int(counted_boxes(image.truth, size, border).sum())


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
    images = [(image, _truth(image, border)) for image in opened.images()]
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
