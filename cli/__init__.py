"""The command line: one file a group of commands, no logic. What it does, Python can do in one call."""

from __future__ import annotations

import gc
import os


def main() -> None:
    """Run the command line."""
    # What modules make while they load stays: looking for garbage in it, and for pydantic plugins in every
    # package that is installed, only delays a short command.
    gc.set_threshold(100_000, 20, 20)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    from smearprep.cli.app import app

    app()
