"""Outlines from points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from shapely.geometry import Point, Polygon

from smearprep.assist.boxes import outline_boxes, whole_box
from smearprep.assist.made import Attempt, made, mask_to_outline
from smearprep.assist.regions import WEIGHTS, Region
from smearprep.assist.stains import Density, red_density
from smearprep.geometry import FloatArray, Mask
from smearprep.images import RGB
from smearprep.records import Cell

_PIXELS = 1_200_000  # of an image, shrunk to about so many, are searched for nuclei
_DISC = 6.0  # px around a point in which its nucleus shows
_SHARE = 0.45  # of the density at the points, that is still a nucleus
_LEAST_DENSITY = 0.1  # at a point, or there is no nucleus
_NEAR = 0.6  # of the usual radius of a nucleus: a part of one that comes so near to a point is its
_REACH = 2.5  # times that radius: nothing farther off belongs to a point
_MARGIN = 0.12  # of a nucleus's longer side, that its cell is larger on each side
_FIRST = replace(WEIGHTS, ellipse=3.0, slack=0.15)
"""Of boxes that are only guessed from nuclei."""


def from_point(image: RGB, cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Outlines of white cells of which a point inside is known.

    The nucleus at a point is what absorbs about as much red light as is absorbed at the points of the image
    (see `stains`). Its box, a little larger, is outlined as in `from_box`, and once more with the box that
    came out.

    Args:
        image: (H, W, 3) uint8 RGB.
        cells: In px of the image; those whose outline is no "point" are returned as they are.

    Returns:
        The cells in their order, as from `from_box`; a cell that could not be outlined is the same object.
    """
    attempts = try_points(image, cells)
    return tuple(attempts[n].cell or cell if n in attempts else cell for n, cell in enumerate(cells))


def try_points(image: RGB, cells: Sequence[Cell]) -> dict[int, Attempt]:
    """What comes out for each cell with a point: its number -> its outline, or why there is none."""
    numbers = [n for n, cell in enumerate(cells) if isinstance(cell.shape, Point)]
    if not numbers:
        return {}
    boxes = nucleus_boxes(image, np.array([cells[n].bounds[:2] for n in numbers]))
    seen = np.flatnonzero(np.isfinite(boxes).all(axis=1)).tolist()
    attempts = dict.fromkeys(numbers, Attempt(None, "no nucleus is at its point"))
    attempts |= dict.fromkeys([numbers[k] for k in seen], Attempt(None, "no outline goes round its point"))
    for k, (outline, score) in outline_twice(image, boxes[seen]).items():
        cell = cells[numbers[seen[k]]]
        if outline.covers(cell.shape):
            attempts[numbers[seen[k]]] = Attempt(made(cell, outline, "point", score))
    return attempts


def outline_twice(image: RGB, boxes: FloatArray) -> dict[int, tuple[Polygon, float]]:
    """Outlines from boxes that are only guessed: of the boxes that the first outlines have.

    Args:
        image: (H, W, 3) uint8 RGB.
        boxes: (n, 4) xyxy in px, of cells of one kind.

    Returns:
        Number of a box -> outline in px, and score.
    """
    size = image.shape[1], image.shape[0]
    first = outline_boxes(image, boxes, _FIRST)
    numbers = sorted(first)
    if not numbers:
        return {}
    bounds = np.array([whole_box(_bounds(first[n]), size) for n in numbers])
    outlines: dict[int, tuple[Polygon, float]] = {}
    for k, region in outline_boxes(image, bounds).items():
        outline = mask_to_outline(region.mask, region.x, region.y, size)
        if outline is not None:
            outlines[numbers[k]] = outline, region.score
    return outlines


def _bounds(region: Region) -> FloatArray:
    """The box of a region, xyxy in px of the image."""
    rows, columns = np.flatnonzero(region.mask.any(axis=1)), np.flatnonzero(region.mask.any(axis=0))
    low, high = (columns[0], rows[0]), (columns[-1] + 1, rows[-1] + 1)
    return np.array([*low, *high], np.float64) + (region.x, region.y) * 2


# ---------------------------------------------------------------- nuclei


def nucleus_boxes(image: RGB, points: FloatArray) -> FloatArray:
    """Boxes of cells, guessed from the nuclei at points.

    Args:
        image: (H, W, 3) uint8 RGB.
        points: (n, 2) x, y in px.

    Returns:
        (n, 4) xyxy in px; NaN where there is no nucleus.
    """
    step = max(1, round(float(np.sqrt(image.shape[0] * image.shape[1] / _PIXELS))))
    small = red_density(image, step)
    near = points / step
    levels = np.array([_level(small, x, y, _DISC / step) for x, y in near])
    boxes = np.full((len(points), 4), np.nan)
    dark = np.flatnonzero(levels >= _LEAST_DENSITY)
    if len(dark):
        threshold = _SHARE * float(np.median(levels[dark]))
        parts = _parts_at(np.asarray(small > threshold), near[dark])
        boxes[dark] = [_box_around(pixels) * step for pixels in parts]
    return boxes


def _level(density: Density, x: float, y: float, radius: float) -> float:
    """The density of the darker half of a disc."""
    reach = max(round(radius), 1)
    row, column = int(y), int(x)
    disc = density[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1]
    return float(np.percentile(disc, 75)) if disc.size else 0.0


def _parts_at(mask: Mask, points: FloatArray) -> list[FloatArray]:
    """Of each point, the px (n, 2: x, y) of its nucleus: what is set, nearer to it than to any other point.

    A nucleus may have several parts; those that come near to the point are taken.
    """
    import cv2
    from scipy.spatial import cKDTree

    _, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=4)
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return [np.zeros((0, 2)) for _ in points]
    pixels = np.stack([columns, rows], axis=1) + 0.5
    distance, owner = cKDTree(points).query(pixels)
    own = [np.flatnonzero(owner == number) for number in range(len(points))]
    part = labels[rows, columns]
    areas = [(part[n] == part[n[distance[n].argmin()]]).sum() for n in own if len(n)]
    radius = float(np.sqrt(np.median(areas) / np.pi))
    parts = []
    for n in own:
        near = np.unique(part[n][distance[n] <= max(_NEAR * radius, 2)])
        parts.append(pixels[n[np.isin(part[n], near) & (distance[n] <= max(_REACH * radius, 3))]])
    return parts


def _box_around(pixels: FloatArray) -> FloatArray:
    """The box of a cell with this nucleus, xyxy in px; NaN if there is none."""
    if not len(pixels):
        return np.full(4, np.nan)
    low, high = pixels.min(axis=0) - 0.5, pixels.max(axis=0) + 0.5
    margin = _MARGIN * float((high - low).max())
    return np.concatenate([low - margin, high + margin])
