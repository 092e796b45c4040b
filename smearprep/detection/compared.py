"""One image as it is judged: the cells that are there, and those that a network found."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from smearprep.errors import GeometryError, RecipeError
from smearprep.records import Cell


@dataclass(frozen=True)
class ComparedImage:
    """The truth of an image beside what was found in it, both in px of the image that is judged.

    Args:
        name: Of the image, for messages and titles.
        size: (width, height) in px.
        truth: The cells that are there.
        found: The cells that were found, each with the attribute "score".
        crowds: Regions full of cells that nobody told apart (COCO's iscrowd). What is found there is
            neither right nor wrong.
        annotated: Categories that were looked for in the image; None: all. Cells of other categories are
            not judged: whether they are there is unknown.
        group: What the image is reported under besides the whole, for example its data set; "": nothing.

    Raises:
        GeometryError: The size is not positive, or a found cell has no score.
    """

    name: str
    size: tuple[int, int]
    truth: tuple[Cell, ...] = ()
    found: tuple[Cell, ...] = ()
    crowds: tuple[Cell, ...] = ()
    annotated: frozenset[str] | None = None
    group: str = ""

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise GeometryError(f"{self.name}: an image of {self.size[0]}x{self.size[1]} px")
        for n, cell in enumerate(self.found):
            told = cell.attributes.get("score")
            if isinstance(told, bool) or not isinstance(told, int | float) or not math.isfinite(told):
                raise GeometryError(
                    f"{self.name}: found cell {n} ({cell.label}) has score {told!r}; "
                    'give a number as its attribute "score"'
                )

    def of(self, categories: Collection[str], score: float | None = None) -> ComparedImage:
        """The same image with only the cells that are judged.

        Args:
            categories: Those that count, where they were looked for.
            score: Found cells below it are left out; None: none is.
        """
        judged = frozenset(categories) if self.annotated is None else self.annotated & frozenset(categories)
        found = (c for c in self.found if score is None or score_of(c) >= score)
        return replace(
            self,
            truth=tuple(c for c in self.truth if c.label in judged),
            found=tuple(c for c in found if c.label in judged),
            crowds=tuple(c for c in self.crowds if c.label in judged),
        )


def score_of(cell: Cell) -> float:
    """The score of a found cell: its attribute "score"."""
    return float(cell.attributes["score"])


def check_categories(categories: Sequence[str]) -> None:
    """Raise a RecipeError if there is no category, or one twice."""
    if not categories or len(set(categories)) < len(categories):
        told = ", ".join(categories) or "none"
        raise RecipeError(f"categories to judge: {told}; name each once, at least one")


def in_groups(images: Sequence[ComparedImage]) -> Iterator[tuple[str | None, list[ComparedImage]]]:
    """All images as (None, images), then those of each group that has a name, in order of the names."""
    yield None, list(images)
    for group in sorted({image.group for image in images} - {""}):
        yield group, [image for image in images if image.group == group]
