"""Chips lie where they may, as often as they should; and each step does what it says, and nothing else."""

from __future__ import annotations

from dataclasses import fields

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smearprep.augmentation import Augmentation, Draws, border, centres_of, chip, draw, equalise
from smearprep.augmentation.chips import (
    brightened,
    degraded,
    recoloured,
    resized,
    resized_target,
    sliced,
    turned,
)
from smearprep.errors import RecipeError
from smearprep.targets import MASK

IN, OUT = 28, 12
STILL = Augmentation((1, 1), (1, 1), (1, 1), (1, 1), (1, 1), (1, 1), turns=False, flips=False)
SIZES = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=4)


def blobs(shape, seed):
    """(H, W) uint8 target with a few rectangles, often none."""
    rng = np.random.default_rng(seed)
    target = np.zeros(shape, np.uint8)
    for _ in range(rng.integers(0, 3)):
        y, x = rng.integers(shape[0]), rng.integers(shape[1])
        target[y : y + 4, x : x + 4] |= rng.integers(1, 4, dtype=np.uint8)
    return target


def noise(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def floats(seed=0, side=IN):
    return np.random.default_rng(seed).random((side, side, 3), dtype=np.float32)


def one(**changed):
    """A draw of one chip that changes nothing, but for what is named."""
    still = {"image": 0, "y": 20, "x": 20, "turns": 0, "flip": False}
    values = {field.name: 1.0 for field in fields(Draws)} | still | changed
    return Draws(**{name: np.array([value]) for name, value in values.items()})


# ---------------------------------------------------------------- where chips lie


def admissible_by_trying(target, size):
    """All centres whose output window lies in the image, or is centred on it, with the object px it shows."""
    height, width = target.shape
    padded = np.pad(target & MASK, size)
    ys, xs = (
        range(size // 2, length - size + size // 2 + 1)
        if length >= size
        else [-((size - length + 1) // 2) + size // 2]
        for length in (height, width)
    )
    return {
        (y, x): int(padded[y - size // 2 + size :, x - size // 2 + size :][:size, :size].sum())
        for y in ys
        for x in xs
    }


@settings(max_examples=60, deadline=None)
@given(SIZES, st.integers(1, 20), st.integers(0, 2**32))
def test_the_runs_are_the_admissible_centres_that_show_the_object(shapes, size, seed):
    targets = [blobs(shape, seed + k) for k, shape in enumerate(shapes)]
    centres = centres_of(targets, size)
    found = [
        (image, y, x)
        for image, y, first, length in centres.runs.tolist()
        for x in range(first, first + length)
    ]
    expected = []
    for image, target in enumerate(targets):
        tried = admissible_by_trying(target, size)
        y, x, rows, columns = centres.boxes[image].tolist()
        assert set(tried) == {(y + i, x + j) for i in range(rows) for j in range(columns)}
        expected += [(image, y, x) for (y, x), count in tried.items() if count > 5]
    assert found == sorted(expected)


@settings(max_examples=40, deadline=None)
@given(SIZES, st.integers(1, 20), st.integers(0, 2**32))
def test_every_drawn_centre_is_admissible_and_those_with_the_object_show_it(shapes, size, seed):
    targets = [blobs(shape, seed + k) for k, shape in enumerate(shapes)]
    centres = centres_of(targets, size)
    tried = [admissible_by_trying(target, size) for target in targets]
    share = 1.0 if len(centres.runs) else 0.0
    draws = draw(centres, Augmentation(object_share=share), np.random.default_rng(seed), 50)
    for image, y, x in zip(draws.image, draws.y, draws.x, strict=True):
        assert tried[image][y, x] > 5 or not share


def test_chips_with_the_object_lie_as_by_trying_until_one_shows_it():
    targets = [np.zeros(shape, np.uint8) for shape in ((30, 40), (14, 12), (50, 20), (20, 20))]
    targets[0][3:9, 5:20] = targets[1][2:12, 1:9] = targets[2][30:40, 2:6] = MASK
    tried = [admissible_by_trying(target, OUT) for target in targets]
    places = [
        (k, y, x, 1 / len(own)) for k, own in enumerate(tried) for (y, x), count in own.items() if count > 5
    ]
    rng, n = np.random.default_rng(1), 200_000
    draws = draw(centres_of(targets, OUT), Augmentation(object_share=1.0), rng, n)
    seen = dict.fromkeys((place[:3] for place in places), 0)
    for key in zip(draws.image.tolist(), draws.y.tolist(), draws.x.tolist(), strict=True):
        seen[key] += 1
    counts = np.array(list(seen.values()))
    expected = n * np.array([place[3] for place in places]) / sum(place[3] for place in places)
    chi2 = float(((counts - expected) ** 2 / expected).sum())
    free = len(places) - 1
    assert free > 200 and len(set(draws.image.tolist())) > 2
    assert abs(chi2 - free) < 5 * np.sqrt(2 * free)

    by_trying = []
    while len(by_trying) < 4000:
        image = int(rng.integers(len(targets)))
        y, x = list(tried[image])[rng.integers(len(tried[image]))]
        if tried[image][y, x] > 5:
            by_trying.append(image)
    shares = np.bincount(by_trying, minlength=4) / 4000
    assert np.abs(shares - np.bincount(draws.image, minlength=4) / n).max() < 0.04


def test_chips_anywhere_take_images_alike_and_centres_alike():
    targets = [blobs((60, 31), 0), blobs((13, 13), 1)]
    draws = draw(centres_of(targets, OUT), Augmentation(object_share=0), np.random.default_rng(0), 100_000)
    assert abs((draws.image == 0).mean() - 0.5) < 0.01
    first = draws.image == 0
    places = (draws.y[first] - 6) * 20 + draws.x[first] - 6
    counts = np.bincount(places, minlength=49 * 20)
    assert len(counts) == 49 * 20
    assert abs(((counts - counts.mean()) ** 2 / counts.mean()).sum() - 979) < 5 * np.sqrt(2 * 979)


def test_the_share_of_chips_with_the_object_is_as_asked():
    target = np.zeros((300, 300), np.uint8)
    target[:40, :40] = MASK
    for share in (0.0, 0.5, 1.0):
        draws = draw(
            centres_of([target], OUT), Augmentation(object_share=share), np.random.default_rng(0), 20_000
        )
        by_chance = len(centres_of([target], OUT).runs) and (46 * 46) / (289 * 289)
        shows = ((draws.y < 46) & (draws.x < 46)).mean()
        assert abs(shows - (share + (1 - share) * by_chance)) < 0.02


# ---------------------------------------------------------------- what is drawn


def test_the_same_seed_draws_the_same_and_parts_are_parts():
    centres = centres_of([blobs((60, 60), 1)], OUT)
    first, again = (draw(centres, Augmentation(), np.random.default_rng(7), 100) for _ in range(2))
    part = first.part(20, 30)
    assert len(first) == 100 and len(part) == 10
    for field in fields(Draws):
        assert (getattr(first, field.name) == getattr(again, field.name)).all()
        assert (getattr(first, field.name)[20:30] == getattr(part, field.name)).all()


def test_factors_fill_their_ranges_and_turns_and_flips_come_alike():
    varied = Augmentation(scale=(0.5, 2), degrade=(0.2, 0.9))
    draws = draw(centres_of([blobs((60, 60), 1)], OUT), varied, np.random.default_rng(0), 20_000)
    for name in ("scale", "degrade", "hue", "saturation", "value", "luminosity"):
        (low, high), values = getattr(varied, name), getattr(draws, name)
        assert low <= values.min() and values.max() <= high
        assert abs(np.histogram(values, 10, (low, high))[0] / 2000 - 1).max() < 0.12
    assert abs(np.bincount(draws.turns, minlength=4) / 5000 - 1).max() < 0.08
    assert abs(draws.flip.mean() - 0.5) < 0.02
    assert not draw(centres_of([blobs((60, 60), 1)], OUT), STILL, np.random.default_rng(0), 99).flip.any()


@pytest.mark.parametrize(
    ("entries", "word"),
    [
        ({"scale": (0, 1)}, "scale"),
        ({"hue": (1.2, 0.8)}, "hue"),
        ({"value": (0.5, float("nan"))}, "value"),
        ({"luminosity": (0.5, float("inf"))}, "luminosity"),
        ({"degrade": (0.5, 1.5)}, "degrade"),
        ({"object_share": 1.5}, "object_share"),
        ({"object_share": float("nan")}, "object_share"),
    ],
)
def test_ranges_that_cannot_be(entries, word):
    with pytest.raises(RecipeError, match=word):
        Augmentation(**entries)


@pytest.mark.parametrize("sizes", [(188, 99), (100, 188), (10, 0)])
def test_outputs_that_are_no_centred_part(sizes):
    with pytest.raises(RecipeError, match="px out"):
        border(*sizes)


def test_without_images_or_objects_nothing_can_be_drawn():
    with pytest.raises(RecipeError, match="no images"):
        centres_of([], OUT)
    empty = centres_of([np.zeros((30, 30), np.uint8)], OUT)
    with pytest.raises(RecipeError, match="object_share: 0"):
        draw(empty, Augmentation(), np.random.default_rng(0), 1)
    assert len(draw(empty, Augmentation(object_share=0), np.random.default_rng(0), 3)) == 3


# ---------------------------------------------------------------- the steps


@given(st.integers(-20, 60), st.integers(-20, 60), st.sampled_from([0.5, 1.0, 1.7]))
@settings(max_examples=60, deadline=None)
def test_a_slice_is_the_window_of_the_padded_image(y, x, scale):
    image, target = noise((33, 41)), blobs((33, 41), 2)
    draws = one(y=y, x=x, scale=scale)
    side = round(scale * IN)
    shown, labelled = sliced(image, target, draws, 0, IN)
    top, left = y - side // 2 + 200, x - side // 2 + 200
    window = np.s_[top : top + side, left : left + side]
    assert (np.rint(shown * 255) == np.pad(image, ((200, 200), (200, 200), (0, 0)))[window]).all()
    assert (labelled == np.pad(target, 200)[window]).all()


def test_a_chip_that_nothing_changes_is_its_window():
    image, target = noise((60, 50)), blobs((60, 50), 3)
    shown, labelled = chip(image, target, one(y=30, x=25), 0, IN, OUT)
    assert shown.dtype == np.float32 and labelled.dtype == np.uint8
    assert np.abs((shown + 1) * 127.5 - image[16:44, 11:39]).max() < 0.01
    assert (labelled == target[24:36, 19:31]).all()


@given(st.integers(0, 3), st.booleans())
def test_turns_and_flips_keep_image_and_target_together(turns, flip):
    target = blobs((60, 60), 4) | 2 * blobs((60, 60), 5)
    image = np.repeat((target * 40)[..., None], 3, axis=2)
    shown, labelled = chip(image, target, one(y=30, x=28, turns=turns, flip=flip), 0, IN, IN)
    assert (np.rint((shown[..., 0] + 1) * 127.5) == labelled * 40).all()
    back = labelled[:, ::-1] if flip else labelled
    assert (np.rot90(back, -turns) == target[16:44, 14:42]).all()


def test_four_quarter_turns_are_none_and_a_turn_is_anticlockwise():
    array = np.arange(12).reshape(3, 4)
    assert (turned(turned(array, 1, False), 3, False) == array).all()
    assert (turned(array, 1, False)[0] == array[:, -1]).all()
    assert (turned(array, 0, True)[:, 0] == array[:, -1]).all()


@given(st.integers(1, 90), st.integers(1, 90))
@settings(deadline=None)
def test_a_resized_target_takes_the_px_at_each_centre(side, size):
    row = np.arange(side, dtype=np.uint8)
    found = resized_target(np.add.outer(row, np.zeros(side, np.uint8)), size)[:, 0]
    assert (found == np.floor((np.arange(size) + 0.5) * side / size + 1e-9)).all()
    assert (resized_target(blobs((side, side), 6), side) == blobs((side, side), 6)).all()


def test_resizing_moves_image_and_target_alike():
    target = np.zeros((80, 80), np.uint8)
    cv2.circle(target, (36, 44), 20, 1, -1)
    shown = resized(np.repeat(target[..., None], 3, axis=2).astype(np.float32), 28)
    small = resized_target(target, 28)
    rows, columns = np.indices((28, 28))
    for axis in (rows, columns):
        by_image = (shown[..., 0] * axis).sum() / shown[..., 0].sum()
        assert abs(by_image - (small * axis).sum() / small.sum()) < 0.1


def test_degrading_takes_detail_and_keeps_light():
    shown = floats()
    worse = [degraded(shown, share) for share in (1.0, 0.6, 0.3)]
    spread = [chip.std() for chip in worse]
    assert worse[0] is shown and spread[0] > spread[1] > spread[2]
    assert all(abs(float(chip.mean() - shown.mean())) < 0.01 for chip in worse)
    flat = np.full((IN, IN, 3), 0.25, np.float32)
    assert np.abs(degraded(flat, 0.4) - 0.25).max() < 1e-6


@given(st.floats(0.3, 3), st.floats(0.3, 3), st.floats(0.3, 3), st.integers(0, 99))
@settings(deadline=None)
def test_colours_are_multiplied_in_hsv(hue, saturation, value, seed):
    shown = floats(seed, 6)
    before, after = (
        cv2.cvtColor(chip, cv2.COLOR_RGB2HSV) for chip in (shown, recoloured(shown, hue, saturation, value))
    )
    assert np.abs(after[..., 1] - np.minimum(before[..., 1] * saturation, 1)).max() < 1e-3
    assert np.abs(after[..., 2] - np.minimum(before[..., 2] * value, 1)).max() < 1e-5
    off = (after[..., 0] - before[..., 0] * hue) % 360
    assert (np.minimum(off, 360 - off) * after[..., 1] * after[..., 2]).max() < 0.1


def test_a_hue_beyond_the_circle_comes_round():
    magenta = np.full((1, 1, 3), (1, 0, 0.5), np.float32)  # 330 degrees; a fifth more is 36: orange
    assert recoloured(magenta, 1.2, 1, 1)[0, 0] == pytest.approx((1, 0.6, 0), abs=1e-4)


def test_light_is_multiplied_and_clipped_and_grey_stays_grey():
    grey = np.full((2, 2, 3), 0.5, np.float32)
    assert brightened(grey, 1.5) == pytest.approx(0.75)
    assert brightened(grey, 4.0) == pytest.approx(1.0)
    assert recoloured(grey, 1.2, 1.5, 0.5) == pytest.approx(0.25)


def test_equalising_evens_out_lightness_and_keeps_colour():
    light = np.random.default_rng(0).integers(90, 110, (120, 160, 1), dtype=np.uint8)
    image = np.concatenate([light, light // 2, light], axis=2)
    before, after = (cv2.cvtColor(i, cv2.COLOR_RGB2LAB).astype(int) for i in (image, equalise(image)))
    assert after[..., 0].std() > 1.3 * before[..., 0].std()
    assert np.abs(after[..., 1:] - before[..., 1:]).mean() < 2
