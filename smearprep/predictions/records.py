"""What is in a prediction folder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smearprep.counting import Plane

INDEX = "predictions.json"
FORMAT = "smearprep predictions 1"
"""Stands in the index, so that no other JSON file is taken for one."""

Boxes = NDArray[np.float64]
"""(n, 4) xyxy in px."""


@dataclass(frozen=True, slots=True)
class PredictedImage:
    """An image of a prediction folder, before its planes are read.

    Args:
        name: Of its files, without suffix; unique, may have folders.
        source: The image file, relative to what was predicted on, with `/`.
        size: (width, height) in px.
        truth: Boxes (x0, y0, x1, y1) in px of the cells that are known to be in it, or None.
    """

    name: str
    source: str
    size: tuple[int, int]
    truth: tuple[tuple[float, float, float, float], ...] | None = None


@dataclass(frozen=True)
class PredictionIndex:
    """What a prediction folder says of itself.

    Args:
        category: What was predicted.
        network: Name of the network.
        run: Digest of the run that trained it.
        has_edge: The network has the output edge.
        images: In the order in which they were predicted.
    """

    category: str
    network: str
    run: str
    has_edge: bool
    images: tuple[PredictedImage, ...]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a network said of one image.

    Args:
        name: As in `PredictedImage`.
        mask: (H, W) uint8, probability times 255.
        edge: (H, W) uint8, or None: the network has no such output.
        truth: (n, 4) xyxy in px: the boxes of the cells that are known to be there, or None.
    """

    name: str
    mask: Plane
    edge: Plane | None
    truth: Boxes | None = None
