"""COCO instances: the format every prepared set is written in, and the one most others can be turned into.

Written: hole-free outlines as open rings, one a part, coordinates unrounded; outlines with holes as
compressed run lengths, because COCO's rings cannot say "hole". `area` is the outline's own (of a
run-length cell: its pixels). A cell of which only the box is known has `segmentation: []`, for no
outline is ever invented; pycocotools' annToMask raises IndexError on it. A point is a keypoint. Crowds
(`iscrowd`) are read and written beside the cells: regions full of them that nobody told apart.
"""

from __future__ import annotations

from pathlib import Path

from smearprep.findings import Finding
from smearprep.formats.coco.reading import read, sniff
from smearprep.formats.coco.writing import CocoWriter, annotation_fields, is_own_work
from smearprep.formats.writing import ALL_SHAPES, Holds, WriteOptions

TITLE = "COCO instances (JSON with images, annotations and categories)"
HOLDS: frozenset[Holds] = ALL_SHAPES | {"crowds"}

__all__ = ["HOLDS", "TITLE", "CocoWriter", "annotation_fields", "is_own_work", "read", "sniff", "writer"]


def writer(out: Path, options: WriteOptions, findings: list[Finding]) -> CocoWriter:
    """A writer of one COCO file."""
    return CocoWriter(out, options.categories or None)
