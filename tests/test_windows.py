"""Window arithmetic: the figures that the literature and the data sets give."""

from __future__ import annotations

from typing import Any

import pytest

from smearprep.errors import RecipeError
from smearprep.windows import Edge, counting_grid, grid, padded, square, starts

LARGE, MIDDLE, SMALL = (2592, 1944), (1712, 1368), (1226, 652)


@pytest.mark.parametrize(
    ("image", "edge", "across", "down"),
    [
        (LARGE, "drop", 9, 6),
        (MIDDLE, "drop", 5, 4),
        (SMALL, "drop", 3, 1),
        (LARGE, "shift", 10, 7),
        (MIDDLE, "shift", 6, 5),
        (SMALL, "shift", 4, 2),
        (LARGE, "pad", 10, 7),
    ],
)
def test_windows_of_512_px_every_256(image: tuple[int, int], edge: Edge, across: int, down: int) -> None:
    windows = grid(image, (512, 512), (256, 256), edge)
    assert len({x for x, _, _, _ in windows}) == across
    assert len({y for _, y, _, _ in windows}) == down
    assert len(windows) == across * down


def test_all_108_images_of_all_idb1() -> None:
    """33 of 1712x1368, 74 of 2592x1944, one of 1226x652."""
    for edge, total in (("drop", 4659), ("shift", 6178)):
        counts = [len(grid(size, (512, 512), (256, 256), edge)) for size in (LARGE, MIDDLE, SMALL)]
        assert 74 * counts[0] + 33 * counts[1] + counts[2] == total


@pytest.mark.parametrize(("image", "across", "down"), [(LARGE, 26, 19), (MIDDLE, 17, 14), (SMALL, 12, 7)])
def test_the_counting_grid(image: tuple[int, int], across: int, down: int) -> None:
    windows = counting_grid(image)
    assert len(windows) == across * down
    assert windows[:2] == [(-44, -44, 188, 188), (56, -44, 188, 188)]
    assert windows[-1] == (100 * (across - 1) - 44, 100 * (down - 1) - 44, 188, 188)


def test_the_grid_that_covers_what_the_counting_grid_misses() -> None:
    covering = grid(LARGE, (100, 100), (100, 100), "pad", margin=44)
    assert len(covering) == 26 * 20
    assert [window for window in covering if window[1] <= 1800] == counting_grid(LARGE)


def test_shift_moves_the_last_window_back_to_the_border() -> None:
    assert starts(1944, 512, 256, "shift")[-2:] == [1280, 1944 - 512]
    assert starts(1024, 512, 256, "shift") == starts(1024, 512, 256, "drop") == [0, 256, 512]


@pytest.mark.parametrize(("edge", "expected"), [("shift", [0]), ("pad", [0]), ("drop", [])])
def test_a_window_larger_than_the_image(edge: Edge, expected: list[int]) -> None:
    assert starts(100, 512, 256, edge) == expected


def test_a_window_of_the_image_s_size() -> None:
    for edge in ("shift", "pad", "drop"):
        assert grid((640, 480), (640, 480), (320, 240), edge) == [(0, 0, 640, 480)]  # type: ignore[arg-type]


@pytest.mark.parametrize(("size", "stride"), [(0, 1), (-5, 1), (5, 0), (5, -1)])
@pytest.mark.parametrize("edge", ["shift", "pad", "drop"])
def test_numbers_below_one_are_refused(size: int, stride: int, edge: Any) -> None:
    with pytest.raises(RecipeError, match="at least 1"):
        starts(100, size, stride, edge)


def test_a_stride_that_would_lose_pixels_is_refused_unless_that_is_asked_for() -> None:
    for edge in ("shift", "pad"):
        with pytest.raises(RecipeError, match="would be lost"):
            starts(100, 10, 11, edge)  # type: ignore[arg-type]
    assert starts(100, 10, 45, "drop") == [0, 45, 90]


def test_padding_to_square() -> None:
    assert square((640, 480)) == (0, 0, 640, 640)
    assert square((640, 480), "centre") == (0, -80, 640, 640)
    assert square((3, 6), "centre") == (-1, 0, 6, 6)


def test_an_image_that_does_not_fit_is_refused_with_both_sizes() -> None:
    for size in ((600, 640), (640, 400)):
        with pytest.raises(RecipeError, match=rf"640x480 .*{size[0]}x{size[1]}"):
            padded((640, 480), size)
