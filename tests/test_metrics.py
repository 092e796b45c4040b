"""Metrics: what the papers define, restated plainly, and sums that can be put together."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from smearprep.errors import GeometryError
from smearprep.metrics import Agreement, compare

LAW = settings(deadline=None, max_examples=60)
Case = tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]
NAMES = ("mean_iou", "iou", "hard_dice", "dice", "tversky", "accuracy")


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Probability as uint8, truth, and where it is known."""
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))
    # Often on a threshold: 153 / 255 is 0.6, 204 / 255 is 0.8.
    levels = st.one_of(st.sampled_from((0, 127, 128, 153, 204, 242, 243, 255)), st.integers(0, 255))
    probability = draw(hnp.arrays(np.uint8, shape, elements=levels))
    return probability, draw(hnp.arrays(bool, shape)), draw(hnp.arrays(bool, shape))


def _plain(case: Case, chip: int) -> dict[str, float]:
    """The measures once more, chip by chip and threshold by threshold."""
    level, truth, known = case
    p, t = level[known] / 255, truth[known]
    hit, miss, alarm = p[t].sum(), (1 - p)[t].sum(), p[~t].sum()
    positive = 2 * level[known].astype(int) > 255
    scores = []
    for top in range(0, level.shape[0], chip):
        for left in range(0, level.shape[1], chip):
            chips = [array[top : top + chip, left : left + chip] for array in case]
            inside = chips[2]
            for percent in range(50, 100, 5) if inside.any() else ():
                above = (chips[0].astype(int) * 100 > 255 * percent) & inside
                both, either = (above & chips[1]).sum(), (above | (chips[1] & inside)).sum()
                scores.append(both / either if either else 0.0)
    union, total = (positive | t).sum(), positive.sum() + t.sum()
    return {
        "mean_iou": float(np.mean(scores)) if scores else math.nan,
        "iou": float((positive & t).sum() / union) if union else 0.0,
        "hard_dice": float(2 * (positive & t).sum() / total) if total else 0.0,
        "dice": (2 * hit + 1) / (2 * hit + miss + alarm + 1),
        "tversky": (hit + 1) / (hit + 0.7 * miss + 0.3 * alarm + 1),
        "accuracy": float((positive == t).mean()) if len(t) else math.nan,
    }


@LAW
@given(case=cases(), chip=st.integers(1, 11))
def test_the_measures_are_as_defined(case: Case, chip: int) -> None:
    agreement = compare(*case, chip=chip)
    assert agreement.as_dict() == pytest.approx(_plain(case, chip), nan_ok=True)
    assert tuple(agreement.as_dict()) == NAMES
    assert all(math.isnan(value) or 0 <= value <= 1 for value in agreement.as_dict().values())


@LAW
@given(first=cases(), second=cases(), third=cases(), chip=st.integers(1, 5))
def test_sums_of_agreements_are_those_of_all_images(
    first: Case, second: Case, third: Case, chip: int
) -> None:
    one, two, three = (compare(*case, chip=chip) for case in (first, second, third))
    # Side by side, each on whole chips, the images are one image.
    height = chip * max(-(-case[0].shape[0] // chip) for case in (first, second, third))
    padded = []
    for case in (first, second, third):
        h, w = case[0].shape
        padded.append([np.pad(array, ((0, height - h), (0, -w % chip))) for array in case])
    joined = compare(*(np.hstack(arrays) for arrays in zip(*padded, strict=True)), chip=chip)
    for total in ((one + two) + three, one + (two + three), sum((three, two, one), Agreement())):
        assert total.as_dict() == pytest.approx(joined.as_dict(), nan_ok=True)
        assert (total.pixels, total.chips, total.both) == (joined.pixels, joined.chips, joined.both)


@LAW
@given(case=cases(), chip=st.integers(1, 11), other=st.integers(0, 255))
def test_unknown_pixels_do_not_matter(case: Case, chip: int, other: int) -> None:
    level, truth, known = case
    changed = np.where(known, level, np.uint8(other)).astype(np.uint8), np.where(known, truth, ~truth), known
    assert compare(*changed, chip=chip) == compare(*case, chip=chip)


@LAW
@given(case=cases(), chip=st.integers(1, 11))
def test_known_everywhere_is_no_mask(case: Case, chip: int) -> None:
    level, truth, _ = case
    assert compare(level, truth, chip=chip) == compare(level, truth, np.ones_like(truth), chip=chip)


@LAW
@given(case=cases(), chip=st.integers(1, 11))
def test_uint8_and_float32_agree(case: Case, chip: int) -> None:
    level, truth, known = case
    # At a threshold (0.6, 0.8) float32 may fall on either side of it.
    level = np.where(np.isin(level, (153, 204)), np.uint8(100), level)
    exact = compare((level / np.float32(255)).astype(np.float32), truth, known, chip=chip)
    assert compare(level, truth, known, chip=chip).as_dict() == pytest.approx(exact.as_dict(), nan_ok=True)


@LAW
@given(truth=hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)), chip=st.integers(1, 11))
def test_the_truth_itself_agrees_wholly(truth: NDArray[np.bool_], chip: int) -> None:
    found = compare(truth.astype(np.float32), truth, chip=chip)
    assert (found.dice, found.tversky, found.accuracy) == (1, 1, 1)
    assert found.iou == truth.any()
    empty = sum(
        not truth[y : y + chip, x : x + chip].any()
        for y in range(0, truth.shape[0], chip)
        for x in range(0, truth.shape[1], chip)
    )
    assert found.mean_iou == pytest.approx(1 - empty / found.chips)  # as published: empty chips are 0


def test_a_probability_on_a_threshold_is_not_above_it() -> None:
    truth = np.ones((1, 1), bool)
    assert compare(np.full((1, 1), 0.5, np.float32), truth).mean_iou == 0
    assert compare(np.full((1, 1), 0.51, np.float32), truth).mean_iou == pytest.approx(0.1)
    assert compare(np.full((1, 1), 153, np.uint8), truth).mean_iou == pytest.approx(0.2)  # 0.6
    assert compare(np.full((1, 1), 154, np.uint8), truth).mean_iou == pytest.approx(0.3)
    assert compare(np.full((1, 1), 1, np.float32), truth).mean_iou == 1


def test_missed_pixels_weigh_more_than_invented_ones_in_tversky() -> None:
    truth = np.array([[True, True, False, False]])
    missed, invented = np.array([[255, 0, 0, 0]], np.uint8), np.array([[255, 255, 255, 0]], np.uint8)
    assert compare(missed, truth).tversky == pytest.approx(2 / 2.7)
    assert compare(invented, truth).tversky == pytest.approx(3 / 3.3)
    assert compare(missed, truth).dice == pytest.approx(3 / 4)
    assert compare(invented, truth).dice == pytest.approx(5 / 6)


def test_nothing_compared_is_no_accuracy() -> None:
    found = compare(np.zeros((3, 3), np.uint8), np.ones((3, 3), bool), np.zeros((3, 3), bool))
    assert found == Agreement()
    assert math.isnan(found.accuracy) and math.isnan(found.mean_iou) and found.dice == 1


@pytest.mark.parametrize(
    ("probability", "target", "known", "chip", "what"),
    [
        (np.zeros((2, 3)), np.zeros((2, 3), bool), None, 1, "type float64"),
        (np.zeros((2, 3), np.uint8), np.zeros((3, 2), bool), None, 1, "target"),
        (np.zeros((2, 3), np.uint8), np.zeros((2, 3), np.uint8), None, 1, "target"),
        (np.zeros((2, 3), np.uint8), np.zeros((2, 3), bool), np.zeros((2, 2), bool), 1, "known"),
        (np.zeros((2, 3), np.uint8), np.zeros((2, 3), bool), None, 0, "at least 1"),
    ],
)
def test_what_cannot_be_compared_is_refused(probability, target, known, chip, what) -> None:
    with pytest.raises(GeometryError, match=what):
        compare(probability, target, known, chip=chip)
