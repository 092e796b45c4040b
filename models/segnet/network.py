"""SegNet: VGG16's convolutions, and their mirror image, which puts values back where pooling took them from.

Sources: Badrinarayanan, Kendall & Cipolla, SegNet, IEEE TPAMI 39 (2017), doi 10.1109/TPAMI.2016.2644615; its
form with two outputs, mask and edge, is that of the blood-cell counting paper, 128x128 px in and out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F  # noqa: N812 (its name everywhere)
from torch import Tensor, nn

from smearprep.errors import GeometryError
from smearprep.models.blocks import ConvBnReLU, Heads

VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Of each stage of the encoder, finest first: channels, and how many convolutions."""


class SegNet(nn.Module):
    """(B, 3, h, w) float in [-1, 1] -> (B, heads, h, w) logits; h and w multiples of 32 px.

    A convolution 3x3 from a to b channels has 9ab + b parameters and its normalisation 2b:

        encoder    14,714,688 in 13 convolutions (those of VGG16)     8,448 in 4,224 channels normalised
        decoder    14,712,448 in 12 convolutions                      7,424 in 3,712 channels normalised
        heads      64 + 1 each

    Together 29,443,073 with one head and 29,443,138 with two. At 128x128 px the convolutions multiply
    9,995,026,432 times with one head and 1,048,576 times more with the second.

    An output px depends on at most 210 px of the input on each side: there are 1, 2, 3, 3, 3 convolutions of
    the decoder at 1, 2, 4, 8, 16 px, which reach 89 px; 2, 2, 3, 3, 3 of the encoder, 90 px; and it lies up
    to 31 px from the far side of its cell of 32 px. Beyond the input all is zero, so that what is nearer
    to the border than that depends on where the border is.

    Args:
        heads: Names of the outputs, in the order of the output's channels.
        stages: Of the encoder, finest first: channels, and how many convolutions.
    """

    def __init__(self, heads: Sequence[str] = ("mask",), stages: Sequence[tuple[int, int]] = VGG16) -> None:
        super().__init__()
        before = [3, *(channels for channels, _ in stages)]
        there = [[cin] + [cout] * count for cin, (cout, count) in zip(before, stages, strict=False)]
        # The mirror image lacks one convolution, the last one: that is the heads.
        back = [[cout] * count + [cin] for cin, (cout, count) in zip(before, stages, strict=False)]
        back[0].pop()
        self.encoder = nn.ModuleList(map(_stage, there))
        self.decoder = nn.ModuleList(map(_stage, reversed(back)))
        self.heads = Heads(stages[0][0], heads)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of x.

        Raises:
            GeometryError: h or w is not a multiple of 32.
        """
        self._check(x)
        places: list[Tensor] = []  # the shapes below are of x (B, 3, 128, 128)
        for stage in self.encoder:
            x = stage(x)  # 64 x 128 x 128, 128 x 64 x 64, 256 x 32 x 32, 512 x 16 x 16, 512 x 8 x 8
            x, place = F.max_pool2d(x, 2, return_indices=True)  # ... 512 x 8 x 8, 512 x 4 x 4
            places.append(place)
        for stage in self.decoder:
            x = F.max_unpool2d(
                x, places.pop(), [2, 2]
            )  # each as large as before its pooling: 512 x 8 x 8, ...
            x = stage(x)  # 512 x 8 x 8, 256 x 16 x 16, 128 x 32 x 32, 64 x 64 x 64, 64 x 128 x 128
        logits: Tensor = self.heads(x)  # (B, 1, 128, 128)
        return logits

    def _check(self, x: Tensor) -> None:
        grid = 2 ** len(self.encoder)
        if any(side % grid for side in x.shape[-2:]):
            size = f"{x.shape[-1]}x{x.shape[-2]}"
            raise GeometryError(f"an input of {size} px; this network takes multiples of {grid} px")


def _stage(channels: Sequence[int]) -> nn.Sequential:
    return nn.Sequential(*(ConvBnReLU(cin, cout, padding=1) for cin, cout in pairwise(channels)))
