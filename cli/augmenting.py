"""The augment command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smearprep.cli.output import Json, Progress, run

if TYPE_CHECKING:
    from smearprep.findings import Summary


def augment(
    folder: Annotated[Path, typer.Argument(metavar="SET", help="A prepared set.")],
    preview: Annotated[Path, typer.Option(metavar="FILE.png", help="The picture to write.")],
    category: Annotated[str, typer.Option(help="Of the cells; default: the only one of the set.")] = "",
    size: Annotated[int, typer.Option(min=1, help="Side in px of what the network sees.")] = 188,
    output: Annotated[int, typer.Option(min=1, help="Side in px of what it labels, in the middle.")] = 100,
    count: Annotated[int, typer.Option(min=1, help="Chips to draw.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other chips.")] = 0,
    as_json: Json = False,
) -> None:
    """Draw a sheet of augmented chips with their masks and edges."""

    def job(progress: Progress) -> Summary:
        from smearprep.preview import preview as draw_preview

        return draw_preview(
            folder, preview, category, input_size=size, output_size=output, count=count, seed=seed,
            progress=progress,
        )  # fmt: skip

    run(job, as_json)


def register(app: typer.Typer) -> None:
    """Add this group's command."""
    app.command()(augment)
