"""Priors and boxes: inverses, and IoU against shapely."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor

from smearprep.models.yolact.anchors import priors
from smearprep.models.yolact.boxes import (
    areas,
    centres_to_corners,
    corners_to_centres,
    decode,
    encode,
    ious,
    shared_areas,
)
from tests.laws.strategies import LAW
from tests.models.yolact.reference import levels_of

CLOSE = {"rtol": 1e-9, "atol": 1e-9}


@st.composite
def boxes(draw: st.DrawFn, least: float = 0.0, count: int | None = None) -> Tensor:
    """(n, 4) float64 corners around [0, 1], sides from `least`; some of them twice."""
    n = draw(st.integers(1, 6)) if count is None else count
    numbers = st.floats(-0.5, 1.5).map(lambda value: round(value, 4))
    sides = st.floats(least, 1).map(lambda value: max(round(value, 4), least))
    low = draw(hnp.arrays(np.float64, (n, 2), elements=numbers))
    side = draw(hnp.arrays(np.float64, (n, 2), elements=sides))
    return torch.from_numpy(np.hstack([low, low + side]))


# ---------------------------------------------------------------- priors


def test_the_priors_of_the_paper() -> None:
    all_of = priors(levels_of(550), (550, 550))
    assert all_of.shape == (19_248, 4) and all_of.dtype == torch.float32
    assert levels_of(550) == ((69, 69), (35, 35), (18, 18), (9, 9), (5, 5))
    first = all_of[:4] * 550
    half = 550 / 69 / 2
    torch.testing.assert_close(first[:, :2], torch.tensor([[half, half]] * 3 + [[3 * half, half]]))
    sides = torch.tensor([24, 24 * 0.5**0.5, 24 * 2**0.5, 24])
    torch.testing.assert_close(first[:, 2:], sides[:, None].expand(4, 2))
    torch.testing.assert_close(all_of[-1], torch.tensor([0.9, 0.9, *[384 * 2**0.5 / 550] * 2]))


@LAW
@given(side=st.integers(40, 700))
def test_priors_keep_their_share_of_the_input(side: int) -> None:
    levels = levels_of(550)
    torch.testing.assert_close(priors(levels, (side, side)), priors(levels, (550, 550)))


@LAW
@given(width=st.integers(40, 700), height=st.integers(40, 700))
def test_priors_are_square_px_on_any_input(width: int, height: int) -> None:
    levels = ((4, 6), (2, 3), (1, 2), (1, 1), (1, 1))
    own = priors(levels, (width, height)).double()
    torch.testing.assert_close(own[:, 2] * width, own[:, 3] * height, rtol=1e-6, atol=0)
    shares = own[:, 2] * own[:, 3]
    torch.testing.assert_close(shares, priors(levels, (550, 550))[:, 2:].double().prod(1), rtol=1e-5, atol=0)
    assert (own[:, :2] > 0).all() and (own[:, :2] < 1).all()
    assert own[:18:3, 1].unique().numel() == 1 and (own[:18:3, 0].diff() > 0).all()  # row by row


# ---------------------------------------------------------------- corners, centres, offsets


@LAW
@given(own=boxes())
def test_corners_and_centres_are_inverse(own: Tensor) -> None:
    torch.testing.assert_close(centres_to_corners(corners_to_centres(own)), own, **CLOSE)


@LAW
@given(pair=st.integers(1, 6).flatmap(lambda n: st.tuples(boxes(1e-3, n), boxes(1e-3, n))))
def test_encode_and_decode_are_inverse(pair: tuple[Tensor, Tensor]) -> None:
    own, around = pair[0], corners_to_centres(pair[1])
    offsets = encode(own, around)
    torch.testing.assert_close(decode(offsets, around), own, **CLOSE)
    torch.testing.assert_close(encode(decode(offsets / 9, around), around), offsets / 9, rtol=1e-6, atol=1e-6)


def test_offsets_are_in_units_of_the_prior() -> None:
    prior = torch.tensor([[0.5, 0.5, 0.25, 0.5]])
    assert (encode(centres_to_corners(prior), prior) == 0).all()
    moved = torch.tensor([[0.525, 0.45, 0.25, 0.5]])  # by a tenth of its width and height
    torch.testing.assert_close(
        encode(centres_to_corners(moved), prior), torch.tensor([[1.0, -1, 0, 0]]), rtol=1e-5, atol=1e-5
    )
    doubled = decode(torch.tensor([[0, 0, 5 * math.log(2), 0]]), prior)
    torch.testing.assert_close(corners_to_centres(doubled), torch.tensor([[0.5, 0.5, 0.5, 0.5]]))


# ---------------------------------------------------------------- overlap


def _shapes(own: Tensor) -> list[shapely.Polygon]:
    return [shapely.box(*row) for row in own.tolist()]


@LAW
@given(a=boxes(), b=boxes())
def test_iou_is_symmetric_in_0_to_1_and_as_shapely_says(a: Tensor, b: Tensor) -> None:
    both = torch.cat([a, b])
    found = ious(both, both)
    assert torch.equal(found, found.T)
    assert (found >= 0).all() and (found <= 1).all()
    assert torch.equal(found.diagonal() == 1, areas(both) > 0)
    shapes = _shapes(both)
    for n, one in enumerate(shapes):
        for m, other in enumerate(shapes):
            union = one.union(other).area
            wanted = one.intersection(other).area / union if union else 0
            assert float(found[n, m]) == pytest.approx(wanted, abs=1e-9)


@LAW
@given(a=boxes(), b=boxes())
def test_a_batch_is_its_images_one_by_one(a: Tensor, b: Tensor) -> None:
    batch = torch.stack([a, a + 0.25])
    found = ious(batch, b)
    assert found.shape == (2, len(a), len(b))
    assert torch.equal(found, torch.stack([ious(batch[0], b), ious(batch[1], b)]))
    shared = shared_areas(batch, b)
    assert (shared <= torch.minimum(areas(batch)[..., None], areas(b))).all()


@LAW
@given(own=boxes().map(lambda own: own.float()))
def test_in_float32_too_iou_stays_in_0_to_1(own: Tensor) -> None:
    near = own * (1 + 1e-7)
    found = ious(own, near)
    assert (found >= 0).all() and (found <= 1).all() and torch.equal(found, ious(near, own).T)


def test_boxes_without_area_or_inside_out_overlap_nothing() -> None:
    odd = torch.tensor([[0.2, 0.2, 0.2, 0.8], [0.8, 0.8, 0.2, 0.2], [0.5, 0.5, 0.5, 0.5]])
    whole = torch.tensor([[0.0, 0, 1, 1]])
    assert (areas(odd) == 0).all()
    assert (ious(odd, torch.cat([odd, whole])) == 0).all()
    assert ious(odd[:0], whole).shape == (0, 1)
