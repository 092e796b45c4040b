"""Near-duplicates: images in two subsets that show nearly the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from smearprep.leaks.fingerprints import Fingerprint
from smearprep.leaks.records import AuditedImage, NearDuplicate
from smearprep.leaks.windows import blocks

NEAR = 60
"""Two images are near-duplicates if at most so many of the 255 bits of their fingerprints differ.

Measured on ALL-IDB1 and BCCD: JPEG quality 50, half the size, a brightness of x0.7 or +40 and a gamma of
1.5 change at most 18 bits, a shift by 8 px of 512 or 640 at most 58. Of 8.6 million pairs of 512x512
windows of different ALL-IDB1 images the nearest are 72 bits apart, of BCCD's images 86, but for two images
that show one field. A shift by 2 % of the image changes up to 76 bits and may not be found.
"""

MOST_PAIRS = 500
"""So many pairs of near-duplicates are named, the nearest first; all are counted."""


def near_duplicates(
    groups: Mapping[str, Sequence[AuditedImage]], subsets: Sequence[str]
) -> tuple[tuple[NearDuplicate, ...], int, int]:
    """The nearest pairs, how many there are, and how many images are concerned."""
    known = {name: [image for image in groups[name] if image.fingerprint is not None] for name in subsets}
    prints = {name: _stacked(known[name]) for name in subsets}
    sources = _numbered(known)
    near: list[NearDuplicate] = []
    count, concerned = 0, set()
    for first, second in combinations(subsets, 2):
        for block in blocks(len(known[first]), len(known[second])):
            distances = _distances(prints[first][block], prints[second])
            alike = (distances <= NEAR) & (sources[first][block, None] != sources[second])
            count += int(alike.sum())
            concerned |= {known[first][block.start + i].name for i in np.flatnonzero(alike.any(axis=1))}
            concerned |= {known[second][j].name for j in np.flatnonzero(alike.any(axis=0))}
            hits = np.argwhere(alike)
            order = np.argsort(distances[alike], kind="stable")[:MOST_PAIRS]
            near += [
                NearDuplicate(
                    known[first][block.start + i].name,
                    known[second][j].name,
                    (first, second),
                    int(distances[i, j]),
                )
                for i, j in hits[order].tolist()
            ]
            near = sorted(near, key=lambda pair: (pair.distance, pair.first, pair.second))[:MOST_PAIRS]
    return tuple(near), count, len(concerned)


def _stacked(images: Sequence[AuditedImage]) -> Fingerprint:
    """(n, 4) uint64."""
    return np.array([image.fingerprint for image in images], np.uint64).reshape(-1, 4)


def _numbered(known: Mapping[str, Sequence[AuditedImage]]) -> dict[str, NDArray[np.int64]]:
    """A number for each image's raw image; an image that names none is one of its own."""
    numbers: dict[str, int] = {}
    return {
        name: np.array([numbers.setdefault(i.raw or f"\0{i.name}", len(numbers)) for i in images], np.int64)
        for name, images in known.items()
    }


def _distances(a: Fingerprint, b: Fingerprint) -> NDArray[np.uint16]:
    """Of each of a (n, 4) and each of b (m, 4), how many bits differ: (n, m)."""
    out = np.zeros((len(a), len(b)), np.uint16)
    for word in range(a.shape[1]):
        out += np.bitwise_count(a[:, None, word] ^ b[:, word])
    return out
