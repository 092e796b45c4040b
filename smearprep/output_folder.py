"""The folder of a prepared set while it is being made: whose is it, what is done, what is left over."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
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
EDITS = "edits.jsonl"
"""The journal of what people have edited in a set."""
_PLAN = "plan"
_LOCK = "lock"
_LOCKED_BYTE = 1 << 30  # far behind what the file says: Windows lets nobody read a byte that is locked


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
        if found is not None and force:  # first: without the rest it would be taken for somebody else's
            (out / EDITS).unlink(missing_ok=True)
        if found is not None and found != digest:
            if not force:
                raise OutputError(
                    f"{out}: holds a set from another recipe, other raw data or another version; "
                    "choose another folder, or replace it with --force"
                )
            for name in ("images", "annotations", "shards"):
                shutil.rmtree(out / name, ignore_errors=True)
            _clear_state(out)
            (out / MANIFEST).unlink(missing_ok=True)
        elif found is not None and not force and (verb := _changed_by(out)):
            raise OutputError(
                f"{out}: holds outlines that `smearprep {verb}` made, and they would be lost; choose another "
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


def _changed_by(out: Path) -> str:
    """The command by which cells of a set were changed after it was prepared, or ""."""
    if (out / EDITS).is_file():
        return "annotate"
    try:
        manifest = read_json(out / MANIFEST)
        return next((verb for verb in ("annotate", "assist") if verb in manifest), "")
    except (DataError, TypeError):
        return ""


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
    _clear_state(out)
    for folder in (out / "images", out / "annotations"):
        for left in folder.rglob(".*.part"):
            left.unlink(missing_ok=True)


def _clear_state(out: Path) -> None:
    """Remove all that is noted of a run under way, but not what tells others that the set is held."""
    for path in (out / STATE).glob("*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != _LOCK:
            path.unlink(missing_ok=True)


def is_unfinished(out: Path) -> bool:
    """True if a preparation in this folder has not come to its end."""
    return (out / STATE / _PLAN).is_file()


# ---------------------------------------------------------------- one at a time


@contextmanager
def hold_set(out: Path, verb: str) -> Iterator[None]:
    """Keep everybody else from changing a set meanwhile.

    The operating system lets go of it when the process ends, however it ends. On a file system that knows no
    locks nothing is held.

    Args:
        out: The folder of the set; made if it is not there.
        verb: The command that changes it, for the message that others get.

    Raises:
        OutputError: Somebody else holds it, or it cannot be written.
    """
    path = out / STATE / _LOCK
    try:
        handle = _opened_lock(path)
    except OSError as error:
        with suppress(OSError):
            path.parent.rmdir()
        raise OutputError(f"{out}: cannot be written ({error.strerror or error})") from None
    if handle is None:
        raise OutputError(f"{out}: is being changed by {_told_holder(path)}; wait for its end, or end it")
    try:
        with suppress(OSError):  # a full disk: it is held all the same
            os.ftruncate(handle, 0)
            os.write(handle, json.dumps({"command": f"smearprep {verb}", "process": os.getpid()}).encode())
        yield
    finally:
        if os.name != "nt":  # there a file that is open cannot be removed
            _remove(path)
        os.close(handle)
        if os.name == "nt":
            _remove(path)


def _opened_lock(path: Path) -> int | None:
    """The lock's file, open and locked; None if another process has locked it."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # who held it has just removed the folder
            continue
        try:
            if not _locked(handle):
                os.close(handle)
                return None
            if os.name == "nt" or os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except FileNotFoundError:
            pass
        os.close(handle)  # who held it has removed the file meanwhile: this one would keep nobody out


def _locked(handle: int) -> bool:
    """Lock a file, at once or not at all."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
    return True


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
    with suppress(OSError):
        path.parent.rmdir()


def _told_holder(path: Path) -> str:
    try:
        data = json.loads(path.read_bytes())
        return f"`{data['command']}` (process {int(data['process'])})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another program"
