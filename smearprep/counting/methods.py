"""Three ways to count the cells of a mask."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smearprep.counting.borders import Border, FloatArray, counted_boxes
from smearprep.counting.parameters import Components, Hough, Method, Parameters, Watershed
from smearprep.errors import GeometryError
from smearprep.records import Cell, Shape

Plane = NDArray[np.uint8]
"""(H, W) uint8: a probability times 255."""
Labels = NDArray[np.int32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Found:
    """The cells that one way of counting found in one image, from top to bottom.

    Args:
        points: (n, 2) x, y in px: the middle of a component or circle, or a peak.
        boxes: (n, 4) xyxy in px.
        labels: (H, W) int32: k + 1 where cell k is, else 0. None of circles.
        radii: (n,) px, of circles. Else None.
        shapes: n outlines in px, of single cells. Else None.
    """

    points: FloatArray
    boxes: FloatArray
    labels: Labels | None = None
    radii: FloatArray | None = None
    shapes: tuple[Shape, ...] | None = None

    def __len__(self) -> int:
        return len(self.points)


def find(
    method: Method, mask: Plane, edge: Plane | None, parameters: Parameters, border: Border = "all"
) -> Found:
    """Find the cells of an image.

    Args:
        method: How.
        mask: (H, W) uint8, probability times 255 that a pixel belongs to a cell.
        edge: (H, W) uint8, the same that it lies on an outline; None: the network has no such output.
        parameters: The figures.
        border: Which cells at the border of the image count.

    Raises:
        GeometryError: Mask or edge map is not (H, W) uint8, or they are not of one size.
    """
    check_planes(mask, edge)
    if method == "hough":
        found = _circles(_surface(mask, edge, parameters), parameters.hough)
    elif method == "components":
        found = _components(inside(mask, edge, parameters.threshold), parameters.components)
    else:
        found = _watershed(inside(mask, edge, parameters.threshold), parameters.watershed)
    size = mask.shape[1], mask.shape[0]
    return _chosen(found, counted_boxes(found.boxes, size, border))


def cells_found(cells: Sequence[Cell], size: tuple[int, int], border: Border = "all") -> Found:
    """Single cells as what was found in an image, in their order.

    Args:
        cells: In px of the image.
        size: (width, height) of the image in px.
        border: Which cells at the border of the image count.
    """
    boxes = np.array([cell.bounds for cell in cells], np.float64).reshape(-1, 4)
    kept = counted_boxes(boxes, size, border)
    shapes = tuple(cell.shape for cell, counts in zip(cells, kept.tolist(), strict=True) if counts)
    return Found((boxes[kept, :2] + boxes[kept, 2:]) / 2, boxes[kept], shapes=shapes)


def how_many(
    method: Method, mask: Plane, edge: Plane | None, parameters: Parameters, border: Border = "all"
) -> int:
    """How many cells `find` finds; several times faster where it need not know how far each one reaches."""
    if method == "watershed" and border == "all":
        check_planes(mask, edge)
        return len(_peaks(inside(mask, edge, parameters.threshold), parameters.watershed)[1])
    return len(find(method, mask, edge, parameters, border))


def check_planes(mask: Plane, edge: Plane | None) -> None:
    """Refuse what is no mask and edge map.

    Raises:
        GeometryError: Not (H, W) uint8, without a pixel, or of two sizes.
    """
    for name, plane in (("mask", mask), ("edge map", edge)):
        if plane is not None and (plane.ndim != 2 or plane.dtype != np.uint8 or not plane.size):
            raise GeometryError(f"a {name} is (H, W) uint8, not {plane.shape} {plane.dtype}")
    if edge is not None and edge.shape != mask.shape:
        sizes = [f"{plane.shape[1]}x{plane.shape[0]}" for plane in (mask, edge)]
        raise GeometryError(f"the mask has {sizes[0]} px, its edge map {sizes[1]}")


def above(plane: Plane, threshold: float) -> Mask:
    """Where a probability, stored times 255, is above a threshold."""
    return plane > np.uint8(math.floor(255 * threshold))


def inside(mask: Plane, edge: Plane | None, threshold: float) -> Mask:
    """The mask less its edges: (H, W) bool."""
    cells = above(mask, threshold)
    return cells if edge is None else cells & ~above(edge, threshold)


def _surface(mask: Plane, edge: Plane | None, parameters: Parameters) -> Plane:
    """What circles are looked for on: (H, W) uint8, 0 and 255."""
    plane = mask if edge is None or parameters.hough.plane == "mask" else edge
    return above(plane, parameters.threshold).astype(np.uint8) * np.uint8(255)


# ---------------------------------------------------------------- components


def _components(cells: Mask, parameters: Components) -> Found:
    import cv2

    _, labels, stats, middles = cv2.connectedComponentsWithStats(
        cells.view(np.uint8), connectivity=4, ltype=cv2.CV_32S
    )
    large = np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= parameters.min_area) + 1
    boxes = stats[large, :4].astype(np.float64)
    boxes[:, 2:] += boxes[:, :2]
    return _sorted(middles[large].astype(np.float64) + 0.5, boxes, _renamed(labels, large))


def _renamed(labels: NDArray[Any], kept: NDArray[np.intp]) -> Labels:
    """Labels of which only some are kept, as 1, 2, ... in the order given."""
    table = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
    table[kept] = np.arange(1, len(kept) + 1)
    renamed: Labels = table[labels]
    return renamed


def _sorted(points: FloatArray, boxes: FloatArray, labels: Labels) -> Found:
    """Cells from top to bottom, those at one height from left to right."""
    order = np.lexsort((points[:, 0], points[:, 1]))
    return Found(points[order], boxes[order], _renamed(labels, order + 1))


def _chosen(found: Found, kept: Mask) -> Found:
    if kept.all():
        return found
    labels = None if found.labels is None else _renamed(found.labels, np.flatnonzero(kept) + 1)
    radii = None if found.radii is None else found.radii[kept]
    return Found(found.points[kept], found.boxes[kept], labels, radii)


# ---------------------------------------------------------------- circles


def _circles(surface: Plane, parameters: Hough) -> Found:
    import cv2

    circles: Any = cv2.HoughCircles(
        surface,
        cv2.HOUGH_GRADIENT,
        parameters.dp,
        parameters.min_distance,
        param1=parameters.gradient,
        param2=parameters.votes,
        minRadius=parameters.min_radius,
        maxRadius=parameters.max_radius,
    )
    rows = np.zeros((0, 3)) if circles is None else np.asarray(circles, np.float64).reshape(-1, 3)
    rows = rows[np.lexsort((rows[:, 0], rows[:, 1]))]
    points, radii = rows[:, :2] + 0.5, rows[:, 2]  # OpenCV's whole numbers are the centres of pixels
    return Found(points, np.hstack([points - radii[:, None], points + radii[:, None]]), radii=radii)


# ---------------------------------------------------------------- watershed


def _peaks(cells: Mask, parameters: Watershed) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The distance of each pixel from the background, px; and (n, 2) row, column of its peaks."""
    import cv2
    from skimage.feature import peak_local_max

    distance: Any = cv2.distanceTransform(cells.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # By default peaks nearer to the border than `min_distance` are dropped, and with them every cell that
    # the border cuts; the border rule is ours.
    search: Any = peak_local_max
    peaks = search(
        distance, parameters.min_distance, threshold_abs=parameters.min_height, exclude_border=False
    )
    return distance, peaks[np.lexsort((peaks[:, 1], peaks[:, 0]))]


def _watershed(cells: Mask, parameters: Watershed) -> Found:
    from scipy.ndimage import find_objects
    from skimage.segmentation import watershed

    distance, peaks = _peaks(cells, parameters)
    markers = np.zeros(cells.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    flood: Any = watershed
    labels: Labels = flood(-distance, markers, mask=cells).astype(np.int32)
    boxes = [(x.start, y.start, x.stop, y.stop) for y, x in find_objects(labels)]
    return Found(peaks[:, ::-1].astype(np.float64) + 0.5, np.array(boxes, np.float64).reshape(-1, 4), labels)
