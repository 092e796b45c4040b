"""What is in a prediction folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smearprep.counting import Plane
from smearprep.records import Cell

INDEX = "predictions.json"
FORMAT = "smearprep predictions 2"
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
        truth: Of each category the boxes (x0, y0, x1, y1) in px of the cells that are known to be in it, or
            None.
    """

    name: str
    source: str
    size: tuple[int, int]
    truth: Mapping[str, tuple[tuple[float, float, float, float], ...]] | None = None


@dataclass(frozen=True)
class PredictionIndex:
    """What a prediction folder says of itself.

    Args:
        categories: What was predicted.
        network: Name of the network.
        run: Digest of the run that trained it.
        has_edge: There are edge maps.
        is_single: The network tells single cells; mask and edges are drawn from them.
        images: In the order in which they were predicted.
    """

    categories: tuple[str, ...]
    network: str
    run: str
    has_edge: bool
    is_single: bool
    images: tuple[PredictedImage, ...]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a network said of one image.

    Args:
        name: As in `PredictedImage`.
        mask: (H, W) uint8, probability times 255.
        edge: (H, W) uint8, or None: there is none.
        cells: Those of the category, if the network tells single cells; else None: the mask says it.
        truth: (n, 4) xyxy in px: the boxes of the cells of the category that are known to be there, or None.
    """

    name: str
    mask: Plane
    edge: Plane | None
    cells: tuple[Cell, ...] | None = None
    truth: Boxes | None = None
