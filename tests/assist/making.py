"""Small drawn smears, and prepared sets of them, for tests of outlines that are made."""

from __future__ import annotations

from functools import cache

import numpy as np
import shapely
from shapely.geometry import Point

from smearprep.formats.coco import CocoWriter, annotation_fields
from smearprep.geometry import mask_to_shapes, shape_to_mask
from smearprep.records import Cell
from smearprep.synthetic import draw_smear, write_image
from tests.sets import call

SIZE = (180, 140)


@cache
def smear(seed=0, size=SIZE, white=2, red=8):
    """A drawn smear: white cells, some red ones, two platelets."""
    rng = np.random.default_rng(seed)
    how = {"radius": 12, "n_wbc": white, "n_rbc": red, "n_platelets": 2, "stain": "leishman", "overlap": 0}
    return draw_smear(rng, *size, **how)


def cells_of(smear_, label, outline):
    """The cells of a label, of which only so much is told."""
    return [told(cell, outline) for cell in smear_.cells if cell.label == label]


def told(cell, outline):
    """A cell of which only its box or point is told."""
    shape = cell.shape.centroid if outline == "point" else shapely.box(*cell.bounds)
    return Cell(
        cell.label, Point(shape.coords[0]) if outline == "point" else shape, outline, {"annotator": "a"}
    )


def components(smear_, label):
    """The cells of a label as a class mask shows them."""
    return [Cell(label, shape, "component") for shape in mask_to_shapes(smear_.mask(label), 20)[0]]


def iou(a, b, size=SIZE):
    """Intersection over union of two shapes, in px."""
    one, other = shape_to_mask(a, size), shape_to_mask(b, size)
    return (one & other).sum() / (one | other).sum()


def write_raw(root, images=3, outlines=("box",), labels=("WBC", "RBC"), size=SIZE, white=2, red=4):
    """A raw folder of drawn smears; of their cells only boxes, points or components are told, in turn."""
    with CocoWriter(root / "cells.json", labels) as writer:
        for n in range(images):
            drawn, name = smear(n, size, white, red), f"i{n}.png"
            write_image(root / name, drawn.image)
            id_ = writer.add_image(name, size, frozenset(labels))
            for label in labels:
                outline = outlines[n % len(outlines)]
                own = components(drawn, label) if outline == "component" else cells_of(drawn, label, outline)
                for cell in own:
                    extra = annotation_fields(cell.attributes)
                    writer.add_cell(id_, size, label, cell.shape, cell.outline, **extra)
    return root


def write_set(root, **how):
    """A prepared set of drawn smears, an image in each subset. Returns it."""
    write_raw(root / "raw", **how)
    assert call("split", root / "raw", root / "set", "--ratio", "1:1:1").exit_code == 0
    return root / "set"
