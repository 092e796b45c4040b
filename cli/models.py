"""The models command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from smearprep.cli.output import Json, Progress, run

if TYPE_CHECKING:
    from smearprep.findings import Summary


def models(as_json: Json = False) -> None:
    """List the networks, and what they cost."""

    def job(progress: Progress) -> Summary:
        from smearprep.models.zoo import describe

        return describe()

    run(job, as_json)


def register(app: typer.Typer) -> None:
    """Add this group's command."""
    app.command()(models)
