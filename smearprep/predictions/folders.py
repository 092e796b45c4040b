"""Output folders that are replaced as a whole, or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from smearprep.errors import OutputError


@contextmanager
def replaced_folder(out: Path, parts: Collection[str], is_ours: Callable[[Path], bool]) -> Iterator[Path]:
    """A folder that takes the place of an earlier one of its kind at a clean exit; else nothing changes.

    Args:
        out: The folder. May be there if it is empty, or if an earlier run wrote all that is in it.
        parts: Names of what we write into it.
        is_ours: True if a folder that is not empty was written by us.

    Yields:
        Where the files are to be put: `.NAME.part` beside it.

    Raises:
        OutputError: It holds something else, or cannot be written.
    """
    out = out.absolute()
    part = out.with_name(f".{out.name}.part")
    try:
        if os.path.lexists(out) and not out.is_dir():
            raise OutputError(f"{out}: is there and is no folder; choose another output")
        found = {path.name for path in out.iterdir()} if out.is_dir() else set()
        if found and not is_ours(out):
            raise OutputError(
                f"{out}: is not empty, and what is in it was made otherwise; choose another folder"
            )
        if strange := sorted(found - set(parts)):
            raise OutputError(
                f"{out}: holds {strange[0]} beside what is to be replaced; choose another folder"
            )
        with ExitStack() as cleanup:
            cleanup.callback(shutil.rmtree, part, ignore_errors=True)
            shutil.rmtree(part, ignore_errors=True)  # of a killed run
            part.mkdir(parents=True)
            yield part
            if out.is_dir():
                shutil.rmtree(out)
            part.rename(out)
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror or error})") from None
