"""The typer application. Nothing heavy is imported here: `--help` is to answer at once."""

from __future__ import annotations

import typer

from smearprep.cli import (
    annotating,
    assisting,
    augmenting,
    coco_files,
    converting,
    counting,
    demo,
    learning,
    looking,
    models,
    preparing,
    reporting,
    unpacking,
)

app = typer.Typer(
    name="smearprep",
    help="From raw blood-smear images to a prepared COCO set.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
GROUPS = (
    unpacking, looking, preparing, converting, coco_files, reporting, assisting, annotating, models,
    augmenting, learning, counting, demo,
)  # fmt: skip

for group in GROUPS:
    group.register(app)
