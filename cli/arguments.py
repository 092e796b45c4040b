"""Arguments that several commands share, and how their short forms are read."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from smearprep.cli.output import Progress

Raw = Annotated[str, typer.Argument(help="A folder of raw data, or its address, such as s3://BUCKET/FOLDER.")]
Cache = Annotated[
    Path | None, typer.Option(help="Where raw data that lies at an address is copied to, once.")
]
Out = Annotated[Path, typer.Argument(help="The folder to write.")]
DatasetName = Annotated[
    str | None, typer.Option("--dataset", help="What the folder holds; default: recognised by itself.")
]
Options = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="KEY=VALUE", help="An option of the data set. Repeatable."),
]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="OLD=NEW or FILE",
        help="Give labels other names; a YAML file has lines OLD: NEW. Repeatable.",
    ),
]
Category = Annotated[
    list[str] | None,
    typer.Option("--category", help="Keep only this category, in this order. Repeatable; default: all."),
]
Size = Annotated[str | None, typer.Option("--resize", metavar="N or WxH", help="Size of every output in px.")]
MinVisible = Annotated[
    float, typer.Option(min=0, max=1, help="Leave out cells of which less than this share is inside.")
]
Format = Annotated[str, typer.Option("--format", help="jpg, png, or auto: jpg from jpg, else png.")]
Quality = Annotated[int, typer.Option(min=1, max=100, help="JPEG quality.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Images worked on at a time; default: one a core.")]
Processes = Annotated[
    int | None, typer.Option(min=1, help="Work in so many processes instead; one that dies is replaced.")
]
Dask = Annotated[
    str | None,
    typer.Option(metavar="tcp://HOST:PORT", help="Let the workers of this Dask scheduler do the work."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Plan and tell; write nothing.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first problem; do not leave it out.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a set that smearprep has written there.")]


def hire(
    workers: int | None, processes: int | None, dask: str | None, dry_run: bool = False
) -> AbstractContextManager[Executor | None]:
    """The executor that does the work; None where there is nothing to do but plan.

    Raises:
        SmearprepError: As `executors.hire`.
    """
    if dry_run:
        return nullcontext()
    from smearprep.executors import hire

    return hire(workers, processes, dask)


def local_folder(raw: str, cache: Path | None, progress: Progress) -> Path:
    """The folder of this computer where raw data lies (`remote.local_folder`)."""
    from smearprep.remote import local_folder

    return local_folder(raw, cache, progress)


def parse_options(entries: Sequence[str] | None) -> dict[str, Any]:
    """`["min_area={WBC: 900}", "exif=stored"]` as a dict; values are read as YAML.

    Raises:
        RecipeError: An entry without `=`, or broken YAML.
    """
    from smearprep.entries import parse_entries

    return parse_entries(entries or ())


def parse_map(entries: Sequence[str] | None) -> dict[str, str]:
    """`["Truck=RBC"]` as a dict."""
    from smearprep.cells import parse_label_map

    return parse_label_map(entries or ())


def parse_size(text: str | None) -> tuple[int, int] | None:
    """A size such as "550" or "640x480" as (width, height) in px."""
    from smearprep.entries import parse_size

    return None if text is None else parse_size(text)


def parse_colours(entries: Sequence[str] | None) -> dict[str, tuple[int, int, int]]:
    """`["nucleus=0,255,255"]` as a dict of (R, G, B)."""
    from smearprep.entries import parse_colours

    return parse_colours(entries or ())


def parse_areas(entries: Sequence[str] | None) -> dict[str, int]:
    """`["WBC=1000"]` as a dict of px."""
    from smearprep.entries import parse_areas

    return parse_areas(entries or ())
