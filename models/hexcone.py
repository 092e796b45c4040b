"""Colours as value, chroma and hue, as batched tensor operations.

The HSV hexcone (Smith 1978) without branches. A colour is its value v (the largest channel), its chroma c
(largest less smallest) and a signed number s: s / c is 3 less the hue in sixths, -3..3. With
u = (g + b - r - smallest) / c the hue in sixths is 1 + u where g >= b, and 5 - u elsewhere, so that s is
2 c - u c there, and its negative elsewhere: for 8 bits all three are whole numbers. Back from a hue h in
turns, 0..1:

    r = v - 2 c + 6 c clamp(|h - 1/2|, 1/6, 1/3)
    g = v +   c - 6 c clamp(|h - 1/3|, 1/6, 1/3)      (b: 2/3)
"""

from __future__ import annotations

import torch
from torch import Tensor

LEAST = 1e-6
"""Stands for a chroma of 0, of 255: a grey px has no hue to divide for."""


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
    least = chroma.clamp_min(LEAST)
    write_colours(top.clone(), least, (signed / least).mul_(-1 / 6).add_(1 / 2).frac_(), out)
    return out.transpose(0, 1)


def write_colours(top: Tensor, chroma: Tensor, turn: Tensor, out: Tensor) -> None:
    """Write colours of values, chromas and hues (in turns, 0..1) to (n, 3, H, W); `top` is used up."""
    base = torch.sub(top, chroma, alpha=2)
    ramp = torch.sub(turn, 1 / 2).abs_().clamp_(1 / 6, 1 / 3)
    torch.addcmul(base, chroma, ramp, value=6, out=out[:, 0])
    base = top.add_(chroma)
    for channel, peak in ((1, 1 / 3), (2, 2 / 3)):
        torch.sub(turn, peak, out=ramp).abs_().clamp_(1 / 6, 1 / 3)
        torch.addcmul(base, chroma, ramp, value=-6, out=out[:, channel])
