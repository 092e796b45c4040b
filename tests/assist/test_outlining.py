"""Outlines of drawn cells, whose true outlines are known."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import shapely
import shapely.affinity

from smearprep.assist import from_box, from_mask, from_nothing, from_point, outline_of, typical_areas
from smearprep.assist.boxes import whole_box
from smearprep.assist.regions import WEIGHTS, grabcut
from smearprep.assist.sizes import usual_radius
from smearprep.geometry import shape_to_mask
from smearprep.records import Cell
from tests.assist.making import SIZE, cells_of, components, iou, smear


def truth(smear_, label):
    return [cell for cell in smear_.cells if cell.label == label]


@pytest.mark.parametrize(("label", "least"), [("WBC", 0.9), ("RBC", 0.85), ("Platelets", 0.6)])
def test_boxes(label, least):
    drawn = smear()
    made = from_box(drawn.image, cells_of(drawn, label, "box"))
    assert {cell.outline for cell in made} == {"made"}
    assert {cell.attributes["made_by"] for cell in made} == {"smearprep assist box"}
    assert np.mean([iou(a.shape, b.shape) for a, b in zip(made, truth(drawn, label), strict=True)]) >= least


def test_boxes_that_are_a_little_off():
    drawn, rng = smear(), np.random.default_rng(0)
    boxes = [np.array(c.bounds) + rng.integers(-2, 3, 4) for c in truth(drawn, "WBC")]
    made = from_box(drawn.image, [Cell("WBC", shapely.box(*np.clip(b, 0, SIZE * 2)), "box") for b in boxes])
    assert min(iou(a.shape, b.shape) for a, b in zip(made, truth(drawn, "WBC"), strict=True)) >= 0.85


def test_points():
    drawn = smear()
    made = from_point(drawn.image, cells_of(drawn, "WBC", "point"))
    assert {cell.attributes["made_by"] for cell in made} == {"smearprep assist point"}
    assert min(iou(a.shape, b.shape) for a, b in zip(made, truth(drawn, "WBC"), strict=True)) >= 0.7


def test_a_point_in_the_empty_field_stays_a_point():
    drawn = smear()
    light = np.unravel_index(cv2.blur(drawn.image.min(axis=2), (25, 25)).argmax(), SIZE[::-1])
    cells = [Cell("WBC", shapely.Point(light[1] + 0.5, light[0] + 0.5), "point")]
    assert from_point(drawn.image, cells)[0] is cells[0]


def lightest(image, side):
    """The middle of the lightest square of an image, of all that lie inside."""
    half = side // 2 + 1
    blurred = cv2.blur(image.min(axis=2), (side, side))[half:-half, half:-half]
    row, column = np.unravel_index(blurred.argmax(), blurred.shape)
    return column + half, row + half


def plain(seed=0):
    """An empty field as a camera sees it: bright in the middle, darker at its corners, a little noise."""
    y, x = np.mgrid[-1:1:120j, -1:1:160j]
    light = 215 - 12 * (x**2 + y**2)[..., None] + np.random.default_rng(seed).normal(0, 3, (120, 160, 3))
    return np.clip(light, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("image", [smear().image, plain()])
def test_a_box_or_a_point_on_nothing_gives_no_outline(image):
    x, y = lightest(image, 21)
    box = Cell("WBC", shapely.box(x - 10, y - 10, x + 10, y + 10), "box")
    attempt = outline_of(image, box, cells_of(smear(), "WBC", "box"))
    assert attempt.cell is None and "darker than the empty field" in attempt.why
    assert from_box(image, [box])[0] is box
    attempt = outline_of(image, Cell("WBC", shapely.Point(x, y), "point"))
    assert attempt.cell is None and attempt.why


def test_no_cells_are_found_on_a_plain_field():
    assert all(from_nothing(plain(), label) == () for label in ("WBC", "RBC", "Platelets"))


def test_why_a_box_is_too_small():
    attempt = outline_of(smear().image, Cell("WBC", shapely.box(5, 5, 7, 30), "box"))
    assert attempt.cell is None and "2 x 25 px is too small" in attempt.why


def test_what_is_neither_box_nor_point_is_not_outlined():
    with pytest.raises(ValueError, match="neither a box nor a point"):
        outline_of(smear().image, smear().cells[0])


@pytest.mark.parametrize("box", [(5, 5, 7, 30), (10, 10, 13, 13)])
def test_a_box_too_small_for_an_outline_stays_a_box(box):
    cells = [Cell("WBC", shapely.box(*box), "box")]
    assert from_box(smear().image, cells)[0] is cells[0]


@pytest.mark.parametrize("value", [0, 128, 255])
def test_an_image_without_contrast_shows_no_cells(value):
    plain = np.full((60, 80, 3), value, np.uint8)
    assert from_point(plain, [Cell("WBC", shapely.Point(30, 30), "point")])[0].outline == "point"
    assert all(from_nothing(plain, label) == () for label in ("WBC", "RBC", "Platelets"))


def test_what_has_an_outline_is_left_alone():
    drawn = smear()
    assert from_box(drawn.image, drawn.cells) == from_point(drawn.image, drawn.cells) == drawn.cells
    assert from_mask(SIZE, drawn.cells) == tuple((cell,) for cell in drawn.cells)


@pytest.mark.parametrize(
    ("box", "whole"),
    [
        ((0, 10, 20, 50), (-20, 10, 20, 50)),
        ((85, 10, 100, 50), (85, 10, 125, 50)),
        ((10, 0, 50, 30), (10, -10, 50, 30)),
        ((10, 60, 50, 80), (10, 60, 50, 100)),
        ((10, 10, 20, 50), (10, 10, 20, 50)),
        ((0, 0, 100, 80), (0, 0, 100, 80)),
    ],
)
def test_cells_that_the_border_cuts_are_as_wide_as_high(box, whole):
    assert whole_box(np.array(box, float), (100, 80)).tolist() == list(whole)


def test_random_numbers_and_threads_change_nothing():
    """GrabCut of OpenCV draws lots; ours is not to, whatever the process draws meanwhile."""
    drawn = smear()
    cells = cells_of(drawn, "WBC", "box") + cells_of(drawn, "RBC", "box")

    def made(seed):
        cv2.setRNGSeed(seed)
        return from_box(drawn.image, cells)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(made, range(1, 7)))
    assert all(result == results[0] for result in results)


def test_grabcut_of_next_to_nothing_is_what_was_likely_before():
    odds = np.full((20, 20), -1.0)
    odds[3:5, 3:5] = 1
    assert (grabcut(np.zeros((20, 20, 3), np.uint8), odds, WEIGHTS) == (odds > 0)).all()


# ---------------------------------------------------------------- parts


def discs(*centres, radius=10):
    return shapely.union_all([shapely.Point(*c).buffer(radius) for c in centres])


@pytest.mark.parametrize(
    ("centres", "count"),
    [
        ([(30, 30)], 1),
        ([(30, 30), (48, 30)], 2),
        ([(30, 30), (46, 38)], 2),
        ([(30, 30), (48, 30), (39, 46)], 3),
        ([(30, 30), (43, 30)], 2),  # half on each other
    ],
)
def test_discs_that_touch_are_parted(centres, count):
    cells = [Cell("RBC", discs(*centres), "component", {"visible": 1.0})]
    (parts,) = from_mask((100, 100), cells, {"RBC": np.pi * 100})
    assert len(parts) == count
    assert all(part.attributes["visible"] == 1.0 and part.outline == "made" for part in parts)
    middles = sorted(part.shape.centroid.coords[0] for part in parts)
    assert all(np.hypot(*np.subtract(a, b)) < 4 for a, b in zip(middles, sorted(centres), strict=True))


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("centres", [[(3, 22), (3, 40)], [(-4, 22), (-3, 38)], [(-5, 30), (12, 35)]])
def test_cells_that_the_border_cuts_are_parted_as_whole_ones(centres, turns):
    whole = discs(*centres)
    turned = shapely.affinity.rotate(whole, 90 * turns, origin=(30, 30))
    window = shapely.box(0, 0, 60, 60)
    (parts,) = from_mask((60, 60), [Cell("RBC", turned & window, "component")], {"RBC": np.pi * 100})
    true = [shapely.affinity.rotate(discs(c), 90 * turns, origin=(30, 30)) & window for c in centres]
    assert len(parts) == 2
    for shape in true:
        assert max(iou(shape, part.shape, (60, 60)) for part in parts) >= 0.75


def test_a_component_that_fills_the_window_ends_at_its_borders():
    whole = shapely.box(0, 0, 40, 30)
    ((*parts,),) = from_mask((40, 30), [Cell("WBC", whole, "component")])
    assert shapely.union_all([part.shape for part in parts]).equals(whole)


def test_what_shows_no_cells_is_parted_into_round_pieces():
    """As whole cells lie in it, not in stripes."""
    ((*parts,),) = from_mask((90, 90), [Cell("RBC", shapely.box(5, 5, 65, 65), "component")], {"RBC": 314.0})
    assert 10 <= len(parts) <= 16
    for part in parts:
        x0, y0, x1, y1 = part.bounds
        assert 0.4 <= (x1 - x0) / (y1 - y0) <= 2.5


@pytest.mark.parametrize(("radius", "side"), [(9, 200), (14, 300), (30, 700)])
def test_how_large_cells_are_where_all_touch(radius, side):
    step = 1.8 * radius
    centres = [(x, y + i % 2 * radius) for i, x in enumerate(np.arange(step, side - step, step))
               for y in np.arange(step, side - step, step)]  # fmt: skip
    found = usual_radius(shape_to_mask(discs(*centres, radius=radius), (side, side)))
    assert found == pytest.approx(radius, rel=0.2)


def test_nothing_tells_no_size():
    assert usual_radius(np.zeros((50, 60), bool)) is None
    assert usual_radius(np.ones((50, 60), bool)) is None
    assert usual_radius(np.eye(9, dtype=bool)) is None


def test_the_size_of_cells_is_that_of_single_ones():
    singles = [Cell("RBC", discs((20 * n, 20), radius=8), "component") for n in range(1, 7)]
    clump = Cell("RBC", discs((20, 80), (34, 80), (48, 80), radius=8), "component")
    assert typical_areas([*singles, clump])["RBC"] == pytest.approx(np.pi * 64, rel=0.05)
    assert typical_areas(singles[:4]) == {}
    assert [len(parts) for parts in from_mask((200, 100), [*singles, clump])] == [1] * 6 + [3]


def test_the_gap_between_three_cells_is_no_cell():
    ring = discs((30, 30), (49, 30), (30, 49), (49, 49))
    assert ring.interiors
    (parts,) = from_mask((100, 100), [Cell("RBC", ring, "component")], {"RBC": np.pi * 100})
    assert len(parts) == 4
    assert not any(part.shape.contains(shapely.Point(39.5, 39.5)) for part in parts)


def test_components_of_a_drawn_smear():
    drawn = smear()
    parts = [part for own in from_mask(SIZE, components(drawn, "RBC")) for part in own]
    assert abs(len(parts) - len(truth(drawn, "RBC"))) <= 2


# ---------------------------------------------------------------- from nothing


@pytest.mark.parametrize(("label", "share"), [("WBC", 1.0), ("RBC", 0.7)])
def test_cells_are_found(label, share):
    drawn = smear()
    made, true = from_nothing(drawn.image, label), truth(drawn, label)
    hits = [any(iou(cell.shape, other.shape) >= 0.5 for cell in made) for other in true]
    assert np.mean(hits) >= share
    assert len(made) <= 2 * len(true)  # the dark corners of a drawn photograph are taken for red cells
    assert {cell.attributes["made_by"] for cell in made} == {"smearprep assist find"}


def test_known_cells_are_not_found_again():
    drawn = smear()
    first, *others = from_nothing(drawn.image, "WBC")
    assert from_nothing(drawn.image, "WBC", [first]) == tuple(others)
    assert from_nothing(drawn.image, "WBC", [first, *others]) == ()
    point = Cell("blast", first.shape.centroid, "point")
    assert from_nothing(drawn.image, "WBC", [point]) == tuple(others)
