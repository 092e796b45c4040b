"""What colours a smear has: stains as optical densities of a few dyes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from smearprep.synthetic.coverage import Plane
from smearprep.synthetic.outlines import Rng

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Stain:
    """What a stained smear looks like. Colours are RGB, 0 to 255, under even light.

    Args:
        background: Glass and plasma.
        red: A red cell.
        violet: A dense nucleus.
        blue: Basophilic cytoplasm.
        eosin: Eosinophilic granules.
        pallor: How much paler red cells are in the middle, 0 to 1.
    """

    background: Colour
    red: Colour
    violet: Colour
    blue: Colour
    eosin: Colour
    pallor: float = 0.5

    def density(self, colour: Colour) -> Plane:
        """Optical density (3,) float32 of what turns the background into a colour."""
        white, there = np.asarray(self.background, np.float32), np.asarray(colour, np.float32)
        return np.asarray(np.log(white / np.clip(there, 1, white - 1)), np.float32)

    @property
    def white_dyes(self) -> Plane:
        """(3, 3) float32: optical density (columns R, G, B) of eosin, violet and blue, one a row."""
        return np.stack([self.density(self.eosin), self.density(self.violet), self.density(self.blue)])


STAINS: Mapping[str, Stain] = {
    "leishman": Stain((203, 204, 200), (168, 140, 132), (62, 30, 108), (98, 112, 170), (205, 150, 150), 0.45),
    "warm": Stain((196, 189, 166), (178, 146, 127), (96, 52, 146), (112, 106, 172), (196, 140, 130), 0.3),
    "grey": Stain((202, 193, 184), (152, 138, 131), (66, 46, 142), (104, 100, 176), (196, 140, 140), 0.7),
    "wright": Stain((208, 214, 206), (182, 136, 114), (92, 52, 206), (170, 148, 212), (212, 130, 120), 0.75),
    "giemsa": Stain((234, 204, 194), (172, 124, 140), (128, 18, 92), (178, 124, 168), (206, 120, 126), 0.55),
    "azure": Stain((206, 218, 226), (124, 134, 174), (52, 26, 104), (120, 122, 186), (190, 146, 176), 0.5),
}
"""Stains to begin with, by name; `vary_stain` makes one of a kind of them."""


def vary_stain(rng: Rng, stain: Stain) -> Stain:
    """The stain of one smear: every colour a little off, as no two slides are stained alike."""
    shift = rng.normal(0, 5) + rng.normal(0, 3, 3)  # the lamp: moves all colours alike

    def near(colour: Colour) -> Colour:
        r, g, b = np.clip(np.array(colour) + shift + rng.normal(0, 1.5, 3), 8, 245)
        return float(r), float(g), float(b)

    return Stain(
        near(stain.background),
        near(stain.red),
        near(stain.violet),
        near(stain.blue),
        near(stain.eosin),
        float(np.clip(stain.pallor + rng.normal(0, 0.06), 0.1, 0.8)),
    )
