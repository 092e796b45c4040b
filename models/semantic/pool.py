"""A set's images in the memory of the device, from which batches of augmented chips are cut there.

So that a GPU never waits for a few CPU cores: what is random comes as a few numbers a chip
(`smearprep.augmentation.draw`), everything else is batched tensor operations.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smearprep.augmentation import Draws, border
from smearprep.errors import GeometryError
from smearprep.models.hexcone import from_hexcone, to_hexcone
from smearprep.models.semantic.chip_tensors import recolour, resampled
from smearprep.models.transfers import to_device

_CPU_BLOCK, _BLOCK = 9 * 2**14, 2**26
"""Px that are worked on at a time: as many as stay in a CPU's cache (4 chips of 188 px), and elsewhere in
memory."""

_SMALL_POOL = 2**30
"""Px of a pool whose places are computed in 32 bits, in half the time: twice its size still fits."""


class ImagePool:
    """Images and targets as one flat tensor on the device, four bytes a px.

    A px is its colour and its target bits in one int32, so that one gather brings all of it. The colour is
    kept, exactly, as value, chroma and hue, because these are changed. Px 0 is black and stands for
    everything outside the images.

    Args:
        images: (H, W, 3) uint8 RGB each, of any sizes; equalised, if the network is to see them so.
        targets: (H, W) uint8 each, bits of `smearprep.targets` (the lower 4 are kept).
        input_size: Side in px of what the network sees.
        output_size: Side in px of what it labels, in the middle of that.
        device: Where the images are kept and the chips are made.

    Raises:
        GeometryError: An image without its target, or of another shape or type.
        RecipeError: The output is no centred part of the input.
    """

    def __init__(
        self,
        images: Sequence[NDArray[np.uint8]],
        targets: Sequence[NDArray[np.uint8]],
        input_size: int,
        output_size: int,
        device: torch.device | str = "cpu",
    ) -> None:
        _check(images, targets)
        self.input_size, self.output_size, self.device = input_size, output_size, torch.device(device)
        edge = border(input_size, output_size)
        self._inner = slice(edge, edge + output_size)
        starts = 1 + np.cumsum([0, *(target.size for target in targets)])
        self._places = np.array(
            [(start, *target.shape) for start, target in zip(starts, targets, strict=False)], np.int64
        )
        self._px = torch.full((int(starts[-1]),), _BLACK, dtype=torch.int32, device=self.device)
        self._place = torch.int32 if len(self._px) < _SMALL_POOL else torch.int64
        for start, image, target in zip(starts, images, targets, strict=False):
            self._px[start : start + target.size] = _packed(image, target, self.device)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def nbytes(self) -> int:
        """Memory of the device, in bytes, that the images take."""
        return self._px.nbytes

    @torch.no_grad()
    def chips(self, draws: Draws) -> tuple[Tensor, Tensor]:
        """Cut and change the chips of some draws.

        The same as `smearprep.augmentation.chip` draw by draw: its target bit for bit, its colours but for
        rounding.

        Args:
            draws: n draws on the images of this pool.

        Returns:
            (n, 3, input_size, input_size) float32 RGB in [-1, 1], channels last in memory; and
            (n, output_size, output_size) uint8. Both on the device.
        """
        n, size, out = len(draws), self.input_size, self.output_size
        images = torch.empty((n, 3, size, size), device=self.device, memory_format=torch.channels_last)
        targets = torch.empty((n, out, out), dtype=torch.uint8, device=self.device)
        sides, kept = draws.sides(size), draws.kept_sides(size)
        table = to_device(_windows(draws, sides, self._places), self.device)
        factors = to_device(_factors(draws), self.device)
        largest = max(int(sides.max(initial=1)), size)
        block = max((_CPU_BLOCK if self.device.type == "cpu" else _BLOCK) // largest**2, 1)
        for start in range(0, n, block):
            part = slice(start, start + block)
            colours, bits = self._cut(table[:, part], sides[part], kept[part])
            recolour(*colours, factors[:, part], images[part])
            targets[part] = bits >> _TARGET
        return images, targets

    def _cut(
        self, table: Tensor, sides: NDArray[np.int64], kept: NDArray[np.int64]
    ) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
        """Chips in place and size: value, chroma and signed number (n, in, in), and px (n, out, out)."""
        size, far = self.input_size, len(self._px)
        px = self._gather(_chip_lines(table, int(sides.max()), far))
        if (sides == size).all() and (kept == size).all():
            return _unpacked(px), px[:, self._inner, self._inner]
        both = to_device(np.stack([sides, kept]), self.device)
        channels = from_hexcone(*_unpacked(px)).round_()  # 8 bits again, as they were
        colours = to_hexcone(*resampled(channels, both[0], both[1], size))
        return colours, self._gather(_target_lines(table, size, self._inner, far))

    def _gather(self, lines: Tensor) -> Tensor:
        """(n, L, L) int32: the px at sums of places (n, 2, L) down and right, px 0 where below 0."""
        lines = lines.to(self._place)
        places = lines[:, 0, :, None] + lines[:, 1, None, :]
        return self._px.index_select(0, places.clamp_min_(0).view(-1)).view(places.shape)


def _check(images: Sequence[NDArray[np.uint8]], targets: Sequence[NDArray[np.uint8]]) -> None:
    if len(images) != len(targets):
        raise GeometryError(f"{len(images)} images, but {len(targets)} targets")
    for number, (image, target) in enumerate(zip(images, targets, strict=True)):
        if image.shape != (*target.shape, 3) or image.dtype != np.uint8 or target.dtype != np.uint8:
            raise GeometryError(
                f"image {number} is {image.shape} {image.dtype}, its target {target.shape} {target.dtype}; "
                "(H, W, 3) and (H, W) uint8 are needed"
            )


# ---------------------------------------------------------------- px


_CHROMA, _SIGNED, _TARGET = 8, 16, 27
"""Where in a px's 32 bits these begin; the value is in the lowest."""
_MIDDLE = 1 << 10  # is added to the signed number, -765..765
_BLACK = _MIDDLE << _SIGNED


def _packed(image: NDArray[np.uint8], target: NDArray[np.uint8], device: torch.device) -> Tensor:
    """(H * W,) int32: the colours in the hexcone, and the target bits."""
    channels = torch.from_numpy(np.ascontiguousarray(image)).to(device).int()
    top, chroma, signed = to_hexcone(*channels.unbind(-1))
    bits = torch.from_numpy(target & 0xF).to(device).int()
    px = top | chroma << _CHROMA | signed + _MIDDLE << _SIGNED | bits << _TARGET
    return px.view(-1)


def _unpacked(px: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Values, chromas and signed numbers, float32 each, of px of any shape."""
    part = px & 0xFF
    top = part.float()
    # Divided as floats, which is exact: processors shift integers more slowly.
    chroma = torch.bitwise_and(px, 0xFF << _CHROMA, out=part).float().mul_(2.0**-_CHROMA)
    signed = torch.bitwise_and(px, 0x7FF << _SIGNED, out=part).float().mul_(2.0**-_SIGNED).sub_(_MIDDLE)
    return top, chroma, signed


# ---------------------------------------------------------------- where the px of chips lie


def _windows(draws: Draws, sides: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """(6, n, 2) int64: how each chip runs along its image, down and to the right.

    Six numbers each: where the window starts along that axis of the image, how long the image is there, how
    far apart its px are, whether the chip runs backwards, the window's side, and the px in the pool (of the
    image's first px; 0 to the right, as both are added). A chip turned by an odd number of quarters runs
    down along the columns of the image.
    """
    first, height, width = places[draws.image].T
    top, left = draws.y - sides // 2, draws.x - sides // 2
    rows = np.stack([top, height, width])
    columns = np.stack([left, width, np.ones_like(width)])
    is_odd = draws.turns % 2 == 1
    axes = np.stack([np.where(is_odd, columns, rows), np.where(is_odd, rows, columns)], axis=-1)
    backwards = np.stack([(draws.turns == 1) | (draws.turns == 2), (draws.turns >= 2) ^ draws.flip], axis=-1)
    return np.stack(
        [*axes, backwards, np.stack([sides, sides], axis=-1), np.stack([first, first * 0], axis=-1)]
    )


def _chip_lines(table: Tensor, across: int, far: int) -> Tensor:
    """(n, 2, across): places of chips' px down and right; beyond a chip's own side they are outside."""
    px = torch.arange(across, device=table.device)
    backwards, side = table[3, ..., None], table[4, ..., None]
    lines = _lines(table, torch.where(backwards > 0, side - 1 - px, px), far)
    return torch.where(px < side, lines, -far)


def _target_lines(table: Tensor, size: int, inner: slice, far: int) -> Tensor:
    """(n, 2, output size): places of targets' px down and right.

    The chip is resized before it is turned: of two px that are as near, the same is taken.
    """
    px = torch.arange(inner.start, inner.stop, device=table.device)
    backwards, side = table[3, ..., None], table[4, ..., None]
    unturned = torch.where(backwards > 0, size - 1 - px, px)
    return _lines(table, (2 * unturned + 1) * side // (2 * size), far)


def _lines(table: Tensor, offset: Tensor, far: int) -> Tensor:
    """Places in the pool of px at offsets (n, 2, L) from a window's start.

    Outside the image it is -far, the size of the whole pool: below 0 whatever is added.
    """
    start, length, step, _, _, first = table[..., None]
    at = start + offset
    lines: Tensor = torch.where((at >= 0) & (at < length), at * step, -far) + first
    return lines


def _factors(draws: Draws) -> NDArray[np.float32]:
    """(4, n, 1, 1): luminosity, hue, saturation, value."""
    rows = (draws.luminosity, draws.hue, draws.saturation, draws.value)
    return np.stack(rows).astype(np.float32)[:, :, None, None]
