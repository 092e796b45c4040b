"""The demo command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from smearprep.cli import arguments as args
from smearprep.cli.learning import missing_for_training
from smearprep.cli.output import Json, Progress, run

if TYPE_CHECKING:
    from smearprep.findings import Summary


def demo(
    out: args.Out,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other smears.")] = 0,
    workers: args.Workers = None,
    training: Annotated[
        bool, typer.Option("--train/--no-train", help="Train a network for a minute, predict and count.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Do the whole job on smears drawn by smearprep itself.

    Without the libraries for training it ends with the prepared set.
    """

    def job(progress: Progress) -> Summary:
        if training and not missing_for_training():
            from smearprep.models.demo import demo as whole

            return whole(out, seed, workers, progress)
        from smearprep.demo import demo

        return demo(out, seed, workers, progress)

    run(job, as_json)


def register(app: typer.Typer) -> None:
    """Add this group's command."""
    app.command()(demo)
