"""Which subset each image goes to: by smear, in stated shares, the same for the same seed."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from smearprep.errors import RecipeError

SUBSETS = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """How a set is split.

    Args:
        ratio: Shares of training, validation and test; a share of 0 leaves that subset out.
        by: "smear": what comes from one smear stays together. "image": every window goes its own way,
            as several papers do it; windows of one smear then lie in several subsets, which `check`
            reports as a leak.
        seed: Of the shuffle.
        stratify: Spread the cells of each category over the subsets in the same shares, as far as
            whole smears allow.
        official: Keep a data set's own subsets. What it leaves open is split over the subsets that it
            does not fill (an official test set leaves training : validation).
    """

    ratio: tuple[float, float, float] = (7, 1, 2)
    by: Literal["smear", "image"] = "smear"
    seed: int = 0
    stratify: bool = True
    official: bool = True

    def __post_init__(self) -> None:
        if not all(0 <= share < math.inf for share in self.ratio) or not self.ratio[0]:
            shown = ":".join(f"{share:g}" for share in self.ratio)
            raise RecipeError(f"ratio {shown}: no share is negative and training needs one, as in 7:1:2")
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
    """

    key: str
    size: int
    cells: Mapping[str, int] = field(default_factory=dict)
    official: str | None = None


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

    Units go, one after another, to the subset that has least of what they bring, for its share, and still
    has room. What they bring are images, images that show a category, images that show none, and cells of
    each category, each as a fraction of all there are: neither frequent categories nor crowded images
    decide alone (the strata of Sechidis et al. 2011, with Sainte-Lague's rule for the shares).

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
    size = sum(unit.size for unit in units)
    room = {name: float(count) for name, count in targets(size, ratio).items()}
    held: dict[str, dict[str, float]] = {name: defaultdict(float) for name in ratio}
    out: dict[str, str] = {}
    for unit, parts in _heaviest_first(order, split.stratify):
        name = _choose(unit, parts, room, held, ratio)
        out[unit.key] = name
        room[name] -= unit.size
        for stratum, part in parts.items():
            held[name][stratum] += part
    _fill_empty(out, order, ratio)
    return out


def _heaviest_first(order: Sequence[Unit], stratify: bool) -> list[tuple[Unit, dict[str, float]]]:
    """Units and, of each stratum, the fraction that is in them; the largest fraction first.

    What weighs much goes first because what comes later makes up for it: the few units of a rare
    category, the many cells of a crowded image.
    """
    amounts = [_amounts(unit) if stratify else {"images": unit.size} for unit in order]
    total: Counter[str] = Counter()
    for amount in amounts:
        total.update(amount)
    parts = [{stratum: n / total[stratum] for stratum, n in amount.items() if n} for amount in amounts]
    return sorted(zip(order, parts, strict=True), key=lambda pair: -max(pair[1].values(), default=0))


def _amounts(unit: Unit) -> dict[str, int]:
    """How much of each stratum a unit has; the order is the same whatever the order of its categories."""
    cells = sum(unit.cells.values())
    out = {"images": unit.size, "images without cells": max(unit.size - cells, 0)}
    for category, count in sorted(unit.cells.items()):
        out[f"images with {category}"] = min(count, unit.size)
        out[f"cells {category}"] = count
    return out


def _choose(
    unit: Unit,
    parts: Mapping[str, float],
    room: Mapping[str, float],
    held: Mapping[str, Mapping[str, float]],
    ratio: Mapping[str, float],
) -> str:
    """The subset with room that has least of the unit's strata; without room, the least overfull one."""
    fits = [name for name in room if room[name] >= unit.size]
    if not fits:
        return max(room, key=lambda name: room[name])

    def load(name: str) -> float:
        """With half of the unit, as in Sainte-Lague's rule: then small shares are neither first nor last."""
        return sum(part * (held[name][s] + part / 2) for s, part in parts.items()) / ratio[name]

    return min(fits, key=lambda name: (load(name), -room[name]))


def _fill_empty(out: dict[str, str], order: Sequence[Unit], ratio: Mapping[str, float]) -> None:
    """No subset with a share stays empty: it takes the smallest unit of the subset with most units."""
    for name in ratio:
        if name not in out.values():
            count = Counter(out.values())
            richest = max(count, key=lambda other: count[other])
            giver = min((u for u in order if out[u.key] == richest), key=lambda u: u.size)
            out[giver.key] = name
