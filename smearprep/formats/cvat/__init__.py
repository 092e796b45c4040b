"""CVAT for images 1.1: one XML file for all images.

Read: polygons, boxes and ellipses (turned ones too), masks, and points. Each position of a `<points>` is a
cell of its own, for that is how cells are counted with that tool; the cells of one `<points>` share its
attributes, and nothing else joins them. A shape of source "auto" has the outline "made", by "CVAT" unless
it names another program; one of source "semi-auto" was steered by a person, and counts as drawn.

CVAT's groups stand for parts of one thing as well as for things that belong together, so grouped shapes
stay cells of their own with the attribute "group". Only polygons with the attribute "part_of_cell", which
the writer here gives the parts of one cell, become one cell again.

Written: coordinates in full, so that nothing is lost. What CVAT has no place for of its own stands in
`<attribute>`: texts, numbers, true and false come back as they were if all cells of a label have the same
kind there; all else comes back as text.
"""

from __future__ import annotations

from pathlib import Path

from smearprep.findings import Finding
from smearprep.formats.cvat.reading import read, sniff
from smearprep.formats.cvat.writing import CvatWriter
from smearprep.formats.writing import Holds, WriteOptions

TITLE = 'CVAT for images 1.1 (XML with <annotations> and <image name="...">)'
HOLDS: frozenset[Holds] = frozenset({"outlines", "parts", "boxes", "points"})

__all__ = ["HOLDS", "TITLE", "CvatWriter", "read", "sniff", "writer"]


def writer(out: Path, options: WriteOptions, findings: list[Finding]) -> CvatWriter:
    """A writer of one CVAT file."""
    return CvatWriter(out, options.categories, findings)
