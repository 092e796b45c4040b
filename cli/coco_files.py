"""The coco commands: work on COCO files as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from smearprep.cli import arguments as args
from smearprep.cli.output import Json, run

In = Annotated[Path, typer.Argument(metavar="FILE", help="A COCO file.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="The COCO file to write.")]
Order = Annotated[
    list[str] | None,
    typer.Option("--category", help="Put this category first; all others follow. Repeatable."),
]
Match = Annotated[
    Literal["path", "name"],
    typer.Option(help="Images are the same by path, or by name (no folders, no Label Studio prefix)."),
]

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@group.command()
def merge(
    files: Annotated[list[Path], typer.Argument(help="COCO files of one set of images.")],
    output: Output,
    category: Order = None,
    annotator_from_file: Annotated[
        bool, typer.Option("--annotator-from-file", help="Name the file as the annotator of its cells.")
    ] = False,
    duplicates: Annotated[
        Literal["keep", "first"],
        typer.Option(help="What becomes of a cell that nearly is one of an earlier file."),
    ] = "keep",
    match: Match = "path",
    as_json: Json = False,
) -> None:
    """Make one COCO file of several: of several annotators."""
    from smearprep.coco_files import merge

    run(
        lambda progress: merge(
            files, output, categories=tuple(category or ()), annotator_from_file=annotator_from_file,
            duplicates=duplicates, match=match, progress=progress,
        ),
        as_json,
    )  # fmt: skip


@group.command("filter")
def filter_(
    file: In,
    output: Output,
    category: args.Category = None,
    min_area: Annotated[float, typer.Option(metavar="PX", help="Leave out cells with less area.")] = 0,
    max_area: Annotated[
        float | None, typer.Option(metavar="PX", help="Leave out cells with more area.")
    ] = None,
    outline: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND,...", help="Keep only these: drawn, component, made, box, point."),
    ] = None,
    score_min: Annotated[
        float | None, typer.Option(help="Leave out cells with a lower score; cells without one stay.")
    ] = None,
    annotator: Annotated[
        list[str] | None, typer.Option(help="Keep only the cells of this annotator. Repeatable.")
    ] = None,
    images_with: Annotated[
        list[str] | None,
        typer.Option(metavar="CATEGORY", help="Keep only images with a cell of it. Repeatable: any of them."),
    ] = None,
    only_images_with_cells: Annotated[
        bool, typer.Option("--only-images-with-cells", help="Leave out images without a cell.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a part of a COCO file: some categories, cells or images."""
    import math

    from smearprep.coco_files import Criteria, filter_cells

    run(
        lambda progress: filter_cells(
            file,
            output,
            Criteria(
                categories=tuple(category or ()),
                min_area=min_area,
                max_area=math.inf if max_area is None else max_area,
                outlines=tuple(kind.strip() for entry in outline or () for kind in entry.split(",")),
                min_score=score_min,
                annotators=tuple(annotator or ()),
                images_with=tuple(images_with or ()),
                only_images_with_cells=only_images_with_cells,
            ),
            progress=progress,
        ),
        as_json,
    )


@group.command()
def relabel(
    file: In,
    output: Output,
    map_: args.Map = None,
    category: Order = None,
    as_json: Json = False,
) -> None:
    """Give categories other names; several may become one."""
    from smearprep.coco_files import relabel_cells

    run(
        lambda progress: relabel_cells(
            file, output, args.parse_map(map_), categories=tuple(category or ()), progress=progress
        ),
        as_json,
    )


@group.command()
def stats(
    files: Annotated[list[Path], typer.Argument(help="COCO files.")],
    as_json: Json = False,
) -> None:
    """Count and measure the cells of COCO files."""
    from smearprep.coco_files import stats

    run(lambda progress: stats(files, progress=progress), as_json)


@group.command()
def agree(
    a: Annotated[Path, typer.Argument(metavar="A", help="The COCO file of one annotator.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="That of another one, of the same images.")],
    iou: Annotated[
        float, typer.Option(help="Two cells are one from this intersection over union of their outlines.")
    ] = 0.5,
    point_distance: Annotated[
        float | None, typer.Option(metavar="PX", help="Two points are one up to this distance.")
    ] = None,
    match: Match = "path",
    worst: Annotated[int, typer.Option(min=0, help="List so many of the images that differ most.")] = 10,
    as_json: Json = False,
) -> None:
    """Say how far two annotators agree: on cells, outlines and labels."""
    from smearprep.coco_files import agree

    run(
        lambda progress: agree(
            a, b, iou=iou, point_distance=point_distance, match=match, worst=worst, progress=progress
        ),
        as_json,
    )


def register(app: typer.Typer) -> None:
    """Add this group."""
    app.add_typer(group, name="coco", help="Merge, filter, relabel, count and compare COCO files.")
