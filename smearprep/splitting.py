"""Which subset each image goes to: by smear, in stated shares, the same for the same seed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from smearprep.errors import RecipeError

SUBSETS = ("train", "val", "test")

NO_CELL = ""
"""Stands among the categories for images without any cell: they are shared out like those of a category."""

_Parts = list[tuple[str, float]]  # stratum, and which fraction of it


@dataclass(frozen=True)
class Split:
    """How a set is split.

    Args:
        ratio: Shares of training, validation and test; a share of 0 leaves that subset out.
        by: "smear": what comes from one smear stays together. "image": every window goes its own way,
            as several papers do it; windows of one smear then lie in several subsets, which `check`
            reports as a leak.
        seed: Of the shuffle.
        stratify: Share out the cells of each category, the images that show it and the images without
            cells in the same ratio, as far as whole smears allow.
        official: Keep a data set's own subsets. What it leaves open is split over the subsets that it
            does not fill (an official test set leaves training : validation).
    """

    ratio: tuple[float, float, float] = (7, 1, 2)
    by: Literal["smear", "image"] = "smear"
    seed: int = 0
    stratify: bool = True
    official: bool = True

    def __post_init__(self) -> None:
        if not all(0 <= share <= 1e6 for share in self.ratio) or not self.ratio[0]:
            shown = ":".join(f"{share:g}" for share in self.ratio)
            raise RecipeError(
                f"ratio {shown}: no share is negative or above 1,000,000, and training needs one, as in 7:1:2"
            )
        if not 0 <= self.seed < 2**63:
            raise RecipeError(f"seed {self.seed}: give a whole number from 0 to 2^63 - 1")


@dataclass(frozen=True, slots=True)
class Unit:
    """What is never split: the images of one smear, or one image.

    Args:
        key: Unique, and sortable.
        size: How many images it has.
        cells: How many cells of each category.
        official: Its official subset, if any.
        showing: How many of its images show each category, and under `NO_CELL` how many show none. Of
            one image `cells` tells it; of several, None has it guessed from `size` and `cells`.
    """

    key: str
    size: int
    cells: Mapping[str, int] = field(default_factory=dict)
    official: str | None = None
    showing: Mapping[str, int] | None = None


def targets(total: int, ratio: Mapping[str, float]) -> dict[str, int]:
    """How many images each subset should have: validation and test rounded, training takes the rest.

    678 at 7:1:2 gives 474, 68 and 136.
    """
    whole = sum(ratio.values())
    out = {name: int(np.floor(total * share / whole + 0.5)) for name, share in ratio.items()}
    first = next(iter(ratio))
    out[first] = total - sum(count for name, count in out.items() if name != first)
    return out


def assign(units: Sequence[Unit], split: Split) -> dict[str, str]:
    """Give every unit a subset.

    Units go one by one to the subset that, for its share, has least of what they bring, and still has
    room. A unit brings images, images that show a category, images that show no cell, and cells of each
    category; each counts as a fraction of all there are, so that neither the frequent categories nor the
    crowded images decide alone. (Iterative stratification, Sechidis et al. 2011, on groups, with the
    shares dealt as Sainte-Lague deals seats: in proportion from the first unit to the last.)

    Args:
        units: With unique keys; their order does not matter.
        split: Shares, seed, rules.

    Returns:
        Key -> "train", "val" or "test".

    Raises:
        RecipeError: Fewer units than subsets.
    """
    fixed = {u.key: u.official for u in units if split.official and u.official is not None}
    free = sorted((u for u in units if u.key not in fixed), key=lambda u: u.key)
    filled = set(fixed.values())
    ratio = {name: share for name, share in zip(SUBSETS, split.ratio, strict=True) if share > 0}
    if not free:
        return dict(fixed)
    open_ratio = {name: share for name, share in ratio.items() if name not in filled} or {"train": 1.0}
    if len(free) < len(open_ratio):
        what = "smear" if split.by == "smear" else "image"
        raise RecipeError(
            f"{len(free)} {what}{'s' * (len(free) != 1)} cannot fill {len(open_ratio)} subsets "
            f"({', '.join(open_ratio)}); add {what}s, or give a share of 0, as in 7:3:0"
        )
    return {**fixed, **_stratified(free, open_ratio, split)}


def _stratified(units: Sequence[Unit], ratio: Mapping[str, float], split: Split) -> dict[str, str]:
    rng = np.random.default_rng(split.seed)
    order = [units[i] for i in rng.permutation(len(units))]
    room = targets(sum(unit.size for unit in units), ratio)
    whole = sum(ratio.values())
    shares = {name: share / whole for name, share in ratio.items()}
    held: dict[str, dict[str, float]] = {name: defaultdict(float) for name in ratio}
    out: dict[str, str] = {}
    for unit, parts in _heaviest_first(order, split.stratify):
        # without room for the unit anywhere, the subset that overflows least
        fits = [name for name in room if room[name] >= unit.size] or [max(room, key=lambda name: room[name])]
        name = min(fits, key=lambda name: (_load(parts, held[name]) / shares[name], -room[name]))
        out[unit.key] = name
        room[name] -= unit.size
        for stratum, part in parts:
            held[name][stratum] += part
    _fill_empty(out, order, ratio)
    return out


def _heaviest_first(order: Sequence[Unit], stratify: bool) -> list[tuple[Unit, _Parts]]:
    """Units with what they bring; first those that bring the largest fraction of a stratum.

    These are the few units of a rare category, and crowded images; what comes later makes up for them.
    """
    amounts = [_amounts(unit) if stratify else {"images": unit.size} for unit in order]
    total: Counter[str] = Counter()
    for amount in amounts:
        total.update(amount)
    parts = [[(stratum, n / total[stratum]) for stratum, n in amount.items() if n] for amount in amounts]
    pairs = zip(order, parts, strict=True)
    return sorted(pairs, key=lambda pair: -max((part for _, part in pair[1]), default=0))


def _amounts(unit: Unit) -> dict[str, int]:
    """How much a unit has of each stratum, in an order that does not depend on that of its categories."""
    showing = unit.showing
    if showing is None:
        showing = {name: min(count, unit.size) for name, count in unit.cells.items()}
        showing[NO_CELL] = max(unit.size - sum(unit.cells.values()), 0)
    return {
        "any cell": unit.size - showing.get(NO_CELL, 0),
        **{f"images with {name}": showing[name] for name in sorted(showing)},
        **{f"cells {name}": unit.cells[name] for name in sorted(unit.cells)},
    }


def _load(parts: _Parts, held: Mapping[str, float]) -> float:
    """How much a subset has of what a unit brings, half of the unit itself included.

    Without that half small subsets would get more than their share of rare strata, with the whole less.
    """
    load = 0.0
    for stratum, part in parts:  # not by sum(), which from Python 3.12 on rounds otherwise: ties would turn
        load += part * (held[stratum] + part / 2)
    return load


def _fill_empty(out: dict[str, str], order: Sequence[Unit], ratio: Mapping[str, float]) -> None:
    """No subset with a share stays empty: it takes the smallest unit of the subset with most units."""
    for name in ratio:
        if name not in out.values():
            count = Counter(out.values())
            richest = max(count, key=lambda other: count[other])
            giver = min((u for u in order if out[u.key] == richest), key=lambda u: u.size)
            out[giver.key] = name
