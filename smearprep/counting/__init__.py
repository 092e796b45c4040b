"""Counting cells in the outputs of a semantic network: a mask and, if it has one, an edge map.

Pure functions on arrays. Masks and edge maps are (H, W) uint8, a probability times 255; of ground truth they
are 0 and 255. Three ways to count, as in the public counting code: connected components of the mask less its
edges; circles by the Hough transform; peaks of the distance transform, from which a watershed is flooded.
"""

from __future__ import annotations

from smearprep.counting.accuracy import Tally, image_accuracy
from smearprep.counting.borders import BORDERS, Border, counted_boxes
from smearprep.counting.instances import instances, labels_to_cells, labels_to_shapes
from smearprep.counting.methods import Found, Plane, cells_found, check_planes, find, how_many, inside
from smearprep.counting.parameters import (
    DEFAULTS,
    METHODS,
    Components,
    Hough,
    Method,
    Parameters,
    Watershed,
    Way,
    defaults,
)

__all__ = [
    "BORDERS",
    "DEFAULTS",
    "METHODS",
    "Border",
    "Components",
    "Found",
    "Hough",
    "Method",
    "Parameters",
    "Plane",
    "Tally",
    "Watershed",
    "Way",
    "cells_found",
    "check_planes",
    "counted_boxes",
    "defaults",
    "find",
    "how_many",
    "image_accuracy",
    "inside",
    "instances",
    "labels_to_cells",
    "labels_to_shapes",
]
