"""The annotate command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smearprep.cli.output import Json, Progress, run

if TYPE_CHECKING:
    from smearprep.findings import Summary


def annotate(
    folder: Annotated[
        Path,
        typer.Argument(metavar="SET", help="A prepared set; also a folder of images, or of predictions."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="NEW_SET",
            help="Where to make a set of a folder that is none; default: FOLDER_set.",
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Of predictions: their images; default: looked for."),
    ] = None,
    category: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A further kind of cell to draw. Repeatable.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Of the page's address; default: 8123, or a free one."),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page, or only print its link.")
    ] = True,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Serve other computers too, at this address of yours; the link holds the key.",
        ),
    ] = "127.0.0.1",
    who: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Who draws, for the journal; default: who is logged in."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Draw and correct outlines in the browser.

    Serves a page to this computer alone until Ctrl-C. Every edit is saved at once.
    """

    def job(progress: Progress) -> Summary:
        need_server()
        from smearprep.serving import annotate

        return annotate(
            folder, out=out, images=images, categories=category or (), host=host, port=port,
            who=_logged_in() if who is None else who, browser=browser, say=_say,
        )  # fmt: skip

    run(job, as_json, shows_progress=False)


def need_server() -> None:
    """Refuse a command whose libraries are not installed.

    Raises:
        SmearprepError: Some are missing; the message says how to install them.
    """
    from importlib.util import find_spec

    from smearprep.errors import SmearprepError

    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        raise SmearprepError(
            f"this command needs {' and '.join(missing)}, which is not installed; install smearprep with its "
            'part for the browser: pip install "smearprep[serve]"'
        )


def _logged_in() -> str:
    from getpass import getuser

    try:
        return getuser()
    except (OSError, KeyError, ImportError):  # a system without names of users
        return ""


def _say(text: str) -> None:
    """A line for the person at the terminal; standard output is the summary's."""
    if sys.stderr is not None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def register(app: typer.Typer) -> None:
    """Add this group's command."""
    app.command()(annotate)
