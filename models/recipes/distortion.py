"""How images are changed at random while a network learns to outline single cells."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from smearprep.errors import RecipeError

Range = tuple[float, float]


@dataclass(frozen=True)
class Distortion:
    """Ranges from which each image draws, colours with a chance of one half each.

    Source: Bolya et al. 2019 and the code published with it, after Liu et al. 2016 (SSD), section 2.2. Ours
    are the quarter turns: a smear has no top.

    Args:
        brightness: Added to all channels, of 255.
        contrast: All channels are multiplied by it.
        saturation: The distance of a colour from its grey is multiplied by it.
        hue: The colour is turned by it, in degrees of 180 as OpenCV counts them.
        expand: The image is laid at random on a mean-coloured ground so many times as wide and high, at
            most; 1: never.
        expand_share: Of the images.
        crop: A part of the image is taken at random in which a cell is seen at least so much, as SSD does.
        flips: Mirror.
        turns: Turn by quarters.

    Raises:
        RecipeError: A range that is none.
    """

    brightness: Range = (-32.0, 32.0)
    contrast: Range = (0.5, 1.5)
    saturation: Range = (0.5, 1.5)
    hue: Range = (-18.0, 18.0)
    expand: float = 4.0
    expand_share: float = 0.5
    crop: bool = True
    flips: bool = True
    turns: bool = True

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation", "hue"):
            pair = getattr(self, name)
            if any(not low <= high for low, high in pairwise(pair)):
                raise RecipeError(f"distortion: {name} {pair}: give the least and the most")
        if min(self.contrast[0], self.saturation[0]) < 0:
            raise RecipeError("distortion: contrast and saturation must be 0 or more")
        if not 1 <= self.expand <= 16 or not 0 <= self.expand_share <= 1:
            raise RecipeError("distortion: expand must lie between 1 and 16, expand_share between 0 and 1")
