"""What a report counts and measures: cells, their sizes, and how they are spread over the subsets."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smearprep.records import OUTLINES
from smearprep.reporting.reading import SetCell, SetData

Floats = NDArray[np.float64]
_Seen = tuple[str, Hashable, SetCell]
"""The subset in which a cell is seen, which whole cell it is of, and the cell."""

_WHOLE = 0.999  # share of a cell that must be visible for it to be measured


@dataclass(frozen=True, slots=True)
class Category:
    """One category in one set.

    Args:
        name: Its label.
        cells: Cells of each subset, as annotated: a cell that two windows show counts twice.
        whole: Different cells: however many windows show one, it counts once.
        outlines: Cells of each kind of outline.
        per_image: Of each subset, how many there are in each of the images in which it was looked for.
        diameters: Of the different cells that are shown whole, in raw px, ascending.
        cut: Different cells that no window shows whole; not measured.
    """

    name: str
    cells: Mapping[str, int]
    whole: int
    outlines: Mapping[str, int]
    per_image: Mapping[str, NDArray[np.int64]]
    diameters: Floats
    cut: int

    @property
    def total(self) -> int:
        """Its cells, over all subsets."""
        return sum(self.cells.values())

    @property
    def searched(self) -> int:
        """Images in which it was looked for, over all subsets."""
        return sum(map(len, self.per_image.values()))


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a report counts.

    Args:
        subsets: In their usual order.
        categories: In the set's order.
        images: Of each subset.
        smears: Of each subset.
        cells: Of each subset, as annotated.
        outlines: The kinds of outline that occur.
        different_smears: In all.
        names_smears: Whether the set says which smear an image comes from.
    """

    subsets: tuple[str, ...]
    categories: tuple[Category, ...]
    images: Mapping[str, int]
    smears: Mapping[str, int]
    cells: Mapping[str, int]
    outlines: tuple[str, ...]
    different_smears: int
    names_smears: bool

    @property
    def looked_for(self) -> tuple[Category, ...]:
        """The categories that were looked for in any image, or found."""
        return tuple(category for category in self.categories if category.searched or category.total)


def count(data: SetData) -> Numbers:
    """Count and measure a set."""
    by_subset = {name: [image for image in data.images if image.subset == name] for name in data.subsets}
    seen = _cells_by_category(data)
    categories = tuple(_category(name, seen.get(name, []), data) for name in data.categories)
    used = {kind for category in categories for kind in category.outlines}
    return Numbers(
        subsets=data.subsets,
        categories=categories,
        images={name: len(images) for name, images in by_subset.items()},
        smears={
            name: len({image.audited.smear or image.name for image in images})
            for name, images in by_subset.items()
        },
        cells={name: sum(len(image.cells) for image in images) for name, images in by_subset.items()},
        outlines=tuple(kind for kind in OUTLINES if kind in used),
        different_smears=len({image.audited.smear or image.name for image in data.images}),
        names_smears=any(image.audited.smear for image in data.images),
    )


def _cells_by_category(data: SetData) -> dict[str, list[_Seen]]:
    found: dict[str, list[_Seen]] = {}
    for image in data.images:
        for n, cell in enumerate(image.cells):
            named = image.audited.raw and cell.number is not None
            whole = (image.audited.raw, cell.number) if named else (image.name, n, "")
            found.setdefault(cell.label, []).append((image.subset, whole, cell))
    return found


def _category(name: str, seen: Sequence[_Seen], data: SetData) -> Category:
    best: dict[Hashable, SetCell] = {}
    for _, whole, cell in seen:
        if whole not in best or cell.visible > best[whole].visible:
            best[whole] = cell
    sized = [cell for cell in best.values() if not math.isnan(cell.diameter)]
    shown = [cell.diameter for cell in sized if cell.visible >= _WHOLE]
    return Category(
        name,
        cells=Counter(subset for subset, _, _ in seen),
        whole=len(best),
        outlines=Counter(cell.outline for _, _, cell in seen),
        per_image=_per_image(name, data),
        diameters=np.sort(np.array(shown, float)),
        cut=len(sized) - len(shown),
    )


def _per_image(name: str, data: SetData) -> dict[str, NDArray[np.int64]]:
    """Of each subset, the cells of a category in each image in which it was looked for."""
    found: dict[str, list[int]] = {subset: [] for subset in data.subsets}
    for image in data.images:
        if name in image.annotated:
            found[image.subset].append(sum(cell.label == name for cell in image.cells))
    return {subset: np.array(values, np.int64) for subset, values in found.items()}


def quantiles(values: Floats) -> tuple[float, ...]:
    """Smallest, 5 %, median, 95 % and largest of some values, at least one."""
    return tuple(np.quantile(values, (0, 0.05, 0.5, 0.95, 1)).tolist())


def evenly(count: int, wanted: int) -> list[int]:
    """At most so many of 0..count-1, evenly spaced and the same every time."""
    wanted = min(count, wanted)
    return [(2 * k + 1) * count // (2 * wanted) for k in range(wanted)]


def balance(numbers: Numbers) -> Iterator[tuple[str, Mapping[str, int], int]]:
    """What is shared out between the subsets (images, smears, cells, the cells of each category).

    Yields:
        Its name, how many each subset has, and how many there are: of smears fewer than the sum, where
        one lies in several subsets.
    """
    yield "images", numbers.images, sum(numbers.images.values())
    if numbers.names_smears:
        yield "smears", numbers.smears, numbers.different_smears
    yield "cells", numbers.cells, sum(numbers.cells.values())
    if len(numbers.looked_for) > 1:
        for category in numbers.looked_for:
            yield category.name, category.cells, category.total
