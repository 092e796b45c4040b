"""From mask and edge map to single cells: to draw them, to write them as polygons, to correct them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from shapely.affinity import translate
from shapely.geometry import MultiPolygon, Polygon

from smearprep.counting.methods import Labels, Mask, Plane, above, find
from smearprep.counting.parameters import Parameters
from smearprep.geometry import mask_to_shapes
from smearprep.records import Cell

_DIGITS = 4  # of a score


def instances(mask: Plane, edge: Plane | None, parameters: Parameters) -> Labels:
    """The cells of an image as a label image.

    Each component of the mask less its edges is a cell. It then grows into the mask step by step, all cells
    at once, so that the pixels of the edges go back to the cell from which they are fewest steps away. What
    is connected to no cell within the mask stays background.

    Args:
        mask: (H, W) uint8, probability times 255 that a pixel belongs to a cell.
        edge: (H, W) uint8, the same that it lies on an outline, or None.
        parameters: `threshold` and `components` are used.

    Returns:
        (H, W) int32: 0 background, 1, 2, ... the cells from top to bottom; each is 4-connected.

    Raises:
        GeometryError: Mask or edge map is not (H, W) uint8, or they are not of one size.
    """
    labels = find("components", mask, edge, parameters).labels
    assert labels is not None  # of components they are always there
    return labels if edge is None else _grown(labels, above(mask, parameters.threshold))


def _grown(labels: Labels, mask: Mask) -> Labels:
    """Labels grown within a mask, a step along rows and columns at a time.

    Of two that reach a pixel at once, the upper one gets it, then the left one.
    """
    out = np.pad(labels, 1)
    flat = out.ravel()  # a view: the frame of zeros spares us all tests for the border
    free = (np.pad(mask, 1) & (out == 0)).ravel()
    row = out.shape[1]
    front = np.flatnonzero(flat)
    while len(front):
        reached = []
        for step in (row, 1, -row, -1):
            source = front[free[front + step]]
            target = source + step
            flat[target] = flat[source]
            free[target] = False
            reached.append(target)
        front = np.concatenate(reached)
    return np.ascontiguousarray(out[1:-1, 1:-1])


def labels_to_shapes(labels: Labels) -> list[Polygon | MultiPolygon]:
    """The outline of each cell of a label image, along its pixel edges, holes and parts kept.

    Args:
        labels: (H, W) int32 with the labels 1, 2, ..., n, none of them missing.

    Returns:
        One shape a label, in px, in their order.
    """
    from scipy.ndimage import find_objects

    shapes: list[Polygon | MultiPolygon] = []
    for label, (rows, columns) in enumerate(find_objects(labels), 1):
        parts, _ = mask_to_shapes(labels[rows, columns] == label)
        shape = parts[0] if len(parts) == 1 else MultiPolygon(parts)
        shapes.append(translate(shape, columns.start, rows.start))
    return shapes


def labels_to_cells(labels: Labels, probability: Plane, label: str, made_by: str) -> tuple[Cell, ...]:
    """The cells of a label image, as other programs can open and people can correct them.

    Args:
        labels: (H, W) int32 with the labels 1, 2, ..., n, none of them missing.
        probability: (H, W) uint8, times 255: the score of a cell is its mean over the cell.
        label: The category of all of them.
        made_by: Which network, or which run.

    Returns:
        One cell a label, outline "made", with the attributes "made_by" and "score" (0..1).
    """
    flat: NDArray[np.int32] = labels.ravel()
    area = np.bincount(flat)[1:]
    scores = np.bincount(flat, probability.ravel())[1:] / 255 / area
    return tuple(
        Cell(label, shape, "made", {"made_by": made_by, "score": round(float(score), _DIGITS)})
        for shape, score in zip(labels_to_shapes(labels), scores, strict=True)
    )
