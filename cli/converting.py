"""The convert command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smearprep.cli import arguments as args
from smearprep.cli.output import Json, run


def convert(
    markup: Annotated[list[Path], typer.Argument(help="Annotation files, or folders of them.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The COCO file to write.")],
    map_: args.Map = None,
    from_: Annotated[str | None, typer.Option("--from", help="The format; default: by content.")] = None,
    images: Annotated[
        Path | None, typer.Option(help="Where the images lie, for formats that store no name or size.")
    ] = None,
    class_: Annotated[
        list[str] | None, typer.Option("--class", help="Class names by index, for YOLO. Repeatable.")
    ] = None,
    label: Annotated[str, typer.Option(help="What the cells of a binary mask, or points, are.")] = "cell",
    colour: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL=R,G,B", help="A colour of colour-coded masks. Repeatable."),
    ] = None,
    threshold: Annotated[
        int, typer.Option(min=0, max=255, help="A mask pixel above this grey value is foreground.")
    ] = 127,
    min_area: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL=PX", help="The smallest region of a mask that is a cell. Repeatable."),
    ] = None,
    strict: args.Strict = False,
    as_json: Json = False,
) -> None:
    """Convert outlines and other annotations to COCO."""
    from smearprep.converting import convert

    run(
        lambda progress: convert(
            markup, output, labels=args.parse_map(map_), format=from_, images=images,
            classes=tuple(class_ or ()), label=label, colours=args.parse_colours(colour),
            threshold=threshold, min_area=args.parse_areas(min_area), strict=strict, progress=progress,
        ),
        as_json,
    )  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add this group's command."""
    app.command()(convert)
