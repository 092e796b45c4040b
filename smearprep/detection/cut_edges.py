"""Where cells are cut by the borders of the tiles that show them, and how well two cuts fit together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from smearprep.geometry import FloatArray, Shapes

Index = NDArray[np.intp]
_ON_LINE = 1e-6  # px: what a resized tile's coordinates may be off when they are taken back
_SIDES = ((0, 0), (1, 0), (0, 1), (1, 1))
"""left, top, right, bottom of a window: across which axis (0: x), and its low or high end."""


@dataclass(frozen=True, eq=False)
class CutEdges:
    """Stretches along inner borders of tiles at which pieces of cells end.

    Args:
        piece: (n,) which piece.
        side: (n,) 0 left, 1 top, 2 right, 3 bottom.
        span: (n, 2) from and to, px along the border.
    """

    piece: Index
    side: Index
    span: FloatArray

    def cut(self, count: int) -> NDArray[np.bool_]:
        """Of so many pieces, which are cut: (count,)."""
        is_cut = np.zeros(count, bool)
        is_cut[self.piece] = True
        return is_cut


def find_cut_edges(
    shapes: Shapes, windows: FloatArray, image_size: tuple[int, int], reach: FloatArray
) -> CutEdges:
    """The stretches of outlines that lie on an inner border of their tile.

    Where a shape does not touch a border, what of it comes within `reach` counts as lying on it. A corner
    alone is no stretch.

    Args:
        shapes: (n,) polygons or multipolygons in image px, each within its window.
        windows: (n, 4) xyxy in px, of the tile that shows each.
        image_size: (width, height) in px: borders of a tile that are the image's are no inner ones.
        reach: (n, 2) px along x and y.
    """
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    found = []
    for side, (axis, high) in enumerate(_SIDES):
        line = windows[:, axis + 2 * high]
        inner = line < image_size[axis] if high else line > 0
        gap = np.abs(bounds[:, axis + 2 * high] - line)
        near_enough = np.flatnonzero(inner & (gap <= np.maximum(reach[:, axis], _ON_LINE)))
        which, start, end = _segments(shapes[near_enough])
        owner = near_enough[which]
        apart = np.maximum(*(np.abs(xy[:, axis] - line[owner]) for xy in (start, end)))
        touching = np.zeros(len(shapes), bool)
        touching[owner[apart <= _ON_LINE]] = True
        near = np.where(touching[owner], apart <= _ON_LINE, apart <= reach[owner, axis])
        span = np.stack([start[:, 1 - axis], end[:, 1 - axis]], axis=1)
        kept = np.flatnonzero(near & (span[:, 0] != span[:, 1]))
        found.append((owner[kept], np.full(len(kept), side), np.sort(span[kept], axis=1)))
    piece, sides, spans = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    return CutEdges(piece, sides, spans)


def _segments(shapes: Shapes) -> tuple[Index, FloatArray, FloatArray]:
    """All stretches from vertex to vertex: whose they are (n,), where they begin (n, 2) and end (n, 2)."""
    parts, shape_of = shapely.get_parts(shapes, return_index=True)
    loops, part_of = shapely.get_rings(parts, return_index=True)
    xy, loop_of = shapely.get_coordinates(loops, return_index=True)
    first = np.flatnonzero(loop_of[1:] == loop_of[:-1])
    return shape_of[part_of[loop_of[first]]], xy[first], xy[first + 1]


def facing(edges: CutEdges, windows: FloatArray, least: float) -> Iterator[tuple[int, int, float]]:
    """Pieces of two tiles that lie side by side, and whose cuts at the common border fit together.

    Args:
        edges: Of all pieces.
        windows: (n, 4) xyxy in px, of the tile that shows each piece.
        least: What both cuts must have in common, as a share of the shorter one. Not of both: a cell's own
            outline may run along the border and make the cut on one side longer.

    Yields:
        Piece, piece, and the length that both cuts have over the length that either has, along the stretch
        that is a border of both tiles: above 0, at most 1.
    """
    cuts = _by_piece_and_side(edges)
    lines: dict[tuple[int, float], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for piece, side in cuts:
        axis, high = _SIDES[side]
        lines[axis, float(windows[piece, axis + 2 * high])][high].append(piece)
    for (axis, _), (after, before) in sorted(lines.items()):
        along = slice(1 - axis, None, 2)  # from and to of a window along the border
        first, second = [cuts[a, axis + 2] for a in before], [cuts[b, axis] for b in after]
        for m, n in _meeting(first, second):
            a, b = before[m], after[n]
            low = max(windows[a, along][0], windows[b, along][0])
            high_end = min(windows[a, along][1], windows[b, along][1])
            share, fit = _fit(first[m], second[n], low, high_end)
            if share >= least * (1 - 1e-9):
                yield a, b, fit


def _meeting(first: Sequence[FloatArray], second: Sequence[FloatArray]) -> list[tuple[int, int]]:
    """Which sets of stretches (n, 2) of two lists may have a length in common: their indices."""
    if not first or not second:
        return []
    ends = [np.array([[span[:, 0].min(), span[:, 1].max()] for span in spans]) for spans in (first, second)]
    a, b = ends[0][:, None], ends[1][None]
    meeting = (a[..., 0] < b[..., 1]) & (b[..., 0] < a[..., 1])
    return [(int(m), int(n)) for m, n in np.argwhere(meeting)]


def _by_piece_and_side(edges: CutEdges) -> dict[tuple[int, int], FloatArray]:
    key = edges.piece * 4 + edges.side
    order = np.argsort(key, kind="stable")
    keys, starts = np.unique(key[order], return_index=True)
    ends = [*starts.tolist(), len(order)]
    return {
        (int(k) // 4, int(k) % 4): edges.span[order[first:end]]
        for k, (first, end) in zip(keys, pairwise(ends), strict=True)
    }


def _fit(a: FloatArray, b: FloatArray, low: float, high: float) -> tuple[float, float]:
    """Length that two sets of stretches (n, 2) have in common, between two bounds: its share and fit.

    Returns:
        Over the length of the shorter one; and over the length of both together. 0, 0 without any.
    """
    first, second = np.clip(a, low, high), np.clip(b, low, high)
    lengths = covered_length(first), covered_length(second)
    either = covered_length(np.concatenate([first, second]))
    common = sum(lengths) - either
    if low >= high or common <= 0 or not min(lengths):
        return 0.0, 0.0
    return min(common / min(lengths), 1.0), common / either


def covered_length(spans: FloatArray) -> float:
    """Length that stretches (n, 2), from and to, cover together; where they overlap it counts once."""
    ordered = spans[np.argsort(spans[:, 0], kind="stable")]
    reached = np.maximum.accumulate(ordered[:, 1])
    begin = np.maximum(ordered[1:, 0], reached[:-1])
    new = np.maximum(reached[1:] - begin, 0).sum()
    return float(reached[0] - ordered[0, 0] + new)
