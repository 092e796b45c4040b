"""A prepared set of a few real images, with cells where a test knows them."""

import json
import math

import numpy as np

from smearprep.images import encode, read
from smearprep.prepare import prepare
from tests.sets import folder_recipe

FULL, TILE, BOXES = "all/full.jpg", "all/tile.png", "all/boxes.jpg"
RADIUS = 60
DRAWN, MADE = (150, 150), (350, 350)
"""Where the two cells of the tile are, px."""
PHOTOGRAPH = "ALL_IDB1/im/Im048_1.jpg"
WHITE_BOX = (67, 314, 219, 166)
"""Of the white cell in the image with boxes, [x, y, w, h] as BCCD states it."""
_SMEARS = {"boxes.jpg": (640, 480), "full.jpg": (2592, 1944), "tile.png": (512, 512)}
_FULL_CELLS = ((600, 500, 0.9), (1300, 900, 0.4), (2000, 1400, 0.7))


def prepare_small_set(data, folder):
    """Prepare it from the real data. Returns the set's folder."""
    raw = folder / "raw"
    raw.mkdir()
    (raw / "full.jpg").symlink_to(data / PHOTOGRAPH)
    (raw / "boxes.jpg").symlink_to(data / "BCCD/JPEGImages/BloodImage_00001.jpg")
    tile = read(data / PHOTOGRAPH, oriented=True)[700:1212, 900:1412]
    (raw / "tile.png").write_bytes(encode(np.ascontiguousarray(tile), "png"))
    (raw / "cells.json").write_text(json.dumps(_coco()))
    summary = prepare(folder_recipe(), [(None, raw)], folder / "set")
    assert not summary.findings
    return folder / "set"


def _coco():
    made = {"outline": "made", "made_by": "smearprep assist"}
    cells = [
        (1, 2, {"bbox": WHITE_BOX, "outline": "box"}),
        (1, 1, {"bbox": (345, 360, 101, 94), "outline": "box"}),
        *((2, 2, {"segmentation": [circle(x, y, 80)], "score": s, **made}) for x, y, s in _FULL_CELLS),
        (3, 2, {"segmentation": [circle(*DRAWN, RADIUS)], "outline": "drawn"}),
        (3, 2, {"segmentation": [circle(*MADE, RADIUS)], "score": 0.5, **made}),
    ]
    blank = {"segmentation": [], "bbox": (0, 0, 0, 0), "iscrowd": 0}
    return {
        "images": [
            {"id": n, "file_name": name, "width": size[0], "height": size[1]}
            for n, (name, size) in enumerate(_SMEARS.items(), 1)
        ],
        "categories": [{"id": 1, "name": "RBC"}, {"id": 2, "name": "WBC"}],
        "annotations": [
            {"id": n, "image_id": image, "category_id": category, **blank, **rest}
            for n, (image, category, rest) in enumerate(cells, 1)
        ],
    }


def circle(x, y, radius, count=24):
    """A circle as COCO writes a polygon."""
    turns = [2 * math.pi * k / count for k in range(count)]
    return [value for t in turns for value in (x + radius * math.cos(t), y + radius * math.sin(t))]
