"""What is random about chips, drawn for many of them at once."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from smearprep.augmentation.centres import Centres
from smearprep.augmentation.settings import Augmentation, Range
from smearprep.errors import RecipeError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Draws:
    """All that is random about n chips: an array (n,) each.

    Args:
        image: Number of the image.
        y: Row of the centre in the image, px. A window of side s covers [y - s // 2, y - s // 2 + s).
        x: Column of the centre.
        scale: As in `Augmentation`, as all below.
        degrade: Share of the resolution that is left.
        turns: Quarter turns anticlockwise, 0..3, before the flip.
        flip: Whether the chip is flipped left to right.
        hue: Factor.
        saturation: Factor.
        value: Factor.
        luminosity: Factor.
    """

    image: Ints
    y: Ints
    x: Ints
    scale: Floats
    degrade: Floats
    turns: Ints
    flip: NDArray[np.bool_]
    hue: Floats
    saturation: Floats
    value: Floats
    luminosity: Floats

    def __len__(self) -> int:
        return len(self.image)

    def part(self, start: int, stop: int) -> Draws:
        """The draws [start, stop), for example of one batch."""
        return Draws(*(getattr(self, field.name)[start:stop] for field in fields(self)))

    def sides(self, input_size: int) -> Ints:
        """Side in px of each chip's window in its image, for a network of this input size."""
        return np.maximum(np.rint(self.scale * input_size), 1).astype(np.int64)

    def kept_sides(self, input_size: int) -> Ints:
        """Side in px to which `degrade` shrinks each chip."""
        return np.maximum(np.rint(self.degrade * self.sides(input_size)), 1).astype(np.int64)


def draw(centres: Centres, augmentation: Augmentation, rng: np.random.Generator, n: int) -> Draws:
    """Draw n chips.

    Whether a chip shows the object is judged by its unscaled output window, whatever its scale.

    Args:
        centres: Of the images from which the chips are cut.
        augmentation: How they are varied.
        rng: The same state gives the same draws.
        n: How many.

    Raises:
        RecipeError: Chips with the object are asked for, and no centre shows it.
    """
    image = rng.integers(len(centres.boxes), size=n)
    first_y, first_x, rows, columns = centres.boxes[image].T
    y, x = first_y + rng.integers(rows), first_x + rng.integers(columns)
    with_object = np.flatnonzero(rng.random(n) < augmentation.object_share)
    if augmentation.object_share and not len(centres.runs):
        raise RecipeError(
            "no chip of these images shows the object; check the category, or set object_share: 0"
        )
    if len(with_object):
        picked = rng.random(len(with_object)) * centres.weights[-1]
        run = np.searchsorted(centres.weights, picked, side="right").clip(max=len(centres.runs) - 1)
        image[with_object], y[with_object], first, length = centres.runs[run].T.astype(np.int64)
        x[with_object] = first + rng.integers(length)

    def factor(between: Range) -> Floats:
        return rng.uniform(*between, n)

    return Draws(
        image=image,
        y=y,
        x=x,
        scale=factor(augmentation.scale),
        degrade=factor(augmentation.degrade),
        turns=rng.integers(4 if augmentation.turns else 1, size=n),
        flip=rng.random(n) < (0.5 if augmentation.flips else 0.0),
        hue=factor(augmentation.hue),
        saturation=factor(augmentation.saturation),
        value=factor(augmentation.value),
        luminosity=factor(augmentation.luminosity),
    )
