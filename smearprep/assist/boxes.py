"""Outlines from boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from smearprep.assist.colours import learn_colours
from smearprep.assist.made import Attempt, made, mask_to_outline
from smearprep.assist.regions import WEIGHTS, Region, Weights, find_region
from smearprep.geometry import FloatArray
from smearprep.images import RGB
from smearprep.records import Cell

_LEAST_SIDE = 4.0  # px: in a smaller box nothing can be outlined
_LEAST_SHARE, _MOST_SHARE = 0.2, 1.3  # of its box that a cell covers
_LEAST_SCORE = 0.1
_LEAST_CONTRAST = 0.045  # 99 % of empty boxes in three data sets have less than 0.044, cells 0.06 and more
_AT_BORDER = 1.5  # px: a box that comes so near to the border may be cut by it
_NEAR = 0.3  # of the longer side of a box: other boxes that come so near are looked at


def from_box(image: RGB, cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Outlines of cells of which a box is known, by colours of the image and GrabCut.

    The boxes of each category are looked at together: they tell its colours. They may be some px off.

    Args:
        image: (H, W, 3) uint8 RGB.
        cells: In px of the image; those whose outline is no "box" are returned as they are.

    Returns:
        The cells in their order. A cell that got an outline has outline "made", one polygon without holes
        along pixel edges inside the image, and the attributes "made_by", "score" (how well two ways of
        outlining it agree, 0..1) and "given" (its box). A cell that could not be outlined is the same object.
    """
    attempts = try_boxes(image, cells)
    return tuple(attempts[n].cell or cell if n in attempts else cell for n, cell in enumerate(cells))


def try_boxes(image: RGB, cells: Sequence[Cell], wanted: Sequence[int] | None = None) -> dict[int, Attempt]:
    """What comes out for each cell with a box.

    Args:
        image: (H, W, 3) uint8 RGB.
        cells: As of `from_box`.
        wanted: Numbers of those to outline; the others only lend their boxes. None: all with a box.

    Returns:
        Number of a cell -> its outline, or why there is none.
    """
    size = image.shape[1], image.shape[0]
    attempts: dict[int, Attempt] = {}
    for label in dict.fromkeys(cell.label for cell in cells if cell.outline == "box"):
        numbers = [n for n, cell in enumerate(cells) if cell.label == label and cell.outline == "box"]
        asked = [k for k, n in enumerate(numbers) if wanted is None or n in wanted]
        boxes = np.array([whole_box(np.array(cells[n].bounds), size) for n in numbers])
        regions = outline_boxes(image, boxes, wanted=asked)
        attempts |= {numbers[k]: _attempt(cells[numbers[k]], regions.get(k), size) for k in asked}
    return attempts


def _attempt(cell: Cell, region: Region | None, size: tuple[int, int]) -> Attempt:
    """A cell with the outline of a region, if that may be its."""
    if region is None:
        x0, y0, x1, y1 = cell.bounds
        small = f"its box of {x1 - x0:.3g} x {y1 - y0:.3g} px is too small"
        empty = "its box shows nothing that is darker than the empty field around it"
        return Attempt(None, small if min(x1 - x0, y1 - y0) < _LEAST_SIDE else empty)
    outline = mask_to_outline(region.mask, region.x, region.y, size)
    if outline is None or not _is_plausible(outline.area, cell) or region.score < _LEAST_SCORE:
        return Attempt(None, "what is in its box does not stand out from what is around it")
    return Attempt(made(cell, outline, "box", region.score))


def outline_boxes(
    image: RGB, boxes: FloatArray, weights: Weights = WEIGHTS, wanted: Sequence[int] | None = None
) -> Mapping[int, Region]:
    """The regions of the cells in boxes.

    Args:
        image: (H, W, 3) uint8 RGB.
        boxes: (n, 4) xyxy in px, of whole cells of one kind.
        weights: Of the evidence.
        wanted: Numbers of the boxes that are outlined; None: all. What comes out for one is the same.

    Returns:
        Number of a box -> region; without those in which there is none, or nothing darker than the field.
    """
    large = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf) >= _LEAST_SIDE
    asked = [n for n in (range(len(boxes)) if wanted is None else wanted) if large[n]]
    if not asked:
        return {}
    colours = learn_colours(image, boxes[large])
    regions = {n: find_region(image, boxes[n], _near(boxes, n), colours, weights) for n in asked}
    return {n: region for n, region in regions.items() if region and region.contrast >= _LEAST_CONTRAST}


def whole_box(box: FloatArray, size: tuple[int, int]) -> FloatArray:
    """The box of a whole cell of which the image's border may cut off a part.

    Cells are about as wide as high: a box at the border that is not, goes on beyond it.

    Args:
        box: (4,) xyxy in px, of what is in the image.
        size: (width, height) of the image in px.
    """
    out = box.astype(np.float64)
    sides = out[2:] - out[:2]
    for axis in (0, 1):
        lacking = sides[1 - axis] - sides[axis]
        low, high = box[axis] <= _AT_BORDER, box[axis + 2] >= size[axis] - _AT_BORDER
        if lacking > 0 and low != high:
            out[axis] -= lacking * low
            out[axis + 2] += lacking * high
    return out


def _near(boxes: FloatArray, number: int) -> FloatArray:
    """The other boxes that come near to one."""
    box = boxes[number]
    reach = _NEAR * max(box[2] - box[0], box[3] - box[1])
    near = (boxes[:, :2] < box[2:] + reach).all(axis=1) & (boxes[:, 2:] > box[:2] - reach).all(axis=1)
    near[number] = False
    found: FloatArray = boxes[near]
    return found


def _is_plausible(area: float, cell: Cell) -> bool:
    """True if an outline covers about as much of a box as cells do."""
    return _LEAST_SHARE * cell.area <= area <= _MOST_SHARE * cell.area
