"""Every network by its name: what it is, what it needs, what it costs. torch is loaded only to build one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from smearprep.errors import RecipeError, SmearprepError
from smearprep.findings import Finding, Summary
from smearprep.models.yolact.design import YOLACT, YOLACT_CIS, Design

if TYPE_CHECKING:
    from torch import nn


Family = Literal["semantic", "instances"]
"""What networks say: of every pixel whether a cell is there, or where each single cell is."""


@dataclass(frozen=True)
class NetworkInfo(ABC):
    """A network, before it is built.

    Args:
        name: What recipes and commands call it.
        title: What it is, in words.
        input_size: Width and height of what it is trained on, in px.
        paper: Published figures, "parameters" and "macs" (of one input), as far as there are any.
        remark: Why ours differ from them.
    """

    name: str
    title: str
    input_size: int
    paper: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}), kw_only=True)
    remark: str = field(default="", kw_only=True)

    family: ClassVar[Family]

    @property
    @abstractmethod
    def outputs(self) -> tuple[str, ...]:
        """What it says, in words."""

    @abstractmethod
    def plain(self) -> nn.Module:
        """The network as its paper counts it, on the device and from the random numbers of torch."""


@dataclass(frozen=True)
class SemanticNetwork(NetworkInfo):
    """A network that says of every pixel whether a cell is there.

    Args:
        build: Makes it, on the device and from the random numbers that are torch's current ones.
            Of (B, 3, h, w) float in [-1, 1] it makes (B, heads, h', w') logits.
        heads: Its outputs, in the order of the channels.
        output_size: Width and height of what it says of an input, in px; the centre of that.
        stride: What it says of a pixel is the same in every window whose start is a multiple of this
            many px from another's. Larger windows are larger by multiples of it.
        margin: Context in px on each side that a pixel needs for that: all that the output lacks of the
            input where nothing is padded, more than the receptive field where zeros are.
    """

    build: Callable[[], nn.Module]
    heads: tuple[str, ...]
    output_size: int
    stride: int
    margin: int

    family = "semantic"

    @property
    def outputs(self) -> tuple[str, ...]:
        """Its heads."""
        return self.heads

    def plain(self) -> nn.Module:
        """The network."""
        return self.build()


@dataclass(frozen=True)
class InstanceNetwork(NetworkInfo):
    """A network that says where each single cell is: of the YOLACT family.

    Args:
        design: The parts it is built from, where a recipe does not say otherwise.
    """

    design: Design

    family = "instances"

    @property
    def outputs(self) -> tuple[str, ...]:
        """A box, a category and a mask of each cell."""
        return ("box", "category", "mask")

    def plain(self) -> nn.Module:
        """The network for one category."""
        from smearprep.models.yolact.network import build

        return build(self.design, 1)


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


def semantic(name: str) -> SemanticNetwork:
    """A network that says of every pixel whether a cell is there.

    Raises:
        RecipeError: No such network.
    """
    info = get(name)
    if not isinstance(info, SemanticNetwork):
        raise RecipeError(f"network {name}: outlines single cells; it has no mask of all of them")
    return info


def instances(name: str) -> InstanceNetwork:
    """A network that says where each single cell is.

    Raises:
        RecipeError: No such network.
    """
    info = get(name)
    if not isinstance(info, InstanceNetwork):
        raise RecipeError(f"network {name}: says of pixels whether a cell is there; it tells no single cells")
    return info


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
        findings=tuple(
            Finding("note", f"{info.name}: {info.remark}") for info in NETWORKS.values() if info.remark
        ),
        next_step="smearprep train NETWORK SET --run RUN",
    )


def _row(info: NetworkInfo) -> dict[str, Any]:
    import torch

    from smearprep.models.costs import count_macs, count_parameters

    with torch.device("meta"):  # shapes without values
        network = info.plain()
    macs = count_macs(network, (1, 3, info.input_size, info.input_size))
    return {
        "network": info.name,
        "outputs": ", ".join(info.outputs),
        "in": info.input_size,
        "out": info.output_size if isinstance(info, SemanticNetwork) else None,
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


_SUBTRACTED = (
    "the paper's figures are YOLACT's less ResNet-50's plus its own backbone's; DFFN and DDAM are not in them"
)

_ALL: tuple[NetworkInfo, ...] = (
    SemanticNetwork(
        "do-unet", "DO-U-Net (Overton & Tucker 2020)", 188, _do_unet, ("mask", "edge"), 100, 8, 44,
        paper=MappingProxyType({"parameters": 1_933_986, "macs": 2.617e9}),
    ),
    SemanticNetwork(
        "do-unet-si", "DO-U-Net, scale-invariant form", 380, _do_unet_si, ("mask", "edge"), 196, 16, 92,
        paper=MappingProxyType({"parameters": 7_772_066, "macs": 13.592e9}),
    ),
    SemanticNetwork(
        "unet", "U-Net with one output", 188, _unet, ("mask",), 100, 8, 44,
        paper=MappingProxyType({"parameters": 1_933_953}),
    ),
    # 210 px of receptive field, to the next 32
    SemanticNetwork("segnet", "SegNet with one output", 128, _segnet, ("mask",), 128, 32, 224),
    SemanticNetwork("do-segnet", "SegNet with two outputs", 128, _do_segnet, ("mask", "edge"), 128, 32, 224),
    InstanceNetwork(
        "yolact-cis", "YOLACT-CIS (Luo et al. 2023)", 550, YOLACT_CIS,
        paper=MappingProxyType({"parameters": 17_590_000, "macs": 39.82e9}), remark=_SUBTRACTED,
    ),
    InstanceNetwork(
        "yolact", "YOLACT (Bolya et al. 2019), ResNet-50", 550, YOLACT,
        paper=MappingProxyType({"parameters": 34_990_000, "macs": 56.29e9}),
        remark="the paper's level 6 comes from C5 (p6_source: c5), that of YOLACT's code from P5",
    ),
)  # fmt: skip

NETWORKS: Mapping[str, NetworkInfo] = MappingProxyType({info.name: info for info in _ALL})
"""All networks that come with smearprep, by name."""
