"""A plain folder of images, or of predictions, made into a set that can be edited."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from smearprep import datasets
from smearprep.errors import LayoutError
from smearprep.findings import Summary
from smearprep.images import is_file
from smearprep.output_folder import is_unfinished
from smearprep.predictions import PredictionIndex, is_prediction_folder, read_index
from smearprep.prepare import prepare
from smearprep.recipes import Recipe, Source
from smearprep.set_editing import coco_paths


def made_into_set(
    folder: Path, out: Path | None = None, *, images: Path | None = None, **how: Any
) -> tuple[Path, Summary | None]:
    """The set to be edited, if somebody names a folder of images instead of one.

    Of a prepared set, that itself. Of any other folder that is read, a new set beside it: its images whole,
    plain ones byte for byte, and its annotations if it has some. Of a folder that `smearprep predict` has
    written, a set of the images on which it was predicted: the cells that were found are outlines made by a
    program, with their scores. The folder itself is not changed. The second time, the set that was made then
    is taken.

    Args:
        folder: What was named.
        out: The new set; None: `<folder>_set`.
        images: Of predictions: the folder of images on which it was predicted; None: it is looked for where
            the predictions lie and where the command runs.
        how: `workers`, `executor`, `progress`: as of `prepare`.

    Returns:
        The set; and what was done to make it, or None if it was there.

    Raises:
        LayoutError: The folder is not there, holds no images, or the images of the predictions are not found.
        DataError, OutputError, RecipeError: As of `prepare`.
    """
    if is_unfinished(folder):
        what = "its preparation has not come to its end; give that command again to finish it"
        raise LayoutError(f"{folder}: {what}")
    if _is_set(folder):
        return folder, None
    if out is None:
        whole = folder.resolve()
        out = folder.parent / f"{folder.name}_set" if folder.name else whole.with_name(f"{whole.name}_set")
    if _is_set(out) and not is_unfinished(out):
        return out, None
    if is_prediction_folder(folder):
        root = _images_of(folder, read_index(folder), images)
        name, options = "folder", {"annotations": _seen_from(root, folder / "cells.json")}
    else:
        root, name, options = folder, datasets.recognise(folder)[0], {}
    recipe = Recipe("annotate", (Source(name, options=options),), unknown="keep", split=None)
    return out, prepare(recipe, [(name, root)], out, command="annotate", **how)


def _is_set(folder: Path) -> bool:
    try:
        return bool(coco_paths(folder))
    except LayoutError:
        return False


def _seen_from(root: Path, file: Path) -> str:
    """A file's path relative to a folder, as the manifest will name it; on another drive there is none."""
    try:
        return os.path.relpath(file, root)
    except ValueError:
        return str(file.resolve())


def _images_of(folder: Path, index: PredictionIndex, images: Path | None) -> Path:
    """The folder in which the images of predictions lie; one that has at least one of them."""
    places = [images] if images is not None else [folder.resolve().parent, Path()]
    for place in places:
        if any(is_file(place / image.source) for image in index.images):
            return place
    first = index.images[0].source if index.images else "none"
    looked = " and in ".join(str(place.resolve()) for place in places)
    raise LayoutError(
        f"{folder}: its images are not found: looked for {first} in {looked}. Name the folder of the images "
        "(--images)"
    )
