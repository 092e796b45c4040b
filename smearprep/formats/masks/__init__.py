"""Masks: binary (lossy JPEG included), colour-coded, grey levels, and label images of instances.

The kind is told apart by the file. Colours were given: each pixel takes the nearest one. One lossless
channel of more than two values, of which 255 is not the commonest: a label image, each value one
instance. All else: one class, cut at a threshold. Class masks do not say where one cell ends and its
neighbour begins, so their regions have the outline "component".

Written: a class mask, an instance mask and an edge map of each image (`written` has the layout). Read
back, a cell is what the instance mask shows of it: the pixels whose centres it covers and no other cell
lies above, holes and parts included. Boxes and points are left out, for their pixels are unknown.
"""

from __future__ import annotations

from pathlib import Path

from smearprep.findings import Finding
from smearprep.formats.masks.arrays import labels_to_cells, mask_to_cells
from smearprep.formats.masks.files import BACKGROUND, read_classes, read_labels, read_mask
from smearprep.formats.masks.reading import read, sniff
from smearprep.formats.masks.writing import MasksWriter
from smearprep.formats.writing import Holds, WriteOptions

TITLE = "masks (image files: binary, colour-coded or one value an instance)"
HOLDS: frozenset[Holds] = frozenset({"outlines", "holes", "parts"})

__all__ = [
    "BACKGROUND", "HOLDS", "TITLE", "MasksWriter", "labels_to_cells", "mask_to_cells", "read", "read_classes",
    "read_labels", "read_mask", "sniff", "writer",
]  # fmt: skip


def writer(out: Path, options: WriteOptions, findings: list[Finding]) -> MasksWriter:
    """A writer of a folder of masks."""
    return MasksWriter(out, options, findings)
