"""What every command does around its one call: progress, summary, messages, exit status."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from io import StringIO, TextIOWrapper
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from smearprep.findings import Finding, Summary

Progress = Callable[[int, int], None]
Job = Callable[[Progress], "Summary"]

DONE, PROBLEMS, UNUSABLE, INTERRUPTED = 0, 1, 2, 130
_MOST_FINDINGS = 5  # of one kind, on the terminal; --json has them all

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]


def run(job: Job, as_json: bool, shows_progress: bool = True) -> None:
    """Run a command's one call and tell what it did.

    Exit status: 0 done; 1 the data has problems; 2 wrong usage or unusable input; 130 interrupted.

    Args:
        job: Given a progress callback, returns the summary.
        as_json: Print the machine-readable summary instead of tables.
        shows_progress: False for work that goes on for as long as the user wants.
    """
    from smearprep.errors import SmearprepError

    for stream in (sys.stdout, sys.stderr):  # a file name may hold what the terminal cannot show
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace", encoding="utf-8" if as_json else None)
    try:
        with _progress_bar() if shows_progress else nullcontext(_no_progress) as progress:
            summary = job(progress)
        text = _as_json(summary) if as_json else _as_tables(summary)
    except SmearprepError as error:
        _say(f"error: {error}")
        raise typer.Exit(UNUSABLE) from None
    except KeyboardInterrupt:
        _say("interrupted; give the same command again to go on")
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        if os.environ.get("SMEARPREP_DEBUG"):
            raise
        kind = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        _say(f"error: this is a fault of smearprep ({kind}). Please report it with what the same command")
        _say("prints when SMEARPREP_DEBUG=1 is set.")
        raise typer.Exit(UNUSABLE) from None
    write_out(text)
    raise typer.Exit(PROBLEMS if summary.has_problems else DONE)


def write_out(text: str) -> None:
    """Write to standard output, whoever reads it."""
    try:
        if sys.stdout is not None:
            sys.stdout.write(text)
            sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        _say(f"error: standard output cannot be written ({error.strerror})")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(UNUSABLE) from None


def _say(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(text + "\n")


def _as_json(summary: Summary) -> str:
    from smearprep.jsonfiles import dump_json

    return dump_json(summary.as_dict(), pretty=True).decode()


def _no_progress(done: int, total: int) -> None:
    """Show nothing."""


@contextmanager
def _progress_bar() -> Iterator[Progress]:
    """A bar on standard error, without an end until the first call; none where that is no terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield _no_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total: bar.update(task, description="working", completed=done, total=total)


# ---------------------------------------------------------------- tables for people


def _as_tables(summary: Summary) -> str:
    """The summary as text for the terminal that is there, or for a file of 80 columns."""
    from rich.console import Console

    text = StringIO()
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    width = shutil.get_terminal_size().columns or 80  # 80 too where there is no terminal
    console = Console(file=text, highlight=False, force_terminal=is_terminal, width=width)
    if summary.counts:
        _table(console, summary.command, [_spaced(summary.counts)])
    for title, rows in summary.tables.items():
        _table(console, title, rows)
    if summary.by_category:
        _table(console, "cells", [dict(summary.by_category)])
    if summary.by_subset:
        _table(console, "subsets", [{"subset": name, **row} for name, row in summary.by_subset.items()])
    _print_findings(console, summary.findings)
    if summary.output:
        console.print(f"written to {summary.output}", markup=False)
    if summary.next_step:
        console.print(f"next: {summary.next_step}", markup=False)
    return text.getvalue()


def _spaced(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key.replace("_", " "): value for key, value in row.items()}


def _table(console: Console, title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """One table; a single row of numbers goes line by line, rows too wide for the terminal as paragraphs."""
    from rich.table import Table
    from rich.text import Text

    if len(rows) == 1 and not any(isinstance(value, str) for value in rows[0].values()):
        rows = [{title: key, "": value} for key, value in rows[0].items()]
    elif rows:
        console.print(Text(title, style="bold"))
    keys = list(dict.fromkeys(key for row in rows for key in row))
    width = sum(2 + max(len(key), *(len(_shown(row.get(key, ""))) for row in rows)) for key in keys)
    if width > 1.5 * console.width:
        _paragraphs(console, rows)
        return
    table = Table(title=None, box=None, pad_edge=False, header_style="bold")
    for key in keys:
        number = all(isinstance(row.get(key, 0), int | float) for row in rows)
        table.add_column(Text(key), justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_shown(row.get(key, ""))) for key in keys))
    console.print(table)
    console.print()


def _paragraphs(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    for row in rows:
        (_, first), *rest = row.items()
        console.print(Text(_shown(first), style="bold"))
        for key, value in rest:
            console.print(Padding(Text(f"{key}: {_shown(value)}"), (0, 0, 0, 2)))
        console.print()


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _print_findings(console: Console, findings: Sequence[Finding]) -> None:
    """The findings, kind by kind, the first few of each."""
    from rich.text import Text

    kinds = dict.fromkeys(finding.kind for finding in findings)
    for kind in sorted(kinds, key=lambda kind: not any(f.kind == kind and f.is_problem for f in findings)):
        own = [finding for finding in findings if finding.kind == kind]
        console.print(Text(f"{kind.replace('_', ' ')} ({len(own)})", style="bold"))
        for finding in own[:_MOST_FINDINGS]:
            place = " ".join(part for part in (finding.file, finding.id) if part)
            console.print(Text(f"  {place}: {finding.what}" if place else f"  {finding.what}"))
        if len(own) > _MOST_FINDINGS:
            console.print(f"  ... and {len(own) - _MOST_FINDINGS:,} more; --json lists them all")
    if findings:
        console.print()
