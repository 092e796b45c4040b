"""What goes into a leak audit, and what comes out of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from smearprep.findings import Finding
from smearprep.leaks.fingerprints import Fingerprint
from smearprep.splitting import SUBSETS
from smearprep.windows import Window


@dataclass(frozen=True, slots=True)
class AuditedImage:
    """An image of a set, as far as leaks go.

    Args:
        name: Its file, relative to the set.
        subset: "train", "val", "test", or any other name.
        source: The image it was cut from, or "" where the set does not say.
        smear: The smear, or "".
        window: (x, y, w, h) in px of `source`, or None.
        origin: Where `source` is a window itself, of a set that this one was made from: its raw image.
        fingerprint: As `fingerprint` returns it.
    """

    name: str
    subset: str
    source: str = ""
    smear: str = ""
    window: Window | None = None
    origin: str = ""
    fingerprint: Fingerprint | None = None

    @property
    def raw(self) -> str:
        """The raw image, or "" where the set does not say."""
        return self.origin or self.source

    @property
    def dataset(self) -> str:
        """The raw data set: the first folder of `raw`, or "" where the set does not say."""
        first, slash, _ = self.raw.partition("/")
        return first if slash else ""


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Two images of different raw images, in different subsets, that show nearly the same.

    Args:
        first: The file in the earlier subset.
        second: The file in the later subset.
        subsets: Their subsets.
        distance: How many of the 255 bits of their fingerprints differ.
    """

    first: str
    second: str
    subsets: tuple[str, str]
    distance: int


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many px of a subset's windows lie in another subset's windows, too.

    Args:
        subset: The subset that is asked about.
        other: The subset that knows its px already.
        pixels: px of raw images in the subset's windows; what lies in several windows counts once.
        leaked: Those of them that lie in windows of `other`.
        sources: Raw images on which the two overlap.
    """

    subset: str
    other: str
    pixels: int
    leaked: int
    sources: int

    @property
    def share(self) -> float:
        """Leaked px of all, 0..1."""
        return self.leaked / self.pixels if self.pixels else 0.0


@dataclass(frozen=True, slots=True)
class Shared:
    """Smears, or raw images, of which two subsets have a part.

    Args:
        what: "smear" or "raw" (a raw image).
        subset: The subset that is asked about.
        other: The subset that knows them already.
        names: The smears or raw images, sorted.
        images: Images of `subset` that belong to them.
        of_images: All images of `subset`.
    """

    what: Literal["smear", "raw"]
    subset: str
    other: str
    names: tuple[str, ...]
    images: int
    of_images: int


@dataclass(frozen=True, slots=True)
class LeakAudit:
    """What leaks between the subsets of a set.

    Args:
        subsets: Of the set, in their usual order.
        compared: Images whose pixels were compared.
        near: Pairs of near-duplicates, nearest first, at most `MOST_PAIRS`.
        near_pairs: All such pairs.
        near_images: How many images have one in another subset.
        overlaps: Of each pair of subsets that state windows, also where nothing overlaps.
        shared: Of each pair of subsets that share a smear or a raw image.
        names_smears: Whether the set says which smears, or raw images, its images come from.
        own_smears: Raw data sets in which each raw image counts as a smear of its own, as it does where
            nobody says which of them are of one patient.
    """

    subsets: tuple[str, ...]
    compared: int
    near: tuple[NearDuplicate, ...] = ()
    near_pairs: int = 0
    near_images: int = 0
    overlaps: tuple[Overlap, ...] = ()
    shared: tuple[Shared, ...] = ()
    names_smears: bool = True
    own_smears: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        """True if nothing leaks."""
        return not (self.near_pairs or self.shared or any(o.leaked for o in self.overlaps))

    def findings(self) -> tuple[Finding, ...]:
        """What leaks, in words, the shares of px first; one finding a pair of subsets or of images."""
        return tuple(Finding("leak", what, file, id_) for what, file, id_ in self._told())

    def _told(self) -> Iterator[tuple[str, str, str]]:
        for overlap in self.overlaps:
            if overlap.leaked:
                what = (
                    f"{percent(overlap.share)} of the px in {overlap.subset} windows lie in {overlap.other} "
                    f"windows, too ({overlap.leaked:,} of {overlap.pixels:,} px; "
                    f"raw images: {overlap.sources:,})"
                )
                yield what, "annotations", f"{overlap.subset} and {overlap.other}"
        for (subset, other), own in groupby(self.shared, key=lambda shared: (shared.subset, shared.other)):
            yield _told_of_shared(tuple(own)), "annotations", f"{subset} and {other}"
        for pair in self.near:
            what = f"shows nearly the same as {pair.second}: {pair.distance} of 255 bits differ"
            yield what, pair.first, " and ".join(pair.subsets)
        if self.near_pairs > len(self.near):
            rest = self.near_pairs - len(self.near)
            yield f"{rest:,} more pairs of images in two subsets show nearly the same", "images", ""


def _told_of_shared(own: Sequence[Shared]) -> str:
    """What two subsets share, in words.

    Args:
        own: Of one pair of subsets: smears, raw images, or both.
    """
    names = {"smear": "smear", "raw": "raw image"}
    counts = [f"{len(s.names):,} {names[s.what]}{'s' * (len(s.names) != 1)}" for s in own]
    most = max(own, key=lambda shared: shared.images)
    return (
        f"{' and '.join(counts)} of {most.subset} also in {most.other}; they hold "
        f"{most.images:,} of the {most.of_images:,} {most.subset} images"
    )


def percent(share: float) -> str:
    """A share of 0..1 for people: "12.3 %", and never "0.0 %" of what is there, or "100.0 %" of less."""
    if 0 < share < 0.0005 or 0.9995 <= share < 1:
        return "< 0.1 %" if share < 0.5 else "> 99.9 %"
    return f"{100 * share:.1f} %"


def in_order(subsets: Iterable[str]) -> list[str]:
    """Subsets in their usual order: train, val, test, then any others by name."""
    return sorted(subsets, key=lambda name: (SUBSETS.index(name) if name in SUBSETS else 9, name))
