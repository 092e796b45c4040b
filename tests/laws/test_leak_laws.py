"""The leak audit counts what a mask of pixels, or a loop over all pairs, counts."""

from __future__ import annotations

from collections.abc import Iterable
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smearprep.leaks import NEAR, AuditedImage, Overlap, audit, windows
from smearprep.leaks.windows import union_area
from smearprep.windows import Window
from tests.laws.strategies import LAW

_EXTENT = 30
WINDOWS = st.tuples(*[st.integers(-4, 15)] * 2, *[st.integers(1, 9)] * 2)
SUBSETS = ("train", "val", "test")


def _mask(boxes: Iterable[Window]) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """The pixels in at least one window, without those left of or above the image."""
    mask = np.zeros((_EXTENT, _EXTENT), bool)
    for x, y, w, h in boxes:
        mask[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)] = True
    return mask


@LAW
@given(boxes=st.lists(WINDOWS, max_size=12), block=st.sampled_from([1, 7, 1000]))
def test_union_area_is_that_of_the_pixels(boxes: list[Window], block: int) -> None:
    moved = [(x + 4, y + 4, w, h) for x, y, w, h in boxes]
    with patch.object(windows, "_BLOCK", block):
        assert union_area(moved) == _mask(moved).sum()


@LAW
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(SUBSETS), st.sampled_from(["a", "b", ""]), st.none() | WINDOWS), max_size=14
    )
)
def test_overlaps_are_those_of_the_pixels(rows: list[tuple[str, str, Window | None]]) -> None:
    images = [AuditedImage(str(n), *row[:2], window=row[2]) for n, row in enumerate(rows)]
    masks = {
        subset: {
            source: _mask(w for name, own, w in rows if (name, own) == (subset, source) and w is not None)
            for source in ("a", "b")
        }
        for subset in SUBSETS
    }
    found = {(overlap.subset, overlap.other): overlap for overlap in audit(images).overlaps}
    for subset, other in (("val", "train"), ("test", "train"), ("test", "val")):
        mine, theirs = masks[subset], masks[other]
        pixels = int(sum(mask.sum() for mask in mine.values()))
        both = [int((mine[source] & theirs[source]).sum()) for source in mine]
        if pixels and any(mask.any() for mask in theirs.values()):
            expected = Overlap(subset, other, pixels, sum(both), sum(n > 0 for n in both))
            assert found.pop((subset, other)) == expected
    assert not found


@LAW
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(SUBSETS), st.sampled_from(["a", "b", ""]), st.none() | st.integers(0, 2**160 - 1)
        ),
        max_size=20,
    ),
    block=st.sampled_from([1, 5, 1000]),
)
def test_near_duplicates_are_those_of_a_loop(rows: list[tuple[str, str, int | None]], block: int) -> None:
    def bits(value: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        return np.frombuffer(value.to_bytes(32), np.uint64)

    images = [
        AuditedImage(str(n), subset, source, fingerprint=None if value is None else bits(value))
        for n, (subset, source, value) in enumerate(rows)
    ]
    expected = {
        (str(m), str(n), (value ^ other).bit_count())
        for m, (subset, source, value) in enumerate(rows)
        for n, (later, theirs, other) in enumerate(rows)
        if value is not None
        and other is not None
        and SUBSETS.index(subset) < SUBSETS.index(later)
        and (not source or source != theirs)
        and (value ^ other).bit_count() <= NEAR
    }
    with patch.object(windows, "_BLOCK", block):
        found = audit(images)
    assert {(pair.first, pair.second, pair.distance) for pair in found.near} == expected
    assert found.near_pairs == len(expected)
    assert found.near_images == len({name for first, second, _ in expected for name in (first, second)})
