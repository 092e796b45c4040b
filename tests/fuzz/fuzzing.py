"""Damaged files through what reads them: only a SmearprepError may come out."""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from smearprep.errors import SmearprepError
from tests.fuzz.mutations import mutate

MOST_KEPT = 300


@dataclass(frozen=True)
class Target:
    """What reads a file.

    Args:
        seeds: Sound files.
        try_out: Reads a file's bytes, and asserts what must hold of the result; returns in a few words what
            came out.
    """

    seeds: Sequence[bytes]
    try_out: Callable[[bytes], str]


class Crash(NamedTuple):
    """A file at which something came out that a user must never see."""

    data: bytes
    error: Exception


class Outcomes:
    """What came out so far, without the figures and names in it."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __len__(self) -> int:
        return len(self._seen)

    def is_new(self, outcome: str) -> bool:
        """True of the first of its kind."""
        plain = re.sub(r"'.*?'|\".*?\"|[\d.e+-]*\d", "_", outcome)[:200]
        known = plain in self._seen
        self._seen.add(plain)
        return not known


def fuzz(target: Target, cases: int, rng: random.Random, outcomes: Outcomes | None = None) -> Iterator[Crash]:
    """Damage and read files; what ended in a new way is damaged again.

    Args:
        target: What reads them.
        cases: How many files.
        rng: The same one, the same files.
        outcomes: Is told of what came out.
    """
    seen = Outcomes() if outcomes is None else outcomes
    kept = list(target.seeds)
    for _ in range(cases):
        data = mutate(rng.choice(kept), rng)
        try:
            is_new = seen.is_new(outcome_of(target, data))
        except Exception as error:  # whatever it is, it is what we look for
            yield Crash(data, error)
            continue
        if is_new and len(kept) < MOST_KEPT:
            kept.append(data)


def outcome_of(target: Target, data: bytes) -> str:
    """What comes out of a file, a SmearprepError being as good as any.

    Raises:
        Exception: Any that a user must never see.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # users would see them
        try:
            return target.try_out(data)
        except SmearprepError as error:
            assert str(error).strip()
            return f"error: {error}"
