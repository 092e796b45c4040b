"""The whole job: open a set, serve it until the user has enough, tell what was saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from smearprep.annotating import Session, made_into_set
from smearprep.errors import OutputError
from smearprep.findings import Summary, count_kinds
from smearprep.output_folder import EDITS
from smearprep.serving.folding import Folding
from smearprep.serving.hosts import LOOPBACK, Place, listen
from smearprep.serving.keys import Keys
from smearprep.serving.server import open_browser, serve
from smearprep.serving.site import site


def annotate(
    folder: Path,
    *,
    out: Path | None = None,
    images: Path | None = None,
    categories: Sequence[str] = (),
    host: str = LOOPBACK,
    port: int | None = None,
    who: str = "",
    browser: bool = True,
    say: Callable[[str], None] = print,
) -> Summary:
    """Serve a set until Ctrl-C.

    Args:
        folder: A prepared set. Of a folder of images or of predictions a set is made first, beside it.
        out: Where to make that set; None: `<folder>_set`.
        images: Of predictions: the folder of their images; None: it is looked for.
        categories: Further kinds of cells to draw.
        host: The address to listen at; only this computer reaches the default one.
        port: 0 takes a free one; None takes the usual one, or a free one if that is in use.
        who: Who edits, for the journal.
        browser: Open the page in the user's browser.
        say: Shows a line to the person at the terminal.

    Returns:
        What was edited, and how the set stands now.

    Raises:
        SmearprepError: The set cannot be used or is served already, or the address cannot be used.
    """
    place = listen(host, port)  # first: opening a large set takes a while, and a wrong option does not
    with closing(place.listener):
        root, made = made_into_set(folder, out, images=images, progress=_announcing(say))
        if root != folder:
            for line in _told_of_making(folder, root, made):
                say(line)
        session = Session(root, who)
        try:
            return _serve(session, root, categories, place, browser, say)
        finally:
            _close(session, root)


def _serve(
    session: Session,
    root: Path,
    categories: Sequence[str],
    place: Place,
    browser: bool,
    say: Callable[[str], None],
) -> Summary:
    known = session.overview()["revision"]
    for name in categories:
        session.add_category(name)
    keys = Keys()

    def greet() -> None:
        for line in _greeting(session.overview(), place, keys.token):
            say(line)
        if browser:
            open_browser(f"{place.url}#ticket={keys.ticket()}", say)

    with closing(Folding(session.fold, say)) as folding:
        serve(site(session, keys, place.names, folding), place, greet)
    say("writing the last edits ...")
    return _summary(root, known, session.overview())


def _close(session: Session, root: Path) -> None:
    """Write the last edits into the set's files.

    Raises:
        OutputError: They cannot be written; the message says that none is lost.
    """
    try:
        session.close()
    except OutputError as error:
        kept = f"No edit is lost: {root / EDITS} has them all, and the next `smearprep annotate` writes them"
        raise OutputError(f"{error}. {kept}") from None


def _announcing(say: Callable[[str], None]) -> Callable[[int, int], None]:
    """Progress of making a set: of many images it takes a while."""
    is_told = False

    def progress(done: int, total: int) -> None:
        nonlocal is_told
        if not is_told:
            say(f"making a set of {total:,} images ...")
        is_told = True

    return progress


def _told_of_making(folder: Path, root: Path, made: Summary | None) -> list[str]:
    """What the person is told whose folder is no prepared set."""
    if made is None:
        return [f"{folder} is no prepared set; the one that was made of it, {root}, is opened"]
    left = ", ".join(
        f"{count} {kind.replace('_', ' ')}" for kind, count in count_kinds(made.findings).items()
    )
    lines = [f"{folder} is no prepared set; one was made of it: {root}. The folder itself is as it was."]
    return [*lines, f"  found in it: {left}; `smearprep inspect {folder}` lists them"] if left else lines


def _greeting(overview: dict[str, Any], place: Place, token: str) -> list[str]:
    counts = _counts(overview)
    lines = [
        f"{overview['name']}: {counts['images']:,} images, {counts['cells']:,} cells, "
        f"{counts['unreviewed_cells']:,} of them not looked at yet",
        *_lacking(overview),
        "Open this link in a browser; whoever has it can change the set:",
        f"  {place.url}#token={token}",
    ]
    if place.is_open_to_others:
        lines += [
            f"Every computer that reaches {place.host} can use this link. Nothing is encrypted: whoever",
            "listens on the network sees the images and the link. Do this only in a network that you trust.",
        ]
    return [*lines, "Every edit is saved at once. Ctrl-C here ends."]


def _lacking(overview: dict[str, Any]) -> list[str]:
    """What the person has to know before drawing."""
    lines = []
    missing = [row["key"] for row in overview["images"] if row["missing"]]
    if missing:
        lines.append(f"{len(missing):,} of the images are not there, for example {missing[0]}")
    if not overview["categories"]:
        lines.append("It has no kind of cell yet: name those that you draw, for example --category WBC")
    return lines


def _summary(root: Path, known: int, after: dict[str, Any]) -> Summary:
    by_subset: dict[str, dict[str, int]] = {}
    for subset in sorted({row["subset"] for row in after["images"]}):
        rows = [row for row in after["images"] if row["subset"] == subset]
        by_subset[subset] = _counts({"images": rows})
    return Summary(
        "annotate",
        str(root),
        counts={"edits": after["revision"] - known, **_counts(after)},
        by_subset=by_subset,
        next_step=f"smearprep check {root}",
    )


def _counts(overview: dict[str, Any]) -> dict[str, int]:
    rows = overview["images"]
    return {
        "images": len(rows),
        "reviewed_images": sum(row["reviewed"] for row in rows),
        "flagged_images": sum(row["flagged"] for row in rows),
        "cells": sum(row["cells"] for row in rows),
        "unreviewed_cells": sum(row["unreviewed"] for row in rows),
    }
