"""Attention before the head: first channels are weighed, then places. DDAM and CBAM are one module.

Sources: DDAM, Luo et al. 2023, eqs. 5 to 8 and Table 3 (its eq. 8 exchanges W0 and W1 and leaves out the
ReLU); CBAM, Woo et al., ECCV 2018, eqs. 2 and 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from smearprep.models.yolact.design import CHANNELS, REDUCTION, Design

_MOST_WAVES = 32  # of as many lengths are kept: inputs of some sixteen sizes


class CosinePooling(nn.Module):
    """Components of the cosine transform of each channel: (B, C, H, W) -> (B, n, C) float32 (or float64).

    Y00 is the mean of a map, Y01 its change from left to right, Y10 from top to bottom, Y11 across. With
    wave_n(i) = sqrt(2) cos(pi (i + 1/2) / n), all as means over the map of H x W:

        Y00 = mean x    Y01 = mean x wave_W(j)    Y10 = mean x wave_H(i)    Y11 = mean x wave_H(i) wave_W(j)

    so that what is pooled by has a root mean square of 1 at every size. "Raw" are the sums over the map
    without sqrt(2), as eqs. 5 to 7 are printed; they grow with H W.

    Args:
        components: Of Y00, Y01, Y10, Y11, in the order of what comes out.
        normalised: False for the raw sums.
    """

    def __init__(self, components: Sequence[str], normalised: bool = True) -> None:
        super().__init__()
        self.components, self.normalised = tuple(components), normalised
        self._waves: dict[tuple[int, torch.device, torch.dtype], Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        """Each component by two means, one along each side; no transform is needed."""
        # Nothing below is a product of matrices, which autocast would round to 16 bits.
        real = torch.promote_types(x.dtype, torch.float32)
        columns = x.mean(dim=2, dtype=real)  # (B, C, W)
        rows = x.mean(dim=3, dtype=real)  # (B, C, H)
        across, down = self._wave(columns), self._wave(rows)  # (W,), (H,)
        pools = {
            "Y00": lambda: rows.mean(2),
            "Y01": lambda: (columns * across).mean(2),
            "Y10": lambda: (rows * down).mean(2),
            "Y11": lambda: ((x * across).mean(3) * down).mean(2),
        }
        pooled = torch.stack([pools[name]() for name in self.components], dim=1)  # (B, n, C)
        return pooled if self.normalised else pooled * (x.shape[2] * x.shape[3])

    def _wave(self, x: Tensor) -> Tensor:
        """Half a cosine wave along the last axis of x, of its type and on its device."""
        length, amplitude = x.shape[-1], math.sqrt(2) if self.normalised else 1.0
        if torch.compiler.is_compiling():
            return _half_wave(length, amplitude, x)
        key = (length, x.device, x.dtype)
        if key not in self._waves:
            if len(self._waves) >= _MOST_WAVES:
                del self._waves[next(iter(self._waves))]
            with torch.inference_mode(False):  # one made while predicting must do for training, too
                self._waves[key] = _half_wave(length, amplitude, x)
        return self._waves[key]


class ExtremePooling(nn.Module):
    """CBAM's maximum and mean of each channel: (B, C, H, W) -> (B, 2, C) float32 (or float64)."""

    def forward(self, x: Tensor) -> Tensor:
        """Maximum, then mean."""
        mean = x.mean(dim=(2, 3), dtype=torch.promote_types(x.dtype, torch.float32))
        return torch.stack([x.amax(dim=(2, 3)).to(mean.dtype), mean], dim=1)


class ChannelAttention(nn.Module):
    """x * sigmoid(sum over the pooled of W1 ReLU(W0 y)): (B, C, H, W) -> the same.

    Args:
        pooling: Makes (B, n, C) of (B, C, H, W); the two layers are the same for all n.
        channels: C.
    """

    def __init__(self, pooling: nn.Module, channels: int = CHANNELS) -> None:
        super().__init__()
        self.pooling = pooling
        hidden = channels // REDUCTION
        self.mlp = nn.Sequential(
            nn.Linear(channels, hidden, bias=False), nn.ReLU(True), nn.Linear(hidden, channels, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Each channel by its weight."""
        return x * self.gate(x)[:, :, None, None]

    def gate(self, x: Tensor) -> Tensor:
        """(B, C) in (0, 1)."""
        said: Tensor = self.mlp(self.pooling(x).to(x.dtype))  # (B, n, C)
        return said.sum(dim=1).sigmoid()


class SpatialAttention(nn.Module):
    """x * sigmoid(7x7 convolution of the channels' maximum and mean): (B, C, H, W) -> the same."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Each place by its weight."""
        pooled = torch.cat([x.amax(dim=1, keepdim=True), x.mean(dim=1, keepdim=True)], dim=1)  # (B, 2, H, W)
        gate: Tensor = self.conv(pooled).sigmoid()  # (B, 1, H, W)
        return x * gate


class DualAttention(nn.Sequential):
    """Channels, then places, of one level: (B, C, H, W) -> the same; 8,290 parameters for 256 channels.

    Args:
        pooling: `CosinePooling` for DDAM, `ExtremePooling` for CBAM.
        channels: C.
    """

    def __init__(self, pooling: nn.Module, channels: int = CHANNELS) -> None:
        super().__init__(ChannelAttention(pooling, channels), SpatialAttention())


def attention_of(design: Design) -> nn.Module:
    """The attention of one level, as a design says."""
    match design.attention:
        case "ddam":
            pooling = CosinePooling(design.components, design.dct == "normalised")
            return DualAttention(pooling, design.channels)
        case "cbam":
            return DualAttention(ExtremePooling(), design.channels)
        case "none":
            return nn.Identity()


def _half_wave(length: int, amplitude: float, like: Tensor) -> Tensor:
    places = torch.arange(length, dtype=like.dtype, device=like.device) + 0.5
    return torch.cos(places * (math.pi / length)) * amplitude
