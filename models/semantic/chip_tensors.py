"""What changes the px of chips, as batched tensor operations: resampling and colour.

The arithmetic is that of `smearprep.augmentation.chips`, written so that it takes few passes over memory.
"""

from __future__ import annotations

import torch
from torch import Tensor

from smearprep.models.hexcone import LEAST, write_colours

_A = -0.75  # of the cubic kernel, as in OpenCV and torch (Keys 1981 has -0.5)


# ---------------------------------------------------------------- resampling


def resampled(planes: Tensor, sides: Tensor, kept: Tensor, size: int) -> Tensor:
    """Degrade and resize square chips of different sides.

    Each chip is shrunk to its kept side (by area), enlarged to its own side again (cubic) and resized to
    `size` (cubic). All three are linear and go along rows as along columns: one matrix a chip does them.

    Args:
        planes: (3, n, S, S) float32 in [0, 255]; chip k is in its first sides[k] rows and columns.
        sides: (n,) int64.
        kept: (n,) int64, 1..side.
        size: Side in px of the result.

    Returns:
        (3, n, size, size) float32, clipped to [0, 255].
    """
    with torch.autocast(planes.device.type, enabled=False):  # 8 bits of mantissa would show
        across = planes.shape[-1]
        sized = torch.full_like(sides, size)
        there = _cubic(kept, sides, across, across) @ _area(sides, kept, across)
        matrix = _cubic(sides, sized, size, across) @ there  # (n, size, S)
        return (matrix @ planes @ matrix.mT).clamp_(0, 255)


def _cubic(source: Tensor, result: Tensor, rows: int, columns: int) -> Tensor:
    """(n, rows, columns): takes each chip from `source` px to `result` px; the border px are repeated."""
    to = torch.arange(rows, device=source.device)
    ratio = (source / result)[:, None]
    at = (to + 0.5) * ratio - 0.5  # (n, rows), in px of the source
    first = at.floor()
    t = (at - first)[:, :, None]
    taps = torch.arange(-1, 3, device=source.device)
    away = (t - taps).abs()
    near = ((_A + 2) * away - (_A + 3)) * away * away + 1
    far = ((_A * away - 5 * _A) * away + 8 * _A) * away - 4 * _A
    weights = torch.where(away <= 1, near, far) * (to[:, None] < result[:, None, None])
    last = (source - 1)[:, None, None]
    columns_of = (first[:, :, None].long() + taps).clamp_min(0).minimum(last)
    matrix = torch.zeros(len(source), rows, columns, device=source.device)
    return matrix.scatter_add_(2, columns_of, weights)


def _area(source: Tensor, result: Tensor, across: int) -> Tensor:
    """(n, across, across): shrinks each chip from `source` px to `result` px, each the mean over its area."""
    px = torch.arange(across, device=source.device)
    ratio = (source / result)[:, None, None]
    row = px[:, None]
    shared = (ratio * (row + 1)).minimum(px + 1) - (ratio * row).maximum(px)
    return shared.clamp_min_(0) / ratio * (row < result[:, None, None])


# ---------------------------------------------------------------- colour


def recolour(top: Tensor, chroma: Tensor, signed: Tensor, factors: Tensor, out: Tensor) -> None:
    """Multiply luminosity, hue, saturation and value, and scale to [-1, 1].

    In exact arithmetic the published two ways through HSV are one: value' = min(min(v l, 1) f, 1) =
    v min(l f, min(f, 1) / v), and chroma' = min(c value' / v * saturation, value').

    Args:
        top: (n, H, W) float32 in [0, 255], as the next two, which are used up: values.
        chroma: Chromas.
        signed: Signed numbers.
        factors: (4, n, 1, 1) float32: luminosity, hue, saturation, value.
        out: (n, 3, H, W) float32, any memory format: is written.
    """
    luminosity, hue, saturation, value = factors
    chroma.clamp_min_(LEAST)
    turn = signed.div_(chroma).mul_(hue / -6).add_(hue / 2).frac_()
    # From here on 1 is 127.5, so that value - 1 lies in [-1, 1].
    gain = torch.div(value.clamp_max(1) * 2, top)  # infinite where it is black; never NaN
    torch.minimum(gain, luminosity * value * (2 / 255), out=gain)
    top.mul_(gain)
    chroma.mul_(gain).mul_(saturation)
    torch.minimum(chroma, top, out=chroma)
    write_colours(top.sub_(1), chroma, turn, out)
