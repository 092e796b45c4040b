"""Whole images: every pixel once, and the same whatever the tiles."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn

from smearprep.errors import GeometryError, RecipeError
from smearprep.images import read
from smearprep.models import zoo
from smearprep.models.semantic.whole_image import predict_image, tile_windows
from tests.models.making import enlivened, tiny

NAMES = sorted(name for name, info in zoo.NETWORKS.items() if info.family == "semantic")
KINDS = ("do-unet", "do-unet-si", "unet", "do-segnet")  # "segnet" is "do-segnet" with a head less


def _image(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def _alike(name: str) -> tuple[nn.Module, float]:
    """A tiny network, and how well its results agree.

    SegNet in float64: where two values of a pooled square differ by rounding only, it puts either of them
    back in its place.
    """
    network = tiny(name)
    return (network.double(), 1e-6) if "segnet" in name else (network, 1e-5)


# ---------------------------------------------------------------- the windows


@settings(deadline=None, max_examples=200)
@given(
    name=st.sampled_from(NAMES),
    size=st.tuples(st.integers(1, 900), st.integers(1, 900)),
    tile=st.integers(1, 600),
)
def test_tiles_cover_the_image_in_one_grid(name: str, size: tuple[int, int], tile: int) -> None:
    info = zoo.semantic(name)
    windows = tile_windows(size, info, tile)
    ((wide, high),) = {window[2:] for window in windows}
    assert (wide - info.input_size) % info.stride == 0 == (high - info.input_size) % info.stride
    least = info.output_size % info.stride + info.stride
    for axis, length in enumerate(size):
        first = sorted({window[axis] + info.margin for window in windows})
        written = (wide, high)[axis] - 2 * info.margin
        assert least <= written <= max(tile, least)
        assert first[0] == 0 and all(start % info.stride == 0 for start in first)
        covered = {px for start in first for px in range(start, start + written)}
        assert set(range(length)) <= covered
        assert all(start < length for start in first)  # none in vain
    assert max(Counter(windows).values()) == 1
    assert len(windows) == np.prod([len({window[axis] for window in windows}) for axis in (0, 1)])


def test_the_smallest_tiles_that_need_as_few_windows() -> None:
    info = zoo.semantic("do-unet")
    assert tile_windows((500, 500), info, 500) == [(-44, -44, 588, 588)]
    assert tile_windows((512, 100), info, 500) == [(-44, -44, 348, 188), (212, -44, 348, 188)]
    assert tile_windows((3, 4), info, 500) == [(-44, -44, 100, 100)]


# ---------------------------------------------------------------- the result


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("size", [(75, 120), (61, 37), (3, 1)])
def test_the_size_of_tiles_does_not_matter(name: str, size: tuple[int, int]) -> None:
    (network, close), info, image = _alike(name), zoo.semantic(name), _image(*size)
    whole = predict_image(network, info, image)
    assert whole.shape == (len(info.heads), *size) and whole.dtype == np.float32
    assert size == (3, 1) or np.ptp(whole, axis=(1, 2)).min() > 0.1  # it says something
    for tile, batch in ((64, 1), (100, 3)):
        other = predict_image(network, info, image, tile=tile, batch=batch)
        assert np.abs(other - whole).max() < close


@pytest.mark.parametrize("name", ["do-unet", "unet", "do-unet-si"])
@pytest.mark.parametrize("start", [(0, 0), (24, 40), (96, 144)])
def test_chips_as_in_the_paper_say_the_same(name: str, start: tuple[int, int]) -> None:
    network, info, image = tiny(name), zoo.semantic(name), _image(210, 250)
    top, left = (place - place % info.stride for place in start)
    black = np.pad(image, ((500, 500), (500, 500), (0, 0)))
    first = 500 - info.margin
    chip = black[first + top :, first + left :][: info.input_size, : info.input_size]
    scaled = torch.from_numpy(chip.copy()).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        said = network(scaled).sigmoid()[0].numpy()
    whole = predict_image(network, info, image)[:, top:, left:][:, : info.output_size, : info.output_size]
    assert np.abs(whole - said[:, : whole.shape[1], : whole.shape[2]]).max() < 1e-5


@pytest.mark.parametrize("name", KINDS)
def test_beyond_the_image_all_is_black(name: str) -> None:
    (network, close), info, image = _alike(name), zoo.semantic(name), _image(70, 90)
    border = info.stride
    padded = np.pad(image, ((border, 3), (border, 5), (0, 0)))
    inner = predict_image(network, info, padded, tile=80)[:, border:-3, border:-5]
    assert np.abs(inner - predict_image(network, info, image)).max() < close
    grey = np.pad(image, ((border, 3), (border, 5), (0, 0)), constant_values=128)
    other = predict_image(network, info, grey)[:, border:-3, border:-5]
    assert np.abs(inner - other).max() > 0.01


def test_the_real_do_unet_has_no_seams() -> None:
    info, image = zoo.semantic("do-unet"), _image(60, 110)
    network = enlivened(info.build())
    whole = predict_image(network, info, image)
    assert np.abs(predict_image(network, info, image, tile=68) - whole).max() < 1e-5
    assert np.ptp(whole) > 0.2


@pytest.mark.parametrize("name", ["do-unet", "do-segnet"])
def test_a_real_smear_has_no_seams(name: str, real_data: Path) -> None:
    path = sorted((real_data / "ALL_IDB1" / "im").glob("*.jpg"))[0]
    image = read(path)[:201, :233]
    network, close = _alike(name)
    whole = predict_image(network, zoo.semantic(name), image)
    assert np.abs(predict_image(network, zoo.semantic(name), image, tile=140) - whole).max() < close


def test_whole_numbers_are_255_times_the_probability() -> None:
    network, info, image = tiny("do-unet"), zoo.semantic("do-unet"), _image(50, 70)
    exact, whole = predict_image(network, info, image), predict_image(network, info, image, as_uint8=True)
    assert whole.dtype == np.uint8 and (whole == np.round(exact * 255)).all()


def test_lower_precision_changes_little() -> None:
    network, info, image = tiny("do-unet"), zoo.semantic("do-unet"), _image(50, 70)
    low = predict_image(network, info, image, precision=torch.bfloat16)
    difference = np.abs(low - predict_image(network, info, image))
    assert low.dtype == np.float32 and 0 < difference.mean() < 0.02


def test_the_image_and_the_network_are_left_alone() -> None:
    network, image = tiny("unet"), _image(40, 40)
    image.flags.writeable = False
    before = {name: value.clone() for name, value in network.state_dict().items()}
    predict_image(network, zoo.semantic("unet"), image)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    "image", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3), np.float32), np.zeros((0, 9, 3), np.uint8)]
)
def test_other_images_are_refused(image: NDArray[np.uint8]) -> None:
    with pytest.raises(GeometryError, match="uint8 RGB"):
        predict_image(tiny("unet"), zoo.semantic("unet"), image)


@pytest.mark.parametrize(("tile", "batch"), [(0, 1), (500, 0)])
def test_no_tile_or_no_batch_is_refused(tile: int, batch: int) -> None:
    with pytest.raises(RecipeError, match="at least 1"):
        predict_image(tiny("unet"), zoo.semantic("unet"), _image(9, 9), tile=tile, batch=batch)
