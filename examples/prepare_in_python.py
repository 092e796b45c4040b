"""The whole job from Python: raw folders, a recipe, a prepared set, and how a trainer reads it.

    python examples/prepare_in_python.py OUT

Draws its own raw folders, so that it runs anywhere; give your own in `roots` instead.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pycocotools.coco import COCO

from smearprep import synthetic
from smearprep.checking import check
from smearprep.prepare import prepare
from smearprep.recipes import load_recipe


def main(out: Path) -> None:
    """Prepare a set in `out` and look into it."""
    synthetic.write_all_idb1(out / "ALL_IDB1", images=6)
    synthetic.write_bccd(out / "BCCD", images=6)

    recipe = load_recipe(str(Path(__file__).with_name("white_cells_whole_images.yaml")))
    roots = [(None, out / "ALL_IDB1"), (None, out / "BCCD")]  # None: recognise the data set
    summary = prepare(recipe, roots, out / "set")
    print("images and cells:", summary.counts["views"], summary.counts["cells"])
    for finding in summary.findings:
        print(" ", finding.kind, finding.file, finding.what)

    assert not check(out / "set").has_problems

    coco = COCO(str(out / "set" / "annotations" / "instances_train.json"))
    for image in coco.loadImgs(coco.getImgIds()):
        cells = coco.loadAnns(coco.getAnnIds(image["id"]))
        outlines = sum(bool(cell["segmentation"]) for cell in cells)  # a cell of BCCD has its box alone
        print(" ", image["file_name"], "from", image["source"], "cells:", len(cells), "outlines:", outlines)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
