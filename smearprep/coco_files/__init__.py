"""Work on COCO files as they are: merge, filter, relabel, count, and compare annotators.

Nothing here looks at an image. What is written is what `formats.coco` writes; keys that other programs
have put into image records and annotations are kept, `info`, `licenses` and supercategories are not. Of
the cells of a file, those are left out, and named, that no reader here takes: crowds, broken outlines.
"""

from __future__ import annotations

from smearprep.coco_files.agreement import agree
from smearprep.coco_files.filtering import Criteria, filter_cells
from smearprep.coco_files.merging import merge
from smearprep.coco_files.relabelling import relabel_cells
from smearprep.coco_files.statistics import stats

__all__ = ["Criteria", "agree", "filter_cells", "merge", "relabel_cells", "stats"]
