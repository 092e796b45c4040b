"""The convert command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from smearprep.cli import arguments as args
from smearprep.cli.output import Json, Progress, run

if TYPE_CHECKING:
    from smearprep.findings import Summary

Holes = Annotated[
    Literal["slit", "fill", "leave_out"],
    typer.Option(help="Where a format knows no holes: go round them through a slit, or fill them."),
]
Parts = Annotated[
    Literal["bridge", "split", "largest", "leave_out"],
    typer.Option(help="Where a cell can have only one outline: join its parts, or make each a cell."),
]


def convert(
    markup: Annotated[list[Path], typer.Argument(help="Annotation files, or folders of them.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The file or folder to write.")],
    to: Annotated[
        str, typer.Option("--to", help="The format to write; `smearprep formats` lists them.")
    ] = "coco",
    from_: Annotated[
        str | None, typer.Option("--from", help="The format to read; default: by content.")
    ] = None,
    map_: args.Map = None,
    category: Annotated[
        list[str] | None,
        typer.Option(
            help="The categories, in the order of their numbers. Repeatable; default: all, by name."
        ),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Where the images lie, for formats that store no name or size.")
    ] = None,
    holes: Holes = "slit",
    parts: Parts = "bridge",
    annotator: Annotated[
        str | None,
        typer.Option(help="Whose cells, where several people annotated one image; `all` for everybody's."),
    ] = None,
    attribute: Annotated[
        str | None, typer.Option(help="The attribute that holds a cell's class, for VIA.")
    ] = None,
    class_: Annotated[
        list[str] | None, typer.Option("--class", help="Class names by number, for YOLO. Repeatable.")
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
    shard_size: Annotated[int, typer.Option(min=1, help="Images in a shard of a WebDataset.")] = 1000,
    strict: args.Strict = False,
    as_json: Json = False,
) -> None:
    """Convert outlines and other annotations to COCO, or to another format."""

    def job(progress: Progress) -> Summary:
        from smearprep.converting import convert
        from smearprep.formats.reading import ReadOptions
        from smearprep.formats.writing import WriteOptions

        reading = ReadOptions(
            images=images, classes=tuple(class_ or ()), label=label, threshold=threshold,
            colours=args.parse_colours(colour), min_area=args.parse_areas(min_area),
            annotator=annotator, attribute=attribute,
        )  # fmt: skip
        writing = WriteOptions(holes, parts, tuple(category or ()), shard_size)
        return convert(
            markup, output, to=to, labels=args.parse_map(map_), format=from_, reading=reading,
            writing=writing, strict=strict, progress=progress,
        )  # fmt: skip

    run(job, as_json)


def register(app: typer.Typer) -> None:
    """Add this group's command."""
    app.command()(convert)
