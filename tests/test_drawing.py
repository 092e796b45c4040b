"""Pictures for people: what is drawn lies where the coordinates say."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, Polygon

from smearprep.drawing import OKABE_ITO, contact_sheet, line_width, overlay, palette
from smearprep.errors import GeometryError
from smearprep.records import Cell, ViewCell

Image = npt.NDArray[np.uint8]


def _blank(height: int = 60, width: int = 80, grey: int = 255) -> Image:
    return np.full((height, width, 3), grey, np.uint8)


def _ink(image: Image) -> npt.NDArray[np.float64]:
    """How much each pixel of a picture on white was inked."""
    return (255.0 - image).sum(axis=2)


@settings(max_examples=40, deadline=None)
@given(
    x=st.floats(20, 40),
    y=st.floats(15, 30),
    w=st.floats(6, 20),
    h=st.floats(6, 20),
)
def test_ink_is_centred_on_the_outline(x: float, y: float, w: float, h: float) -> None:
    shape = shapely.box(x, y, x + w, y + h)
    ink = _ink(overlay(_blank(), [("RBC", shape)], legend=False))
    rows, columns = np.indices(ink.shape)
    assert abs((ink * (columns + 0.5)).sum() / ink.sum() - (x + w / 2)) < 0.2
    assert abs((ink * (rows + 0.5)).sum() / ink.sum() - (y + h / 2)) < 0.2


def test_an_outline_on_pixel_centres_inks_just_those_pixels() -> None:
    out = overlay(_blank(), [("RBC", shapely.box(10.5, 20.5, 30.5, 40.5))], legend=False)
    expected = np.zeros((60, 80), bool)
    expected[20, 10:31] = expected[40, 10:31] = expected[20:41, 10] = expected[20:41, 30] = True
    assert ((_ink(out) > 200) == expected).all()


def test_a_point_is_a_cross_around_its_place() -> None:
    ink = _ink(overlay(_blank(), [("RBC", Point(40.5, 30.5))], legend=False)) > 0
    rows, columns = np.nonzero(ink)
    assert ink[30, 40] and (rows.mean(), columns.mean()) == (30, 40)
    assert 9 < ink.sum() < 70


def test_holes_and_all_parts_are_drawn() -> None:
    ring = shapely.box(5, 5, 45, 45).difference(shapely.box(15, 15, 35, 35))
    both = shapely.union_all([ring, shapely.box(60, 10, 70, 20)])
    ink = _ink(overlay(_blank(), [("RBC", both)], legend=False)) > 0
    assert ink[25, 4:6].any() and ink[25, 14:16].any() and ink[15, 59:61].any()
    assert not ink[25, 25]


def test_the_image_given_is_not_changed_and_nothing_drawn_is_nothing_changed() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    before = image.copy()
    out = overlay(image, [], legend=False)
    assert (out == before).all() and out is not image
    overlay(image, [("RBC", shapely.box(1, 1, 30, 30))])
    assert (image == before).all()


def test_a_view_cell_is_drawn_where_the_view_shows_it() -> None:
    cell = Cell("WBC", shapely.box(500, 500, 520, 520))
    shown = ViewCell(cell, 0, shapely.box(10, 10, 30, 30), 1.0)
    by_view = overlay(_blank(), [shown], ["WBC"])
    by_pair = overlay(_blank(), [("WBC", shapely.box(10, 10, 30, 30))], ["WBC"])
    by_cell = overlay(_blank(), [Cell("WBC", shapely.box(10, 10, 30, 30))], ["WBC"])
    assert (by_view == by_pair).all() and (by_cell == by_pair).all()


def test_each_category_has_its_colour_whatever_is_there() -> None:
    names = ["RBC", "WBC", "Platelets"]
    assert len(set(palette(names).values())) == 3
    image = overlay(_blank(200, 200), [("WBC", shapely.box(20.5, 150.5, 60.5, 190.5))], names, legend=False)
    assert np.abs(image[150, 40].astype(int) - OKABE_ITO[1]).max() < 30
    assert len(palette([str(k) for k in range(20)])) == 20


def test_the_legend_has_a_swatch_for_each_category_also_without_cells() -> None:
    image = overlay(_blank(300, 300), [("WBC", Point(200, 200))], ["RBC", "WBC", "Platelets"])
    corner = image[:120, :120].reshape(-1, 3).astype(int)
    for colour in OKABE_ITO[:3]:
        shade = 0.2 * 255 + 0.8 * np.array(colour)
        assert (np.abs(corner - shade).max(axis=1) < 2).sum() > 20


def test_lines_grow_with_the_image() -> None:
    assert line_width(550, 550) == 1
    assert line_width(2592, 1944) == 3
    small = overlay(_blank(5, 4), [("RBC", shapely.box(0, 0, 4, 5))])
    assert small.shape == (5, 4, 3)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8)]
)
def test_other_images_are_refused(image: Image) -> None:
    with pytest.raises(GeometryError, match="uint8"):
        overlay(image, [("RBC", Polygon([(0, 0), (1, 0), (1, 1)]))])


def test_a_sheet_holds_every_image_unchanged() -> None:
    images = [np.full((30 + 10 * k, 40, 3), 20 * k, np.uint8) for k in range(5)]
    sheet = contact_sheet(images, columns=2)
    for k, image in enumerate(images):
        assert (sheet == 20 * k).all(axis=2).sum() == image.shape[0] * image.shape[1]
    assert sheet.shape == (4 * 4 + 40 + 60 + 70, 3 * 4 + 80, 3)


def test_titles_are_written_and_images_shrunk() -> None:
    images = [_blank(300, 600, 0), _blank(600, 300, 0)]
    sheet = contact_sheet(images, ["one", "größe"], columns=3, cell=200)
    assert sheet.shape[1] == 2 * (200 + 4) + 4
    below = sheet[4 + 200 :]
    assert (below < 100).any()


@pytest.mark.parametrize(("count", "titles", "columns"), [(0, [], 2), (2, ["a"], 2), (1, [], 0)])
def test_sheets_that_cannot_be(count: int, titles: list[str], columns: int) -> None:
    with pytest.raises(GeometryError):
        contact_sheet([_blank()] * count, titles, columns)
