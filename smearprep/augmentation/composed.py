"""The steps of one chip as an albumentations pipeline, which draws its own numbers.

For those who compose it with other transforms. Albumentations takes seconds to load: only this file knows it,
and nothing imports this file before it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else it asks a package index for news

import albumentations as alb
from albumentations.core.type_definitions import Targets

from smearprep.augmentation import chips
from smearprep.augmentation.draws import Draws
from smearprep.augmentation.settings import Augmentation, Range, border
from smearprep.targets import Target

Applied = Sequence[tuple[str, Mapping[str, Any]]]
"""What albumentations says it has applied: names of transforms, and what they drew."""


def pipeline(augmentation: Augmentation, input_size: int, output_size: int, seed: int) -> alb.Compose:
    """Degrade, resize, turn, flip, luminosity, colour, scaling to [-1, 1]: the steps after slicing.

    It takes one chip as `chips.sliced` cuts it, `image` (side, side, 3) float32 RGB in [0, 1] and `mask`
    (side, side) uint8 bits, and returns `image` (input_size, input_size, 3) float32 in [-1, 1], `mask`
    (output_size, output_size) uint8, and in `applied_transforms` what it drew, for `draws_of`.

    Args:
        augmentation: How chips are varied; `scale` and `object_share` belong to slicing.
        input_size: Side in px of what the network sees.
        output_size: Side in px of what it labels, in the middle of that.
        seed: Of its random numbers.

    Raises:
        RecipeError: The output is no centred part of the input.
    """
    border(input_size, output_size)
    steps = [
        Degrade(augmentation.degrade),
        Fit(input_size),
        alb.RandomRotate90(p=1.0 if augmentation.turns else 0.0),
        alb.HorizontalFlip(p=0.5 if augmentation.flips else 0.0),
        Luminosity(augmentation.luminosity),
        Colour(augmentation.hue, augmentation.saturation, augmentation.value),
        Finish(input_size, output_size),
    ]
    return alb.Compose(steps, seed=seed, save_applied_params=True)


def draws_of(applied: Applied, image: int, y: int, x: int, scale: float) -> Draws:
    """One draw: where the chip was sliced, and what a pipeline then drew.

    Args:
        applied: `applied_transforms` of the pipeline's result.
        image: As in `Draws`, as all below.
        y: Row of the centre.
        x: Column of the centre.
        scale: Side of the window over the side of the input.
    """
    drawn = {key: value for _, params in applied for key, value in params.items()}
    has_flipped = any(name == "HorizontalFlip" for name, _ in applied)
    factors = (drawn[name] for name in ("hue", "saturation", "value", "luminosity"))
    return Draws(
        np.array([image]),
        np.array([y]),
        np.array([x]),
        np.array([scale]),
        np.array([drawn["degrade"]]),
        np.array([drawn.get("factor", 0)]),
        np.array([has_flipped]),
        *(np.array([value]) for value in factors),
    )


class Degrade(alb.ImageOnlyTransform):
    """Shrink the chip to a share of its side, drawn from a range, and enlarge it again."""

    def __init__(self, between: Range, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.between = between

    def get_params(self) -> dict[str, Any]:
        """Draw the share."""
        return {"degrade": self.py_random.uniform(*self.between)}

    def apply(self, img: chips.Chip, degrade: float, **params: Any) -> chips.Chip:
        """Change the image."""
        return chips.degraded(img, degrade)


class Fit(alb.DualTransform):
    """Resize to the network's input: the image by cubic curves, the target by nearest px."""

    _targets = (Targets.IMAGE, Targets.MASK)

    def __init__(self, size: int, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.size = size

    def apply(self, img: chips.Chip, **params: Any) -> chips.Chip:
        """Resize the image."""
        return chips.resized(img, self.size)

    def apply_to_mask(self, mask: Target, **params: Any) -> Target:
        """Resize the target."""
        return chips.resized_target(mask, self.size)


class Luminosity(alb.ImageOnlyTransform):
    """Multiply the value of HSV, clipped."""

    def __init__(self, between: Range, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.between = between

    def get_params(self) -> dict[str, Any]:
        """Draw the factor."""
        return {"luminosity": self.py_random.uniform(*self.between)}

    def apply(self, img: chips.Chip, luminosity: float, **params: Any) -> chips.Chip:
        """Change the image."""
        return chips.brightened(img, luminosity)


class Colour(alb.ImageOnlyTransform):
    """Multiply hue, saturation and value; the hue wraps, the others are clipped."""

    def __init__(self, hue: Range, saturation: Range, value: Range, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.hue, self.saturation, self.value = hue, saturation, value

    def get_params(self) -> dict[str, Any]:
        """Draw the factors."""
        return {name: self.py_random.uniform(*getattr(self, name)) for name in ("hue", "saturation", "value")}

    def apply(
        self, img: chips.Chip, hue: float, saturation: float, value: float, **params: Any
    ) -> chips.Chip:
        """Change the image."""
        return chips.recoloured(img, hue, saturation, value)


class Finish(alb.DualTransform):
    """Scale the image to [-1, 1], and keep of the target what the network labels."""

    _targets = (Targets.IMAGE, Targets.MASK)

    def __init__(self, input_size: int, output_size: int, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.input_size, self.output_size = input_size, output_size

    def apply(self, img: chips.Chip, **params: Any) -> chips.Chip:
        """Scale the image."""
        return chips.signed(img)

    def apply_to_mask(self, mask: Target, **params: Any) -> Target:
        """Keep the output window."""
        return chips.labelled_part(mask, self.input_size, self.output_size)
