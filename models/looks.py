"""What a trained network says of an image, whatever family it is of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from smearprep.counting import Plane
from smearprep.images import RGB
from smearprep.records import Cell


@dataclass(frozen=True, eq=False)
class Look:
    """What a network says of one image.

    Args:
        planes: "mask" and perhaps "edge": (H, W) uint8, probability times 255.
        cells: Gives the cells, in px of the image.
    """

    planes: Mapping[str, Plane]
    cells: Callable[[], Sequence[Cell]]


class Predictor(Protocol):
    """A trained network, ready to look at images."""

    @property
    def has_edge(self) -> bool:
        """There is a plane "edge"."""

    @property
    def is_single(self) -> bool:
        """It tells single cells; the planes are drawn from them."""

    def look(self, image: RGB) -> Look:
        """Look at an image: (H, W, 3) uint8 RGB."""
