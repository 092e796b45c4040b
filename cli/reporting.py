"""The report command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smearprep.cli.output import Json, Progress, run

if TYPE_CHECKING:
    from smearprep.findings import Summary


def report(
    prepared: Annotated[Path, typer.Argument(help="A prepared set, or another set in COCO's layout.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file to write; default: report.html in the set.")
    ] = None,
    um_per_px: Annotated[
        float | None, typer.Option(help="Scale of the raw images, in um per px: sizes are told in um, too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a page about a prepared set, to be looked at in a browser.

    Shows counts, sizes, brightness and stain, what leaks between the subsets, and pictures with outlines.
    Exit status 1 if there are problems.
    """

    def job(progress: Progress) -> Summary:
        from smearprep.reporting import report

        return report(prepared, out, um_per_px=um_per_px, progress=progress)

    run(job, as_json)


def register(app: typer.Typer) -> None:
    """Add this group's command."""
    app.command()(report)
