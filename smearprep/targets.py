"""What a semantic network learns from cells: one image of bits, rasterised when a set is read.

There is no second truth on disk: masks and edge maps follow from the outlines in the COCO files.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.errors import GeometryError
from smearprep.geometry import rings, shape_to_mask
from smearprep.records import Cell, Outline

Target = NDArray[np.uint8]
"""(H, W) uint8, the bits below."""

MASK, EDGE, EDGE_UNKNOWN, MASK_UNKNOWN = 1, 2, 4, 8
"""Bits: inside a cell; on the outline of a cell; where nobody knows whether an outline runs, and where nobody
knows whether there is a cell: in a crowd, beside the cells that are known."""

EDGE_WIDTH = 2  # px, as the edge maps of Overton & Tucker (2020) are drawn
_FIXED = 4  # fractional bits of OpenCV's coordinates


def rasterise(
    cells: Sequence[Cell],
    size: tuple[int, int],
    edge_width: int = EDGE_WIDTH,
    edges_of: Collection[Outline] = frozenset[Outline](("drawn",)),
    crowds: Sequence[Cell] = (),
) -> Target:
    """Cells as the target of a network with the outputs mask and edge.

    An edge is drawn along the outline of cells of which somebody drew it. Around all others the edge is
    unknown: two cells that touch may have been traced as one.

    Args:
        cells: In px of the image; those with only a box or a point cannot be rasterised.
        size: (width, height) of the image in px.
        edge_width: Of the line along an outline, in px.
        edges_of: How the shape of a cell must be known for its outline to count as an edge.
        crowds: Regions full of cells that nobody told apart, in px of the image.

    Returns:
        (height, width) uint8, bits `MASK`, `EDGE`, `EDGE_UNKNOWN`, `MASK_UNKNOWN`.

    Raises:
        GeometryError: A cell has no outline.
    """
    import cv2

    target = np.zeros((size[1], size[0]), np.uint8)
    unknown = np.zeros_like(target)
    edges = np.zeros_like(target)
    for cell in cells:
        if isinstance(cell.shape, Point) or cell.outline == "box":
            raise GeometryError(f"the {cell.label!r} cell has no outline, only a {cell.outline}")
        _fill(target, cell.shape)
        lines = [_fixed(ring[:-1]) for ring in rings(cell.shape)]
        if cell.outline in edges_of:
            cv2.polylines(edges, lines, True, EDGE, edge_width, shift=_FIXED)
        else:
            _fill(unknown, cell.shape)
            cv2.polylines(unknown, lines, True, 1, 2 * edge_width + 1, shift=_FIXED)
    unsure = _crowded(crowds, target)
    unknown |= unsure
    known_edges = np.where(unknown > 0, 0, edges).astype(np.uint8)
    return target | known_edges | (unknown > 0) * np.uint8(EDGE_UNKNOWN) | unsure * np.uint8(MASK_UNKNOWN)


def _crowded(crowds: Sequence[Cell], target: Target) -> Target:
    """1 in crowds, but for the cells that are known there and lie in the target already: (H, W)."""
    inside = np.zeros_like(target)
    for crowd in crowds:
        assert isinstance(crowd.shape, Polygon | MultiPolygon), "a crowd without a region"
        _fill(inside, crowd.shape)
    return inside & ~target


def _fixed(xy: NDArray[np.float64]) -> NDArray[np.int32]:
    """Continuous coordinates as OpenCV's fixed point, whose integers are the centres of pixels."""
    return np.rint((xy - 0.5) * (1 << _FIXED)).astype(np.int32)


def _fill(target: Target, shape: Polygon | MultiPolygon) -> None:
    """Set the bit `MASK` (1) of the pixels whose centres lie inside a shape."""
    height, width = target.shape
    x0, y0, x1, y1 = shape.bounds
    left, top = max(int(np.floor(x0)), 0), max(int(np.floor(y0)), 0)
    right, bottom = min(int(np.ceil(x1)), width), min(int(np.ceil(y1)), height)
    if right <= left or bottom <= top:
        return
    moved = shapely.transform(shape, lambda xy: xy - (left, top))
    target[top:bottom, left:right] |= shape_to_mask(moved, (right - left, bottom - top)).astype(np.uint8)
