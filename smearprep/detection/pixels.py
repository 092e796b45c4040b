"""Pixel precision and recall of found masks: how much of what was found is there, and the reverse.

Source: Luo et al. 2023 (YOLACT-CIS, doi 10.3389/fonc.2023.1223353), equations 9 and 10.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from smearprep.detection.compared import ComparedImage, check_categories, in_groups
from smearprep.errors import GeometryError, RecipeError
from smearprep.records import Cell, Outline
from smearprep.targets import MASK, rasterise

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PixelCounts:
    """Pixels; add two of them, and it is as if their images had been compared together.

    Args:
        true: Inside a cell that is there (TP + FN).
        found: Inside a cell that was found (TP + FP).
        both: Inside both (TP).
    """

    true: int = 0
    found: int = 0
    both: int = 0

    def __add__(self, other: PixelCounts) -> PixelCounts:
        return PixelCounts(self.true + other.true, self.found + other.found, self.both + other.both)

    @property
    def precision(self) -> float | None:
        """TP / (TP + FP), equation 9; None where nothing was found."""
        return self.both / self.found if self.found else None

    @property
    def recall(self) -> float | None:
        """TP / (TP + FN), equation 10; None where nothing is there."""
        return self.both / self.true if self.true else None

    @property
    def f1(self) -> float | None:
        """2 TP / (2 TP + FP + FN); None where nothing is there and nothing was found."""
        total = self.true + self.found
        return 2 * self.both / total if total else None

    @property
    def iou(self) -> float | None:
        """TP / (TP + FP + FN); None where nothing is there and nothing was found."""
        union = self.true + self.found - self.both
        return self.both / union if union else None


@dataclass(frozen=True, slots=True)
class PixelRow:
    """The pixels of a category in some images.

    Args:
        group: Of the images; None: all of them.
        category: Which.
        images: How many.
        pixels: Summed over them.
    """

    group: str | None
    category: str
    images: int
    pixels: PixelCounts

    def as_dict(self) -> dict[str, Any]:
        """The row for a table or a file: the group is "all" where it is None."""
        return {
            "group": self.group or "all",
            "category": self.category,
            "images": self.images,
            "precision": self.pixels.precision,
            "recall": self.pixels.recall,
            "f1": self.pixels.f1,
            "iou": self.pixels.iou,
        }


def pixel_agreement(
    images: Sequence[ComparedImage], *, categories: Sequence[str], score: float = 0.5
) -> tuple[PixelRow, ...]:
    """Compare the pixels of all found cells of a category with those of all true ones.

    Cells are rasterised at the pixels' centres. Pixels of a crowd that are in no true cell are left out.

    Args:
        images: The order does not matter.
        categories: Those that are judged, in the order of the rows.
        score: Found cells below it are left out.

    Returns:
        All images first, then each group in order of the names; in each one row a category.

    Raises:
        RecipeError: No category, or a cell of which no outline is known.
    """
    check_categories(categories)
    judged = [image.of(categories, score) for image in images]
    counted = {id(image): [_count(image, name) for name in categories] for image in judged}
    return tuple(
        PixelRow(group, name, len(members), sum((counted[id(m)][n] for m in members), PixelCounts()))
        for group, members in in_groups(judged)
        for n, name in enumerate(categories)
    )


def _count(image: ComparedImage, category: str) -> PixelCounts:
    true, found, crowd = (
        _pixels([cell for cell in cells if cell.label == category], image)
        for cells in (image.truth, image.found, image.crowds)
    )
    if found is None:
        return PixelCounts(true=0 if true is None else int(true.sum()))
    if crowd is not None:
        found &= ~crowd if true is None else ~crowd | true
    if true is None:
        return PixelCounts(found=int(found.sum()))
    return PixelCounts(int(true.sum()), int(found.sum()), int((true & found).sum()))


def _pixels(cells: Sequence[Cell], image: ComparedImage) -> Mask | None:
    """(H, W): inside one of the cells; None where there is none."""
    if not cells:
        return None
    try:
        target = rasterise(cells, image.size, edges_of=get_args(Outline))
    except GeometryError as error:
        raise RecipeError(f"{image.name}: {error}; make outlines with `smearprep assist`") from None
    inside: Mask = (target & MASK) > 0
    return inside
