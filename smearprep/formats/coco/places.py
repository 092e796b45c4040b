"""Where cells are, as the annotations of a COCO file state it, for many cells at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from smearprep.formats.writing import run_lengths
from smearprep.records import Shape

_WITHOUT_OUTLINE = frozenset(("box", "point"))


def places(
    shapes: Sequence[Shape], outlines: Sequence[str], size: tuple[int, int]
) -> tuple[list[Any], list[float], list[list[float]]]:
    """Segmentation, area and bbox (xywh) of each shape."""
    array = np.empty(len(shapes), dtype=object)
    array[:] = shapes
    bounds = shapely.bounds(array)
    bounds[:, 2:] -= bounds[:, :2]
    boxes, areas = bounds.tolist(), shapely.area(array).tolist()
    segmentations, holed = _open_rings(array)
    for n in np.flatnonzero(holed).tolist():
        segmentations[n], areas[n], boxes[n] = run_lengths(array[n], size)
    if not _WITHOUT_OUTLINE.isdisjoint(outlines):
        for n, outline in enumerate(outlines):
            if outline in _WITHOUT_OUTLINE:
                segmentations[n] = []
    return segmentations, areas, boxes


def with_keypoints(
    extras: Sequence[Mapping[str, Any]], outlines: Sequence[str], boxes: Sequence[list[float]]
) -> Sequence[Mapping[str, Any]]:
    """The further keys of each annotation; of a point its position, with COCO's 2 for "visible"."""
    if "point" not in outlines:
        return extras
    return [
        {"keypoints": [*box[:2], 2], "num_keypoints": 1, **extra} if outline == "point" else extra
        for extra, outline, box in zip(extras, outlines, boxes, strict=True)
    ]


def _open_rings(shapes: NDArray[np.object_]) -> tuple[list[Any], NDArray[np.bool_]]:
    """Of each shape, the rings of its parts, open, as x, y, x, y, ...; and whether it has holes.

    A ring of whole numbers is given in integers: half the bytes, the same values.
    """
    single = bool((shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON).all())
    parts: Any = shapes
    owner: Any = np.arange(len(shapes))
    if not single:
        parts, owner = shapely.get_parts(shapes, return_index=True)
    xy = shapely.get_coordinates(parts).ravel()
    with np.errstate(invalid="ignore"):
        integers = xy.astype(np.int64)
    stops = 2 * np.cumsum(shapely.get_num_coordinates(parts))
    starts = np.concatenate([[0], stops[:-1]])
    whole = np.logical_and.reduceat(integers == xy, starts)
    rings = [
        (integers if is_whole else xy)[start : stop - 2]  # the last vertex repeats the first one
        for start, stop, is_whole in zip(starts.tolist(), stops.tolist(), whole.tolist(), strict=True)
    ]
    holed = np.bincount(owner, shapely.get_num_interior_rings(parts), len(shapes)) > 0
    if single:
        return [[ring] for ring in rings], holed
    first = np.searchsorted(owner, np.arange(len(shapes) + 1)).tolist()
    return [rings[a:b] for a, b in pairwise(first)], holed
