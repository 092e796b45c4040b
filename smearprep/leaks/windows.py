"""Windows of one raw image in two subsets: how many px they have in common, exactly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

import numpy as np

from smearprep.leaks.records import AuditedImage, Overlap
from smearprep.windows import Window

Areas = Mapping[str, tuple[Collection[Window], int]]
"""Of each raw image, its windows and the px they cover."""

_BLOCK = 1_000_000  # cells of a grid that are held in memory at a time


def union_area(windows: Collection[Window]) -> int:
    """Px that lie in at least one of some windows, exactly.

    The windows' edges divide the plane into a grid of few cells, each wholly inside or outside; it is
    gone through in blocks of rows.

    Args:
        windows: (x, y, w, h) each, coordinates within 2^30.
    """
    if not windows:
        return 0
    boxes = np.array(list(windows), np.int64)
    boxes[:, 2:] += boxes[:, :2]
    xs, column = np.unique(boxes[:, 0::2], return_inverse=True)
    ys, row = np.unique(boxes[:, 1::2], return_inverse=True)
    column, row = column.reshape(-1, 2), row.reshape(-1, 2)
    widths, heights = np.diff(xs, append=xs[-1]), np.diff(ys, append=ys[-1])
    open_windows = np.zeros(len(xs), np.int64)  # at each column, windows that begin less those that end
    area = 0
    for block in _blocks(len(ys), len(xs)):
        change = np.zeros((block.stop - block.start, len(xs)), np.int64)
        for edge, sign in ((0, 1), (1, -1)):
            here = (row[:, edge] >= block.start) & (row[:, edge] < block.stop)
            np.add.at(change, (row[here, edge] - block.start, column[here, 0]), sign)
            np.add.at(change, (row[here, edge] - block.start, column[here, 1]), -sign)
        change[0] += open_windows
        levels = change.cumsum(axis=0)
        open_windows = levels[-1]
        area += int(heights[block] @ ((levels.cumsum(axis=1) > 0) @ widths))
    return area


def _windows(images: Iterable[AuditedImage]) -> dict[str, set[Window]]:
    """The windows of each raw image, without what lies left of or above it."""
    found: dict[str, set[Window]] = defaultdict(set)
    for image in images:
        if image.source and image.window is not None:
            x, y, w, h = image.window
            left, top = max(x, 0), max(y, 0)
            if left < x + w and top < y + h:
                found[image.source].add((left, top, x + w - left, y + h - top))
    return found


def union_areas(images: Iterable[AuditedImage]) -> Areas:
    """Of each raw image, its windows and the px they cover."""
    return {source: (windows, union_area(windows)) for source, windows in _windows(images).items()}


def overlap(areas: Mapping[str, Areas], subset: str, other: str) -> Overlap:
    """How much of a subset's windows lies in another's.

    Padding right of and below a raw image counts as px of it: a set does not say where the image ends.
    """
    mine, theirs = areas[subset], areas[other]
    both = {}
    for source in mine.keys() & theirs.keys():
        (a, area_a), (b, area_b) = mine[source], theirs[source]
        both[source] = area_a + area_b - union_area({*a, *b})
    pixels = sum(area for _, area in mine.values())
    return Overlap(subset, other, pixels, sum(both.values()), sum(area > 0 for area in both.values()))


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of so many rows, each of them times the columns small enough to be held in memory."""
    step = max(1, _BLOCK // max(columns, 1))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
