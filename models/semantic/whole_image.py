"""What a network says of a whole image of any size, window by window, without a seam or a lost row.

+-------------------------+     Windows (outer box) are the tile and its margin. Tiles start at multiples
| margin                  |     of the network's stride and cover the image. What lies beyond the image
|    +---------------+    |     is black.
|    | tile          |    |
|    +---------------+    |     A tile's px depend on nothing outside its window, and windows halve their
|                         |     maps at the same px: so the result is that of any other size of tile.
+-------------------------+
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from smearprep.errors import GeometryError, RecipeError
from smearprep.images import RGB, show
from smearprep.models.zoo import SemanticNetwork
from smearprep.records import View
from smearprep.windows import Window, grid


@overload
def predict_image(
    network: nn.Module,
    info: SemanticNetwork,
    image: RGB,
    *,
    tile: int = ...,
    batch: int = ...,
    device: torch.device | str = ...,
    precision: torch.dtype | None = ...,
    as_uint8: Literal[False] = ...,
) -> NDArray[np.float32]: ...
@overload
def predict_image(
    network: nn.Module,
    info: SemanticNetwork,
    image: RGB,
    *,
    tile: int = ...,
    batch: int = ...,
    device: torch.device | str = ...,
    precision: torch.dtype | None = ...,
    as_uint8: Literal[True],
) -> NDArray[np.uint8]: ...
def predict_image(
    network: nn.Module,
    info: SemanticNetwork,
    image: RGB,
    *,
    tile: int = 500,
    batch: int = 1,
    device: torch.device | str = "cpu",
    precision: torch.dtype | None = None,
    as_uint8: bool = False,
) -> NDArray[np.float32] | NDArray[np.uint8]:
    """Probabilities of each output for every pixel of an image.

    The image stays where it is, window after window goes to the device: beyond image and result, memory
    does not grow with the image.

    Args:
        network: On the device, in evaluation mode, its weights of any float type.
        info: Of this network.
        image: (H, W, 3) uint8 RGB, its contrast equalised as for training; scaled to [-1, 1] here.
        tile: Width and height in px, at most, of what is written at once; the smallest that a network can
            write if that is more. It changes time and memory, and the result by rounding only.
        batch: Windows at once.
        device: Where the network is.
        precision: Of autocast, for example torch.bfloat16; None: that of the weights.
        as_uint8: 255 times the probability, rounded: a quarter of the memory.

    Returns:
        (heads, H, W) float32 in [0, 1], or uint8.

    Raises:
        GeometryError: The image is not (H, W, 3) uint8 or is empty.
        RecipeError: Batch or tile below 1.
    """
    assert not network.training, "statistics of a batch would make every window another network"
    _check(image, tile, batch)
    height, width = image.shape[:2]
    out = np.empty((len(info.heads), height, width), np.uint8 if as_uint8 else np.float32)
    windows = tile_windows((width, height), info, tile)
    dtype = next(network.parameters()).dtype
    device = torch.device(device)
    for some in _batches(windows, batch):
        pixels = np.stack([show(image, View(window, window[2:])) for window in some])  # (B, h, w, 3)
        with torch.inference_mode(), torch.autocast(device.type, precision, enabled=precision is not None):
            # Channels stay last in memory, as convolutions like them.
            x = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).to(dtype)  # (B, 3, h, w)
            probabilities = _inner(network(x / 127.5 - 1), some[0], info).float().sigmoid()
            result = (probabilities * 255).round().byte() if as_uint8 else probabilities
        for (x0, y0, _, _), tile_out in zip(some, result.cpu().numpy(), strict=True):
            left, top = x0 + info.margin, y0 + info.margin
            inside = out[:, top : top + tile_out.shape[1], left : left + tile_out.shape[2]]
            inside[...] = tile_out[:, : inside.shape[1], : inside.shape[2]]
    return out


def tile_windows(image: tuple[int, int], info: SemanticNetwork, tile: int) -> list[Window]:
    """The windows that a network reads to write a whole image, row by row.

    All are of one size: of all sizes that need as few windows, the smallest. So an image smaller than a
    tile, or a little larger than some, costs what it must.

    Args:
        image: (width, height) in px.
        info: Of the network.
        tile: Width and height in px, at most, of what one window writes.
    """
    (width, across), (height, down) = (_tile(length, info, tile) for length in image)
    return grid(image, (width, height), (across, down), "pad", info.margin)


def _tile(length: int, info: SemanticNetwork, most: int) -> tuple[int, int]:
    """How much is written at once along one axis, and how far it is to the next, in px."""
    extra = info.output_size % info.stride  # outputs are longer than a multiple of the stride by this much
    longest = max((most - extra) // info.stride, 1) * info.stride
    number = max(math.ceil((length - extra) / longest), 1)
    step = max(math.ceil((length - extra) / number / info.stride), 1) * info.stride
    return step + extra, step


def _inner(logits: Tensor, window: Window, info: SemanticNetwork) -> Tensor:
    """The tile (B, heads, h, w) within what a network says of its window."""
    width, height = window[2] - 2 * info.margin, window[3] - 2 * info.margin
    top, left = (logits.shape[-2] - height) // 2, (logits.shape[-1] - width) // 2
    return logits[..., top : top + height, left : left + width]


def _batches(windows: Sequence[Window], size: int) -> Iterator[Sequence[Window]]:
    for first in range(0, len(windows), size):
        yield windows[first : first + size]


def _check(image: RGB, tile: int, batch: int) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise GeometryError(
            f"an image of type {image.dtype} and shape {image.shape}; give (height, width, 3) uint8 RGB"
        )
    if tile < 1 or batch < 1:
        raise RecipeError(f"tiles of {tile} px, {batch} at once: give at least 1 of both")
