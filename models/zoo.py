"""Every network by its name: what it is, what it needs, what it costs. torch is loaded only to build one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from smearprep.errors import RecipeError, SmearprepError
from smearprep.findings import Summary

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class NetworkInfo:
    """A network, before it is built.

    Args:
        name: What recipes and commands call it.
        title: What it is, in words.
        build: Makes it, on the device and from the random numbers that are torch's current ones.
            Of (B, 3, h, w) float in [-1, 1] it makes (B, heads, h', w') logits.
        heads: Its outputs, in the order of the channels.
        input_size: Width and height of the chips it is trained on, in px.
        output_size: Width and height of what it says of one, in px; the centre of the input.
        stride: What it says of a pixel is the same in every window whose start is a multiple of this
            many px from another's. Larger windows are larger by multiples of it.
        margin: Context in px on each side that a pixel needs for that: all that the output lacks of the
            input where nothing is padded, more than the receptive field where zeros are.
        paper: Published figures, "parameters" and "macs" (of one chip), as far as there are any.
    """

    name: str
    title: str
    build: Callable[[], nn.Module]
    heads: tuple[str, ...]
    input_size: int
    output_size: int
    stride: int
    margin: int
    paper: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


def get(name: str) -> NetworkInfo:
    """A network by name.

    Raises:
        RecipeError: No such network; the message has the nearest name.
    """
    if name not in NETWORKS:
        near = get_close_matches(name, NETWORKS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(NETWORKS)}"
        raise RecipeError(f"network {name!r} is not known; {hint}")
    return NETWORKS[name]


def describe() -> Summary:
    """Every network with its cost, counted on the network itself, beside the published figures.

    Raises:
        SmearprepError: torch is not installed.
    """
    try:
        import_module("torch")
    except ModuleNotFoundError:
        what = 'networks need torch, which is not installed; pip install "smearprep[train]"'
        raise SmearprepError(what) from None
    return Summary(
        command="models",
        counts={"networks": len(NETWORKS)},
        tables={"Networks": tuple(_row(info) for info in NETWORKS.values())},
        next_step="smearprep train NETWORK SET --run RUN",
    )


def _row(info: NetworkInfo) -> dict[str, Any]:
    import torch

    from smearprep.models.costs import count_macs, count_parameters

    with torch.device("meta"):  # shapes without values
        network = info.build()
    macs = count_macs(network, (1, 3, info.input_size, info.input_size))
    return {
        "network": info.name,
        "outputs": ", ".join(info.heads),
        "in": info.input_size,
        "out": info.output_size,
        "parameters": count_parameters(network),
        "paper": info.paper.get("parameters"),
        "G MACs": round(macs / 1e9, 3),
        "paper G": info.paper["macs"] / 1e9 if "macs" in info.paper else None,
    }


# ---------------------------------------------------------------- the networks


def _do_unet() -> nn.Module:
    from smearprep.models.unet.network import DO_UNET, DOUNet

    return DOUNet(("mask", "edge"), DO_UNET)


def _do_unet_si() -> nn.Module:
    from smearprep.models.unet.network import SCALE_INVARIANT, DOUNet

    return DOUNet(("mask", "edge"), SCALE_INVARIANT)


def _unet() -> nn.Module:
    from smearprep.models.unet.network import DO_UNET, DOUNet

    return DOUNet(("mask",), DO_UNET)


def _segnet() -> nn.Module:
    from smearprep.models.segnet.network import SegNet

    return SegNet(("mask",))


def _do_segnet() -> nn.Module:
    from smearprep.models.segnet.network import SegNet

    return SegNet(("mask", "edge"))


_ALL = (
    NetworkInfo(
        name="do-unet", title="DO-U-Net (Overton & Tucker 2020)", build=_do_unet, heads=("mask", "edge"),
        input_size=188, output_size=100, stride=8, margin=44,
        paper=MappingProxyType({"parameters": 1_933_986, "macs": 2.617e9}),
    ),
    NetworkInfo(
        name="do-unet-si", title="DO-U-Net, scale-invariant form", build=_do_unet_si, heads=("mask", "edge"),
        input_size=380, output_size=196, stride=16, margin=92,
        paper=MappingProxyType({"parameters": 7_772_066, "macs": 13.592e9}),
    ),
    NetworkInfo(
        name="unet", title="U-Net with one output", build=_unet, heads=("mask",),
        input_size=188, output_size=100, stride=8, margin=44,
        paper=MappingProxyType({"parameters": 1_933_953}),
    ),
    NetworkInfo(
        name="segnet", title="SegNet with one output", build=_segnet, heads=("mask",),
        input_size=128, output_size=128, stride=32, margin=224,  # 210 px of receptive field, to the next 32
    ),
    NetworkInfo(
        name="do-segnet", title="SegNet with two outputs", build=_do_segnet, heads=("mask", "edge"),
        input_size=128, output_size=128, stride=32, margin=224,
    ),
)  # fmt: skip

NETWORKS: Mapping[str, NetworkInfo] = MappingProxyType({info.name: info for info in _ALL})
"""All networks that come with smearprep, by name."""
