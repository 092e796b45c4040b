"""YOLO labels: one cell a line, `class x y w h` (box) or `class x1 y1 x2 y2 ...` (polygon).

Coordinates are shares of the image's width and height, in the frame of the image as shown. Neither the
image's name nor its size nor the classes' names are in the file: they are looked for around it.

Written: `labels/<image path>.txt` (the image paths below a leading folder `images`, as YOLO's trainers pair
them), classes.txt and data.yaml. Shares have 12 decimals, which is 1e-6 px in an image of 100,000 px.
How an outline is known ("component", "made") and all attributes cannot be said.
"""

from __future__ import annotations

from pathlib import Path

from smearprep.findings import Finding
from smearprep.formats.writing import Holds, WriteOptions
from smearprep.formats.yolo.reading import find_classes, find_image, read, read_cells, read_classes, sniff
from smearprep.formats.yolo.writing import YoloWriter

TITLE = "YOLO labels (lines of: class number, then coordinates as shares of the image)"
HOLDS: frozenset[Holds] = frozenset({"outlines", "boxes"})

__all__ = [
    "HOLDS", "TITLE", "YoloWriter", "find_classes", "find_image", "read", "read_cells", "read_classes",
    "sniff", "writer",
]  # fmt: skip


def writer(out: Path, options: WriteOptions, findings: list[Finding]) -> YoloWriter:
    """A writer of a folder of label files."""
    return YoloWriter(out, options, findings)
