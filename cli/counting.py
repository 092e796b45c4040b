"""The commands that count cells: count, tune."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smearprep.cli import arguments as args
from smearprep.cli.learning import Overlap, Score, TileSize, need_torch
from smearprep.cli.output import Json, Progress, run

if TYPE_CHECKING:
    from smearprep.findings import Summary

Source = Annotated[
    Path,
    typer.Argument(
        metavar="SOURCE",
        help="What `predict` has written; a prepared set of whole images, whose outlines are counted; or a "
        "run of `train`, with images to look at.",
    ),
]
MethodNames = Annotated[
    list[str] | None,
    typer.Option("--method", help="components, hough or watershed. Repeatable; default: all three."),
]
BorderRule = Annotated[
    str,
    typer.Option(
        help="Cells that touch the border: all count; half: those at the top and left only; none counts."
    ),
]
ParameterFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Figures to count by, as `tune` writes them; default: the category's."),
]
Category = Annotated[
    str | None, typer.Option(help="What to count; default: what was predicted, or the set's only one.")
]


def count(
    source: Source,
    images: Annotated[
        list[Path] | None,
        typer.Argument(metavar="IMAGES", help="For a run: images, folders of them, or a set."),
    ] = None,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write.")],
    method: MethodNames = None,
    border: BorderRule = "all",
    parameters: ParameterFile = None,
    category: Category = None,
    tile: TileSize = None,
    overlap: Overlap = None,
    score: Score = None,
    workers: args.Workers = None,
    processes: args.Processes = None,
    dask: args.Dask = None,
    as_json: Json = False,
) -> None:
    """Count the cells of each image, in three ways, or as a network tells them one by one.

    Writes a table, counts.csv, and pictures of what was counted.
    """
    is_run = bool(images) or (source / "run.json").is_file()
    looking = {"tile": tile, "overlap": overlap, "score": score}
    if not is_run and any(value is not None for value in looking.values()):
        raise typer.BadParameter("is for a run that looks at images", param_hint="--tile, --overlap, --score")
    if is_run and (workers, processes, dask) != (None, None, None):
        hint = "--workers, --processes, --dask"
        raise typer.BadParameter("a network looks at one image after the other", param_hint=hint)

    def job(progress: Progress) -> Summary:
        how = _how(method, border, parameters, category)
        if is_run:
            return _count_with_run(source, images or [], out, {**how, **looking}, progress)
        from smearprep.count_job import count

        with args.hire(workers, processes, dask) as executor:
            return count(source, out, **how, executor=executor, progress=progress)

    run(job, as_json)


def _count_with_run(
    run_folder: Path, images: list[Path], out: Path, how: dict[str, Any], progress: Progress
) -> Summary:
    need_torch()
    from smearprep.models.prediction import count_images

    return count_images(run_folder, images, out, **how, progress=progress)


def tune(
    source: Source,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The YAML file to write.")],
    subset: Annotated[str, typer.Option(help="Of a set, the images to tune on.")] = "val",
    method: MethodNames = None,
    border: BorderRule = "all",
    parameters: ParameterFile = None,
    category: Category = None,
    as_json: Json = False,
) -> None:
    """Find the figures by which each way of counting counts best.

    Needs images of which it is known how many cells they show.
    """

    def job(progress: Progress) -> Summary:
        from smearprep.count_job import tune

        how = _how(method, border, parameters, category)
        return tune(source, out, subset=subset, **how, progress=progress)

    run(job, as_json)


def _how(
    method: list[str] | None, border: str, parameters: Path | None, category: str | None
) -> dict[str, Any]:
    """What both commands are told; methods that were not named are left to the call."""
    how: dict[str, Any] = {"border": border, "parameters": parameters, "category": category}
    return {**how, "methods": method} if method else how


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    for command in (count, tune):
        app.command()(command)
