"""Images, boxes and masks of a batch show the same thing."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from smearprep.models.instances.draws import Draw, draw
from smearprep.models.instances.inputs import MEAN, STD, inputs
from smearprep.models.instances.pool import ScenePool
from smearprep.models.recipes import Distortion
from tests.models.instances.making import disc, scene, whole

CATEGORIES = ("WBC",)


def unscaled(x):
    """Normalised input back in [0, 255]."""
    return x * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]


def test_an_image_of_the_inputs_size_stays_as_it_is():
    one = scene(size=(64, 64))
    x = inputs([torch.from_numpy(one.image).permute(2, 0, 1)], [whole(0, (64, 64), 64)], 64)
    assert x.shape == (1, 3, 64, 64) and x.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(unscaled(x[0]).permute(1, 2, 0), torch.from_numpy(one.image).float(), atol=1e-3)


def test_what_the_image_does_not_cover_has_the_mean_colour():
    image = torch.zeros((3, 20, 20), dtype=torch.uint8)
    x = inputs([image], [Draw(0, (0, 0, 20, 20), (8, 4, 20, 20), brightness=7)], 64)
    covered = torch.zeros(64, 64, dtype=torch.bool)
    covered[4:24, 8:28] = True
    assert (x[0][:, ~covered] == 0).all()
    assert torch.allclose(unscaled(x[0])[:, covered], torch.tensor(7.0), atol=1e-4)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_boxes_masks_and_pixels_agree(seed):
    """A white cell on black ground: where the input is white, mask and box must be, whatever was drawn."""
    rng = np.random.default_rng(seed)
    x, y, radius = rng.uniform(20, 90), rng.uniform(20, 70), rng.uniform(9, 16)
    one = scene((disc(x, y, radius),), (110, 90))
    one.image[:] = 0
    rows, columns = np.mgrid[:90, :110] + 0.5
    one.image[(columns - x) ** 2 + (rows - y) ** 2 < radius**2] = 255
    still = Distortion(brightness=(0, 0), contrast=(1, 1), saturation=(1, 1), hue=(0, 0))
    size = 96
    drawn = draw(0, one.size, one.boxes, still, size, rng)
    image, truth = ScenePool([one], CATEGORIES, size).batch([drawn], (size, size))
    assert truth.labels.tolist() == [[0]] and not truth.crowd.any()
    white = unscaled(image[0])[0] > 127.5
    white &= (image[0] != 0).all(dim=0)  # not the ground beyond the image
    mask = truth.masks[0, 0]
    # Both are the same disc; along its rim they differ by half a px of the smaller of image and input.
    rim = 2 * np.pi * np.sqrt(max(int(white.sum()), 1) / np.pi) * max(1, drawn.target[2] / drawn.source[2])
    assert (white ^ mask).sum() <= 1.5 * rim + 6
    x0, y0, x1, y1 = (truth.boxes[0, 0] * size).tolist()
    ys, xs = np.nonzero(mask.numpy())
    if len(xs):
        step = max(1.0, drawn.target[2] / drawn.source[2], drawn.target[3] / drawn.source[3])
        assert xs.min() >= x0 - step - 1 and xs.max() <= x1 + step
        assert ys.min() >= y0 - step - 1 and ys.max() <= y1 + step


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("flip", [False, True])
def test_turns_and_flips_move_boxes_as_they_move_pixels(turns, flip):
    one = scene((box(10, 4, 20, 16),), (64, 64))
    plain = Draw(0, (0, 0, 64, 64), (0, 0, 64, 64))
    turned = Draw(0, plain.source, plain.target, turns=turns, flip=flip)
    pool = ScenePool([one], CATEGORIES, 64)
    (x, truth), (y, moved) = (pool.batch([draw_], (64, 64)) for draw_ in (plain, turned))
    expected = torch.rot90(x, turns, (-2, -1))
    assert torch.equal(y, expected.flip(-1) if flip else expected)
    rows, columns = np.nonzero(moved.masks[0, 0].numpy())
    found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert (moved.boxes[0, 0] * 64).tolist() == pytest.approx(found)
    assert truth.masks.sum() == moved.masks.sum() == 120


def test_a_cell_whose_middle_is_not_seen_is_not_there_and_others_are_cut_off():
    one = scene((box(10, 10, 30, 30), box(50, 10, 70, 30)))
    shown = Draw(0, (25, 0, 40, 60), (0, 0, 64, 64))  # right of the first one's middle
    _, truth = ScenePool([one], CATEGORIES, 64).batch([shown], (16, 16))
    assert truth.labels.tolist() == [[0]]
    assert truth.boxes[0, 0].tolist() == pytest.approx([25 / 40, 10 / 60, 1, 30 / 60])


def test_images_with_more_and_fewer_cells_are_filled_up():
    scenes = [scene((box(5, 5, 15, 15), box(30, 30, 50, 50)), seed=1), scene(seed=2), scene(seed=3)]
    scenes[2] = type(scenes[2])("s", "", scenes[2].image, (), "d")
    pool = ScenePool(scenes, CATEGORIES, 64)
    _, truth = pool.batch([whole(n, (80, 60), 64) for n in (1, 0, 2)], (16, 16))
    assert truth.labels.tolist() == [[0, -1], [0, 0], [-1, -1]]
    assert truth.masks.any(dim=(2, 3)).tolist() == [[True, False], [True, True], [False, False]]
    _, empty = pool.batch([whole(2, (80, 60), 64)], (16, 16))
    assert empty.boxes.shape == (1, 0, 4) and empty.masks.shape == (1, 0, 16, 16)


@pytest.mark.parametrize("hue", [-150.0, -18.0, 0.0, 30.0, 179.0])
def test_hue_saturation_brightness_and_contrast_are_those_of_hsv(hue):
    image = torch.from_numpy(np.random.default_rng(0).integers(0, 200, (3, 8, 8), dtype=np.uint8))
    one = Draw(0, (0, 0, 8, 8), (0, 0, 8, 8), brightness=10, contrast=1.1, saturation=0.7, hue=hue)
    got = unscaled(inputs([image], [one], 8)[0])
    for row in range(8):
        for column in range(8):
            r, g, b = ((float(v) + 10) * 1.1 / 255 for v in image[:, row, column])
            h, s, v = colorsys.rgb_to_hsv(r, g, b)
            expected = colorsys.hsv_to_rgb((h + hue / 360) % 1, s * 0.7, v)
            assert got[:, row, column].tolist() == pytest.approx([255 * c for c in expected], abs=1e-2)
