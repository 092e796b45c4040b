"""What is found when a run is measured on a set, whatever family its network is of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smearprep.errors import RecipeError
from smearprep.findings import Finding

Row = dict[str, Any]


@dataclass(frozen=True)
class Measured:
    """Figures of a run on a subset.

    Args:
        tables: Rows by title, for people and for JSON.
        pictures: (file name, PNG) to be kept beside the figures.
    """

    tables: Mapping[str, Sequence[Row]]
    pictures: Sequence[tuple[str, bytes]] = ()


@dataclass(frozen=True)
class Exam:
    """The images on which a run is to be measured, read; the network has not looked at them yet.

    Args:
        subset: The subset that they are.
        data: SHA-256 of the images and cells.
        images: How many there are.
        by_category: True cells of each category.
        findings: What was left out.
        measure: Lets the network look at them.
    """

    subset: str
    data: str
    images: int
    by_category: Mapping[str, int]
    findings: Sequence[Finding]
    measure: Callable[[], Measured]


def choose_subset(folder: Path, there: Collection[str], subset: str | None) -> str:
    """The subset that is measured: the one that is asked for, else "test", else "val".

    Raises:
        RecipeError: The set does not have it.
    """
    names = ", ".join(there)
    if subset is None:
        found = next((name for name in ("test", "val", "all") if name in there), None)
        if found is None:
            raise RecipeError(f"{folder}: has neither test nor validation images; name one of {names}")
        return found
    if subset not in there:
        raise RecipeError(f"{folder}: has no images in subset {subset!r}; it has {names}")
    return subset
