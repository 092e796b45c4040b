"""QuPath's GeoJSON: objects of one image as Features, read and written; px of the full resolution.

What GeoJSON has no place for is written where QuPath keeps it (a cell's attributes as `metadata`, texts by
name), or where it does not mind it: the image's name and size as a member `image` of the collection. How
a shape is known stands in the metadata as "smearprep outline", unless it was drawn.
"""

from __future__ import annotations

from smearprep.formats.qupath.reading import read, sniff
from smearprep.formats.qupath.writing import writer
from smearprep.formats.writing import ALL_SHAPES

TITLE = "QuPath GeoJSON (Features with objectType and classification)"
HOLDS = ALL_SHAPES

__all__ = ["HOLDS", "TITLE", "read", "sniff", "writer"]
