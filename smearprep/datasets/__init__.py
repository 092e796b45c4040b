"""Raw data sets: from a folder to Samples. One data set a module, imported when it is asked for.

A data set module has `INFO`, `recognise(root)` and `load(root, options)`: see `loading.Dataset`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from difflib import get_close_matches
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, cast

from smearprep.errors import LayoutError, RecipeError

if TYPE_CHECKING:  # records bring numpy and shapely along: the list of names must come without them
    from smearprep.datasets.loading import Dataset, LoadOptions
    from smearprep.records import RawSet

NAMES: tuple[str, ...] = ("all_idb1", "bccd", "raabin", "prepared", "folder")
"""All data sets that are read, in the order in which they are tried: any images at all come last."""

_PARTS: dict[str, frozenset[str]] = {
    "all_idb1": frozenset({"im", "xyc", "masks", "markup", "expert_masks", "wbc", "rbc", "plt"}),
    "bccd": frozenset({"JPEGImages", "Annotations", "ImageSets"}),
    "raabin": frozenset({"Train", "TestA", "TestB", "First_microscope", "Second_microscope", "GrTh"}),
    "prepared": frozenset({"images", "annotations"}),
}
"""Folders of each data set that people give by mistake for the whole."""

_MOST_SUBFOLDERS = 64
"""So many subfolders of one folder are looked into for a data set; more of them are somebody's images."""


def get(name: str) -> Dataset:
    """A data set by name.

    Raises:
        RecipeError: No such data set.
    """
    if name not in NAMES:
        near = get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(NAMES)}"
        raise RecipeError(f"data set {name!r} is not known; {hint}")
    return cast("Dataset", import_module(f"smearprep.datasets.{name}"))


def recognise(root: Path) -> tuple[str, str]:
    """Which data set a folder holds, by the names of its folders and files.

    Args:
        root: The folder as the user gave it.

    Returns:
        The data set's name, and its layout in words.

    Raises:
        LayoutError: Not there, not a folder, empty, in no known layout; or a data set lies one level up
            or down, which the message then names.
    """
    _check_folder(root)
    found = _known(root)
    if found:
        if any((other := _known(folder)) and other[0] != found[0] for folder in _subfolders(root)):
            _refuse_shelf(root)  # it seemed to be a data set only by one of those that lie in it
        return found
    _refuse_part(root)
    _refuse_shelf(root)
    layout = get("folder").recognise(root)
    if layout is None:
        looked_for = "\n".join(_layouts(name) for name in NAMES)
        raise LayoutError(f"{root}: no data set is recognised in it. Looked for:\n{looked_for}")
    return "folder", layout


def load(root: Path, options: LoadOptions | None = None, name: str | None = None) -> RawSet:
    """Read a raw folder: image headers and annotations.

    Args:
        root: The folder as the user gave it.
        options: What is asked for; None: everything.
        name: The data set, or None: recognise it.

    Raises:
        LayoutError: As `recognise`; or the folder is not in a layout of the data set that was named.
        RecipeError: Unknown data set, unknown or unusable option.
    """
    from smearprep.datasets.loading import LoadOptions

    if name is None:
        name, _ = recognise(root)
    else:
        dataset = get(name)
        _check_folder(root)
        if dataset.recognise(root) is None:
            raise LayoutError(
                f"{root}: is not in a layout of {dataset.INFO.title}. Looked for:\n{_layouts(name)}"
            )
    return get(name).load(root, options or LoadOptions())


# ---------------------------------------------------------------- what people give instead


def _check_folder(root: Path) -> None:
    try:
        exists = root.exists()
    except OSError as error:  # a name that is too long
        raise LayoutError(f"{root}: cannot be looked into ({error.strerror})") from None
    if not exists:
        raise LayoutError(f"{root}: is not there")
    if not root.is_dir():
        raise LayoutError(f"{root}: is a file; give the folder of the data set")
    try:
        empty = next(iter(_visible(root)), None) is None
    except OSError as error:
        raise LayoutError(f"{root}: cannot be looked into ({error.strerror})") from None
    if empty:
        raise LayoutError(f"{root}: is an empty folder")


def _known(root: Path) -> tuple[str, str] | None:
    """The first data set that knows this folder, the plain folder aside."""
    for name in NAMES[:-1]:
        layout = get(name).recognise(root)
        if layout is not None:
            return name, layout
    return None


def _refuse_part(root: Path) -> None:
    """Refuse a folder that is a part of a data set, such as BCCD/JPEGImages."""
    whole = root.absolute()
    for depth, parent in enumerate(islice(whole.parents, 3)):
        part = whole.parts[len(parent.parts)]
        for name, parts in _PARTS.items():
            if part in parts and _layout_of(name, parent) is not None:
                shown = root.parents[depth] if depth < len(root.parents) else parent
                raise LayoutError(
                    f"{root}: is a part of a data set ({get(name).INFO.title}). Did you mean its parent, "
                    f"{shown}? To read it as plain images, name the data set (--dataset folder)."
                )


def _refuse_shelf(root: Path) -> None:
    """Refuse a folder in which whole data sets lie, one or two levels down."""
    found = []
    for folder in _subfolders(root):
        deeper = [folder] if _known(folder) else [f for f in _subfolders(folder) if _known(f)]
        found += [(f.relative_to(root).as_posix(), known[0]) for f in deeper if (known := _known(f))]
    if found:
        listed = ", ".join(f"{path} ({get(name).INFO.title})" for path, name in found)
        raise LayoutError(
            f"{root}: is no data set itself, but holds {listed}. Give one of these folders; to read all "
            "images below it as one plain folder, name the data set (--dataset folder)."
        )


def _layout_of(name: str, folder: Path) -> str | None:
    try:
        return get(name).recognise(folder)
    except OSError:  # a folder above the given one may be closed to this user
        return None


def _subfolders(folder: Path) -> list[Path]:
    try:
        found = sorted(path for path in _visible(folder) if path.is_dir())
    except OSError:
        return []
    return found if len(found) <= _MOST_SUBFOLDERS else []


def _visible(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith("."):
                yield Path(entry.path)


def _layouts(name: str) -> str:
    info = get(name).INFO
    return "\n".join(f"  {info.title}: {layout}" for layout in info.layouts)
