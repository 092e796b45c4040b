"""Ghost convolutions: a few maps are computed, the others are made of these by cheap filters.

Source: Han et al., GhostNet, CVPR 2020, eq. 3 and Figure 2; in a bottleneck of ResNet-50, Luo et al. 2023.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Ghost(nn.Module):
    """A convolution of ceil(cout / S) maps, and S - 1 ghosts of each: (B, cin, h, w) -> (B, cout, h', w').

    A ghost is a map after a 3x3 filter of its own. Normalisation, and ReLU if wanted, follow both. With
    m = ceil(cout / S) it has m (k k cin + 2) + m (S - 1) (9 + 2) parameters.

    Args:
        cin: Channels in.
        cout: Channels out.
        kernel: Side k of the first kernel in px; zeros are added so that the map keeps its size.
        stride: Of the first convolution; h' = ceil(h / stride).
        ratio: S, 2 or more.
        relu: Whether ReLU follows.
    """

    def __init__(self, cin: int, cout: int, kernel: int, stride: int, ratio: int, relu: bool = True) -> None:
        super().__init__()
        computed = -(-cout // ratio)
        ghosts = computed * (ratio - 1)
        self.cout = cout
        self.primary = nn.Sequential(
            nn.Conv2d(cin, computed, kernel, stride, kernel // 2, bias=False), *_norm(computed, relu)
        )
        self.cheap = nn.Sequential(
            nn.Conv2d(computed, ghosts, 3, padding=1, groups=computed, bias=False), *_norm(ghosts, relu)
        )

    def forward(self, x: Tensor) -> Tensor:
        """The computed maps, then their ghosts; those too many if S does not divide cout are cut off."""
        computed = self.primary(x)
        return torch.cat([computed, self.cheap(computed)], dim=1)[:, : self.cout]


def _norm(channels: int, relu: bool) -> list[nn.Module]:
    norm = nn.BatchNorm2d(channels)
    return [norm, nn.ReLU(True)] if relu else [norm]
