"""COCO files for tests, made and read in a moment."""

import json

import shapely
from hypothesis import strategies as st

from smearprep.formats import coco
from smearprep.formats.coco import CocoWriter, annotation_fields
from smearprep.formats.reading import ReadOptions
from smearprep.records import Cell
from tests.laws.strategies import areas, points

SIZE = (100, 80)
LABELS = ("RBC", "WBC", "PLT")


def box(x, y, w=10, h=10):
    return shapely.box(x, y, x + w, y + h)


def write(path, images, categories=LABELS, annotated=None, **extra):
    """A file of images, name -> cells; what was looked for is `annotated`, or all categories."""
    with CocoWriter(path, categories) as writer:
        for name, cells in images.items():
            looked_for = frozenset(categories if annotated is None else annotated)
            image = writer.add_image(name, SIZE, looked_for, **extra)
            writer.add_cells(
                image,
                SIZE,
                [c.label for c in cells],
                [c.shape for c in cells],
                [c.outline for c in cells],
                [annotation_fields(c.attributes) for c in cells],
            )
    return path


def read(path):
    """Image name -> what our reader makes of it; no finding is made."""
    findings = []
    images = {image.file_name: image for image in coco.read(path, ReadOptions(), findings)}
    assert not findings
    return images


def data(path):
    return json.loads(path.read_bytes())


def edited(path, change):
    """Change a file in place: `change` is given its data."""
    value = data(path)
    change(value)
    path.write_text(json.dumps(value))
    return path


def told(cell, *without):
    """All of a cell, to be compared."""
    attributes = {key: value for key, value in cell.attributes.items() if key not in without}
    return (
        cell.label,
        cell.outline,
        shapely.normalize(cell.shape).wkb,
        json.dumps(attributes, sort_keys=True),
    )


def same_cells(a, b, *without):
    """Two files as read have the same images, searched for the same, with the same cells in any order."""
    assert set(a) == set(b)
    for name, image in a.items():
        assert image.size == b[name].size and image.annotated == b[name].annotated
        assert sorted(told(c, *without) for c in image.cells) == sorted(
            told(c, *without) for c in b[name].cells
        )


# ---------------------------------------------------------------- strategies

attributes = st.fixed_dictionaries(
    {},
    optional={
        "score": st.floats(0, 1),
        "annotator": st.sampled_from(["anna", "ben"]),
        "visible": st.just(0.5),
        "ü": st.integers(-5, 5) | st.lists(st.booleans(), max_size=2),
    },
)


@st.composite
def cells(draw, without_points=False):
    label = draw(st.sampled_from(LABELS))
    kinds = ["drawn", "component", "made", "box"] + ([] if without_points else ["point"])
    outline = draw(st.sampled_from(kinds))
    shape = draw(points() if outline == "point" else areas())
    if outline == "box":
        shape = shapely.box(*shape.bounds)
    return Cell(label, shape, outline, draw(attributes))


NAMES = ("a.jpg", "ü/b.jpg", "c d.png")


def sets(most=3, **how):
    """Image name -> cells."""
    return st.dictionaries(st.sampled_from(NAMES), st.lists(cells(**how), max_size=4), max_size=most)
