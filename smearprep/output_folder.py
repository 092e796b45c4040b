"""The folder of a prepared set while it is being made: whose is it, what is done, what is left over."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from smearprep.errors import DataError, OutputError
from smearprep.images import write_atomic
from smearprep.jsonfiles import dump_json, read_json
from smearprep.recipes import Recipe
from smearprep.rendering import Rendered, RenderTask, read_journal

MANIFEST = "manifest.json"
STATE = ".smearprep"
"""Of a run that is under way: its plan's digest, and the journal."""
_PLAN = "plan"


def journal(out: Path) -> Path:
    """Where a run notes what it has finished."""
    return out / STATE / "journal"


def keep_apart(roots: Sequence[Path], out: Path) -> None:
    """Refuse to write into raw data, or above it."""
    try:
        target, raws = out.resolve(), [root.resolve() for root in roots]
    except (OSError, RuntimeError) as error:  # RuntimeError: links that go round in a circle
        raise OutputError(f"{out}: is no folder that can be written ({error})") from None
    for root, raw in zip(roots, raws, strict=True):
        if target == raw or target.is_relative_to(raw) or raw.is_relative_to(target):
            raise OutputError(f"{out}: lies within the raw folder {root}, or holds it; choose another folder")


def plan_digest(recipe: Recipe, work: Sequence[RenderTask]) -> str:
    """What makes a set that very set: its recipe, and which windows of which images it shows."""
    return sha256(dump_json([recipe.as_dict(), [task.key for task in work]])).hexdigest()


def open_output(out: Path, digest: str, work: Sequence[RenderTask], force: bool) -> dict[str, Rendered]:
    """Make the output folder ready, and tell what earlier runs have finished in it.

    Raises:
        OutputError: It holds something that smearprep did not write, or another set or outlines made by
            `assist` and `force` is not set, or it cannot be written.
    """
    try:
        found = _found_plan(out)
        if found is None and out.is_dir() and any(path.name != STATE for path in out.iterdir()):
            raise OutputError(
                f"{out}: is not empty, and what is in it is no prepared set; choose another folder"
            )
        if found is not None and found != digest:
            if not force:
                raise OutputError(
                    f"{out}: holds a set from another recipe, other raw data or another version; "
                    "choose another folder, or replace it with --force"
                )
            for name in ("images", "annotations", STATE):
                shutil.rmtree(out / name, ignore_errors=True)
            (out / MANIFEST).unlink(missing_ok=True)
        elif found is not None and not force and _is_assisted(out):
            raise OutputError(
                f"{out}: holds outlines that `smearprep assist` made, and they would be lost; choose another "
                "folder, or begin again with --force"
            )
        known = {**_from_manifest(out, work), **read_journal(journal(out))}
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror or error})") from None
    write_atomic(out / STATE / _PLAN, digest.encode())
    return known


def check_still_ours(out: Path, digest: str) -> None:
    """Refuse to end a run whose output was replaced by another run in the meantime.

    Raises:
        OutputError: It was.
    """
    if _found_plan(out) != digest:
        raise OutputError(f"{out}: another run has replaced what this one wrote; run one at a time")


def _found_plan(out: Path) -> str | None:
    """The digest of the plan that was rendered, or is being rendered, to a folder.

    None if no plan is there; "" if one is, but cannot be read.
    """
    if (out / STATE / _PLAN).is_file():
        return (out / STATE / _PLAN).read_text(encoding="ascii", errors="replace")
    if not (out / MANIFEST).is_file():
        return None
    try:
        return str(read_json(out / MANIFEST)["plan"])
    except (KeyError, TypeError):
        return None  # somebody else's manifest
    except DataError:
        return ""


def _is_assisted(out: Path) -> bool:
    """True if outlines were made in a set after it was prepared."""
    try:
        return "assist" in read_json(out / MANIFEST)
    except (DataError, TypeError):
        return False


def _from_manifest(out: Path, work: Sequence[RenderTask]) -> dict[str, Rendered]:
    """What a finished run has written, so that running it again writes only what is missing."""
    try:
        manifest = read_json(out / MANIFEST)
        inputs, images = dict(manifest["inputs"]), dict(manifest["images"])
    except (DataError, KeyError, TypeError, ValueError):
        return {}
    known = {}
    for task in work:
        outputs = {name: images[name] for name, _ in task.views if name in images}
        if len(outputs) == len(task.views) and task.source in inputs:
            known[task.key] = Rendered(task.key, task.source, inputs[task.source], outputs)
    return known


def tidy(out: Path) -> None:
    """Remove what a run leaves beside its result: the journal, and temporary files of killed runs."""
    shutil.rmtree(out / STATE, ignore_errors=True)
    for folder in (out / "images", out / "annotations"):
        for left in folder.rglob(".*.part"):
            left.unlink(missing_ok=True)
