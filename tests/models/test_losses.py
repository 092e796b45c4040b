"""Losses: laws, a plain restatement, and what must not become NaN."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from torch import Tensor

from smearprep.errors import RecipeError
from smearprep.models.semantic import losses

Array = NDArray[np.float64]
NAMES = sorted(losses.LOSSES)
LAW = settings(deadline=None, max_examples=40)


def _plain(name: str, logits: Array, t: Array, w: Array) -> float:
    """The losses once more, as the papers write them."""
    p = 1 / (1 + np.exp(-logits))
    hit, miss, alarm = (w * t * p).sum(), (w * t * (1 - p)).sum(), (w * (1 - t) * p).sum()
    index = (hit + 1) / (hit + 0.7 * miss + 0.3 * alarm + 1)
    overlap = (2 * hit + 1) / ((w * t).sum() + (w * p).sum() + 1)
    entropy = -(t * np.log(p) + (1 - t) * np.log(1 - p))
    whole = w.sum() or 1
    values = {
        "tversky": 1 - index,
        "focal_tversky": max(1 - index, 0) ** 0.75,
        "dice": 1 - overlap,
        "bce": (w * entropy).sum() / whole,
        "mse": (w * (p - t) ** 2).sum() / whole,
    }
    return float(values[name])


@st.composite
def cases(draw: st.DrawFn, soft: bool = True) -> tuple[Array, Array, Array]:
    """Logits, target and weight, (B, h, w) each; weights 0 and 1."""
    shape = draw(hnp.array_shapes(min_dims=3, max_dims=3, max_side=4))
    logits = draw(hnp.arrays(np.float64, shape, elements=st.floats(-8, 8, width=32)))
    values = st.sampled_from((0.0, 0.25, 1.0) if soft else (0.0, 1.0))
    target = draw(hnp.arrays(np.float64, shape, elements=values))
    weight = draw(hnp.arrays(np.float64, shape, elements=st.sampled_from((0.0, 1.0))))
    return logits, target, weight


def _tensors(*arrays: Array) -> tuple[Tensor, ...]:
    return tuple(torch.from_numpy(array).float() for array in arrays)


def _slope(loss: Callable[..., Tensor], *tensors: Tensor) -> tuple[Tensor, Tensor]:
    """The loss, and its gradient by the logits."""
    logits = tensors[0].clone().requires_grad_()
    value = loss(logits, *tensors[1:])
    value.backward()
    assert logits.grad is not None
    return value.detach(), logits.grad


@pytest.mark.parametrize("name", NAMES)
@LAW
@given(case=cases())
def test_a_loss_is_what_the_papers_write(name: str, case: tuple[Array, Array, Array]) -> None:
    value = losses.get(name)(*_tensors(*case))
    assert float(value) == pytest.approx(_plain(name, *case), rel=1e-4, abs=2e-5)


@pytest.mark.parametrize("name", NAMES)
@LAW
@given(case=cases())
def test_a_loss_is_a_number_of_at_least_0(name: str, case: tuple[Array, Array, Array]) -> None:
    value, slope = _slope(losses.get(name), *_tensors(*case))
    assert value.shape == () and value.dtype == torch.float32
    assert float(value) >= 0 and torch.isfinite(value) and torch.isfinite(slope).all()
    assert name == "bce" or float(value) <= 1


@pytest.mark.parametrize("name", NAMES)
@LAW
@given(case=cases(soft=False), other=st.floats(-50, 50, width=32))
def test_pixels_of_weight_0_do_not_matter(name: str, case: tuple[Array, Array, Array], other: float) -> None:
    logits, target, weight = _tensors(*case)
    value, slope = _slope(losses.get(name), logits, target, weight)
    assert (slope[weight == 0] == 0).all()
    changed = torch.where(weight > 0, logits, other), torch.where(weight > 0, target, 1 - target)
    assert float(losses.get(name)(*changed, weight)) == pytest.approx(float(value), rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
@LAW
@given(case=cases(soft=False))
def test_a_perfect_prediction_costs_nothing(name: str, case: tuple[Array, Array, Array]) -> None:
    _, target, weight = _tensors(*case)
    assert float(losses.get(name)(60 * (target - 0.5), target, weight)) < 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_a_step_downhill_lowers_the_loss(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 8, 8, generator=generator)
    target = (torch.rand(2, 8, 8, generator=generator) > 0.7).float()
    value, slope = _slope(losses.get(name), logits, target, torch.ones_like(target))
    assert (
        float(losses.get(name)(logits - 0.1 * slope / slope.norm(), target, torch.ones_like(target))) < value
    )


@pytest.mark.parametrize("name", NAMES)
def test_without_a_known_pixel_loss_and_slope_are_0(name: str) -> None:
    logits, target = torch.tensor([[[-100.0, 0.0, 100.0]]]), torch.tensor([[[1.0, 0.0, 0.0]]])
    value, slope = _slope(losses.get(name), logits, target, torch.zeros(1, 1, 3))
    assert float(value) == 0 and (slope == 0).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("logit", [-1e4, -100.0, 100.0, 1e4])
def test_sure_of_the_wrong_thing_the_slope_is_finite(name: str, logit: float) -> None:
    target = torch.full((1, 3, 3), float(logit < 0))
    value, slope = _slope(losses.get(name), torch.full((1, 3, 3), logit), target, torch.ones(1, 3, 3))
    assert torch.isfinite(value) and float(value) > 0 and torch.isfinite(slope).all()
    value, slope = _slope(losses.get(name), torch.full((1, 3, 3), -logit), target, torch.ones(1, 3, 3))
    assert float(value) < 1e-6 and torch.isfinite(slope).all()


@LAW
@given(case=cases(soft=False))
def test_which_losses_are_the_same_for_cells_and_background(case: tuple[Array, Array, Array]) -> None:
    logits, target, weight = _tensors(*case)
    for name in ("bce", "mse"):
        mirrored = float(losses.get(name)(-logits, 1 - target, weight))
        assert float(losses.get(name)(logits, target, weight)) == pytest.approx(mirrored, rel=1e-5, abs=1e-6)


def test_dice_blames_both_faults_alike_and_tversky_the_missed_pixels_more() -> None:
    target, weight = torch.tensor([[[1.0, 1.0, 1.0, 0.0]]]), torch.ones(1, 1, 4)
    missed = torch.tensor([[[30.0, 30.0, -30.0, -30.0]]])
    invented = torch.tensor([[[30.0, 30.0, 30.0, 30.0]]])
    assert float(losses.dice(missed, target, weight)) == pytest.approx(1 / 6)
    assert float(losses.dice(invented, target, weight)) == pytest.approx(1 / 8)
    assert float(losses.tversky(missed, target, weight)) == pytest.approx(0.7 / 3.7)
    assert float(losses.tversky(invented, target, weight)) == pytest.approx(0.3 / 4.3)


@pytest.mark.parametrize("name", NAMES)
def test_sums_are_in_float32_whatever_comes_in(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 40, 40, generator=generator).bfloat16()
    target = torch.rand(2, 40, 40, generator=generator) > 0.5
    with torch.autocast("cpu", torch.bfloat16):
        value = losses.get(name)(logits, target, torch.ones(2, 40, 40, dtype=torch.bool))
    exact = losses.get(name)(logits.double(), target.double(), torch.ones(2, 40, 40))
    assert value.dtype == torch.float32 and float(value) == pytest.approx(float(exact), rel=1e-5)


def test_the_total_is_the_weighted_sum_of_the_heads() -> None:
    two = {"mask": torch.tensor(2.0), "edge": torch.tensor(4.0)}
    assert float(losses.total(two, losses.ORIGINAL_WEIGHTS)) == pytest.approx(0.3 * 2 + 0.7 * 4)
    assert float(losses.total(two, losses.COUNTING_WEIGHTS)) == pytest.approx(0.1 * 2 + 0.9 * 4)
    two["mask"].requires_grad_()
    losses.total({"mask": two["mask"]}, {"mask": 0.5, "edge": 9}).backward()
    assert two["mask"].grad == 0.5
    with pytest.raises(RecipeError, match="output edge"):
        losses.total(two, {"mask": 1})


@pytest.mark.parametrize(("name", "hint"), [("tverski", "'tversky'"), ("hinge", "there are: tversky")])
def test_an_unknown_loss_is_refused_with_a_hint(name: str, hint: str) -> None:
    with pytest.raises(RecipeError, match=hint):
        losses.get(name)


def test_a_sum_of_losses_is_their_sum():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 5, generator=generator)
    target, weight = (torch.rand(2, 2, 5, 5, generator=generator) > 0.5).float()
    both = losses.get("bce + dice")(logits, target, weight)
    assert both == losses.bce(logits, target, weight) + losses.dice(logits, target, weight)
    with pytest.raises(RecipeError, match="did you mean 'dice'"):
        losses.get("bce + dise")
