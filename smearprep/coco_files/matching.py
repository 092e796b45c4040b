"""Which cells of two files are the same cell: overlaps, and the best one-to-one assignment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from smearprep.errors import DataError
from smearprep.geometry import FloatArray, Shapes
from smearprep.records import Cell

Pair = tuple[int, int]
Scores = Mapping[Pair, float]
"""(index in one list of cells, index in the other) -> how well they agree, above 0, at most 1."""

_CHUNK = 256  # shapes looked up at a time, so that memory stays flat where everything overlaps
_MOST_PAIRS = 2_000_000  # in one image: of people's work never a hundredth of it
_MOST_ASSIGNED = 250_000  # entries of the matrix of one tangle of cells


# ---------------------------------------------------------------- overlaps


def overlaps(a: Sequence[Cell], b: Sequence[Cell], least: float, image: str) -> dict[Pair, float]:
    """Pairs of cells that cover nearly the same place, whatever their labels.

    The intersection over union is that of the outlines themselves, not of pixels. Where of either cell
    only the box is known, it is that of the bounding boxes. Points are in no pair.

    Args:
        a: Cells of an image.
        b: Cells of the same image, in the same frame.
        least: The smallest intersection over union that counts, above 0.
        image: For the message.

    Returns:
        (index in `a`, index in `b`) -> intersection over union, sorted.

    Raises:
        DataError: Millions of pairs.
    """
    first, second = _areas(a), _areas(b)
    if not len(first) or not len(second):
        return {}
    shapes = np.array([cell.shape for cell in a], dtype=object), np.array([c.shape for c in b], dtype=object)
    boxed = (
        np.array([cell.outline == "box" for cell in a], dtype=bool),
        np.array([cell.outline == "box" for cell in b], dtype=bool),
    )
    found: dict[Pair, float] = {}
    for of_a, of_b in _candidates(shapes[0][first], shapes[1][second], image):
        i, j = first[of_a], second[of_b]
        iou = _box_iou(shapely.bounds(shapes[0][i]), shapely.bounds(shapes[1][j]))
        drawn = ~(boxed[0][i] | boxed[1][j])
        iou[drawn] = _outline_iou(shapes[0][i[drawn]], shapes[1][j[drawn]], least)
        kept = iou >= least
        found.update(
            zip(zip(i[kept].tolist(), j[kept].tolist(), strict=True), iou[kept].tolist(), strict=True)
        )
    return dict(sorted(found.items()))


def _candidates(a: Shapes, b: Shapes, image: str, **how: Any) -> Iterator[tuple[Any, Any]]:
    """Pairs of shapes near each other, as their indices in `a` and in `b`, some at a time.

    Args:
        a: Shapes.
        b: Shapes.
        image: For the message.
        how: What near means, for `STRtree.query`; nothing: the bounding boxes meet.

    Raises:
        DataError: Millions of pairs.
    """
    tree, count = shapely.STRtree(b), 0
    for start in range(0, len(a), _CHUNK):
        of_a, of_b = tree.query(a[start : start + _CHUNK], **how)
        count += len(of_a)
        if count > _MOST_PAIRS:
            what = f"its cells lie on top of each other in more than {_MOST_PAIRS:,} pairs; is this markup?"
            raise DataError(image, what)
        yield start + of_a, of_b


def _areas(cells: Sequence[Cell]) -> NDArray[np.intp]:
    return np.array([n for n, cell in enumerate(cells) if cell.outline != "point"], dtype=np.intp)


def _outline_iou(a: Shapes, b: Shapes, least: float) -> FloatArray:
    """Intersection over union of shapes, pair by pair; 0 where it cannot reach `least`."""
    area = shapely.area(a), shapely.area(b)
    iou = np.zeros(len(a))
    low = np.maximum(shapely.bounds(a)[:, :2], shapely.bounds(b)[:, :2])
    high = np.minimum(shapely.bounds(a)[:, 2:], shapely.bounds(b)[:, 2:])
    most = np.minimum(np.clip(high - low, 0, None).prod(axis=1), np.minimum(*area))
    same = shapely.equals_exact(a, b, 0)
    iou[same] = 1
    reach = most >= least * np.maximum(*area) * (1 - 1e-9)  # less a bit, for the rounding of either side
    near = np.flatnonzero(~same & reach)
    shared = shapely.area(shapely.intersection(a[near], b[near]))
    iou[near] = np.minimum(shared / (area[0][near] + area[1][near] - shared), 1)
    return iou


def _box_iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """Intersection over union of boxes (n, 4) xyxy, pair by pair."""
    low, high = np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    union = (a[:, 2:] - a[:, :2]).prod(axis=1) + (b[:, 2:] - b[:, :2]).prod(axis=1) - shared
    iou: FloatArray = np.divide(shared, union, out=np.zeros(len(a)), where=union > 0)
    return iou


def near_points(a: Sequence[Cell], b: Sequence[Cell], distance: float, image: str) -> dict[Pair, float]:
    """Pairs of points that lie at most so many px apart.

    Args:
        a: Cells of an image.
        b: Cells of the same image, in the same frame.
        distance: In px, 0 or more.
        image: For the message.

    Returns:
        (index in `a`, index in `b`) -> 1 at the same place, falling to 1/2 at `distance`; sorted.

    Raises:
        DataError: Millions of pairs.
    """
    first, second = _points(a), _points(b)
    if not len(first) or not len(second):
        return {}
    of_a: Shapes = np.array([a[n].shape for n in first], dtype=object)
    of_b: Shapes = np.array([b[n].shape for n in second], dtype=object)
    found: dict[Pair, float] = {}
    for i, j in _candidates(of_a, of_b, image, predicate="dwithin", distance=distance):
        apart = shapely.distance(of_a[i], of_b[j])
        scores = 1 - 0.5 * np.divide(apart, distance, out=np.zeros(len(i)), where=apart > 0)
        pairs = zip(first[i].tolist(), second[j].tolist(), strict=True)
        found.update(zip(pairs, scores.tolist(), strict=True))
    return dict(sorted(found.items()))


def _points(cells: Sequence[Cell]) -> NDArray[np.intp]:
    return np.array([n for n, cell in enumerate(cells) if cell.outline == "point"], dtype=np.intp)


# ---------------------------------------------------------------- one to one


def best_matching(scores: Scores, labels: tuple[Sequence[str], Sequence[str]]) -> list[Pair]:
    """One-to-one pairs: as many as can be; of those matchings one with the greatest sum of scores.

    Where that leaves a choice (several cells at exactly one place), as many pairs as can be have equal
    labels. Scores are compared to seven digits. Where several hundred cells hang together by their
    overlaps, pairs are taken by falling score instead.

    Args:
        scores: Of the pairs that may be.
        labels: Of the cells of either list.

    Returns:
        The pairs, sorted.
    """
    chosen: list[Pair] = []
    for pairs in _tangles(scores):
        if len(pairs) == 1:
            chosen += pairs
            continue
        rows, columns = sorted({i for i, _ in pairs}), sorted({j for _, j in pairs})
        if len(rows) * len(columns) > _MOST_ASSIGNED:
            chosen += _greedy(pairs, scores)
            continue
        weight = np.zeros((len(rows), len(columns)), dtype=np.int64)
        row_of, column_of = {i: n for n, i in enumerate(rows)}, {j: n for n, j in enumerate(columns)}
        for i, j in pairs:
            agree = labels[0][i] == labels[1][j]
            weight[row_of[i], column_of[j]] = _weight(scores[i, j], agree)
        assigned = _assign(weight) if len(rows) <= len(columns) else [(m, n) for n, m in _assign(weight.T)]
        chosen += [(rows[n], columns[m]) for n, m in assigned if weight[n, m]]
    return sorted(chosen)


def _weight(score: float, agree: bool) -> int:
    """Number of pairs first, then scores, then labels: no sum over 500 pairs flows into the next digit."""
    return (1 << 47) + (round(score * (1 << 24)) << 12) + agree


def _tangles(scores: Scores) -> Iterator[list[Pair]]:
    """The pairs that hang together by the cells they share."""
    parent: dict[Any, Any] = {}

    def root(node: Any) -> Any:
        while parent.setdefault(node, node) != node:
            parent[node] = node = parent[parent[node]]
        return node

    for i, j in scores:
        parent[root((0, i))] = root((1, j))
    groups: dict[Any, list[Pair]] = {}
    for i, j in scores:
        groups.setdefault(root((0, i)), []).append((i, j))
    yield from groups.values()


def _greedy(pairs: Sequence[Pair], scores: Scores) -> list[Pair]:
    chosen: list[Pair] = []
    used: tuple[set[int], set[int]] = set(), set()
    for i, j in sorted(pairs, key=lambda pair: (-scores[pair], pair)):
        if i not in used[0] and j not in used[1]:
            chosen.append((i, j))
            used[0].add(i)
            used[1].add(j)
    return chosen


def _assign(weight: NDArray[np.int64]) -> list[Pair]:
    """The assignment of every row to a column of its own with the greatest sum; rows <= columns.

    The Hungarian method by shortest augmenting paths (Jonker and Volgenant, Computing 38, 1987), in whole
    numbers, so that it is exact.
    """
    cost = weight.max() - weight
    rows, columns = cost.shape
    of_row, of_column = np.zeros(rows + 1, np.int64), np.zeros(columns + 1, np.int64)  # the dual values
    owner = np.zeros(columns + 1, np.intp)  # the row, from 1, that has a column; column 0 is where to start
    for row in range(1, rows + 1):
        owner[0], at = row, 0
        least = np.full(columns + 1, np.iinfo(np.int64).max)
        before = np.zeros(columns + 1, np.intp)
        seen = np.zeros(columns + 1, bool)
        while owner[at]:
            seen[at] = True
            reduced = cost[owner[at] - 1] - of_row[owner[at]] - of_column[1:]
            shorter = np.flatnonzero(~seen[1:] & (reduced < least[1:])) + 1
            least[shorter], before[shorter] = reduced[shorter - 1], at
            open_ = np.flatnonzero(~seen)
            at = int(open_[least[open_].argmin()])
            step = least[at]
            of_row[owner[seen]] += step
            of_column[seen] -= step
            least[open_] -= step
        while at:
            owner[at] = owner[before[at]]
            at = int(before[at])
    return [(int(owner[column]) - 1, column - 1) for column in range(1, columns + 1) if owner[column]]
