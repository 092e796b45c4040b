"""What leaks from one subset into another: images that look alike, windows that overlap, shared smears.

A network is judged on images that it has not seen in training. Three things break that: nearly the same
picture in two subsets; windows that were cut from one raw image so that they show the same pixels; and
other parts of the same smear, which share its stain, its light and its patient.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Literal

from smearprep.errors import DataError
from smearprep.leaks.fingerprints import Fingerprint, fingerprint, look_through, read_small, without_padding
from smearprep.leaks.near import MOST_PAIRS, NEAR, near_duplicates
from smearprep.leaks.reading import set_images
from smearprep.leaks.records import (
    AuditedImage,
    LeakAudit,
    NearDuplicate,
    Overlap,
    Shared,
    in_order,
    percent,
)
from smearprep.leaks.windows import overlap, union_areas
from smearprep.rendering import Progress

__all__ = [
    "MOST_PAIRS",
    "NEAR",
    "AuditedImage",
    "Fingerprint",
    "LeakAudit",
    "NearDuplicate",
    "Overlap",
    "Shared",
    "audit",
    "audit_set",
    "fingerprint",
    "in_order",
    "look_through",
    "percent",
    "read_small",
    "set_images",
    "without_padding",
]


def audit_set(prepared: Path, progress: Progress | None = None) -> LeakAudit:
    """Look for leaks in a prepared set, or in any set in COCO's layout.

    Images that cannot be read are passed over: `smearprep.checking.check` names them.

    Args:
        prepared: The set's folder.
        progress: Told of images read, of all.

    Raises:
        LayoutError: No set is there.
    """
    images = set_images(prepared)
    prints = dict(look_through(prepared, [image.name for image in images], fingerprint, progress))
    known = {name: None if isinstance(seen, DataError) else seen for name, seen in prints.items()}
    return audit(replace(image, fingerprint=known[image.name]) for image in images)


def audit(images: Iterable[AuditedImage]) -> LeakAudit:
    """Look for leaks between the subsets of a set whose images are already known."""
    groups: dict[str, list[AuditedImage]] = defaultdict(list)
    for image in images:
        groups[image.subset].append(image)
    subsets = in_order(groups)
    near, pairs, concerned = near_duplicates(groups, subsets)
    areas = {name: union_areas(groups[name]) for name in subsets}
    ordered = [(later, earlier) for earlier, later in combinations(subsets, 2)]
    return LeakAudit(
        subsets=tuple(subsets),
        compared=sum(image.fingerprint is not None for group in groups.values() for image in group),
        near=near,
        near_pairs=pairs,
        near_images=concerned,
        overlaps=tuple(overlap(areas, *pair) for pair in ordered if all(map(areas.get, pair))),
        shared=tuple(_shared(groups, ordered)),
        names_smears=any(image.smear or image.raw for group in groups.values() for image in group),
        own_smears=tuple(_own_smears(image for group in groups.values() for image in group)),
    )


def _own_smears(images: Iterable[AuditedImage]) -> Iterator[str]:
    """Raw data sets in which each raw image is a smear of its own, by name."""
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for image in images:
        if image.raw or image.smear:
            raw = image.raw or image.name
            found[image.dataset].add((raw, image.smear or raw))
    for name, pairs in sorted(found.items()):
        raws, smears = map(set, zip(*pairs, strict=True))
        if len(raws) == len(smears) == len(pairs):
            yield name


def _shared(
    groups: Mapping[str, Sequence[AuditedImage]], pairs: Iterable[tuple[str, str]]
) -> Iterator[Shared]:
    """Smears and raw images in two subsets."""
    whats: tuple[Literal["smear", "raw"], ...] = ("smear", "raw")
    for subset, other in pairs:
        for what in whats:
            theirs = {getattr(image, what) for image in groups[other]} - {""}
            hit = [getattr(image, what) for image in groups[subset] if getattr(image, what) in theirs]
            if hit:
                yield Shared(what, subset, other, tuple(sorted(set(hit))), len(hit), len(groups[subset]))
