"""Things that belong together, found pair by pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Groups:
    """Numbered things, each a group of its own until it is joined to others.

    Args:
        count: How many there are.
    """

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def __len__(self) -> int:
        return len(self._parent)

    def root(self, n: int) -> int:
        """The one of a thing's group that stands for it."""
        parent = self._parent
        while parent[n] != n:
            parent[n] = n = parent[parent[n]]
        return n

    def join(self, a: int, b: int) -> bool:
        """Make one group of two; False if they are one already."""
        one, other = self.root(a), self.root(b)
        self._parent[other] = one
        return one != other

    def roots(self) -> NDArray[np.intp]:
        """Of each thing, the one that stands for its group: (count,)."""
        return np.array([self.root(n) for n in range(len(self))], np.intp)

    def copy(self) -> Groups:
        """The same groups, to be joined further."""
        new = Groups(0)
        new._parent = self._parent.copy()
        return new
