"""Parts that the semantic networks are built from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn


class ConvBnReLU(nn.Sequential):
    """Convolution with bias, batch normalisation, ReLU: (B, cin, h, w) -> (B, cout, h', w').

    Args:
        cin: Channels in.
        cout: Channels out.
        kernel: Side of the kernel in px.
        padding: Zeros on each side in px; with 0 the map shrinks by kernel - 1.
    """

    def __init__(self, cin: int, cout: int, kernel: int = 3, padding: int = 0) -> None:
        super().__init__(nn.Conv2d(cin, cout, kernel, padding=padding), nn.BatchNorm2d(cout), nn.ReLU(True))


class UpConvBnReLU(nn.Sequential):
    """Transposed convolution 2x2 of stride 2, batch normalisation, ReLU: (B, cin, h, w) -> (B, cout, 2h, 2w).

    Args:
        cin: Channels in.
        cout: Channels out.
    """

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__(nn.ConvTranspose2d(cin, cout, 2, stride=2), nn.BatchNorm2d(cout), nn.ReLU(True))


class Heads(nn.ModuleDict):
    """The outputs of a network, each a 1x1 convolution of its own: (B, cin, h, w) -> (B, heads, h, w) logits.

    A head is frozen alone by `heads["mask"].requires_grad_(False)`.

    Args:
        cin: Channels in.
        names: The heads, in the order of the output's channels.
    """

    def __init__(self, cin: int, names: Sequence[str]) -> None:
        super().__init__({name: nn.Conv2d(cin, 1, 1) for name in names})

    def forward(self, x: Tensor) -> Tensor:
        """Logits, one channel a head."""
        return torch.cat([cast(Tensor, head(x)) for head in self.values()], dim=1)


def crop_to(x: Tensor, size: torch.Size) -> Tensor:
    """The centre (B, C, h, w) of a map (B, C, H, W).

    Args:
        x: H - h and W - w even.
        size: The last two of it are h, w.
    """
    (height, width), (h, w) = x.shape[-2:], size[-2:]
    top, left = (height - h) // 2, (width - w) // 2
    return x[..., top : top + h, left : left + w]
