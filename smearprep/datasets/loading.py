"""What every data set module offers, and what its loader is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from smearprep.records import RawSet


@dataclass(frozen=True)
class DatasetInfo:
    """A data set, for people.

    Args:
        name: As recipes and `source` fields name it: "all_idb1".
        title: Its full name.
        licence: On what terms, in a few words.
        where: Where to get it.
        citation: The paper.
        categories: In the order that prepared sets keep.
        layouts: The layouts that are read, in words: said when a folder is in none of them.
    """

    name: str
    title: str
    licence: str
    where: str
    citation: str
    categories: tuple[str, ...]
    layouts: tuple[str, ...]


@dataclass(frozen=True)
class LoadOptions:
    """What a loader is asked for.

    Args:
        wanted: Read annotations of these categories only (before any label map); None: all.
        extra: The data set's own options, from a recipe's `options:`. Unknown keys raise RecipeError.
    """

    wanted: frozenset[str] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def wants(self, category: str) -> bool:
        """True if annotations of this category are to be read."""
        return self.wanted is None or category in self.wanted


class Dataset(Protocol):
    """What a data set module offers."""

    INFO: DatasetInfo

    def recognise(self, root: Path) -> str | None:
        """The layout of a folder, in words, if it is this data set; looks at names only."""

    def load(self, root: Path, options: LoadOptions) -> RawSet:
        """Read a folder: image headers and annotations, no pixels of the images."""
