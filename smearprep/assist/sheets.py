"""A picture of outlines that were made: the least certain ones first, then some others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smearprep.datasets.files import stated_frame
from smearprep.drawing import contact_sheet, overlay
from smearprep.errors import RecipeError
from smearprep.images import RGB, encode, probe, read, show, write_atomic
from smearprep.records import Cell, View

_SIDE = 220  # px of a picture
_AROUND = 0.35  # of the longer side of a cell's box, on all sides
_COLUMNS = 8


@dataclass(frozen=True)
class Shown:
    """A cell to show.

    Args:
        path: Of its image.
        size: (width, height) of the image in px as stated, or None.
        cell: The cell, made here.
    """

    path: Path
    size: tuple[int, int] | None
    cell: Cell


def check_sheet(out: Path) -> None:
    """Refuse a name that is not that of a PNG file.

    Raises:
        RecipeError: It is not.
    """
    if out.suffix.lower() != ".png":
        raise RecipeError(f"{out}: the sheet is written as PNG; name a file that ends in .png")


def draw_sheet(out: Path, cells: Iterable[Shown], least: int = 24, others: int = 24, seed: int = 0) -> int:
    """Draw a sheet of outlines.

    Args:
        out: The PNG file to write.
        cells: All there are.
        least: How many of the least certain ones.
        others: How many of all others, drawn by lot.
        seed: Of the lot.

    Returns:
        How many are on it. Without any, no file is written.

    Raises:
        DataError: An image cannot be read.
        OutputError: The file cannot be written.
    """
    chosen = choose(list(cells), least, others, np.random.default_rng(seed))
    if not chosen:
        return 0
    pictures: dict[int, RGB] = {}
    for path in dict.fromkeys(one.path for one in chosen):  # one image in memory at a time
        numbers = [n for n, one in enumerate(chosen) if one.path == path]
        oriented = stated_frame(probe(path), chosen[numbers[0]].size, oriented=False)
        image = read(path, bool(oriented))
        pictures |= {n: picture(image, chosen[n].cell) for n in numbers}
    titles = [f"{one.cell.attributes['score']:.2f} {one.cell.label}" for one in chosen]
    sheet = contact_sheet([pictures[n] for n in range(len(chosen))], titles, _COLUMNS)
    write_atomic(out, encode(sheet, "png"))
    return len(chosen)


def choose(cells: Sequence[Shown], least: int, others: int, rng: np.random.Generator) -> list[Shown]:
    """The least certain cells, then some of the others by lot, each group from low to high score."""
    order = sorted(range(len(cells)), key=lambda n: cells[n].cell.attributes["score"])
    rest = np.sort(rng.permutation(len(order[least:]))[:others])
    return [cells[n] for n in [*order[:least], *(order[least:][k] for k in rest)]]


def picture(image: RGB, cell: Cell) -> RGB:
    """A cell and what is around it, enlarged or shrunk, with its outline.

    Args:
        image: (H, W, 3) uint8 RGB.
        cell: In px of the image.

    Returns:
        (`_SIDE`, `_SIDE`, 3) uint8 RGB.
    """
    x0, y0, x1, y1 = cell.bounds
    side = max(round(max(x1 - x0, y1 - y0) * (1 + 2 * _AROUND)), 8)
    view = View((round((x0 + x1 - side) / 2), round((y0 + y1 - side) / 2), side, side), (_SIDE, _SIDE))
    return overlay(show(image, view), [(cell.label, view.to_canvas(cell.shape))], legend=False)
