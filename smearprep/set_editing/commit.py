"""Several files replaced as one: after a kill none of them is new, or the next run finishes them all.

The new files are laid beside the set first, then a note says that they are whole, then they are moved into
place. Until the note is there, the set is as it was; from then on, whoever comes next moves what is left.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from smearprep.errors import OutputError
from smearprep.images import write_atomic
from smearprep.jsonfiles import dump_json, read_json
from smearprep.output_folder import STATE
from smearprep.set_editing.syncing import sync_file, sync_folder

_FOLDER = "new"
_NOTE = "whole.json"


def replace_together(out: Path, files: Mapping[str, bytes]) -> None:
    """Write files of a set, all or none.

    Args:
        out: The set.
        files: Path relative to the set -> bytes.

    Raises:
        OutputError: They cannot be written; the set is as it was.
    """
    folder = _staged(out)
    _clear(out)
    try:
        for number, data in enumerate(files.values()):
            write_atomic(folder / str(number), data)
            _sync(folder / str(number))
        write_atomic(folder / _NOTE, dump_json(list(files)))
        _sync(folder / _NOTE)
    except (OutputError, KeyboardInterrupt):
        _clear(out)
        raise
    finish(out)


def finish(out: Path) -> bool:
    """Move into place what an earlier run has written whole; throw away what it has not.

    Returns:
        True if something was moved.

    Raises:
        OutputError: It cannot be moved; the next run will try again.
    """
    note = _staged(out) / _NOTE
    if not note.is_file():
        _clear(out)
        return False
    interrupted: KeyboardInterrupt | None = None
    while note.is_file():
        try:
            _move(out, note)
        except KeyboardInterrupt as asked:  # a moment later: half a set would help nobody
            interrupted = asked
        except OSError as error:
            what = f"cannot be written ({error.strerror or error}); give the same command again"
            raise OutputError(f"{out}: {what}") from None
    _clear(out)
    if interrupted:
        raise interrupted
    return True


def _move(out: Path, note: Path) -> None:
    names: list[str] = read_json(note)
    for number, name in enumerate(names):
        staged = note.with_name(str(number))
        if staged.is_file():  # else an earlier run has moved it
            os.replace(staged, out / name)  # noqa: PTH105
    for folder in {(out / name).parent for name in names}:
        sync_folder(folder)
    note.unlink()


def _sync(path: Path) -> None:
    try:
        sync_file(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from None


def _staged(out: Path) -> Path:
    return out / STATE / _FOLDER


def _clear(out: Path) -> None:
    """Remove what is staged, and the folder of runs under way if nothing else is in it."""
    shutil.rmtree(_staged(out), ignore_errors=True)
    with suppress(OSError):
        (out / STATE).rmdir()
