"""How chips are varied: ranges, checked at birth."""

from __future__ import annotations

import math
from dataclasses import dataclass

from smearprep.errors import RecipeError

Range = tuple[float, float]
"""(low, high): a value is drawn evenly between them."""

_RANGES = ("scale", "degrade", "hue", "saturation", "value", "luminosity")


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How chips are varied; the defaults are those of Overton & Tucker (2020).

    Args:
        scale: Side of the window in the image over the side of the network's input, to which it is resized.
        degrade: Share of the resolution that is left: a chip is shrunk to this share of its side, and
            enlarged again. At most 1, which changes nothing.
        hue: Factor of the hue in degrees; beyond 360 it wraps.
        saturation: Factor of the saturation, clipped at 1.
        value: Factor of the value (HSV), clipped at 1.
        luminosity: Another factor of the value, applied and clipped before all these.
        turns: Turn by 0, 1, 2 or 3 quarters.
        flips: Flip every second chip left to right.
        object_share: Share of the chips that are sure to show the object; the others lie anywhere.

    Raises:
        RecipeError: A range that is not 0 < low <= high, `degrade` above 1, or a share beyond 0..1.
    """

    scale: Range = (1.0, 1.0)
    degrade: Range = (1.0, 1.0)
    hue: Range = (0.8, 1.2)
    saturation: Range = (0.5, 1.5)
    value: Range = (0.5, 1.5)
    luminosity: Range = (0.5, 1.5)
    turns: bool = True
    flips: bool = True
    object_share: float = 0.5

    def __post_init__(self) -> None:
        for name in _RANGES:
            low, high = getattr(self, name)
            if not 0 < low <= high < math.inf:
                raise RecipeError(f"augmentation: {name} is {low} to {high}; give 0 < low <= high")
        if self.degrade[1] > 1:
            raise RecipeError(f"augmentation: degrade is up to {self.degrade[1]}; 1 is full resolution")
        if not 0 <= self.object_share <= 1:
            raise RecipeError(f"augmentation: object_share is {self.object_share}; give a share from 0 to 1")


def border(input_size: int, output_size: int) -> int:
    """Width, px, of what a network sees around its output on each side.

    Raises:
        RecipeError: The output is no centred part of the input in whole px.
    """
    width, rest = divmod(input_size - output_size, 2)
    if rest or width < 0 or output_size < 1:
        raise RecipeError(
            f"a network of {input_size} px in and {output_size} px out: the output must be smaller than the "
            "input, or as large, by an even number of px"
        )
    return width
