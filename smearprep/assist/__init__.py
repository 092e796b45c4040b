"""Outlines for cells that have none: from boxes, from points, from class masks, and from nothing.

Pure functions, from an image and its cells to cells; and one job on a whole prepared set. Every outline that
is made here says so, says how, and how sure it is. Nothing is random.
"""

from __future__ import annotations

from smearprep.assist.boxes import from_box
from smearprep.assist.finding import KINDS_OF_CELL, from_nothing
from smearprep.assist.job import assist
from smearprep.assist.made import GIVEN, MADE_BY, Attempt, is_ours, restored
from smearprep.assist.parting import from_mask, typical_areas
from smearprep.assist.points import from_point
from smearprep.assist.single import outline_of
from smearprep.assist.work import Wishes

__all__ = [
    "GIVEN",
    "KINDS_OF_CELL",
    "MADE_BY",
    "Attempt",
    "Wishes",
    "assist",
    "from_box",
    "from_mask",
    "from_nothing",
    "from_point",
    "is_ours",
    "outline_of",
    "restored",
    "typical_areas",
]
