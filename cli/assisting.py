"""The assist command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smearprep.cli import arguments as args
from smearprep.cli.learning import need_torch
from smearprep.cli.output import Json, Progress, run

if TYPE_CHECKING:
    from smearprep.findings import Summary


def assist(
    folder: Annotated[Path, typer.Argument(metavar="SET", help="A prepared set; it is changed in place.")],
    category: Annotated[
        list[str] | None, typer.Option(help="Only cells of this category. Repeatable; default: all.")
    ] = None,
    part: Annotated[
        bool, typer.Option("--part", help="Also part cells that a class mask shows as one.")
    ] = False,
    find: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CATEGORY",
            help="Look for WBC, RBC or Platelets in images in which nobody has. Repeatable.",
        ),
    ] = None,
    run_folder: Annotated[
        Path | None,
        typer.Option(
            "--run",
            metavar="RUN",
            help="A run of `train` finds the cells; default: colour and shape do.",
        ),
    ] = None,
    redo: Annotated[
        bool, typer.Option("--redo", help="Begin again from the boxes and points that were given.")
    ] = False,
    preview: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Draw the least certain outlines, and some others."),
    ] = None,
    workers: args.Workers = None,
    processes: args.Processes = None,
    dask: args.Dask = None,
    dry_run: args.DryRun = False,
    strict: args.Strict = False,
    as_json: Json = False,
) -> None:
    """Make outlines for cells of which only a box or a point is known."""
    if run_folder is not None and (workers, processes, dask) != (None, None, None):
        hint = "--workers, --processes, --dask"
        raise typer.BadParameter("a network (--run) looks at one image after the other", param_hint=hint)

    def job(progress: Progress) -> Summary:
        how: dict[str, Any] = {
            "categories": category or (), "part": part, "find": find or (), "redo": redo, "dry_run": dry_run,
            "strict": strict, "preview": preview, "progress": progress,
        }  # fmt: skip
        if run_folder is not None:
            need_torch()
            from smearprep.models.proposing import propose

            return propose(folder, run_folder, **how)
        from smearprep.assist import assist

        with args.hire(workers, processes, dask, dry_run) as executor:
            return assist(folder, executor=executor, **how)

    run(job, as_json)


def register(app: typer.Typer) -> None:
    """Add this group's command."""
    app.command()(assist)
