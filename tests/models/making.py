"""Small networks that are alive: seeded weights and statistics under which no map is constant."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from smearprep.models.segnet import SegNet
from smearprep.models.unet import DOUNet

TINY_VGG = ((4, 2), (5, 2), (6, 3), (8, 3), (8, 3))


def tiny(name: str) -> nn.Module:
    """The network of this name with few channels, in evaluation mode and float32."""
    networks = {
        "do-unet": lambda: DOUNet(widths=(4, 5, 6, 8)),
        "do-unet-si": lambda: DOUNet(widths=(4, 4, 5, 6, 8)),
        "unet": lambda: DOUNet(("mask",), (4, 5, 6, 8)),
        "segnet": lambda: SegNet(("mask",), TINY_VGG),
        "do-segnet": lambda: SegNet(("mask", "edge"), TINY_VGG),
    }
    return enlivened(networks[name]())


def enlivened(network: nn.Module, seed: int = 0) -> nn.Module:
    """In evaluation mode, as if it had been trained: signals neither die nor explode on their way."""
    generator = torch.Generator().manual_seed(seed)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            nn.init.normal_(layer.bias, std=0.1, generator=generator)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.running_mean = torch.randn(layer.num_features, generator=generator) * 0.2
            layer.running_var = torch.rand(layer.num_features, generator=generator) + 0.5
    return network.eval()


def noise(*shape: int, seed: int = 1) -> Tensor:
    """Float64 in [-1, 1]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 1
