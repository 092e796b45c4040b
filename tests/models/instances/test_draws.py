"""Windows on images: what is seen lies where it is said to lie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smearprep.errors import RecipeError
from smearprep.models.instances.draws import centred, draw, rectangles
from smearprep.models.recipes import Distortion
from tests.models.instances.making import STILL, whole

EXTENT = (120, 90)
BOXES = np.array([[10, 10, 30, 25], [60, 50, 75, 70], [100, 80, 120, 90]], np.float32)


@given(
    x=st.floats(-200, 119), y=st.floats(-200, 89), width=st.floats(1, 400), height=st.floats(1, 400),
    size=st.integers(32, 600),
)  # fmt: skip
def test_rectangles_lie_in_image_and_input_and_are_not_empty(x, y, width, height, size):
    source, target = rectangles((x, y, width, height), EXTENT, size)
    for (start_x, start_y, across, down), (most_x, most_y) in ((source, EXTENT), (target, (size, size))):
        assert start_x >= 0 and start_y >= 0 and across >= 1 and down >= 1
        assert start_x + across <= most_x and start_y + down <= most_y


@given(x=st.integers(-50, 100), y=st.integers(-50, 70), factor=st.sampled_from([1, 2, 4]))
def test_a_window_of_whole_px_is_scaled_exactly(x, y, factor):
    size = 64
    source, target = rectangles((x, y, size // factor, size // factor), EXTENT, size)
    for axis in (0, 1):
        place = (x, y)[axis]
        begin, end = max(place, 0), min(place + size // factor, EXTENT[axis])
        if end <= begin:
            continue  # it does not meet the image
        assert (source[axis], source[axis + 2]) == (begin, end - begin)
        assert target[axis] == (begin - place) * factor


def test_nothing_is_drawn_where_nothing_may_change():
    for seed in range(20):
        one = draw(3, EXTENT, BOXES, STILL, 64, np.random.default_rng(seed))
        same = whole(3, EXTENT, 64)
        assert (one.image, one.source, one.target) == (same.image, same.source, same.target)
        assert (one.turns, one.flip, one.brightness, one.contrast) == (0, False, 0, 1)


def test_a_crop_shows_the_middle_of_some_cell_and_the_same_numbers_give_the_same_crop():
    crops = 0
    for seed in range(200):
        one, again = (
            draw(0, EXTENT, BOXES, Distortion(expand=1), 64, np.random.default_rng(seed)) for _ in range(2)
        )
        assert one == again
        x, y, width, height = one.source
        if (width, height) != EXTENT:
            crops += 1
            # The window was rounded to whole px.
            assert centred(BOXES, (x - 1.0, y - 1.0, width + 2.0, height + 2.0)).any()
    assert crops > 100


def test_an_image_without_cells_is_never_cropped():
    for seed in range(30):
        one = draw(
            0, EXTENT, np.zeros((0, 4), np.float32), Distortion(expand=1), 64, np.random.default_rng(seed)
        )
        assert one.source == (0, 0, *EXTENT)


def test_an_image_is_laid_on_a_larger_ground_for_half_of_the_draws():
    smaller = 0
    for seed in range(200):
        one = draw(0, EXTENT, BOXES, Distortion(crop=False), 128, np.random.default_rng(seed))
        assert one.source == (0, 0, *EXTENT)
        smaller += one.target[2:] != (128, 128)
        assert min(one.target[2:]) >= 128 // 4 - 1
    assert 70 < smaller < 130


@pytest.mark.parametrize(
    "entries", [{"contrast": (2, 1)}, {"saturation": (-1, 1)}, {"expand": 0.5}, {"expand_share": 2}]
)
def test_ranges_that_are_none_are_refused(entries):
    with pytest.raises(RecipeError, match="distortion"):
        Distortion(**entries)
