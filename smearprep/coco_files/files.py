"""What all work on COCO files shares: opening them, and the names of their images and categories."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from smearprep.errors import LayoutError, OutputError, RecipeError
from smearprep.findings import Finding
from smearprep.formats.coco.reading import CocoFile
from smearprep.formats.reading import ReadOptions
from smearprep.images import is_file, read_bytes

Progress = Callable[[int, int], None]
"""Called with how much is done, of how much."""

Match = Literal["path", "name"]
"""What makes images of two files one image: the same `file_name`, or only the same last part of it."""

_PREFIX = re.compile(r"^[0-9a-f]{8}-(?=.)")  # that Label Studio puts before the names of uploaded images


def open_files(paths: Sequence[Path], findings: list[Finding]) -> list[CocoFile]:
    """Open COCO files; findings name them by file name, or with folders where names are equal.

    Raises:
        LayoutError: No file was given.
        DataError: A file is no COCO file.
    """
    if not paths:
        raise LayoutError("no COCO file was given")
    absolute = [path.absolute() for path in paths]
    if len({path.name for path in absolute}) == len(set(absolute)):
        return [CocoFile(path, ReadOptions(), findings) for path in paths]
    base = Path(os.path.commonpath([path.parent for path in absolute]))
    return [CocoFile(path, ReadOptions(base=base), findings) for path in absolute]


def check_output(output: Path, inputs: Sequence[Path]) -> None:
    """Refuse an output that is one of the inputs, or a file that is no JSON.

    Raises:
        OutputError: It is.
    """
    if not output.name:
        raise OutputError("name the COCO file to write")
    if is_file(output) and read_bytes(output, 64).lstrip()[:1] not in (b"", b"{"):
        raise OutputError(f"{output}: is there and is no JSON file; choose another output")
    if output.resolve() in {path.resolve() for path in inputs}:
        raise OutputError(f"{output}: is one of the files to read; choose another output")


# ---------------------------------------------------------------- names


def shown_image_name(file_name: str) -> str:
    """An image's name as outputs have it, with `/`."""
    return file_name.replace("\\", "/")


def images_by_name(file: CocoFile, match: Match, findings: list[Finding]) -> dict[str, list[Any]]:
    """The ids of the images of a file, by what is compared between files, in the file's order.

    Two records of one image (Label Studio writes one for each annotator) come under one name, which is
    a finding.

    Raises:
        RecipeError: With match "name", two images of different folders have one name.
    """
    paths = {
        key: PurePosixPath(shown_image_name(record["file_name"])) for key, record in file.records.items()
    }
    found: dict[str, list[Any]] = {}
    for key, path in paths.items():
        name = _PREFIX.sub("", path.name) if match == "name" else str(path)
        found.setdefault(name, []).append(key)
    for name, keys in found.items():
        if len(keys) > 1:
            stated = sorted({str(paths[key]) for key in keys})
            if len(stated) > 1:
                raise RecipeError(
                    f"{file.name}: {' and '.join(stated[:2])} are both {name!r} by name; match images by path"
                )
            what = f"{name} is listed {len(keys)} times; taken as one image"
            findings.append(Finding("duplicate", what, file.name, f"image {keys[1]}"))
    return found


def check_known(names: Iterable[str], known: Sequence[str], what: str) -> None:
    """Refuse a name that is not there.

    Raises:
        RecipeError: It is not; the message has the nearest one that is.
    """
    for name in names:
        if name not in known:
            raise RecipeError(f"{what} {name!r} is not there; {nearest(name, known)}")


def nearest(name: str, known: Sequence[str]) -> str:
    """A hint at what may have been meant."""
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known) or 'none'}"


def ordered(first: Sequence[str], found: Iterable[str], findings: list[Finding]) -> tuple[str, ...]:
    """Categories: those whose place was stated, then all others as they come.

    Raises:
        RecipeError: One is stated twice.
    """
    names = tuple(dict.fromkeys(found))
    check_once(first)
    for name in first:
        if name not in names:
            what = f"category {name!r} is in no file ({nearest(name, names)}); kept, without a cell"
            findings.append(Finding("note", what))
    return tuple(dict.fromkeys([*first, *names]))


def check_once(names: Sequence[str]) -> None:
    """Refuse a category that is listed twice.

    Raises:
        RecipeError: One is.
    """
    for n, name in enumerate(names):
        if name in names[:n]:
            raise RecipeError(f"category {name!r} is listed twice")
