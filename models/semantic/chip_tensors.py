"""What changes the px of chips, as batched tensor operations: resampling and colour.

The arithmetic is that of `smearprep.augmentation.chips`, written so that it takes few passes over memory.
"""

from __future__ import annotations

import torch
from torch import Tensor

_A = -0.75  # of the cubic kernel, as in OpenCV and torch (Keys 1981 has -0.5)
_LEAST = 1e-6  # stands for a chroma of 0, of 255: a grey px has no hue to divide for


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
#
# The HSV hexcone (Smith 1978) without branches. A colour is its value v (the largest channel), its chroma c
# (largest less smallest) and a signed number s: s / c is 3 less the hue in sixths, -3..3. With
# u = (g + b - r - smallest) / c the hue in sixths is 1 + u where g >= b, and 5 - u elsewhere, so that s is
# 2 c - u c there, and its negative elsewhere: for 8 bits all three are whole numbers. Back from a hue h in
# turns, 0..1:
#
#     r = v - 2 c + 6 c clamp(|h - 1/2|, 1/6, 1/3)
#     g = v +   c - 6 c clamp(|h - 1/3|, 1/6, 1/3)      (b: 2/3)


def to_hexcone(r: Tensor, g: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Value, chroma and signed number of colours, of the type of the channels (whole numbers or floats).

    On the seam of the hues, pure red, a difference in the last bit of g - b is a full turn, which a factor of
    the hue makes visible: there, and only there, other ways of computing it may give another colour.
    """
    top, low = torch.maximum(torch.maximum(r, g), b), torch.minimum(torch.minimum(r, g), b)
    chroma = top - low
    signed = 2 * chroma + r - g - b + low
    return top, chroma, torch.where(g < b, -signed, signed)


def from_hexcone(top: Tensor, chroma: Tensor, signed: Tensor) -> Tensor:
    """(3, n, H, W): the colours of values, chromas and signed numbers, (n, H, W) float32 each."""
    out = torch.empty((len(top), 3, *top.shape[1:]), device=top.device)
    least = chroma.clamp_min(_LEAST)
    _write(top.clone(), least, (signed / least).mul_(-1 / 6).add_(1 / 2).frac_(), out)
    return out.transpose(0, 1)


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
    chroma.clamp_min_(_LEAST)
    turn = signed.div_(chroma).mul_(hue / -6).add_(hue / 2).frac_()
    # From here on 1 is 127.5, so that value - 1 lies in [-1, 1].
    gain = torch.div(value.clamp_max(1) * 2, top)  # infinite where it is black; never NaN
    torch.minimum(gain, luminosity * value * (2 / 255), out=gain)
    top.mul_(gain)
    chroma.mul_(gain).mul_(saturation)
    torch.minimum(chroma, top, out=chroma)
    _write(top.sub_(1), chroma, turn, out)


def _write(top: Tensor, chroma: Tensor, turn: Tensor, out: Tensor) -> None:
    """Write colours to (n, 3, H, W); `top` is used up."""
    base = torch.sub(top, chroma, alpha=2)
    ramp = torch.sub(turn, 1 / 2).abs_().clamp_(1 / 6, 1 / 3)
    torch.addcmul(base, chroma, ramp, value=6, out=out[:, 0])
    base = top.add_(chroma)
    for channel, peak in ((1, 1 / 3), (2, 2 / 3)):
        torch.sub(turn, peak, out=ramp).abs_().clamp_(1 / 6, 1 / 3)
        torch.addcmul(base, chroma, ramp, value=-6, out=out[:, channel])
