"""labelme: one JSON file an image, read with all its kinds of shapes and written beside the image.

What labelme has no key for is written under keys of our own, which labelme keeps when it saves:
`attributes` (of the cell), `outline` (how its shape is known, where the kind of shape does not say it) and
`parts` (how many shapes the cell has, where their common group_id was made for that only).
"""

from __future__ import annotations

from smearprep.formats.labelme.reading import read, sniff
from smearprep.formats.labelme.writing import HOLDS, writer

TITLE = "labelme (JSON with shapes, imagePath and imageData)"

__all__ = ["HOLDS", "TITLE", "read", "sniff", "writer"]
