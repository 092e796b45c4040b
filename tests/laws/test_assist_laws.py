"""Laws of outlines that are made: what they may be on any picture, and what they keep."""

from __future__ import annotations

import cv2
import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, Polygon

from smearprep.assist import from_box, from_mask, from_nothing, from_point, outline_of, restored
from smearprep.assist.flooding import cut_sides, depth_inside
from smearprep.assist.made import largest_part, mask_to_outline
from smearprep.assist.parting import part_shape
from smearprep.assist.regions import mixture
from smearprep.assist.sets import Known, as_before
from smearprep.assist.sizes import usual_radius
from smearprep.geometry import mask_to_shapes, shape_to_mask
from smearprep.records import Cell
from tests.laws.strategies import LAW, areas, masks, pictures, reals

FEW = settings(LAW, max_examples=12)
SOME = settings(LAW, max_examples=30)
"""An outline takes some tens of milliseconds, a watershed some."""
FAR = 60  # px: farther than any two px of a mask


@st.composite
def pictures_with_cells(draw, kinds=("box", "point")):
    """A picture and cells in it, of any kind and size."""
    picture = draw(pictures(most=40))
    height, width = picture.shape[:2]
    cells = []
    for _ in range(draw(st.integers(1, 4))):
        label, kind = draw(st.sampled_from(("WBC", "RBC"))), draw(st.sampled_from((*kinds, "drawn")))
        x, y = draw(reals(0, width - 0.5)), draw(reals(0, height - 0.5))
        shape = shapely.box(x, y, draw(reals(x + 0.25, width + 0.25)), draw(reals(y + 0.25, height + 0.25)))
        where = Point(x, y) if kind == "point" else shape.intersection(shapely.box(0, 0, width, height))
        cells.append(Cell(label, where, kind, {"annotator": "a", "visible": 0.5}))
    return picture, cells


def check_made(cell, picture):
    """What holds of every outline that is made."""
    height, width = picture.shape[:2]
    assert cell.outline == "made" and isinstance(cell.shape, Polygon)
    assert cell.shape.is_valid and not cell.shape.interiors and cell.area >= 1
    assert shapely.box(0, 0, width, height).covers(cell.shape)
    assert cell.attributes["made_by"].startswith("smearprep assist ") and 0 <= cell.attributes["score"] <= 1


@given(pictures_with_cells())
@FEW
def test_any_picture_any_cells(given_):
    picture, cells = given_
    for one_way, outline in ((from_box, "box"), (from_point, "point")):
        after = one_way(picture, cells)
        assert len(after) == len(cells)
        for before, cell in zip(cells, after, strict=True):
            if cell is before:
                continue
            check_made(cell, picture)
            assert before.outline == outline and cell.label == before.label
            assert before.attributes.items() <= cell.attributes.items()
            assert restored(cell).outline == outline
            assert restored(cell).attributes == before.attributes
            assert restored(cell).shape.normalize().equals_exact(before.shape.normalize(), 1e-9)


@given(pictures_with_cells())
@FEW
def test_one_cell_is_outlined_as_all_are(given_):
    """A box as among all the others, whether these are outlined yet or not; a point as alone."""
    picture, cells = given_
    made = from_box(picture, cells)
    for n, cell in enumerate(cells):
        if cell.outline == "box":
            others = made[n + 1 :] + made[:n]
            assert (outline_of(picture, cell, others).cell or cell) == made[n]
        if cell.outline == "point":
            attempt = outline_of(picture, cell, cells)
            assert (attempt.cell or cell) == from_point(picture, [cell])[0]
            assert (attempt.cell is None) == bool(attempt.why)


@given(pictures(most=40), st.sampled_from(("WBC", "RBC", "Platelets")))
@FEW
def test_whatever_is_found_is_a_cell(picture, label):
    for cell in from_nothing(picture, label):
        check_made(cell, picture)
        assert cell.label == label and "given" not in cell.attributes


@given(masks(), st.integers(-5, 20), st.integers(-5, 20))
@LAW
def test_an_outline_is_the_largest_part_of_its_mask(mask, x, y):
    canvas = np.zeros((24, 24), bool)
    rows, columns = np.nonzero(mask)
    inside = (rows + y >= 0) & (rows + y < 24) & (columns + x >= 0) & (columns + x < 24)
    canvas[rows[inside] + y, columns[inside] + x] = True
    outline = mask_to_outline(mask, x, y, (24, 24))
    assert (outline is None) == (not canvas.any())
    if outline is not None:
        assert (shape_to_mask(outline, (24, 24)) == largest_part(canvas)).all()


@given(masks(), st.one_of(st.none(), st.floats(2, 60)))
@SOME
def test_pieces_are_a_partition(mask, area):
    for shape in mask_to_shapes(mask)[0]:
        pieces = part_shape(shape, mask.shape[::-1], area)
        counted = sum(shape_to_mask(p.shape, mask.shape[::-1]).astype(int) for p in pieces)
        whole = shape_to_mask(shape, mask.shape[::-1])
        assert (counted[whole] == 1).all()
        filled = shape_to_mask(Polygon(shape.exterior), mask.shape[::-1])
        assert (counted <= filled).all()
        assert all(not p.shape.interiors and p.shape.is_valid and 0 <= p.score <= 1 for p in pieces)


@given(masks(), st.tuples(*[st.booleans()] * 4))
@LAW
def test_borders_cut_and_do_not_end_a_component(mask, sides):
    """How deep a pixel is: as in the component that goes on beyond the borders as its mirror image."""
    if not mask.any() or (mask.all() and all(sides)):
        return
    inside, (height, width) = np.pad(mask, 1), mask.shape
    top, bottom, left, right = (FAR * side for side in sides)
    plane = np.pad(np.pad(mask, [(top, bottom), (left, right)], "symmetric"), 1).view(np.uint8)
    deep = cv2.distanceTransform(plane, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1 + top :, 1 + left :]
    depth = depth_inside(inside, sides)
    assert np.allclose(depth[1:-1, 1:-1], deep[:height, :width], atol=1e-4)
    assert not depth[~inside].any()


@given(masks())
@LAW
def test_a_component_is_cut_where_it_reaches_the_border_of_the_image(mask):
    inside, (height, width) = np.pad(mask, 1), mask.shape
    reached = mask[0].any(), mask[-1].any(), mask[:, 0].any(), mask[:, -1].any()
    expected = (False,) * 4 if mask.all() else reached
    assert cut_sides(inside, (0, 0), (width, height), (width, height)) == expected
    assert not any(cut_sides(inside, (1, 1), (width + 1, height + 1), (width + 2, height + 2)))


@given(masks())
@SOME
def test_cells_are_as_large_as_they_are_wherever_they_lie(mask):
    for turned in (mask, mask.T, mask[::-1], mask[:, ::-1]):
        radius = usual_radius(np.ascontiguousarray(turned))
        assert radius is None or 0 < radius <= min(mask.shape)


@given(areas())
@SOME
def test_parting_forth_and_back_and_forth(shape):
    cells = [Cell("RBC", shape, "component", {"visible": 1.0})]
    ((*pieces,),) = from_mask((60, 60), cells)
    before = as_before([Known((n,), piece) for n, piece in enumerate(pieces)])
    assert len(before) == 1 and before[0].positions == tuple(range(len(pieces)))
    ((*again,),) = from_mask((60, 60), [before[0].cell])
    if pieces[0].outline == "made":
        assert before[0].cell.outline == "component" and before[0].cell.attributes == {"visible": 1.0}
        assert [p.shape.normalize() for p in again] == [p.shape.normalize() for p in pieces]
        assert [p.attributes for p in again] == [p.attributes for p in pieces]


@given(st.integers(5, 60), st.integers(0, 2**32 - 1), st.booleans())
@LAW
def test_a_mixture_is_one(count, seed, flat):
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 3)).astype(float)
    numbers = mixture(np.repeat(pixels[:1], count, axis=0) if flat else pixels)[0]
    assert numbers.shape == (65,) and np.isclose(numbers[:5].sum(), 1)
    assert (np.linalg.eigvalsh(numbers[20:].reshape(5, 3, 3)) > 0).all()
