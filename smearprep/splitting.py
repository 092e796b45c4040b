"""Which subset each image goes to: by smear, in stated shares, the same for the same seed."""

from __future__ import annotations

import math
from collections import Counter
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

    Units go, rarest category first and largest unit first, to the subset that lacks most of that
    category and still has room (iterative stratification after Sechidis et al. 2011, on groups).

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
    room = {name: float(count) for name, count in targets(sum(u.size for u in units), ratio).items()}
    total: Counter[str] = Counter()
    for unit in units:
        total.update(unit.cells)
    categories = sorted((c for c in total if total[c]), key=lambda c: (total[c], c)) if split.stratify else []
    whole = sum(ratio.values())
    lack = {c: {name: total[c] * share / whole for name, share in ratio.items()} for c in categories}
    out: dict[str, str] = {}
    for category in [*categories, None]:
        todo = [u for u in order if u.key not in out and (category is None or u.cells.get(category))]
        todo.sort(key=lambda u: -(u.cells[category] if category else u.size))
        for unit in todo:
            name = _choose(unit, room, lack.get(category) if category else None)
            out[unit.key] = name
            room[name] -= unit.size
            for c in categories:
                lack[c][name] -= unit.cells.get(c, 0)
    _fill_empty(out, order, ratio)
    return out


def _choose(unit: Unit, room: Mapping[str, float], lack: Mapping[str, float] | None) -> str:
    """The subset with room that lacks most; without any room, the one that overflows least."""
    fits = [name for name in room if room[name] >= unit.size]
    if not fits:
        return max(room, key=lambda name: room[name])
    return max(fits, key=lambda name: (lack[name] if lack else room[name], room[name]))


def _fill_empty(out: dict[str, str], order: Sequence[Unit], ratio: Mapping[str, float]) -> None:
    """No subset with a share stays empty: it takes the smallest unit of the subset with most units."""
    for name in ratio:
        if name not in out.values():
            count = Counter(out.values())
            richest = max(count, key=lambda other: count[other])
            giver = min((u for u in order if out[u.key] == richest), key=lambda u: u.size)
            out[giver.key] = name
