"""The figures by which a method counts best: a small grid around those to begin with, tried out whole."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

from smearprep.count_job.sources import Countable
from smearprep.counting import Border, Method, Parameters, Tally, how_many
from smearprep.rendering import Progress

_GRIDS: Mapping[Method, Mapping[str, tuple[float, ...]]] = {
    "components": {"min_area": (1.0, 0.25, 0.5, 0.75, 1.5, 2.0)},
    "hough": {
        "min_distance": (1.0, 0.7),
        "min_radius": (1.0, 0.4, 0.7),
        "max_radius": (1.0, 1.2),
        "votes": (1.0, 0.6, 0.8, 1.25),
    },
    "watershed": {"min_distance": (1.0, 0.4, 0.5, 0.6, 0.7, 0.85, 1.2), "min_height": (1.0, 0.5, 0.0, 2.0)},
}
"""What each figure is multiplied by. With fewer votes than these, circles are found everywhere."""

_TO_ZERO = 2.0  # how large a change it is to do without a figure: as to make it 7 times larger


@dataclass(frozen=True)
class Tuned:
    """A method, tuned.

    Args:
        method: Which.
        tried: How many settings were tried.
        before: How well it counted by the figures to begin with.
        after: By the best ones.
        changed: The figures that were changed, for people: "votes 16 -> 13".
        parameters: All figures, with those of the methods tuned so far.
    """

    method: Method
    tried: int
    before: Tally
    after: Tally
    changed: str
    parameters: Parameters


def tuned(
    images: Sequence[tuple[Countable, int]],
    methods: Sequence[Method],
    start: Parameters,
    border: Border,
    progress: Progress | None = None,
) -> list[Tuned]:
    """Tune methods one after the other.

    Args:
        images: Each with the number of its cells.
        methods: In the order given; at least one.
        start: The figures to begin with.
        border: Which cells at the border count.
        progress: Told of counts done, of all.
    """
    settings = {method: list(_settings(method, start)) for method in methods}
    total = len(images) * sum(map(len, settings.values()))
    done, out, current = 0, list[Tuned](), start
    for method, tries in settings.items():
        tallies: list[tuple[Tally, float, Parameters]] = []
        for change, tried in tries:
            pairs = []
            for image, true in images:
                pairs.append((how_many(method, image.mask, image.edge, tried, border), true))
                done += 1
                if progress:
                    progress(done, total)
            tallies.append((Tally.of(pairs), change, tried))
        best = min(tallies, key=lambda one: (-one[0].accuracy, one[0].error, one[1]))
        figures: Any = {method: getattr(best[2], method)}
        current = replace(current, **figures)
        changed = _changed(method, start, best[2])
        out.append(Tuned(method, len(tries), tallies[0][0], best[0], changed, current))
    return out


def _settings(method: Method, start: Parameters) -> Iterator[tuple[float, Parameters]]:
    """Every setting of a method's grid, once, the one to begin with first, each with its change.

    How large a change is: the sum of the absolute logarithms of the factors.
    """
    own = getattr(start, method)
    grid = _GRIDS[method]
    seen = set()
    for factors in product(*grid.values()):
        figures = {
            name: _times(getattr(own, name), factor) for name, factor in zip(grid, factors, strict=True)
        }
        key = tuple(figures.values())
        if key in seen or ("min_radius" in figures and figures["min_radius"] > figures["max_radius"]):
            continue
        seen.add(key)
        change = sum(_TO_ZERO if factor == 0 else abs(math.log(factor)) for factor in factors)
        changed: Any = {method: replace(own, **figures)}
        yield change, replace(start, **changed)


def _times(value: float, factor: float) -> float:
    """A figure times a factor: whole where it was whole, and no distance or area below 1."""
    if isinstance(value, int):
        return max(1, round(value * factor))
    return 0.0 if factor == 0 or value == 0 else max(1.0, round(value * factor, 2))


def _changed(method: Method, start: Parameters, best: Parameters) -> str:
    before, after = asdict(getattr(start, method)), asdict(getattr(best, method))
    told = [f"{name} {before[name]:g} -> {after[name]:g}" for name in before if before[name] != after[name]]
    return ", ".join(told) or "nothing"
