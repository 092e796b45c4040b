"""A View is one map, forth and back, for cells and for pixels."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from smearprep.images import encode, show
from smearprep.records import Shape, View
from smearprep.tiling import Shaping
from smearprep.tiling import views as views_of
from tests.laws.strategies import LAW, areas, pictures, shapes, shapings, views


def _farthest(a: Shape, b: Shape) -> float:
    return float(np.abs(shapely.get_coordinates(a) - shapely.get_coordinates(b)).max())


@LAW
@given(shape=shapes(), view=views())
def test_forth_and_back_is_the_identity(shape: Shape, view: View) -> None:
    there = view.to_canvas(shape)
    assert there.geom_type == shape.geom_type
    assert _farthest(view.to_image(there), shape) < 1e-9
    assert _farthest(view.to_canvas(view.to_image(shape)), shape) < 1e-9


@LAW
@given(
    shape=shapes(),
    x=st.integers(-3000, 3000),
    y=st.integers(-3000, 3000),
    w=st.integers(1, 6000),
    h=st.integers(1, 6000),
    size=st.tuples(st.integers(1, 6000), st.integers(1, 6000)),
)
def test_forth_and_back_holds_at_the_size_of_real_images(
    shape: Shape, x: int, y: int, w: int, h: int, size: tuple[int, int]
) -> None:
    view = View((x, y, w, h), size)
    far = shapely.transform(shape, lambda xy: xy * 200)
    assert _farthest(view.to_image(view.to_canvas(far)), far) < 1e-9


@LAW
@given(shape=areas(), view=views())
def test_a_view_scales_areas_and_keeps_parts_and_holes(shape: shapely.Polygon, view: View) -> None:
    there = view.to_canvas(shape)
    sx, sy = view.scale
    assert np.isclose(there.area, shape.area * sx * sy, rtol=1e-9, atol=0)
    assert len(shapely.get_rings(there)) == len(shapely.get_rings(shape))
    assert len(shapely.get_parts(there)) == len(shapely.get_parts(shape))


@given(view=views())
@LAW
def test_the_window_s_corners_are_the_canvas_corners(view: View) -> None:
    x, y, w, h = view.window
    there = view.to_canvas(shapely.box(x, y, x + w, y + h))
    assert np.allclose(there.bounds, (0, 0, *view.size), rtol=0, atol=1e-9)


def _cut(image: NDArray[np.uint8], window: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Plain slicing of the image in a wide black frame."""
    x, y, w, h = window
    frame = 100
    black = np.pad(image, ((frame, frame), (frame, frame), (0, 0)))
    return black[y + frame : y + frame + h, x + frame : x + frame + w]


@LAW
@given(image=pictures(), view=views())
def test_every_pixel_of_a_view_is_the_sources_and_zero_outside(image: NDArray[np.uint8], view: View) -> None:
    shown = show(image, View(view.window, view.window[2:]))
    assert shown.dtype == np.uint8
    np.testing.assert_array_equal(shown, _cut(image, view.window))


@LAW
@given(image=pictures(), view=views())
def test_what_is_shown_is_a_copy_of_the_canvas_size(image: NDArray[np.uint8], view: View) -> None:
    shown = show(image, view)
    assert shown.shape == (view.size[1], view.size[0], 3)


@LAW
@given(image=pictures(), data=st.data())
def test_a_window_shown_without_a_copy_is_encoded_as_a_copy_is(
    image: NDArray[np.uint8], data: st.DataObject
) -> None:
    height, width = image.shape[:2]
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    size = data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y))
    shown = show(image, View((x, y, *size), size))
    assert np.shares_memory(shown, image)
    for format in ("jpg", "png"):
        for order in ("RGB", "BGR"):
            assert encode(shown, format, 95, order) == encode(shown.copy(), format, 95, order)


@LAW
@given(image=pictures(), shaping=shapings())
def test_tile_and_pad_and_resize_are_one_view(image: NDArray[np.uint8], shaping: Shaping) -> None:
    """Each View at once gives the pixels of padding, then cutting, then resizing."""
    size = (image.shape[1], image.shape[0])
    [base] = views_of(size, Shaping(pad=shaping.pad))
    padded = show(image, base)
    cuts = views_of(base.size, Shaping(tile=shaping.tile))
    at_once = views_of(size, shaping)
    assert len(cuts) == len(at_once)
    for cut, view in zip(cuts, at_once, strict=True):
        tile = show(padded, cut)
        resized = show(tile, View((0, 0, *cut.size), view.size))
        np.testing.assert_array_equal(show(image, view), resized)


@LAW
@given(shape=shapes(), shaping=shapings(), size=st.tuples(st.integers(1, 24), st.integers(1, 24)))
def test_tile_and_pad_and_resize_move_cells_as_the_steps_do(
    shape: Shape, shaping: Shaping, size: tuple[int, int]
) -> None:
    [base] = views_of(size, Shaping(pad=shaping.pad))
    cuts = views_of(base.size, Shaping(tile=shaping.tile))
    for cut, view in zip(cuts, views_of(size, shaping), strict=True):
        last = View((0, 0, *cut.size), view.size)
        stepwise = last.to_canvas(cut.to_canvas(base.to_canvas(shape)))
        assert _farthest(view.to_canvas(shape), stepwise) < 1e-9


@LAW
@given(image=pictures(most=8), by=st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_shrinking_averages_the_pixels_under_each_pixel(
    image: NDArray[np.uint8], by: tuple[int, int]
) -> None:
    """So cells and pixels move together: canvas px (i, j) is the mean of what it covers."""
    height, width = image.shape[:2]
    large = np.kron(image, np.ones((by[1], by[0], 1), np.uint8))
    noisy = np.clip(large.astype(int) + np.indices(large.shape).sum(axis=0) % 3, 0, 255).astype(np.uint8)
    shown = show(noisy, View((0, 0, width * by[0], height * by[1]), (width, height)))
    blocks = noisy.reshape(height, by[1], width, by[0], 3).mean(axis=(1, 3))
    assert np.abs(shown - blocks).max() <= 0.5 + 1e-9


@LAW
@given(view=views(reach=12), colour=st.integers(0, 255))
def test_resizing_keeps_an_even_colour(view: View, colour: int) -> None:
    even = np.full((24, 24, 3), colour, np.uint8)
    shown = show(even, View((2, 2, *view.window[2:]), view.size))
    assert (shown == colour).all()
