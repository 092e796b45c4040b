"""A small prepared set with every kind of cell, and edits of it."""

from __future__ import annotations

from itertools import count

import shapely
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.formats.coco import CocoWriter
from smearprep.prepare import prepare
from smearprep.recipes import Recipe, Source
from smearprep.splitting import Split
from smearprep.synthetic import write_image
from tests.sets import noise

SIZE = (60, 40)
NAMES = ("RBC", "WBC", "Platelets")
SQUARE = [[5, 5], [15, 5], [15, 15], [5, 15]]
GIVEN = {"outline": "box", "bbox": [19, 4, 11, 11]}
MADE = {"made_by": "smearprep assist box", "score": 0.75, "attributes": {"given": GIVEN}}
_numbers = count(1)


def square(x, y, side=10.0):
    """A square as a ring."""
    return [[x, y], [x + side, y], [x + side, y + side], [x, y + side]]


CELLS = (
    ("RBC", Polygon(SQUARE), "drawn", {"attributes": {"annotator": "a"}}),
    ("WBC", Polygon(square(20, 5)), "made", MADE),
    ("WBC", shapely.box(35.5, 5, 45, 14.25), "box", {}),
    ("RBC", Point(50, 30), "point", {}),
    ("RBC", Polygon(square(5, 20), [square(8, 23, 3)]), "component", {}),
    ("WBC", MultiPolygon([Polygon(square(20, 20, 4)), Polygon(square(26, 20, 5))]), "drawn", {}),
    ("RBC", Polygon(square(40, 20, 9)), "drawn", {"iscrowd": 1}),
)


def write_set(root, images=2):
    """A prepared set in `root / "set"`: each image has CELLS; only in every other one platelets too."""
    first = 1
    for number, subset in enumerate(("train", "val")):
        own = range(number * images, (number + 1) * images)
        with CocoWriter(
            root / f"raw/annotations/instances_{subset}.json", NAMES, first, 100 * first
        ) as writer:
            for n in own:
                write_image(root / f"raw/images/{subset}/i{n}.png", noise(SIZE, n))
                id_ = writer.add_image(f"i{n}.png", SIZE, frozenset(NAMES[: 3 - n % 2]), smear=f"s{n}")
                for label, shape, outline, extra in CELLS:
                    writer.add_cell(id_, SIZE, label, shape, outline, **extra)
        first += images
    recipe = Recipe("test", (Source("prepared"),), categories=NAMES, unknown="keep", split=Split())
    prepare(recipe, [("prepared", root / "raw")], root / "set")
    return root / "set"


def patch(state, title="", **changes):
    """A patch of an image as it is now, with an id of its own."""
    return {"edit": f"e{next(_numbers)}", "revision": state["revision"], "title": title, **changes}


def cell(label="RBC", outline="drawn", parts=(), **more):
    """A cell as the page has it; parts without holes, each as a ring."""
    return {
        "category": label,
        "outline": outline,
        "parts": [{"outer": r, "holes": []} for r in parts],
        **more,
    }


def by_id(state):
    """The cells of an image."""
    return {one["id"]: one for one in state["cells"]}


def of_outline(state, outline, crowd=False):
    """The first cell of an image of which so much is known."""
    return next(one for one in state["cells"] if one["outline"] == outline and one["crowd"] == crowd)
