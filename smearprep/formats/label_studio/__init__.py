"""Label Studio: tasks with what people, or models, made of each image, in JSON.

Coordinates are percent of the image's width and height; a brush is a mask of packed runs. Of several
people who annotated one image, `ReadOptions.annotator` says whose cells are read.
"""

from __future__ import annotations

from smearprep.formats.label_studio.reading import read, sniff

TITLE = "Label Studio (JSON with tasks, annotations and results)"

__all__ = ["TITLE", "read", "sniff"]
