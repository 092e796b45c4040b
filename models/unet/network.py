"""DO-U-Net: a U-Net of valid convolutions with two outputs, the mask of the cells and their edges.

Source: Overton & Tucker, DO-U-Net for Segmentation and Counting, IDA 2020, doi 10.1007/978-3-030-44584-3_31,
and the code they published. Their outputs were a softmax over one channel, which is 1 whatever the network
says; here they are logits, meant for a sigmoid.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from smearprep.errors import GeometryError
from smearprep.models.blocks import ConvBnReLU, Heads, UpConvBnReLU, crop_to

DO_UNET = (32, 64, 128, 256)
"""Channels of DO-U-Net's levels, finest first."""

SCALE_INVARIANT = (32, 64, 128, 256, 512)
"""Channels of the scale-invariant DO-U-Net's levels: one more."""


class DOUNet(nn.Module):
    """(B, 3, h, w) float in [-1, 1] -> (B, heads, h', w') logits of the centre of the input.

    With n levels, h = h' + 12 * (2 ** (n - 1) - 1) + 4 and h' = 4 + a multiple of 2 ** (n - 1): 188 -> 100
    (or 196 -> 108, ...) with 4 levels, 380 -> 196 with 5. Nothing is padded, so that a pixel of the output
    is the same in whatever window it is computed, if windows start a multiple of 2 ** (n - 1) px apart.

    With 4 levels and both heads it has 1,933,986 parameters, with one head 1,933,953; with 5 levels
    7,772,066. Weights start, and statistics are tracked, as PyTorch's layers do it and not as Keras' do.

    Args:
        heads: Names of the outputs, in the order of the output's channels.
        widths: Channels of the levels, finest first.
    """

    def __init__(self, heads: Sequence[str] = ("mask", "edge"), widths: Sequence[int] = DO_UNET) -> None:
        super().__init__()
        first = widths[0]
        stem = nn.Sequential(
            ConvBnReLU(3, 3 * first), ConvBnReLU(3 * first, first, kernel=1), ConvBnReLU(first, first)
        )
        steps = list(pairwise(widths))  # from each level to the next coarser one
        self.encoder = nn.ModuleList(
            [stem, *(nn.Sequential(nn.MaxPool2d(2), *_pair(c, d)) for c, d in steps)]
        )
        self.ups = nn.ModuleList([UpConvBnReLU(d, c) for c, d in reversed(steps)])
        self.decoder = nn.ModuleList([nn.Sequential(*_pair(2 * c, c)) for c, _ in reversed(steps)])
        self.heads = Heads(first, heads)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the centre of x.

        Raises:
            GeometryError: h or w is none of the sizes above.
        """
        self._check(x)
        skips: list[Tensor] = []  # the shapes below are DO-U-Net's, of x (B, 3, 188, 188)
        for stage in self.encoder:
            x = stage(x)  # (B, 32, 184, 184), (B, 64, 88, 88), (B, 128, 40, 40), (B, 256, 16, 16)
            skips.append(x)
        x = skips.pop()
        for up, stage in zip(self.ups, self.decoder, strict=True):
            x = up(x)  # (B, 128, 32, 32), (B, 64, 56, 56), (B, 32, 104, 104)
            skip = crop_to(skips.pop(), x.shape)  # less 4, 16, 40 px on each side
            x = stage(torch.cat([skip, x], dim=1))  # (B, 128, 28, 28), (B, 64, 52, 52), (B, 32, 100, 100)
        logits: Tensor = self.heads(x)  # (B, 2, 100, 100)
        return logits

    def _check(self, x: Tensor) -> None:
        """Refuse sizes whose maps would be halved with a remainder, or cut off centre."""
        grid = 2 ** (len(self.encoder) - 1)
        least = 12 * (grid - 1) + 8
        if any(side < least or (side - least) % grid for side in x.shape[-2:]):
            raise GeometryError(
                f"an input of {x.shape[-1]}x{x.shape[-2]} px; this network takes {least} px "
                f"and every {grid} px more ({least + grid}, {least + 2 * grid}, ...)"
            )


def _pair(cin: int, cout: int) -> tuple[nn.Module, nn.Module]:
    """Two 3x3 convolutions."""
    return ConvBnReLU(cin, cout), ConvBnReLU(cout, cout)
