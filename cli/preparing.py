"""Commands that write a set: tile, pad, split, prepare."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smearprep.cli import arguments as args
from smearprep.cli.output import Json, Progress, run, write_out

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from smearprep.findings import Summary


def tile(
    raw: args.Raw,
    out: args.Out,
    size: Annotated[str, typer.Option(metavar="N or WxH", help="Window size in px.")] = "512",
    stride: Annotated[
        str | None, typer.Option(metavar="N or WxH", help="From window to window; default: half the size.")
    ] = None,
    edge: Annotated[
        str,
        typer.Option(help="At the border: shift the last window back, pad with zeros, or drop what is over."),
    ] = "shift",
    margin: Annotated[int, typer.Option(min=0, help="Context in px on all four sides of each window.")] = 0,
    grid: Annotated[
        str, typer.Option(help="sliding, or counting: 188 px in, 100 px out, as in the counting paper.")
    ] = "sliding",
    keep: Annotated[
        str,
        typer.Option(
            help="Windows to keep: all, any (shows a part of a cell), centroid (holds one), whole (shows a "
            "whole cell), uncut (does, and cuts none)."
        ),
    ] = "all",
    keep_category: Annotated[
        list[str] | None, typer.Option(help="Categories that --keep looks at. Repeatable; default: all.")
    ] = None,
    min_visible: args.MinVisible = 0.2,
    resize: args.Size = None,
    dataset: args.DatasetName = None,
    option: args.Options = None,
    map_: args.Map = None,
    category: args.Category = None,
    format_: args.Format = "auto",
    quality: args.Quality = 95,
    cache: args.Cache = None,
    workers: args.Workers = None,
    processes: args.Processes = None,
    dask: args.Dask = None,
    dry_run: args.DryRun = False,
    strict: args.Strict = False,
    force: args.Force = False,
    as_json: Json = False,
) -> None:
    """Cut images into windows, with their cells."""

    def job(progress: Progress, executor: Executor | None) -> Summary:
        from smearprep.entries import parse_tile
        from smearprep.steps import one_step

        numbers = {"size": size, "stride": stride, "edge": edge, "margin": margin, "grid": grid}
        window = parse_tile({**numbers, "keep": keep, "keep_categories": keep_category or []})
        root = args.local_folder(raw, cache, progress)
        return one_step(
            "tile", root, out, tile=window, min_visible=min_visible, resize=args.parse_size(resize),
            **_what(dataset, option, map_, category, format_, quality),
            executor=executor, workers=workers, dry_run=dry_run, strict=strict, force=force,
            progress=progress,
        )  # fmt: skip

    _run(job, args.hire(workers, processes, dask, dry_run), as_json)


def pad(
    raw: args.Raw,
    out: args.Out,
    to: Annotated[str, typer.Option(metavar="square, N or WxH", help="Canvas size in px.")] = "square",
    anchor: Annotated[str, typer.Option(help="Where the image lies: top-left or centre.")] = "top-left",
    resize: args.Size = None,
    dataset: args.DatasetName = None,
    option: args.Options = None,
    map_: args.Map = None,
    category: args.Category = None,
    format_: args.Format = "auto",
    quality: args.Quality = 95,
    cache: args.Cache = None,
    workers: args.Workers = None,
    processes: args.Processes = None,
    dask: args.Dask = None,
    dry_run: args.DryRun = False,
    strict: args.Strict = False,
    force: args.Force = False,
    as_json: Json = False,
) -> None:
    """Pad images with zeros, to square by default."""

    def job(progress: Progress, executor: Executor | None) -> Summary:
        from smearprep.entries import parse_pad
        from smearprep.steps import one_step

        root = args.local_folder(raw, cache, progress)
        return one_step(
            "pad", root, out, pad=parse_pad({"to": to, "anchor": anchor}), resize=args.parse_size(resize),
            **_what(dataset, option, map_, category, format_, quality),
            executor=executor, workers=workers, dry_run=dry_run, strict=strict, force=force,
            progress=progress,
        )  # fmt: skip

    _run(job, args.hire(workers, processes, dask, dry_run), as_json)


def split(
    raw: args.Raw,
    out: args.Out,
    ratio: Annotated[str, typer.Option(help="Training, validation and test.")] = "7:1:2",
    by: Annotated[
        str, typer.Option(help="smear: images of one smear stay together; image: every image on its own.")
    ] = "smear",
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another split.")] = 0,
    stratify: Annotated[
        bool, typer.Option(help="Share out each category, and images without cells, evenly.")
    ] = True,
    official: Annotated[bool, typer.Option(help="Keep the data set's own subsets.")] = True,
    dataset: args.DatasetName = None,
    option: args.Options = None,
    map_: args.Map = None,
    category: args.Category = None,
    format_: args.Format = "auto",
    quality: args.Quality = 95,
    cache: args.Cache = None,
    workers: args.Workers = None,
    processes: args.Processes = None,
    dask: args.Dask = None,
    dry_run: args.DryRun = False,
    strict: args.Strict = False,
    force: args.Force = False,
    as_json: Json = False,
) -> None:
    """Divide images into train, val and test, smear by smear."""

    def job(progress: Progress, executor: Executor | None) -> Summary:
        from smearprep.entries import parse_split
        from smearprep.steps import one_step

        rules = {"ratio": ratio, "by": by, "seed": seed, "stratify": stratify, "official": official}
        root = args.local_folder(raw, cache, progress)
        return one_step(
            "split", root, out, split=parse_split(rules),
            **_what(dataset, option, map_, category, format_, quality),
            executor=executor, workers=workers, dry_run=dry_run, strict=strict, force=force,
            progress=progress,
        )  # fmt: skip

    _run(job, args.hire(workers, processes, dask, dry_run), as_json)


def prepare(
    recipe: Annotated[
        str,
        typer.Argument(
            help="yolact-cis, raabin, do-unet, counting-rbc, counting-wbc, counting-plt; or a YAML file."
        ),
    ],
    out: Annotated[Path | None, typer.Argument(help="The folder to write.")] = None,
    raw: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLDER or NAME=FOLDER", help="Raw data: a folder or an address. Repeatable."),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the recipe, to copy and change.")] = False,
    shards: Annotated[
        int | None,
        typer.Option(min=1, help="Also write OUT/shards: WebDataset tars of so many images each."),
    ] = None,
    cache: args.Cache = None,
    workers: args.Workers = None,
    processes: args.Processes = None,
    dask: args.Dask = None,
    dry_run: args.DryRun = False,
    strict: args.Strict = False,
    force: args.Force = False,
    as_json: Json = False,
) -> None:
    """Do all that a recipe says: a whole prepared set."""
    if show:
        _show(recipe)
        return
    if out is None:
        raise typer.BadParameter("name the folder to write", param_hint="OUT")

    def job(progress: Progress, executor: Executor | None) -> Summary:
        from smearprep.prepare import parse_roots, prepare
        from smearprep.recipes import load_recipe

        roots = parse_roots(raw or (), cache, progress)
        return prepare(
            load_recipe(recipe), roots, out, executor=executor, workers=workers, shards=shards,
            dry_run=dry_run, strict=strict, force=force, progress=progress,
        )  # fmt: skip

    _run(job, args.hire(workers, processes, dask, dry_run), as_json)


def _show(recipe: str) -> None:
    from smearprep.errors import RecipeError
    from smearprep.recipes import recipe_text

    try:
        write_out(recipe_text(recipe))
    except RecipeError as error:
        sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(2) from None


def _run(
    job: Callable[[Progress, Executor | None], Summary],
    hired: AbstractContextManager[Executor | None],
    as_json: bool,
) -> None:
    """Run a command's one call with those who do the work."""

    def with_executor(progress: Progress) -> Summary:
        with hired as executor:
            return job(progress, executor)

    run(with_executor, as_json)


def _what(
    dataset: str | None,
    option: list[str] | None,
    labels: list[str] | None,
    category: list[str] | None,
    format_: str,
    quality: int,
) -> dict[str, Any]:
    """What the single steps have in common, read from its short forms."""
    from smearprep.entries import parse_images

    return {
        "dataset": dataset,
        "options": args.parse_options(option),
        "labels": args.parse_map(labels),
        "categories": tuple(category or ()),
        "images": parse_images({"format": format_, "quality": quality}),
    }


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    for command in (tile, pad, split, prepare):
        app.command()(command)
