"""From images to what a network of the YOLACT family reads: resized, coloured, normalised; on any device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (its name everywhere)
from torch import Tensor

from smearprep.models.hexcone import LEAST, from_hexcone, to_hexcone
from smearprep.models.instances.draws import Draw
from smearprep.models.transfers import to_device

MEAN, STD = (123.68, 116.78, 103.94), (58.40, 57.12, 57.38)
"""Of the channels R, G, B, of 255: those of ImageNet, which YOLACT's code subtracts and divides by."""


def inputs(images: Sequence[Tensor], draws: Sequence[Draw], size: int) -> Tensor:
    """The network's input for some draws.

    An image is shrunk by area-weighted bilinear filtering (`antialias`) and enlarged bilinearly. What it
    does not cover has the mean colour.

    Args:
        images: (3, H, W) uint8 RGB each, of all numbers that are drawn.
        draws: One an input.
        size: Width and height of the input, px.

    Returns:
        (B, 3, size, size) float32, normalised, channels last in memory, on the images' device.
    """
    device = images[draws[0].image].device
    shape = (len(draws), 3, size, size)
    x = torch.zeros(shape, device=device).contiguous(memory_format=torch.channels_last)
    covered = torch.zeros((len(draws), 1, size, size), dtype=torch.bool, device=device)
    for n, one in enumerate(draws):
        left, top, width, height = one.target
        place = (..., slice(top, top + height), slice(left, left + width))
        x[n][place] = _resized(images[one.image], one)
        covered[n][place] = True
    x = _coloured(x, draws)
    mean, std = to_device(np.array([MEAN, STD], np.float32), device)[..., None, None]
    x = ((x - mean) / std).masked_fill_(~covered, 0)
    return turned(x, draws).contiguous(memory_format=torch.channels_last)


def _resized(image: Tensor, one: Draw) -> Tensor:
    """(3, h, w) float32: the source of a draw in the size of its target."""
    x, y, width, height = one.source
    part = image[:, y : y + height, x : x + width].float()
    if (width, height) == one.target[2:]:
        return part
    size = (one.target[3], one.target[2])
    return F.interpolate(part[None], size, mode="bilinear", align_corners=False, antialias=True)[0]


def turned(x: Tensor, draws: Sequence[Draw]) -> Tensor:
    """Maps (B, ..., s, s), each turned and flipped as its draw says."""
    return torch.stack([_turned(own, one) for own, one in zip(x, draws, strict=True)])


def _turned(x: Tensor, one: Draw) -> Tensor:
    x = torch.rot90(x, one.turns, (-2, -1)) if one.turns else x
    return x.flip(-1) if one.flip else x


def _coloured(x: Tensor, draws: Sequence[Draw]) -> Tensor:
    """Brightness, contrast, saturation and hue of (B, 3, h, w) float32 in [0, 255]."""
    contrasts = [(1.0, one.contrast) if one.contrast_last else (one.contrast, 1.0) for one in draws]
    rows = [
        (one.brightness, *pair, one.saturation, one.hue / 360)
        for one, pair in zip(draws, contrasts, strict=True)
    ]
    table = to_device(np.array(rows, np.float32), x.device)  # (B, 5)
    brightness, first, last, saturation, hue = table[..., None, None, None].unbind(1)
    x = ((x + brightness) * first).clamp_(0, 255)
    if any(one.saturation != 1 for one in draws):
        top = x.amax(dim=1, keepdim=True)
        x = (top - (top - x) * saturation).clamp_min_(0)
    if any(one.hue for one in draws):
        x = _hue_turned(x, hue[:, 0])
    return (x * last).clamp_(0, 255)


def _hue_turned(x: Tensor, turns: Tensor) -> Tensor:
    """(B, 3, h, w): hues turned by (B, 1, 1) turns; grey stays grey."""
    top, chroma, signed = to_hexcone(*x.unbind(1))
    circle = 6 * chroma.clamp_min(LEAST)  # the signed number is half of it less the hue
    signed = torch.remainder(signed + circle / 2 - circle * turns, circle) - circle / 2
    return from_hexcone(top, chroma, signed).transpose(0, 1)
