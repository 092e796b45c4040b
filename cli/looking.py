"""Commands that look and write nothing: datasets, formats, inspect, check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smearprep.cli.arguments import Cache, DatasetName, Options, Raw, local_folder, parse_options
from smearprep.cli.output import Json, run


def datasets(as_json: Json = False) -> None:
    """List the data sets that are read, and their terms."""
    from smearprep.inspecting import datasets_summary

    run(lambda progress: datasets_summary(), as_json)


def formats(as_json: Json = False) -> None:
    """List the annotation formats that are read and written."""
    from smearprep.inspecting import formats_summary

    run(lambda progress: formats_summary(), as_json)


def inspect(
    raw: Raw,
    dataset: DatasetName = None,
    option: Options = None,
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Tell what is in a raw folder, and what is wrong with it."""
    from smearprep.inspecting import inspect

    run(lambda progress: inspect(local_folder(raw, cache, progress), dataset, parse_options(option)), as_json)


def check(
    prepared: Annotated[Path, typer.Argument(help="A prepared set, or another set in COCO's layout.")],
    as_json: Json = False,
) -> None:
    """Check a prepared set; exit status 1 if it does not hold.

    Looks at files, sizes, ids, outlines, counts, digests, and smears in two subsets.
    """
    from smearprep.checking import check

    run(lambda progress: check(prepared, progress), as_json)


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    for command in (datasets, formats, inspect, check):
        app.command()(command)
