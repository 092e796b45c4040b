"""Near-duplicates: images in two subsets that show nearly the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smearprep.leaks.fingerprints import Fingerprint
from smearprep.leaks.records import AuditedImage, NearDuplicate
from smearprep.pools import Lost, each, pool

NEAR = 60
"""Two images are near-duplicates if at most so many of the 255 bits of their fingerprints differ.

Measured on ALL-IDB1 and BCCD: JPEG quality 50, half the size, a brightness of x0.7 or +40 and a gamma of
1.5 change at most 18 bits, a shift by 8 px of 512 or 640 at most 58. Of 8.6 million pairs of 512x512
windows of different ALL-IDB1 images the nearest are 72 bits apart, of BCCD's images 86, but for two images
that show one field. A shift by 2 % of the image changes up to 76 bits and may not be found.
"""

MOST_PAIRS = 500
"""So many pairs of near-duplicates are named, the nearest first; all are counted."""

_ROWS, _COLUMNS = 128, 16384  # of a block: so long a row stays in the processor's cache

_Block = tuple[slice, slice]


class _Images(NamedTuple):
    """Those of a subset: (n, 4) uint64 fingerprints, and (n,) a number for the raw image of each."""

    prints: Fingerprint
    raw: NDArray[np.int64]


def near_duplicates(
    groups: Mapping[str, Sequence[AuditedImage]], subsets: Sequence[str]
) -> tuple[tuple[NearDuplicate, ...], int, int]:
    """The nearest pairs, how many there are, and how many images are concerned."""
    known = {name: [image for image in groups[name] if image.fingerprint is not None] for name in subsets}
    stacked = _stacked(known)
    near: list[NearDuplicate] = []
    count, concerned = 0, set()
    with pool(None, None) as (threads, in_flight):
        for pair in combinations(subsets, 2):
            first, second = (known[name] for name in pair)
            search = partial(_alike, stacked[pair[0]], stacked[pair[1]])
            for _, alike in each(threads, search, _blocks(len(first), len(second)), in_flight):
                assert not isinstance(alike, Lost)  # a thread is never lost
                count += len(alike)
                concerned |= {first[n].name for n in np.unique(alike[:, 0]).tolist()}
                concerned |= {second[n].name for n in np.unique(alike[:, 1]).tolist()}
                nearest = alike[np.argsort(alike[:, 2], kind="stable")[:MOST_PAIRS]].tolist()
                near += [NearDuplicate(first[i].name, second[j].name, pair, bits) for i, j, bits in nearest]
                near = sorted(near, key=lambda two: (two.distance, two.first, two.second))[:MOST_PAIRS]
    return tuple(near), count, len(concerned)


def _blocks(rows: int, columns: int) -> Iterator[_Block]:
    """All pairs of rows and columns, block by block."""
    for top in range(0, rows, _ROWS):
        for left in range(0, columns, _COLUMNS):
            yield slice(top, top + _ROWS), slice(left, left + _COLUMNS)


def _stacked(known: Mapping[str, Sequence[AuditedImage]]) -> dict[str, _Images]:
    """The images of each subset; one that names no raw image is one of its own."""
    numbers: dict[str, int] = {}
    return {
        name: _Images(
            np.array([image.fingerprint for image in images], np.uint64).reshape(-1, 4),
            np.array([numbers.setdefault(i.raw or f"\0{i.name}", len(numbers)) for i in images], np.int64),
        )
        for name, images in known.items()
    }


def _alike(first: _Images, second: _Images, block: _Block) -> NDArray[np.int64]:
    """The pairs of a block that differ in few bits and show different raw images.

    Returns:
        (k, 3): position in the first, in the second, and how many bits differ.
    """
    rows, columns = block
    distances = _distances(first.prints[rows], second.prints[columns])
    i, j = np.divmod(np.flatnonzero(distances <= NEAR), distances.shape[1])
    found = np.stack([i + rows.start, j + columns.start, distances[i, j]], axis=1)
    others: NDArray[np.int64] = found[first.raw[found[:, 0]] != second.raw[found[:, 1]]]
    return others


def _distances(a: Fingerprint, b: Fingerprint) -> NDArray[np.uint8]:
    """Of each of a (n, 4) and each of b (m, 4), how many bits differ: (n, m), at most 255.

    Row by row, a word at a time, all in place: five times as fast as all rows at once.
    """
    words = np.ascontiguousarray(b.T)
    out = np.empty((len(a), len(b)), np.uint8)
    differ, bits = np.empty(len(b), np.uint64), np.empty(len(b), np.uint8)
    for own, row in zip(a, out, strict=True):
        np.bitwise_count(np.bitwise_xor(own[0], words[0], out=differ), out=row)
        for n in range(1, len(words)):
            np.bitwise_count(np.bitwise_xor(own[n], words[n], out=differ), out=bits)
            np.add(row, bits, out=row)
    return out
