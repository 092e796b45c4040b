"""What can be counted in: prediction folders, prepared sets, and images that come from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from smearprep.counting import Plane
from smearprep.errors import LayoutError, RecipeError
from smearprep.findings import Finding
from smearprep.opened import open_for_one
from smearprep.predictions import Boxes, is_prediction_folder, read_index, read_predictions
from smearprep.records import Cell, Sample
from smearprep.targets import EDGE, EDGE_UNKNOWN, MASK, rasterise


class Countable(NamedTuple):
    """One image to count in.

    Args:
        name: What the table calls it, and what its picture is named after; unique, may have folders.
        picture: The image's file, to draw on; None: what was counted is drawn on the mask.
        mask: (H, W) uint8, probability times 255.
        edge: (H, W) uint8, or None.
        truth: (n, 4) xyxy in px: the boxes of the cells that are there; None: nobody knows.
        oriented: The picture is to be drawn on as its EXIF orientation says.
        cells: Single cells that a network has told: then these are counted, and no others. None: the mask
            says it.
    """

    name: str
    picture: Path | None
    mask: Plane
    edge: Plane | None
    truth: Boxes | None
    oriented: bool = True
    cells: tuple[Cell, ...] | None = None


@dataclass(frozen=True)
class ToCount:
    """An image that is to be counted in, and can be handed to who does it.

    Args:
        name: As in `Countable`.
        file: What findings call it.
        load: Gives the image; other processes can call it.
        is_single: It has single cells that a network has told.
    """

    name: str
    file: str
    load: Callable[[], Countable]
    is_single: bool


@dataclass(frozen=True)
class Counted:
    """A source, opened.

    Args:
        category: What is counted.
        total: How many images there are; 0 where that is not known beforehand.
        images: Gives them, from the first one, as often as it is called; of a source that can be gone through
            only once, once.
        findings: What is worth knowing of the source.
        roots: Folders that are read.
    """

    category: str
    total: int
    images: Callable[[], Iterator[ToCount]]
    findings: tuple[Finding, ...] = ()
    roots: tuple[Path, ...] = ()


def open_source(
    source: Path | Iterable[Countable], category: str | None, subset: str | None = None
) -> Counted:
    """Open what is to be counted.

    Args:
        source: A prediction folder; a prepared set, whose outlines are then taken for what a faultless
            network would say; or images from elsewhere, for which the category must be named.
        category: What is counted; None: what was predicted, or the only category of the set.
        subset: Of a set, only these images; None: all.

    Raises:
        LayoutError: Neither a prediction folder nor a prepared set; a set that is cut into windows.
        DataError: A broken prediction folder.
        RecipeError: No such category or subset, no outlines, or no category named where one must be.
    """
    if not isinstance(source, Path):
        if category is None:
            raise RecipeError("name the category of the images that are to be counted")
        total = len(source) if isinstance(source, Sized) else 0
        return Counted(category, total, lambda: map(_at_hand, source))
    if is_prediction_folder(source):
        return _open_predictions(source, category)
    return _open_set(source, category or "", subset)


def _at_hand(image: Countable) -> ToCount:
    """An image whose planes are in memory."""
    elsewhere = image._replace(picture=image.picture and image.picture.absolute())
    return ToCount(image.name, image.name, partial(Countable, *elsewhere), image.cells is not None)


def _open_predictions(folder: Path, category: str | None) -> Counted:
    index = read_index(folder)
    names = ", ".join(index.categories)
    if category is None and len(index.categories) > 1:
        raise RecipeError(f"{folder}: one category at a time is counted; name it with --category: {names}")
    if category not in (None, *index.categories):
        raise RecipeError(f"{folder}: holds predictions of {names}, not of {category}")
    wanted = category or index.categories[0]
    if not index.images:
        raise LayoutError(f"{folder}: holds no prediction; predict on some images first")

    def images() -> Iterator[ToCount]:
        for said in read_predictions(folder, wanted):
            yield _at_hand(Countable(said.name, None, said.mask, said.edge, said.truth, cells=said.cells))

    return Counted(wanted, len(index.images), images, roots=(folder,))


# ---------------------------------------------------------------- prepared sets


def _open_set(folder: Path, category: str, subset: str | None) -> Counted:
    opened = open_for_one(folder, category)
    if subset is not None and subset not in opened.samples:
        there = ", ".join(opened.samples)
        raise RecipeError(f"{folder}: has no images in the subset {subset!r}, but in {there}")
    chosen = opened.samples.values() if subset is None else (opened.samples[subset],)
    samples = [sample for part in chosen for sample in part]
    cells = [_cells(sample, opened.category) for sample in samples]
    _need_whole_images(folder, samples, cells)
    traced = sum(any(cell.outline == "component" for cell in group) for group in cells)
    findings = list(opened.findings)
    if traced:
        what = (
            f"in {traced} images cells were traced from a class mask: those that touch are one in it, and "
            "one in the truth that counts are compared with"
        )
        findings.append(Finding("note", what))

    def images() -> Iterator[ToCount]:
        for sample, group in zip(samples, cells, strict=True):
            own = replace(sample, path=sample.path.absolute(), cells=group)
            load = partial(_countable, own, opened.category)
            yield ToCount(_name(sample), sample.source, load, is_single=False)

    return Counted(opened.category, len(samples), images, tuple(findings), (folder,))


def _cells(sample: Sample, category: str) -> tuple[Cell, ...]:
    return tuple(cell for cell in sample.cells if cell.label == category)


def _name(sample: Sample) -> str:
    return "/".join(PurePosixPath(sample.source).with_suffix("").parts[-2:])


def _countable(sample: Sample, category: str) -> Countable:
    """A set's image, its mask and edges as its cells say; no edges where some outline was not drawn.

    How many cells there are is unknown where some lie in a crowd that nobody told apart.

    Args:
        sample: Has cells of the category alone.
        category: What is counted.
    """
    target = rasterise(sample.cells, sample.size)
    mask, edge = (np.where(target & bit, np.uint8(255), np.uint8(0)) for bit in (MASK, EDGE))
    known = not (target & EDGE_UNKNOWN).any()
    crowded = any(crowd.label == category for crowd in sample.crowds)
    boxes = None if crowded else np.array([cell.bounds for cell in sample.cells], np.float64).reshape(-1, 4)
    edge_or_none = edge if known else None
    return Countable(_name(sample), sample.path, mask, edge_or_none, boxes, sample.oriented)


def _need_whole_images(folder: Path, samples: Sequence[Sample], cells: Sequence[Sequence[Cell]]) -> None:
    """Refuse windows: a cell that is cut counts in each of them.

    Raises:
        LayoutError: An image shows a part of a cell only, or two show parts of one raw image.
    """
    seen: set[str] = set()
    for sample, group in zip(samples, cells, strict=True):
        origin = str(sample.attributes.get("origin", sample.source))
        shares = [cell.attributes.get("visible", 1) for cell in group]
        if origin in seen or any(isinstance(share, int | float) and share < 1 for share in shares):
            raise LayoutError(
                f"{folder}: {sample.source} is a window of {origin}. A cell that is cut would count in each "
                "window: prepare a set of whole images, by a recipe without `tile`"
            )
        seen.add(origin)
