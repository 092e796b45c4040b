"""The command that opens downloads: unpack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smearprep.cli.output import Json, run


def unpack(
    archive: Annotated[Path, typer.Argument(help="A zip, tar, tar.gz, tar.bz2 or tar.xz file.")],
    out: Annotated[Path, typer.Argument(help="The folder to write; it appears whole or not at all.")],
    max_gb: Annotated[float, typer.Option(min=0, help="Stop if more than this would come out.")] = 200.0,
    max_files: Annotated[int, typer.Option(min=1, help="Stop if more files would come out.")] = 2_000_000,
    max_ratio: Annotated[
        float,
        typer.Option(min=1, help="Stop if more than this many times the archive's size would come out."),
    ] = 200.0,
    as_json: Json = False,
) -> None:
    """Unpack a downloaded data set, safely.

    What would be written outside the folder, links out of it and devices are left out and named.
    """
    from smearprep.archives import Limits, unpack

    run(
        lambda progress: unpack(archive, out, Limits(int(max_gb * 1e9), max_files, max_ratio), progress),
        as_json,
    )


def register(app: typer.Typer) -> None:
    """Add this group's command."""
    app.command()(unpack)
