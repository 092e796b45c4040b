"""Overlaps are exact, and the matching is the best there is."""

from itertools import permutations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from smearprep.coco_files import matching
from smearprep.coco_files.matching import best_matching, near_points, overlaps
from smearprep.errors import DataError
from smearprep.records import Cell
from tests.coco_files.making import box, cells
from tests.laws.strategies import LAW

several = st.lists(cells(), max_size=6)


@given(a=several, b=several, least=st.sampled_from([0.05, 0.5, 0.8, 1.0]))
@LAW
def test_overlaps_are_those_of_every_pair_on_its_own(a, b, least):
    found = overlaps(a, b, least, "a.jpg")
    for i, one in enumerate(a):
        for j, other in enumerate(b):
            if "point" in (one.outline, other.outline):
                assert (i, j) not in found
                continue
            x, y = one.shape, other.shape
            if "box" in (one.outline, other.outline):
                x, y = shapely.box(*x.bounds), shapely.box(*y.bounds)
            iou = x.intersection(y).area / x.union(y).area
            assert (i, j) in found or iou < least + 1e-9
            if (i, j) in found:
                assert found[i, j] == pytest.approx(iou) and least <= found[i, j] <= 1


def test_the_iou_of_a_worked_example():
    """Two squares of 10x10 px, one moved by 5 px: 50 shared of 150."""
    a, b = [Cell("RBC", box(0, 0))], [Cell("WBC", box(5, 0)), Cell("WBC", box(50, 0))]
    assert overlaps(a, b, 0.1, "a.jpg") == {(0, 0): pytest.approx(1 / 3)}
    assert overlaps(a, b, 0.34, "a.jpg") == {}
    assert overlaps(a, [], 0.1, "a.jpg") == overlaps([], b, 0.1, "a.jpg") == {}


def test_holes_count_and_boxes_are_compared_with_boxes():
    ring = Cell("RBC", box(0, 0).difference(box(2, 2, 6, 6)))
    assert overlaps([ring], [Cell("RBC", box(0, 0))], 0.1, "a")[0, 0] == pytest.approx(0.64)
    assert overlaps([ring], [Cell("RBC", box(0, 0), "box")], 0.1, "a")[0, 0] == 1


def test_points_by_their_distance():
    a = [Cell("RBC", shapely.Point(0, 0), "point"), Cell("RBC", box(0, 0))]
    b = [Cell("RBC", shapely.Point(3, 4), "point"), Cell("RBC", shapely.Point(0, 0), "point")]
    assert near_points(a, b, 5, "a") == {(0, 0): 0.5, (0, 1): 1}
    assert near_points(a, b, 4.9, "a") == near_points(a, b, 0, "a") == {(0, 1): 1}
    assert near_points(a[1:], b, 5, "a") == near_points(a, [], 5, "a") == {}


def test_what_is_drawn_again_and_again_is_refused(monkeypatch):
    monkeypatch.setattr(matching, "_MOST_PAIRS", 1000)
    heap = [Cell("RBC", box(0, 0))] * 40
    with pytest.raises(
        DataError, match=r"a\.jpg: its cells lie on top of each other in more than 1,000 pairs"
    ):
        overlaps(heap, heap, 0.5, "a.jpg")
    points = [Cell("RBC", shapely.Point(1, 2), "point")] * 40
    with pytest.raises(DataError, match="more than 1,000 pairs"):
        near_points(points, points, 0, "a.jpg")
    assert len(near_points(points[:30], points[:30], 0, "a.jpg")) == 900
    assert len(overlaps(heap[:30], heap[:30], 0.5, "a.jpg")) == 900


# ---------------------------------------------------------------- one to one

scored = st.dictionaries(
    st.tuples(st.integers(0, 4), st.integers(0, 4)), st.sampled_from([0.1, 0.5, 0.75, 1.0]), max_size=14
)
five = st.lists(st.sampled_from("xy"), min_size=5, max_size=5)


def every_matching(scores):
    """All one-to-one choices among five and five."""
    for order in permutations(range(5)):
        yield [pair for pair in enumerate(order) if pair in scores]


@given(scores=scored, a=five, b=five)
@LAW
def test_the_matching_is_the_best_of_all(scores, a, b):
    chosen = best_matching(scores, (a, b))
    assert chosen == sorted(chosen) and set(chosen) <= set(scores)
    assert len({i for i, _ in chosen}) == len({j for _, j in chosen}) == len(chosen)

    def worth(pairs):
        same = sum(a[i] == b[j] for i, j in pairs)
        return len(pairs), round(sum(scores[pair] for pair in pairs), 6), same

    assert worth(chosen) == max(worth(pairs) for pairs in every_matching(scores))


def test_many_before_good():
    """Two pairs of 0.4 rather than one of 1: nobody's cell is lost to a neighbour."""
    scores = {(0, 0): 1.0, (0, 1): 0.4, (1, 0): 0.4}
    assert best_matching(scores, (["x", "x"], ["x", "x"])) == [(0, 1), (1, 0)]


def test_of_cells_at_one_place_those_of_one_label_match():
    scores = {(i, j): 1.0 for i in range(3) for j in range(3)}
    assert best_matching(scores, (["x", "y", "z"], ["z", "x", "y"])) == [(0, 1), (1, 2), (2, 0)]
    assert best_matching({**scores, (0, 1): 0.9}, (["x", "y", "z"], ["z", "x", "y"]))[0] != (0, 1)


def test_a_large_tangle_is_matched_by_falling_score(monkeypatch):
    monkeypatch.setattr(matching, "_MOST_ASSIGNED", 3)
    scores = {(0, 0): 0.9, (0, 1): 0.5, (1, 0): 0.5}
    assert best_matching(scores, (["x", "x"], ["x", "x"])) == [(0, 0)]


@given(st.integers(0, 2**32 - 1))
@LAW
def test_the_assignment_is_the_greatest_of_all(seed):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 5))
    weight = rng.integers(0, 2 ** int(rng.integers(1, 48)), (rows, int(rng.integers(rows, 6))))
    assigned = matching._assign(weight)
    assert len(assigned) == rows == len({column for _, column in assigned})
    greatest = max(
        sum(int(weight[pair]) for pair in enumerate(order))
        for order in permutations(range(weight.shape[1]), rows)
    )
    assert sum(int(weight[pair]) for pair in assigned) == greatest
