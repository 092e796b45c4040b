"""COCO's run-length masks as outlines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon

from smearprep.formats.outlines import Unusable
from smearprep.geometry import mask_to_shapes
from smearprep.images import MAX_PIXELS

_MOST_LAID_OUT = 2**25  # px: a mask that needs more of them to be traced is no cell's
_MOST_REGIONS = 10_000


def runs_to_shape(segmentation: Mapping[str, Any], size: tuple[int, int] | None) -> Polygon | MultiPolygon:
    """The outline of a run-length mask along its pixel edges; its 4-connected regions become parts."""
    stated = segmentation.get("size")
    if not isinstance(stated, list) or len(stated) != 2 or not all(isinstance(n, int) for n in stated):
        raise Unusable("invalid", "its run lengths have no size")
    height, width = stated
    if size is not None and (width, height) != size:
        raise Unusable("invalid", f"its run lengths are for {width}x{height} px, not for {size[0]}x{size[1]}")
    if min(height, width) < 1 or height * width > MAX_PIXELS:
        raise Unusable("invalid", f"its run lengths are for an image of {width}x{height} px")
    ends = np.cumsum(_runs(segmentation.get("counts")))
    if not len(ends) or ends[-1] != height * width or (np.diff(ends, prepend=0) < 0).any():
        raise Unusable("invalid", f"its run lengths do not add up to {width}x{height} px")
    stops = ends[1::2]
    starts = ends[0::2][: len(stops)]
    covered = stops > starts
    if not covered.any():
        raise Unusable("zero_area", "its mask has no pixel")
    shapes = _traced(*_pieces(starts[covered], stops[covered], height))
    return shapes[0] if len(shapes) == 1 else MultiPolygon(shapes)


def _pieces(
    starts: NDArray[np.int64], stops: NDArray[np.int64], height: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Runs over the columns as rectangles: (n, 2) columns from, to; (n, 2) rows from, to.

    A run is what it has in its first column, what in its last, and the whole columns between.
    """
    first, last = starts // height, (stops - 1) // height
    top, bottom = starts % height, (stops - 1) % height + 1
    long = last > first
    between = last > first + 1
    whole = np.full_like(first, height)
    x = [(first, first + 1), (last[long], last[long] + 1), (first[between] + 1, last[between])]
    y = [
        (top, np.where(long, whole, bottom)),
        (np.zeros_like(bottom[long]), bottom[long]),
        (np.zeros_like(whole[between]), whole[between]),
    ]
    return (
        np.concatenate([np.stack(pair, axis=1) for pair in x]),
        np.concatenate([np.stack(pair, axis=1) for pair in y]),
    )


def _traced(x: NDArray[np.int64], y: NDArray[np.int64]) -> list[Polygon]:
    """The regions of disjoint rectangles, each between two columns where anything changes.

    Only rows and columns at which something changes are laid out as pixels, so that neither a large image
    nor a large mask takes much memory.
    """
    columns, rows = np.unique(x), np.unique(y)
    if (len(columns) - 1) * len(rows) > _MOST_LAID_OUT:
        raise Unusable("invalid", f"its mask is scattered over {len(columns)} columns and {len(rows)} rows")
    toggles = np.zeros((len(rows), len(columns) - 1), np.int8)
    column = np.searchsorted(columns, x[:, 0])
    toggles[np.searchsorted(rows, y[:, 0]), column] += 1
    toggles[np.searchsorted(rows, y[:, 1]), column] -= 1
    grid = np.cumsum(toggles, axis=0, dtype=np.int8)[:-1]
    if len(x) > _MOST_REGIONS:
        import cv2

        count = cv2.connectedComponents(grid.view(np.uint8), connectivity=4)[0] - 1
        if count > _MOST_REGIONS:
            raise Unusable("invalid", f"its mask has {count} separate regions: noise, and not one cell")
    shapes, _ = mask_to_shapes(grid)
    return [
        shapely.transform(
            shape, lambda xy: np.stack([columns[xy[:, 0].astype(int)], rows[xy[:, 1].astype(int)]], 1)
        )
        for shape in shapes
    ]


def _runs(counts: Any) -> NDArray[np.int64]:
    """Run lengths, compressed (str) or not (list of int)."""
    if isinstance(counts, str):
        counts = _decompress(counts)
    if not isinstance(counts, list) or not all(isinstance(n, int) and abs(n) < 2**31 for n in counts):
        raise Unusable("invalid", "its run lengths are neither a list of whole numbers nor a string")
    return np.array(counts, dtype=np.int64)


def _decompress(text: str) -> list[int]:
    """COCO's compressed run lengths as numbers.

    Each character carries 5 bits, low ones first, and 32 for "more to come"; from the fourth run on, the
    difference to the run two before is stored (rleFrString in the COCO API's maskApi.c). Decoded here
    because pycocotools reads beyond the end of a broken string.
    """
    runs: list[int] = []
    value, shift = 0, 0
    for code in text.encode("utf-8"):
        code -= 48
        if not 0 <= code < 64 or shift > 60:
            raise Unusable("invalid", "its compressed run lengths are damaged")
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            if code & 16:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value, shift = 0, 0
    if shift:
        raise Unusable("invalid", "its compressed run lengths end too soon")
    return runs
