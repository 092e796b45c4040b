"""VGG Image Annotator (VIA) 1.x and 2.x: annotations and projects in JSON, annotations in CSV.

VIA stores no image size, and lets its users name the attribute that holds a region's class: it is the
one that `ReadOptions.attribute` names, else the only one in use, else one of the usual names.
"""

from __future__ import annotations

from smearprep.formats.via.reading import read, sniff

TITLE = "VGG Image Annotator (JSON with regions and shape_attributes, or its CSV)"

__all__ = ["TITLE", "read", "sniff"]
