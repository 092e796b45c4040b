"""How large the round cells of an image are, also where all of them touch.

A circle Hough transform (Duda & Hart 1972; with the direction of the edge, Kimme et al. 1975): every pixel of
the outline of what is stained votes for a middle at each of some radii. At the radius of the cells, votes
meet.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smearprep.geometry import FloatArray, Mask

_SIDE = 480  # px of the longer side of an image while it is looked at
_LEAST, _COUNT = 5.0, 30  # the smallest radius that is tried there, px, and how many are
_LARGEST = 1 / 3  # of the shorter side: the largest one
_SOFT = 1.5  # px: so much is a mask smoothed to have directions
_OFF = 0.1  # of a radius that votes may miss each other
_FEW = 30  # px of outline tell nothing
_MEETING = 0.02  # share of a whole circle whose votes meet, at least

Edges = tuple[FloatArray, FloatArray]
"""(n, 2) x, y of pixels, and (n, 2) their directions inwards, of length 1."""


def usual_radius(mask: Mask) -> float | None:
    """The radius of most cells of an image.

    Args:
        mask: (H, W) bool: what is stained.

    Returns:
        px; None if there is nothing that looks like round cells.
    """
    import cv2

    step = max(1, round(max(mask.shape) / _SIDE))
    size = -(-mask.shape[1] // step), -(-mask.shape[0] // step)
    small = cv2.resize(mask.view(np.uint8) * np.float32(1), size, interpolation=cv2.INTER_AREA)
    edges = _edges(np.asarray(cv2.GaussianBlur(small, (0, 0), _SOFT), np.float32))
    largest = _LARGEST * min(small.shape)
    if len(edges[0]) < _FEW or largest < _LEAST:
        return None
    radii = np.unique(np.round(np.geomspace(_LEAST, largest, _COUNT)))
    met = np.array([_met(edges, float(radius), small.shape) for radius in radii])
    best = int(np.argmax(met * np.sqrt(radii)))  # of a ragged outline, too, some meet close by
    return float(radii[best]) * step if met[best] >= _MEETING else None


def _edges(soft: NDArray[np.float32]) -> Edges:
    """Where a smoothed mask ends; the border of the image is no end."""
    import cv2

    inside = soft > 0.5
    end = np.zeros(soft.shape, bool)
    end[:, 1:] |= inside[:, 1:] != inside[:, :-1]
    end[1:] |= inside[1:] != inside[:-1]
    rows, columns = np.nonzero(end)
    slopes = [np.asarray(cv2.Sobel(soft, cv2.CV_32F, *way), np.float64) for way in ((1, 0), (0, 1))]
    inwards = np.stack([slope[rows, columns] for slope in slopes], axis=1)
    length = np.maximum(np.hypot(*inwards.T), 1e-6)
    return np.stack([columns, rows], axis=1).astype(np.float64), inwards / length[:, None]


def _met(edges: Edges, radius: float, shape: tuple[int, ...]) -> float:
    """How many votes for a radius meet at the same place: 1 if all edges are of whole circles of it."""
    import cv2

    off = max(_OFF * radius, 1.0)
    border = int(radius) + 2
    middles = np.rint(edges[0] + radius * edges[1]).astype(np.intp) + border
    votes = np.zeros((shape[0] + 2 * border, shape[1] + 2 * border), np.float32)
    np.add.at(votes, (middles[:, 1], middles[:, 0]), 1)
    reach = 2 * np.pi * off**2
    near = np.asarray(cv2.GaussianBlur(votes, (0, 0), off), np.float64) * reach
    beside = off * np.sqrt(2 * np.pi)  # of a straight outline, too, so many votes are near each,
    chance = len(middles) / votes.size * reach  # and of any outlines at all so many
    return float(((votes * near).sum() / len(middles) - beside - chance) / (2 * np.pi * radius))
