"""Where a member of an archive may be written."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

from smearprep.formats.reading import stays_inside

_DEEPEST = 64  # folders
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]')
_ADDED = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")


def inner_path(name: str, windows: bool = os.name == "nt") -> PurePosixPath | None:
    """A member's path below the folder it is unpacked to, or None if it must not be unpacked.

    Args:
        name: As the archive has it, with slashes of either kind.
        windows: Whether it is to be a name that Windows can write.
    """
    if not stays_inside(name):
        return None
    parts = PureWindowsPath(name).parts  # knows both kinds of slashes, and drops `.`
    if len(parts) > _DEEPEST or (windows and any(_is_odd(part) for part in parts)):
        return None
    return PurePosixPath(*parts)


def _is_odd(part: str) -> bool:
    """True for a name that means something else to Windows, or cannot be written there."""
    return bool(_DEVICES.fullmatch(part) or _FORBIDDEN.search(part) or part[-1] in ". ")


def is_added(path: PurePosixPath) -> bool:
    """True for files that macOS and Windows add to folders for themselves."""
    return any(part in _ADDED or part.startswith("._") for part in path.parts)


def folded(path: PurePosixPath) -> str:
    """The path as file systems see it that do not tell A from a, nor two ways to write an accent apart."""
    return unicodedata.normalize("NFC", str(path)).casefold()


def link_target(link: PurePosixPath, target: str, from_root: bool) -> PurePosixPath | None:
    """What a link points at, below the folder the archive is unpacked to; None if it leads out of it.

    Args:
        link: Where the link itself lies.
        target: As the archive has it.
        from_root: The target is a member's name, and not relative to the link's folder.
    """
    if not target or "\0" in target or PurePosixPath(target).is_absolute():
        return None
    parts: list[str] = [] if from_root else list(link.parent.parts)
    for part in PurePosixPath(target).parts:
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            return None
    return inner_path("/".join(parts))
