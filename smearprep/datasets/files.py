"""What every loader does with files: walk a folder, read image headers, check the options it was given."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from smearprep.errors import DataError, RecipeError
from smearprep.findings import Finding, shown_name
from smearprep.images import SUFFIXES, Header, probe


def check_options(extra: Mapping[str, Any], known: Sequence[str], dataset: str) -> None:
    """Refuse options that a data set does not have.

    Raises:
        RecipeError: Names the unknown option, and the nearest known one.
    """
    for key in extra:
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known) or 'none'}"
            raise RecipeError(f"data set {dataset}: unknown option {key!r}; {hint}")


def min_areas(given: Any, defaults: Mapping[str, int], dataset: str) -> dict[str, int]:
    """The option `min_area`: label -> px, laid over the defaults.

    Raises:
        RecipeError: It is no such mapping, or an area is negative.
    """
    if given is None:
        return dict(defaults)
    if not isinstance(given, Mapping) or any(
        not isinstance(area, int) or isinstance(area, bool) or area < 0 for area in given.values()
    ):
        raise RecipeError(f"data set {dataset}: min_area {given!r}: write it as {{LABEL: px}}, whole numbers")
    return {**defaults, **{str(label): area for label, area in given.items()}}


def choice(value: Any, allowed: Sequence[str], option: str, dataset: str) -> str:
    """An option that has a few words to choose from.

    Raises:
        RecipeError: It is none of them.
    """
    if value not in allowed:
        raise RecipeError(f"data set {dataset}: {option}: {value!r} is none of {', '.join(allowed)}")
    return str(value)


def relative(path: Path, root: Path) -> str:
    """How findings and sources name a file: relative to the given folder, with `/`."""
    name, start = str(path), f"{root}{os.sep}"
    if name.startswith(start):  # `relative_to` takes ten times as long, which 100,000 images make felt
        return shown_name(name[len(start) :].replace(os.sep, "/"))
    return shown_name(path.relative_to(root))


def walk(root: Path, skip: Callable[[Path], bool] = lambda folder: False) -> list[Path]:
    """All files below a folder, hidden ones and half-written ones (`.part`) aside.

    Links to folders are followed, each folder once.

    Args:
        root: Where to begin.
        skip: True for a folder that is not to be looked into.

    Returns:
        Sorted by relative path.
    """
    found: list[Path] = []
    seen: set[str] = set()
    for name, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(name)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folder = Path(name)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and not skip(folder / f))
        found += [folder / f for f in files if not f.startswith(".") and not f.endswith(".part")]
    found = [path for path in found if not _is_device(path)]
    return sorted(found, key=lambda path: relative(path, root))


def _is_device(path: Path) -> bool:
    """True for what would block or never end when it is read: pipes, sockets, devices."""
    return path.exists() and not path.is_file()


def is_image(path: Path) -> bool:
    """True if a file is named as an image."""
    return path.suffix.lower() in SUFFIXES


def images_in(folder: Path) -> list[Path]:
    """The image files that lie in a folder itself, sorted; none if it is not there."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if is_image(p) and not p.name.startswith(".") and p.is_file())


def read_headers(paths: Iterable[Path], root: Path, findings: list[Finding]) -> dict[Path, Header]:
    """The headers of images.

    Args:
        paths: The images.
        root: Findings name files relative to it.
        findings: A file that is no image is named here.

    Returns:
        Of those that can be read.
    """
    headers = {}
    for path in paths:
        try:
            headers[path] = probe(path)
        except DataError as error:
            findings.append(Finding("unreadable", f"{error.what}; left out", relative(path, root)))
    return headers


def stated_frame(header: Header, stated: tuple[int, int] | None, oriented: bool) -> bool | None:
    """In which frame an annotation is, by the image size that it states.

    Only where the EXIF orientation swaps width and height does the size tell the frames apart.

    Args:
        header: Of the image.
        stated: (width, height) in px that the annotation states, or None.
        oriented: The frame to take where both fit.

    Returns:
        True (image as shown), False (stored pixel grid), or None: the size fits neither.
    """
    if stated is None or header.oriented_size(oriented) == stated:
        return oriented
    return not oriented if header.oriented_size(not oriented) == stated else None


def size_text(size: tuple[int, int]) -> str:
    """1712x1368."""
    return f"{size[0]}x{size[1]}"
