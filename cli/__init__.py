"""The command line: one file a group of commands, no logic. What it does, Python can do in one call."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from smearprep.cli.app import app

    app()
