"""Drawing cells and changing their shape: what is done with the mouse comes to be in the set."""

import math

import pytest
import shapely

from tests.browser.seat import seated
from tests.browser.small_set import BOXES, DRAWN, FULL, MADE, RADIUS, TILE

TRIANGLE = ((220, 60), (300, 60), (260, 140))
NEAR = 1.5  # px of the image: the mouse moves by whole px of the screen


def shape_of(cell):
    return shapely.MultiPolygon([(part["outer"], part["holes"]) for part in cell["parts"]])


def is_ring(cell, points):
    """True if a cell's only ring has these points, up to what the mouse can do."""
    (part,) = cell["parts"]
    return len(part["outer"]) == len(points) and all(
        min(math.dist(point, vertex) for vertex in part["outer"]) < NEAR for point in points
    )


def test_a_polygon_and_undo_over_a_reload_and_a_new_server(seat, chromium, folder):
    seat.open(TILE)
    before = seat.cells(TILE)
    seat.press("2", "g")
    for point in TRIANGLE:
        seat.click(*point)
    seat.click(*TRIANGLE[0])  # closes it
    seat.rests(revision=1)
    cell = seat.new_cell(TILE, before)
    assert (cell["category"], cell["outline"]) == ("WBC", "drawn")
    assert is_ring(cell, TRIANGLE)
    seat.press("Control+z")
    seat.sees('#stage[data-cells="2"][data-revision="2"]')
    assert seat.cells(TILE) == before
    seat.page.reload()
    seat.sees(f'#stage[data-key="{TILE}"][data-cells="2"]')
    seat.press("Control+Shift+Z")
    seat.sees('#stage[data-cells="3"][data-revision="3"]')
    assert seat.new_cell(TILE, before) == cell
    seat.check()
    with seated(chromium, folder) as later:
        later.open(TILE)
        later.press("Control+z")
        later.sees('#stage[data-cells="2"]')
        assert later.cells(TILE) == before
        later.press("Control+y")
        later.sees('#stage[data-cells="3"]')
        later.rests()
        assert later.new_cell(TILE, before) == cell
        later.check()


def test_freehand_follows_the_mouse_with_few_vertices(seat):
    seat.open(FULL)
    before = seat.cells(FULL)
    seat.press("d")
    turns = [2 * math.pi * k / 40 for k in range(41)]
    ellipse = [(1000 + 200 * math.cos(t), 1500 + 150 * math.sin(t)) for t in turns]
    seat.drag(*ellipse)
    seat.rests(revision=1)
    cell = seat.new_cell(FULL, before)
    drawn, meant = (
        shape_of(cell),
        shapely.Polygon([(1000 + 200 * math.cos(t), 1500 + 150 * math.sin(t)) for t in turns]),
    )
    assert drawn.intersection(meant).area / drawn.union(meant).area > 0.97
    assert len(cell["parts"][0]["outer"]) < 60


def test_a_box_gets_its_outline_at_once_and_is_kept_where_there_is_none(seat):
    seat.open(BOXES)
    before = seat.cells(BOXES)
    seat.press("2", "b")
    seat.drag((60, 310), (290, 478))  # the white cell of this image
    seat.rests(revision=2)
    made = seat.new_cell(BOXES, before)
    assert made["outline"] == "made" and 0 < made["score"] <= 1 and not made["accepted"]
    assert shape_of(made).area > 5000
    seat.drag((200, 4), (224, 20))  # nothing but background
    seat.sees('#stage[data-cells="4"]')
    seat.shows("said", "The box is kept")
    seat.rests(revision=3)
    box = seat.new_cell(BOXES, {*before, made["id"]})
    assert box["outline"] == "box" and box["parts"] == []
    assert all(abs(a - b) < NEAR for a, b in zip(box["box"], (200, 4, 24, 16), strict=True))


def test_all_boxes_of_an_image_are_outlined_in_one_edit(seat):
    seat.open(BOXES)
    seat.press("Shift+O")
    seat.shows("said", "2 of 2 cells outlined")
    seat.rests(revision=1)
    assert {cell["outline"] for cell in seat.cells(BOXES).values()} == {"made"}
    seat.press("Control+z")
    seat.rests(revision=2)
    assert {cell["outline"] for cell in seat.cells(BOXES).values()} == {"box"}


def test_a_cell_is_dragged_and_nudged(seat):
    seat.open(TILE)
    (id_,) = [id_ for id_, cell in seat.cells(TILE).items() if cell["outline"] == "made"]
    before = shape_of(seat.cells(TILE)[id_])
    seat.click(*MADE)
    seat.drag(MADE, (MADE[0] + 40, MADE[1] - 30))
    seat.rests(revision=1)
    cell = seat.cells(TILE)[id_]
    assert cell["outline"] == "drawn" and cell["score"] is None  # a person's now
    moved = shapely.affinity.translate(before, 40, -30)
    assert shape_of(cell).intersection(moved).area / moved.area > 0.97
    for _ in range(7):  # as a key that is held
        seat.page.keyboard.down("ArrowRight")
    seat.page.keyboard.up("ArrowRight")
    seat.rests(revision=2)  # one edit
    seat.press("Shift+ArrowDown")
    seat.rests(revision=3)
    again = shape_of(seat.cells(TILE)[id_])
    step = [b - a for a, b in zip(shape_of(cell).centroid.coords[0], again.centroid.coords[0], strict=True)]
    assert step == pytest.approx([7, 10], abs=0.02)


def test_vertices_are_dragged_added_and_deleted(seat):
    seat.open(TILE)
    (id_,) = [id_ for id_, cell in seat.cells(TILE).items() if cell["outline"] == "drawn"]
    x, y = DRAWN
    seat.click(x, y)
    seat.drag((x + RADIUS, y), (x + RADIUS + 40, y))
    seat.rests(revision=1)
    ring = seat.cells(TILE)[id_]["parts"][0]["outer"]
    assert len(ring) == 24 and max(px for px, _ in ring) == pytest.approx(x + RADIUS + 40, abs=NEAR)
    between = [(a + b) / 2 for a, b in zip(ring[11], ring[12], strict=True)]
    seat.drag(between, (between[0] - 25, between[1]))
    seat.rests(revision=2)
    assert len(seat.cells(TILE)[id_]["parts"][0]["outer"]) == 25
    seat.double_click(between[0] - 25, between[1])
    seat.rests(revision=3)
    assert len(seat.cells(TILE)[id_]["parts"][0]["outer"]) == 24
    seat.press("Control+z", "Control+z", "Control+z")
    seat.rests(revision=6)
    left = [px for px, _ in seat.cells(TILE)[id_]["parts"][0]["outer"]]
    assert len(left) == 24 and max(left) == pytest.approx(x + RADIUS, abs=0.01)


def test_an_outline_that_crosses_itself_comes_back_repaired(seat):
    seat.open(TILE)
    before = seat.cells(TILE)
    seat.press("g")
    for point in ((220, 60), (300, 140), (300, 60), (220, 150)):
        seat.click(*point)
    seat.press("c")
    seat.rests(revision=1)
    assert shape_of(seat.new_cell(TILE, before)).is_valid
    assert seat.of_stage("cells") == "3"
