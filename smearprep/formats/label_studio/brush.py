"""The mask of a Label Studio brush: an RGBA image in packed runs, of which channel 3 counts.

The stream of bits (high ones first): 32 for the number of values; 5 for the bits of a value, less 1; four
times 4 for the bits of a length, less 1. Then blocks until all values are there: 1 bit that says whether
one value is repeated, 2 that say which of the four lengths comes, the length less 1, and the value or values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon

from smearprep.geometry import mask_to_shapes

_LARGEST = 2**26  # px of the box round a mask: it is laid out whole, and traced in several copies
_CHANNELS = 4
_ALPHA = 3
_BITS = 8  # of a value: the packing allows others, Label Studio writes bytes

Runs = NDArray[np.int64]
"""(n, 2): the first pixel and the one after the last, pixels counted row by row; sorted, no two touch."""


class BrokenBrushError(ValueError):
    """A brush that cannot be decoded; the message says why."""


def brush_to_shape(rle: Any, size: tuple[int, int], threshold: int = 127) -> Polygon | MultiPolygon | None:
    """The outline of a brush along its pixel edges; its 4-connected regions become parts.

    Args:
        rle: The bytes of the stream, as a list of whole numbers from 0 to 255.
        size: (width, height) of its image in px.
        threshold: A pixel whose alpha is above it was painted.

    Returns:
        The shape, or None where nothing was painted.

    Raises:
        BrokenBrushError: No such stream, of another image size, or too large to be traced.
    """
    runs = painted_runs(rle, size, threshold)
    if not len(runs):
        return None
    width = size[0]
    column, row, length = runs[:, 0] % width, runs[:, 0] // width, runs[:, 1] - runs[:, 0]
    top, bottom = int(row[0]), int(runs[-1, 1] - 1) // width + 1
    left, right = int(column.min()), int((column + length).max())
    if right > width:  # a run goes on in the next row
        left, right = 0, width
    extent = bottom - top, right - left
    if extent[0] * extent[1] > _LARGEST:
        raise BrokenBrushError(f"its mask spans {extent[1]}x{extent[0]} px, more than can be traced")
    start = (row - top) * extent[1] + column - left
    edges = np.stack([start, start + length], axis=1).ravel()
    flips = np.diff(edges, prepend=0, append=extent[0] * extent[1])
    mask = np.repeat(np.arange(len(flips)) % 2 == 1, flips).reshape(extent)
    shapes, _ = mask_to_shapes(mask)
    moved = [shapely.transform(shape, lambda xy: xy + (left, top)) for shape in shapes]
    return moved[0] if len(moved) == 1 else MultiPolygon(moved)


def painted_runs(rle: Any, size: tuple[int, int], threshold: int = 127) -> Runs:
    """The runs of painted pixels; nothing as large as the image is ever laid out.

    Args:
        rle: The bytes of the stream, as a list of whole numbers from 0 to 255.
        size: (width, height) of its image in px.
        threshold: A pixel whose alpha is above it was painted.

    Raises:
        BrokenBrushError: No such stream, or of another image size.
    """
    try:
        data = bytes(rle) if isinstance(rle, list) else b""
    except (TypeError, ValueError):
        data = b""
    if not data:
        raise BrokenBrushError("its brush mask is no list of bytes")
    blocks = _read_blocks(data, _CHANNELS * size[0] * size[1], size)
    at, length, value = (np.array(column, np.int64) for column in (blocks.at, blocks.length, blocks.value))
    filled = np.stack([at, at + length], axis=1)[value > threshold] // _CHANNELS
    single = _single_pixels(data, blocks, threshold)
    runs = np.concatenate([filled, np.stack([single, single + 1], axis=1)])
    runs = runs[runs[:, 0] < runs[:, 1]]
    runs = runs[np.argsort(runs[:, 0])]
    if not len(runs):
        return runs
    apart = runs[1:, 0] != runs[:-1, 1]
    return np.stack([runs[np.append(True, apart), 0], runs[np.append(apart, True), 1]], axis=1)


@dataclass(slots=True)
class _Blocks:
    """The blocks of a stream: those that repeat a value, and those that list values one by one.

    `at` and `listed_at` count values, `listed_bit` is where in the stream a list begins.
    """

    at: list[int] = field(default_factory=list)
    length: list[int] = field(default_factory=list)
    value: list[int] = field(default_factory=list)
    listed_at: list[int] = field(default_factory=list)
    listed_length: list[int] = field(default_factory=list)
    listed_bit: list[int] = field(default_factory=list)


def _read_blocks(data: bytes, total: int, size: tuple[int, int]) -> _Blocks:
    end, position = 8 * len(data), 0

    def take(count: int) -> int:
        nonlocal position
        start, position = position, position + count
        if position > end:
            raise BrokenBrushError("its brush mask ends too soon")
        window = int.from_bytes(data[start >> 3 : (position + 7) >> 3])
        return (window >> (-position % 8)) & ((1 << count) - 1)

    stated = take(32)
    if stated != total:
        raise BrokenBrushError(f"its brush mask has {stated} values, not those of {size[0]}x{size[1]} px")
    if take(5) + 1 != _BITS:
        raise BrokenBrushError(f"its brush mask has values of other than {_BITS} bits")
    sizes = [take(4) + 1 for _ in range(4)]
    blocks, at = _Blocks(), 0
    while at < total:
        repeats = take(1)
        length = take(sizes[take(2)]) + 1
        if repeats:
            blocks.at.append(at)
            blocks.length.append(length)
            blocks.value.append(take(_BITS))
        else:
            blocks.listed_at.append(at)
            blocks.listed_length.append(length)
            blocks.listed_bit.append(position)
            position += length * _BITS
        at += length
    if at > total or position > end:
        raise BrokenBrushError("its brush mask does not end where its image does")
    return blocks


def _single_pixels(data: bytes, blocks: _Blocks, threshold: int) -> NDArray[np.int64]:
    """The painted pixels among those whose values are listed one by one."""
    at, length, bit = (
        np.array(column, np.int64) for column in (blocks.listed_at, blocks.listed_length, blocks.listed_bit)
    )
    count = (at + length) // _CHANNELS - at // _CHANNELS  # of alpha values in each block
    block = np.repeat(np.arange(len(at)), count)
    nth = np.arange(len(block)) - np.repeat(np.cumsum(count) - count, count)
    pixel = at[block] // _CHANNELS + nth
    start = bit[block] + (_CHANNELS * pixel + _ALPHA - at[block]) * _BITS
    padded = np.frombuffer(data + b"\0", np.uint8).astype(np.int64)
    window = (padded[start >> 3] << 8) | padded[(start >> 3) + 1]
    alpha = (window >> (16 - _BITS - (start & 7))) & 255
    painted: NDArray[np.int64] = pixel[alpha > threshold]
    return painted
