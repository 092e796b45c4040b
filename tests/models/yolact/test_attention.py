"""DDAM and CBAM: laws of the cosine components, of the gates, and of what is kept between calls."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from smearprep.models.costs import count_macs, count_parameters
from smearprep.models.yolact.attention import (
    ChannelAttention,
    CosinePooling,
    DualAttention,
    ExtremePooling,
    SpatialAttention,
)
from smearprep.models.yolact.design import COMPONENTS
from tests.models.making import noise

SIDES = st.integers(1, 20)
SEEDS = st.integers(0, 2**32 - 1)
LAW = settings(deadline=None, max_examples=25)


def _maps(height: int, width: int, seed: int = 1, channels: int = 5) -> Tensor:
    return noise(2, channels, height, width, seed=seed)


def _double_sum(x: Tensor, component: str, normalised: bool) -> Tensor:
    """Eqs. 5 to 7 as they are printed, place by place; normalised, their mean by waves of RMS 1."""
    down, across = int(component[1]), int(component[2])
    height, width = x.shape[-2:]
    total = torch.zeros(x.shape[:2], dtype=x.dtype)
    for i in range(height):
        for j in range(width):
            a = math.cos(math.pi * down / height * (i + 0.5))
            b = math.cos(math.pi * across / width * (j + 0.5))
            total += x[..., i, j] * a * b
    return total * math.sqrt(2) ** (down + across) / (height * width) if normalised else total


# ---------------------------------------------------------------- components


@LAW
@given(height=SIDES, width=SIDES, seed=SEEDS, normalised=st.booleans())
def test_two_means_are_the_double_sum(height: int, width: int, seed: int, normalised: bool) -> None:
    x = _maps(height, width, seed)
    pooled = CosinePooling(COMPONENTS, normalised)(x)
    expected = torch.stack([_double_sum(x, name, normalised) for name in COMPONENTS], dim=1)
    assert pooled.dtype == torch.float64
    assert torch.allclose(pooled, expected, rtol=0, atol=1e-12 * (1 if normalised else height * width))


@LAW
@given(height=SIDES, width=SIDES, level=st.floats(-9, 9))
def test_a_constant_map_has_a_mean_and_no_change(height: int, width: int, level: float) -> None:
    x = torch.full((1, 3, height, width), level, dtype=torch.float64)
    mean, *changes = CosinePooling(COMPONENTS)(x).unbind(dim=1)
    assert torch.allclose(mean, torch.tensor(level, dtype=torch.float64), rtol=1e-12, atol=0)
    assert all(change.abs().max() < 1e-12 for change in changes)


@LAW
@given(height=SIDES, width=st.integers(2, 20), seed=SEEDS)
def test_mirrored_only_the_change_across_turns(height: int, width: int, seed: int) -> None:
    x, pool = _maps(height, width, seed), CosinePooling(COMPONENTS)
    turn = torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=torch.float64)[:, None]  # of Y00, Y01, Y10, Y11
    assert torch.allclose(pool(x.flip(3)), pool(x) * turn, rtol=0, atol=1e-12)


@LAW
@given(height=SIDES, width=SIDES, seed=SEEDS)
def test_turned_over_the_changes_exchange_places(height: int, width: int, seed: int) -> None:
    x, pool = _maps(height, width, seed), CosinePooling(COMPONENTS)
    assert torch.allclose(pool(x.mT), pool(x)[:, [0, 2, 1, 3]], rtol=0, atol=1e-12)


@LAW
@given(height=SIDES, width=SIDES, seed=SEEDS)
def test_y00_is_global_average_pooling(height: int, width: int, seed: int) -> None:
    x = _maps(height, width, seed)
    mean = nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)
    assert torch.allclose(CosinePooling(("Y00",))(x)[:, 0], mean, rtol=0, atol=1e-14)


@LAW
@given(
    height=st.integers(2, 20),
    width=st.integers(2, 20),
    names=st.sets(st.sampled_from(COMPONENTS), min_size=1),
)
def test_what_is_pooled_by_is_orthonormal(height: int, width: int, names: set[str]) -> None:
    # Of the map that is 1 in one place, a component is 1 / HW of what it is pooled by there.
    size = height * width
    places = torch.eye(size, dtype=torch.float64).view(1, size, height, width)
    bases = CosinePooling(sorted(names))(places)[0] * size  # (n, HW)
    assert torch.allclose(bases @ bases.mT / size, torch.eye(len(names), dtype=torch.float64), atol=1e-12)


def test_cbam_pools_by_maximum_and_mean() -> None:
    x = _maps(7, 9)
    assert torch.equal(ExtremePooling()(x)[:, 0], x.flatten(2).max(dim=2).values)
    assert torch.allclose(ExtremePooling()(x)[:, 1], x.flatten(2).mean(dim=2), atol=1e-14)


@pytest.mark.parametrize("pooling", [CosinePooling(COMPONENTS), ExtremePooling()])
def test_pooling_is_in_32_bits_whatever_comes(pooling: nn.Module) -> None:
    x = (_maps(69, 69) + 1).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        pooled = pooling(x)
    assert pooled.dtype == torch.float32
    assert torch.allclose(pooled.double(), pooling(x.double()), rtol=0, atol=1e-5)


# ---------------------------------------------------------------- what is kept


def _kept(pool: CosinePooling) -> dict[Any, Tensor]:
    return pool._waves


def test_waves_are_made_once_and_not_saved() -> None:
    attention = DualAttention(CosinePooling(COMPONENTS), channels=32)
    pool = attention[0].pooling
    names = set(attention.state_dict())
    x = _maps(5, 7, channels=32).float()
    before = attention(x)
    first = dict(_kept(pool))
    assert {length for length, *_ in first} == {5, 7}
    assert torch.equal(attention(x), before)
    assert all(_kept(pool)[key] is wave for key, wave in first.items()) and len(_kept(pool)) == 2
    assert set(attention.state_dict()) == names == {"0.mlp.0.weight", "0.mlp.2.weight", "1.conv.weight"}


def test_many_sizes_do_not_fill_the_memory() -> None:
    pool = CosinePooling(("Y01",))
    for side in range(1, 120):
        pool(torch.ones(1, 1, 1, side))
    assert len(_kept(pool)) <= 32
    assert 119 in {length for length, *_ in _kept(pool)}


def test_a_type_has_its_own_waves() -> None:
    pool, x = CosinePooling(COMPONENTS), _maps(6, 6)
    short = pool(x.float())
    assert short.dtype == torch.float32 and pool(x).dtype == torch.float64
    assert torch.allclose(pool(x), short.double(), atol=1e-6)
    with torch.device("meta"):
        assert pool(torch.empty(1, 1, 6, 6)).is_meta
    assert torch.equal(pool(x.float()), short)


def test_waves_made_while_predicting_do_for_training() -> None:
    attention = DualAttention(CosinePooling(COMPONENTS), channels=32)
    with torch.inference_mode():
        attention(torch.ones(1, 32, 6, 4))
    x = torch.ones(1, 32, 6, 4, requires_grad=True)
    attention(x).sum().backward()
    assert x.grad is not None and x.grad.isfinite().all()


def test_it_can_be_traced_whole() -> None:
    attention = DualAttention(CosinePooling(COMPONENTS), channels=32)
    traced = torch.compile(attention, backend="eager", fullgraph=True)
    x = _maps(5, 7, channels=32).float()
    assert torch.allclose(traced(x), attention(x), atol=1e-6)
    assert set(copy.deepcopy(attention).state_dict()) == set(attention.state_dict())


# ---------------------------------------------------------------- gates


@pytest.mark.parametrize("pooling", [CosinePooling(("Y00", "Y01", "Y10")), ExtremePooling()])
def test_a_level_costs_8290_parameters(pooling: nn.Module) -> None:
    attention = DualAttention(pooling)
    assert count_parameters(attention) == 8_290
    pooled = 3 if isinstance(pooling, CosinePooling) else 2
    assert count_macs(attention, (1, 256, 9, 7)) == pooled * 2 * 256 * 16 + 98 * 9 * 7


@LAW
@given(height=SIDES, width=SIDES, seed=SEEDS)
def test_attention_weighs_and_does_nothing_else(height: int, width: int, seed: int) -> None:
    x = _maps(height, width, seed, channels=32)
    channels = ChannelAttention(CosinePooling(COMPONENTS), 32).double()
    gate = channels.gate(x)
    assert gate.shape == (2, 32) and ((gate > 0) & (gate < 1)).all()
    assert torch.equal(channels(x), x * gate[:, :, None, None])
    weights = SpatialAttention().double()(x) / x  # the same for all channels of a place
    assert torch.allclose(weights, weights[:, :1].expand_as(x), rtol=1e-9)
    assert ((weights > 0) & (weights < 1)).all()


def test_one_mlp_says_its_word_on_every_component() -> None:
    attention = ChannelAttention(ExtremePooling(), 32).double()
    x = _maps(4, 4, channels=32)
    w0, w1 = attention.mlp[0].weight, attention.mlp[2].weight
    said = [w1 @ (w0 @ pooled.T).relu() for pooled in (x.amax((2, 3)), x.mean((2, 3)))]
    assert torch.allclose(attention.gate(x), (said[0] + said[1]).T.sigmoid(), atol=1e-12)


def _slope(normalised: bool) -> float:
    """Mean derivative of the gates, 0.25 at most, on maps as they come of ReLU."""
    attention = ChannelAttention(CosinePooling(("Y00", "Y01", "Y10"), normalised))
    for layer, seed in ((attention.mlp[0], 0), (attention.mlp[2], 1)):  # as a network starts
        nn.init.xavier_uniform_(layer.weight, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        gate = attention.gate(noise(2, 256, 69, 69).float().relu())
    return float((gate * (1 - gate)).mean())


def test_gates_learn_of_normalised_components_and_not_of_raw_ones() -> None:
    assert _slope(normalised=True) > 0.1
    assert _slope(normalised=False) < 0.01


def test_gradients_are_those_of_differences() -> None:
    attention = DualAttention(CosinePooling(COMPONENTS), channels=16).double()
    x = noise(1, 16, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(attention, (x,))


def test_16_bits_say_nearly_the_same() -> None:
    attention, x = DualAttention(CosinePooling(COMPONENTS), channels=32), _maps(9, 9, channels=32).float()
    with torch.autocast("cpu", torch.bfloat16):
        said = attention(x.bfloat16())
    assert said.dtype == torch.bfloat16
    assert torch.allclose(said.float(), attention(x), atol=0.02)
    assert attention.bfloat16()(x.bfloat16()).dtype == torch.bfloat16
