"""What is to be done in one image of a set, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from smearprep.assist.boxes import try_boxes
from smearprep.assist.finding import KINDS_OF_CELL, from_finds, from_nothing
from smearprep.assist.made import Attempt, restored
from smearprep.assist.parting import from_mask
from smearprep.assist.points import try_points
from smearprep.assist.sets import SetImage, is_found
from smearprep.datasets.files import size_text, stated_frame
from smearprep.errors import DataError, RecipeError
from smearprep.findings import Kind
from smearprep.images import RGB, decode, probe, read_bytes
from smearprep.records import Cell

Finder = Callable[[RGB], Sequence[Cell]]
"""Finds the cells of an (H, W, 3) uint8 RGB image, of whatever categories, each with a "score"."""


@dataclass(frozen=True)
class Wishes:
    """What is to be done.

    Args:
        categories: Only cells of these; none: of all.
        part: Part components in which touching cells may be one.
        find: Categories whose cells are looked for in images in which nobody has: keys of `KINDS_OF_CELL`, if
            there is no finder.
        finder: Finds them; None: `from_nothing` does.

    Raises:
        RecipeError: Nobody knows how to find cells of such a category.
    """

    categories: tuple[str, ...] = ()
    part: bool = False
    find: tuple[str, ...] = ()
    finder: Finder | None = None

    def __post_init__(self) -> None:
        for label in self.find:
            if self.finder is None and label not in KINDS_OF_CELL:
                known = ", ".join(KINDS_OF_CELL)
                raise RecipeError(f"nothing is known of how {label!r} cells look; found can be {known}")

    def wants(self, cell: Cell) -> bool:
        """True if something is to be done about a cell."""
        part = self.part and cell.attributes.get("accepted") is not True  # by a person: it is one cell
        outlines = ("box", "point", "component") if part else ("box", "point")
        return cell.outline in outlines and (not self.categories or cell.label in self.categories)


@dataclass(frozen=True)
class Work:
    """What is to be done in one image.

    Args:
        image: The image.
        find: Categories that are to be found in it.
        wishes: Of all images.
        areas: Category -> typical area of its cells in the set, px^2, where known.
    """

    image: SetImage
    find: tuple[str, ...]
    wishes: Wishes
    areas: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of an image.

    Args:
        cells: Of each of its cells that something was to be done about: its number, and what it is now.
        refused: Why some of them have no outline.
        found: Cells that were found.
        error: Why nothing could be done, or "".
        kind: Of the finding that says so.
    """

    cells: Mapping[int, tuple[Cell, ...]] = field(default_factory=dict)
    refused: Mapping[int, str] = field(default_factory=dict)
    found: tuple[Cell, ...] = ()
    error: str = ""
    kind: Kind = "unreadable"


def outline_image(work: Work) -> Outcome:
    """Do what is to be done in one image."""
    image = work.image
    if image.path is None:
        return Outcome(error="the image is not there; left as it is", kind="missing_image")
    try:
        data = read_bytes(image.path)
        header = probe(image.path, data)
        oriented = stated_frame(header, image.size, oriented=False)
        if oriented is None:
            assert image.size is not None
            what = f"is {size_text(header.size)} px, but its record states {size_text(image.size)}"
            return Outcome(error=f"{what}; left as it is", kind="size_mismatch")
        pixels = decode(data, image.path, oriented)
    except DataError as error:
        return Outcome(error=f"{error.what}; left as it is")
    numbers = [n for n, known in enumerate(image.cells) if work.wishes.wants(known.cell)]
    attempts = _attempts(pixels, [known.cell for known in image.cells], numbers)
    after = [attempts[n].cell or image.cells[n].cell for n in numbers]
    parts = from_mask(pixels.shape[1::-1], after, work.areas) if work.wishes.part else [(c,) for c in after]
    refused = {
        n: attempts[n].why or "it covers not one pixel's middle"
        for n, own in zip(numbers, parts, strict=True)
        if own == (image.cells[n].cell,)
    }
    known = [known.cell for known in image.cells if not is_found(known.cell)]
    return Outcome(dict(zip(numbers, parts, strict=True)), refused, tuple(_found(pixels, work, known)))


def _found(pixels: RGB, work: Work, known: Sequence[Cell]) -> list[Cell]:
    """Cells of the wanted categories that are none of those known."""
    if work.find and work.wishes.finder is not None:
        proposed = work.wishes.finder(pixels)
        return [cell for label in work.find for cell in from_finds(proposed, label, known)]
    return [cell for label in work.find for cell in from_nothing(pixels, label, known)]


def _attempts(pixels: RGB, cells: Sequence[Cell], numbers: Sequence[int]) -> dict[int, Attempt]:
    """What came of outlining those cells of an image that have a box or a point; others are as they are.

    Cells that were outlined before lend their boxes: what comes out is what would have come out then.
    """
    labels = {cells[n].label for n in numbers if cells[n].outline in ("box", "point")}
    before = [restored(cell) if cell.label in labels else cell for cell in cells]
    done = try_boxes(pixels, before, numbers) | try_points(pixels, before)
    return {n: done.get(n, Attempt(cells[n])) for n in numbers}
