"""The networks: parameters, costs, shapes, what a pixel depends on, and their list."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest
import torch
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from typer.testing import CliRunner

from smearprep.cli import models as command
from smearprep.errors import GeometryError, RecipeError
from smearprep.models import zoo
from smearprep.models.blocks import Heads
from smearprep.models.costs import count_macs, count_parameters
from smearprep.models.unet import DOUNet
from tests.models.making import noise, tiny

NAMES = sorted(name for name, info in zoo.NETWORKS.items() if info.family == "semantic")


def _on_meta(name: str) -> nn.Module:
    with torch.device("meta"):
        return zoo.semantic(name).build()


# ---------------------------------------------------------------- what they cost


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [
        ("do-unet", 1_933_986, 2.617e9),
        ("do-unet-si", 7_772_066, 13.592e9),
        ("unet", 1_933_953, 2.617e9),
    ],
)
def test_the_u_nets_cost_what_was_published(name: str, parameters: int, macs: float) -> None:
    network = _on_meta(name)
    assert count_parameters(network) == parameters
    size = zoo.semantic(name).input_size
    assert count_macs(network, (1, 3, size, size)) == pytest.approx(macs, rel=1e-3)


def _vgg16(side: int) -> tuple[int, int, int]:
    """Parameters of VGG16's 13 convolutions, channels that they make, and their multiplications."""
    channels = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    halved = [0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
    pairs = list(pairwise(channels))
    weights = sum(9 * a * b + b for a, b in pairs)
    macs = sum(9 * a * b * (side >> h) ** 2 for (a, b), h in zip(pairs, halved, strict=True))
    return weights, sum(channels[1:]), macs


@pytest.mark.parametrize(("name", "heads"), [("segnet", 1), ("do-segnet", 2)])
def test_segnet_is_vgg16_its_mirror_image_and_1x1_heads(name: str, heads: int) -> None:
    weights, channels, macs = _vgg16(128)
    # Mirrored, each convolution changes its channels the other way; the one from 3 channels has no partner,
    # and where a convolution makes a channels of b, its bias and normalisation are those of a.
    first = 9 * 3 * 64 + 64
    mirrored = weights - first - (channels - 64) + (channels - 512)
    expected = weights + 2 * channels + mirrored + 2 * (channels - 512) + heads * (64 + 1)
    network = _on_meta(name)
    assert count_parameters(network) == expected == 29_443_073 + 65 * (heads - 1)
    both_ways = 2 * macs - 9 * 3 * 64 * 128**2 + heads * 64 * 128**2
    assert count_macs(network, (1, 3, 128, 128)) == both_ways
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert len(convolutions) == 13 + 12 + heads


def test_costs_of_single_layers() -> None:
    assert count_macs(nn.Conv2d(6, 4, (3, 5), groups=2), (2, 6, 10, 10)) == 2 * 4 * 8 * 6 * 3 * 3 * 5
    assert count_macs(nn.ConvTranspose2d(6, 4, 2, stride=2), (1, 6, 5, 7)) == 5 * 7 * 6 * 4 * 4
    assert count_macs(nn.Linear(7, 3), (5, 7)) == 5 * 7 * 3
    assert count_parameters(nn.BatchNorm2d(8)) == 16


def test_counting_leaves_the_network_alone() -> None:
    network = DOUNet(widths=(2, 3, 4, 5))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert count_macs(network, (1, 3, 92, 92)) > 0
    assert network.training and all(not layer._forward_hooks for layer in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


# ---------------------------------------------------------------- what goes in and comes out


@settings(deadline=None, max_examples=10)
@given(name=st.sampled_from(NAMES), down=st.integers(0, 6), across=st.integers(0, 6))
def test_larger_windows_say_more_by_as_much(name: str, down: int, across: int) -> None:
    info = zoo.semantic(name)
    h, w = info.input_size + down * info.stride, info.input_size + across * info.stride
    with torch.device("meta"):
        said = info.build()(torch.empty(2, 3, h, w))
    lost = info.input_size - info.output_size
    assert said.shape == (2, len(info.heads), h - lost, w - lost)
    assert info.margin % info.stride == (lost // 2) % info.stride and info.margin >= lost // 2


@pytest.mark.parametrize("widths", [(2, 2, 3, 3), (2, 2, 2, 3, 3)])
def test_the_smallest_input_of_a_u_net_says_four_pixels(widths: tuple[int, ...]) -> None:
    least = 12 * (2 ** (len(widths) - 1) - 1) + 8
    network = DOUNet(widths=widths).eval()
    assert network(torch.zeros(1, 3, least, least)).shape == (1, 2, 4, 4)
    with pytest.raises(GeometryError, match=f"takes {least} px"):
        network(torch.zeros(1, 3, least, least - 2 ** (len(widths) - 1)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("more", [1, 2, 4, 7])
def test_other_sizes_are_refused(name: str, more: int) -> None:
    size = zoo.semantic(name).input_size
    with (
        torch.device("meta"),
        pytest.raises(GeometryError, match=f"{size}x{size + more} px; this network takes"),
    ):
        zoo.semantic(name).build()(torch.empty(1, 3, size + more, size))


@pytest.mark.parametrize(("name", "size"), [("do-unet", 92), ("do-segnet", 64)])
def test_the_heads_are_the_channels_in_order(name: str, size: int) -> None:
    network = tiny(name)
    assert tuple(network.heads) == zoo.semantic(name).heads
    for value, head in enumerate(network.heads.values()):
        nn.init.zeros_(head.weight)
        nn.init.constant_(head.bias, value + 1.0)
    said = network(torch.zeros(1, 3, size, size))
    assert (said[:, 0] == 1).all() and (said[:, 1] == 2).all()


def test_a_head_can_be_frozen_alone() -> None:
    heads = Heads(3, ("mask", "edge"))
    heads["mask"].requires_grad_(False)
    heads(torch.ones(2, 3, 4, 4)).sum().backward()
    assert all(parameter.grad is None for parameter in heads["mask"].parameters())
    assert all(parameter.grad is not None for parameter in heads["edge"].parameters())


@pytest.mark.parametrize(("name", "size"), [("do-unet", 100), ("do-unet-si", 204), ("do-segnet", 64)])
def test_every_parameter_learns(name: str, size: int) -> None:
    network = tiny(name).train()
    network(noise(2, 3, size, size).float()).square().mean().backward()
    # A bias before normalisation is taken off again with the mean.
    moved = {name for name, p in network.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert moved >= {name for name, p in network.named_parameters() if p.ndim == 4}
    assert moved >= {name for name, _ in network.named_parameters() if name.startswith("heads")}


@pytest.mark.parametrize(("name", "size"), [("do-unet", 92), ("do-segnet", 64)])
def test_channels_last_say_the_same(name: str, size: int) -> None:
    network, x = tiny(name).double(), noise(2, 3, size, size)
    before = network(x)
    last = network.to(memory_format=torch.channels_last)(x.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(last, before, atol=1e-10)


# ---------------------------------------------------------------- what a pixel depends on


@pytest.mark.parametrize("name", ["do-unet", "do-unet-si"])
def test_windows_a_stride_apart_agree(name: str) -> None:
    network, stride = tiny(name).double(), zoo.semantic(name).stride
    least = 12 * (stride - 1) + 8
    x = noise(1, 3, least + 3 * stride, least + 2 * stride)
    whole = network(x)
    part = network(x[..., stride:-stride, stride:])
    assert torch.allclose(part, whole[..., stride:-stride, stride:], atol=1e-10)
    askew = network(x[..., 1 : 1 + least, :least])
    assert not torch.allclose(askew, whole[..., 1:5, :4], atol=1e-3)


@pytest.mark.parametrize("place", [256 + 24, 256 + 7, 256])
def test_a_pixel_of_segnet_depends_on_210_pixels_around(place: int) -> None:
    network = tiny("segnet").double()
    x, other = noise(1, 3, 64, 544), noise(1, 3, 64, 544, seed=2)
    inside = (torch.arange(544) - place).abs()
    far, near = torch.where(inside <= 210, x, other), torch.where(inside <= 60, x, other)
    before = network(x)[..., place]
    assert torch.allclose(network(far)[..., place], before, atol=1e-10)
    assert not torch.allclose(network(near)[..., place], before, atol=1e-3)
    assert all(zoo.semantic(name).margin >= 210 for name in ("segnet", "do-segnet"))


# ---------------------------------------------------------------- the list


@pytest.mark.parametrize(("name", "hint"), [("do_unet", "'do-unet'"), ("transformer", "there are: do-unet")])
def test_an_unknown_network_is_refused_with_a_hint(name: str, hint: str) -> None:
    with pytest.raises(RecipeError, match=hint):
        zoo.semantic(name)


def test_the_list_is_there_without_torch() -> None:
    code = "import sys; import smearprep.models.zoo as z; z.get('do-unet'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_command_shows_costs_beside_the_published_ones() -> None:
    app = typer.Typer()
    command.register(app)
    rows: dict[str, dict[str, Any]] = {row["network"]: dict(row) for row in zoo.describe().tables["Networks"]}
    assert list(rows) == list(zoo.NETWORKS)
    assert rows["do-unet"]["parameters"] == rows["do-unet"]["paper"] == 1_933_986
    assert rows["do-unet-si"]["G MACs"] == rows["do-unet-si"]["paper G"] == 13.592
    assert rows["segnet"]["paper"] is None
    shown = CliRunner().invoke(app, [])
    assert shown.exit_code == 0 and "29,443,138" in shown.stdout


def test_without_torch_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    app = typer.Typer()
    command.register(app)
    shown = CliRunner().invoke(app, [])
    assert shown.exit_code == 2 and 'pip install "smearprep[train]"' in shown.stderr
