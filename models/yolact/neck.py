"""Necks: from C3, C4, C5 of the backbone to five maps of 256 channels, each half as large as the last.

Sources: Lin et al., FPN, CVPR 2017, as YOLACT's code has it; DFFN: Luo et al. 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812 (its name everywhere)
from torch import Tensor, nn

from smearprep.models.yolact.backbone import C3_TO_C5
from smearprep.models.yolact.design import CHANNELS, P6Source

Levels = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""N3..N7, each (B, 256, h, w): at 550 px 69, 35, 18, 9, 5 cells a side."""


class TopDown(nn.Module):
    """The way down that both necks begin with: each level and, enlarged, the coarser ones.

    Args:
        cins: Channels of C3, C4, C5.
        smoothing: Whether a 3x3 convolution and ReLU follow.
        channels: Of P3, P4, P5.
    """

    def __init__(
        self, cins: Sequence[int] = C3_TO_C5, smoothing: bool = True, channels: int = CHANNELS
    ) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(cin, channels, 1) for cin in cins)
        self.smooth = nn.ModuleList(
            nn.Sequential(_conv3x3(channels), nn.ReLU(True)) if smoothing else nn.Identity() for _ in cins
        )

    def forward(self, c3: Tensor, c4: Tensor, c5: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """P3, P4, P5, of the sizes of C3, C4, C5."""
        to_p3, to_p4, to_p5 = self.laterals
        p5: Tensor = to_p5(c5)  # (B, 256, 18, 18)
        p4 = to_p4(c4) + _enlarged(p5, c4)  # (B, 256, 35, 35)
        p3 = to_p3(c3) + _enlarged(p4, c3)  # (B, 256, 69, 69)
        smooth3, smooth4, smooth5 = self.smooth
        return smooth3(p3), smooth4(p4), smooth5(p5)


class FPN(nn.Module):
    """The feature pyramid of YOLACT: P3, P4, P5, then P6 and P7 by strides.

    With P6 made of P5 it has 3,868,672 parameters, of C5 4,128,768 more.

    Args:
        cins: As of `TopDown`.
        smoothing: As of `TopDown`.
        p6_source: What P6 is made of.
        channels: Of all levels.
    """

    def __init__(
        self,
        cins: Sequence[int] = C3_TO_C5,
        smoothing: bool = True,
        p6_source: P6Source = "p5",
        channels: int = CHANNELS,
    ) -> None:
        super().__init__()
        self.from_c5 = p6_source == "c5"
        self.top_down = TopDown(cins, smoothing, channels)
        self.down6 = _conv3x3(channels, stride=2, cin=cins[-1] if self.from_c5 else channels)
        self.down7 = _conv3x3(channels, stride=2)

    def forward(self, c3: Tensor, c4: Tensor, c5: Tensor) -> Levels:
        """P3..P7."""
        p3, p4, p5 = self.top_down(c3, c4, c5)
        p6 = _in_full(self.down6, c5 if self.from_c5 else p5)  # (B, 256, 9, 9)
        p7 = _in_full(self.down7, p6)  # (B, 256, 5, 5)
        return p3, p4, p5, p6, p7


class DFFN(nn.Module):
    """Dual feature fusion: down as FPN, and up again, so that fine levels reach the coarse ones.

    Its 6,228,992 parameters: laterals 918,272; smoothing 1,770,240; strides to M3, M4 1,180,160; fusing
    1,180,160; strides to N6, N7 1,180,160.

    Args:
        cins: As of `TopDown`.
        smoothing: As of `TopDown`.
        channels: Of all levels.
    """

    def __init__(
        self, cins: Sequence[int] = C3_TO_C5, smoothing: bool = True, channels: int = CHANNELS
    ) -> None:
        super().__init__()
        self.top_down = TopDown(cins, smoothing, channels)
        self.down3, self.down4 = _conv3x3(channels, stride=2), _conv3x3(channels, stride=2)
        self.fuse4, self.fuse5 = _conv3x3(channels), _conv3x3(channels)
        self.down5, self.down6 = _conv3x3(channels, stride=2), _conv3x3(channels, stride=2)

    def forward(self, c3: Tensor, c4: Tensor, c5: Tensor) -> Levels:
        """N3..N7."""
        n3, p4, p5 = self.top_down(c3, c4, c5)
        m3 = self.down3(n3)  # (B, 256, 35, 35)
        n4 = F.relu(self.fuse4(p4 + m3))
        m4 = self.down4(n4)  # (B, 256, 18, 18)
        n5 = F.relu(self.fuse5(p5 + m4))
        n6 = _in_full(self.down5, n5)  # (B, 256, 9, 9)
        n7 = _in_full(self.down6, n6)  # (B, 256, 5, 5)
        return n3, n4, n5, n6, n7


def _conv3x3(channels: int, *, stride: int = 1, cin: int | None = None) -> nn.Conv2d:
    """With bias, and zeros at the border: a side of n becomes ceil(n / stride)."""
    return nn.Conv2d(channels if cin is None else cin, channels, 3, stride, 1)


def _in_full(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """A convolution in the precision of its weights, for the smallest maps: it costs next to nothing.

    In bfloat16 on a CPU, torch 2.13 computes the gradient of the weights of a stride of 2 on a map of one px
    from memory that nobody has written: another one each time, and now and then no number.
    """
    if x.is_meta:  # where nothing is computed, and autocast is not known
        return cast(Tensor, conv(x))
    with torch.autocast(x.device.type, enabled=False):
        return cast(Tensor, conv(x.to(conv.weight.dtype)))


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    """To the very size of the finer level: odd sizes are not twice the coarser ones."""
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)
