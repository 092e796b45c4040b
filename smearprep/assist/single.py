"""The outline of a single cell, fast: of the one that somebody has just put a box on, or a point."""

from __future__ import annotations

from collections.abc import Sequence

from smearprep.assist.boxes import try_boxes
from smearprep.assist.made import Attempt, restored
from smearprep.assist.points import try_points
from smearprep.images import RGB
from smearprep.records import Cell


def outline_of(image: RGB, cell: Cell, known: Sequence[Cell] = ()) -> Attempt:
    """Outline one cell, as `assist` would.

    Only the surroundings of the cell are looked at closely: it takes a moment, also on a large photograph.

    Args:
        image: (H, W, 3) uint8 RGB, the whole image.
        cell: In px of the image, with outline "box" or "point".
        known: The other cells of the image. Those of the same category that have a box, or had one before
            they were outlined here, tell what such cells look like: the outline from a box is the one that
            `from_box` makes if it is given all of them. A point is looked at alone.

    Returns:
        The cell with its outline, or why there is none: in words that follow "no outline was found:".

    Raises:
        ValueError: The cell has neither a box nor a point.
    """
    if cell.outline == "point":
        return try_points(image, [cell])[0]
    if cell.outline != "box":
        raise ValueError(f"the cell has neither a box nor a point: its outline is {cell.outline!r}")
    others = [restored(other) for other in known if other.label == cell.label]
    return try_boxes(image, [cell, *others], wanted=[0])[0]
