"""Blood smears drawn by a program, with exact outlines: for demos, for tests, for trying things out.

`draw_smear` draws one field; the `write_...` functions draw miniature raw folders in the layouts of the real
data sets and return what they drew.
"""

from smearprep.synthetic.all_idb1 import markup_ring, write_all_idb1
from smearprep.synthetic.bccd import voc_box, write_bccd, write_bccd_kaggle
from smearprep.synthetic.coverage import coverage, rasterise
from smearprep.synthetic.files import Truth, write_image
from smearprep.synthetic.outlines import RED_FORMS, WHITE_KINDS
from smearprep.synthetic.raabin import (
    write_raabin,
    write_raabin_cropped,
    write_raabin_fields,
    write_raabin_ground_truth,
)
from smearprep.synthetic.smear import SyntheticSmear, draw_smear
from smearprep.synthetic.stains import STAINS, Stain

__all__ = [
    "RED_FORMS",
    "STAINS",
    "WHITE_KINDS",
    "Stain",
    "SyntheticSmear",
    "Truth",
    "coverage",
    "draw_smear",
    "markup_ring",
    "rasterise",
    "voc_box",
    "write_all_idb1",
    "write_bccd",
    "write_bccd_kaggle",
    "write_image",
    "write_raabin",
    "write_raabin_cropped",
    "write_raabin_fields",
    "write_raabin_ground_truth",
]
