"""The pool makes the chips that the plain functions and the albumentations pipeline make."""

from __future__ import annotations

from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smearprep import datasets
from smearprep.augmentation import Augmentation, Draws, centres_of, chip, draw, equalise
from smearprep.augmentation.chips import sliced
from smearprep.augmentation.composed import draws_of, pipeline
from smearprep.datasets.loading import LoadOptions
from smearprep.errors import GeometryError, RecipeError
from smearprep.images import read
from smearprep.models.semantic.pool import ImagePool
from smearprep.targets import rasterise

IN, OUT = 44, 20
PLAIN = Augmentation()
RESIZED = Augmentation(scale=(0.4, 1.8), degrade=(0.2, 1.0))
SHAPES = ((90, 100), (60, 33), (12, 70), (25, 7))  # the last two are smaller than a chip, or its output


def smear(shape, seed):
    """(H, W, 3) uint8 with all colours, smooth as photographs are."""
    image = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
    smooth = cv2.GaussianBlur(image, (0, 0), 2)
    return np.asarray(cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX), np.uint8)


IMAGES = [smear(shape, k) for k, shape in enumerate(SHAPES)]
TARGETS = [np.random.default_rng(k).integers(0, 8, shape, dtype=np.uint8) for k, shape in enumerate(SHAPES)]
CENTRES = centres_of(TARGETS, OUT)
POOL = ImagePool(IMAGES, TARGETS, IN, OUT)


def off(shown, expected, draws, k, images=IMAGES, targets=TARGETS, sizes=(IN, OUT)):
    """Largest difference of chip k (3, L, L) from one (L, L, 3), both in [-1, 1], in steps of 1/255.

    Left out are px of pure red, g = b < r, if the chip is resampled: there the hue jumps from 0 to 360
    degrees with the last bit of a float, and so does what a factor makes of it.
    """
    one = draws.part(k, k + 1)
    still = replace(one, **{name: np.ones(1) for name in ("hue", "saturation", "value", "luminosity")})
    number = int(one.image[0])
    before, _ = chip(images[number], targets[number], still, 0, *sizes)
    red, green, blue = np.moveaxis(before, 2, 0) * 127.5
    on_seam = (np.abs(green - blue) < 1e-3) & (np.abs(green - blue) > 0) & (red > green + 0.1)
    assert on_seam.mean() < 0.003
    return float(np.abs(shown.permute(1, 2, 0).numpy() - expected)[~on_seam].max() * 127.5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([PLAIN, RESIZED]))
def test_chips_are_those_of_the_plain_functions(seed, augmentation):
    draws = draw(CENTRES, augmentation, np.random.default_rng(seed), 7)
    shown, labelled = POOL.chips(draws)
    for k, number in enumerate(draws.image):
        expected, target = chip(IMAGES[number], TARGETS[number], draws, k, IN, OUT)
        assert (labelled[k].numpy() == target).all()
        assert off(shown[k], expected, draws, k) < 0.5


@pytest.mark.parametrize("augmentation", [PLAIN, RESIZED])
def test_chips_are_those_of_the_albumentations_pipeline(augmentation):
    steps = pipeline(augmentation, IN, OUT, seed=3)
    places = draw(CENTRES, augmentation, np.random.default_rng(1), 40)
    seen = []
    for k, number in enumerate(places.image):
        image, labelled = sliced(IMAGES[number], TARGETS[number], places, k, IN)
        made = steps(image=image, mask=labelled)
        draws = draws_of(
            made["applied_transforms"],
            number,
            places.y[k],
            places.x[k],
            places.scale[k],
        )
        seen.append((int(draws.turns[0]), bool(draws.flip[0])))
        shown, target = POOL.chips(draws)
        assert made["image"].dtype == np.float32
        assert (target[0].numpy() == made["mask"]).all()
        assert off(shown[0], made["image"], draws, 0) < 2
    assert len(set(seen)) == 8


def test_the_pipeline_draws_from_the_ranges_and_repeats_its_seed():
    image, labelled = np.zeros((IN, IN, 3), np.float32), np.zeros((IN, IN), np.uint8)

    def drawn(seed):
        steps = pipeline(RESIZED, IN, OUT, seed=seed)
        made = [steps(image=image, mask=labelled)["applied_transforms"] for _ in range(300)]
        return [draws_of(applied, 0, 0, 0, 1.0) for applied in made]

    first, again, other = drawn(1), drawn(1), drawn(2)
    assert [d.hue[0] for d in first] == [d.hue[0] for d in again] != [d.hue[0] for d in other]
    for name in ("degrade", "hue", "saturation", "value", "luminosity"):
        low, high = getattr(RESIZED, name)
        values = np.array([getattr(d, name)[0] for d in first])
        assert low <= values.min() and values.max() <= high
        assert abs(values.mean() - (low + high) / 2) < 0.1 * (high - low)
    assert abs(np.mean([d.flip[0] for d in first]) - 0.5) < 0.12
    assert abs(np.bincount([d.turns[0] for d in first], minlength=4) / 75 - 1).max() < 0.5


def test_a_pipeline_without_turns_and_flips_leaves_the_target_as_it_lies():
    steps = pipeline(Augmentation(turns=False, flips=False), IN, OUT, seed=0)
    labelled = np.arange(IN * IN, dtype=np.uint8).reshape(IN, IN)
    made = steps(image=np.zeros((IN, IN, 3), np.float32), mask=labelled)
    assert (made["mask"] == labelled[12:32, 12:32]).all()


# ---------------------------------------------------------------- laws of its own


def test_a_batch_is_its_chips_one_by_one():
    draws = draw(CENTRES, RESIZED, np.random.default_rng(5), 30)
    shown, labelled = POOL.chips(draws)
    for k in range(30):
        one, target = POOL.chips(draws.part(k, k + 1))
        assert (labelled[k] == target[0]).all()
        assert (shown[k] - one[0]).abs().max() < 1e-4


def test_the_same_draws_give_the_same_bits():
    draws = draw(CENTRES, RESIZED, np.random.default_rng(5), 9)
    first, again = POOL.chips(draws), POOL.chips(draws)
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])


def test_the_form_is_as_promised():
    shown, labelled = POOL.chips(draw(CENTRES, PLAIN, np.random.default_rng(0), 6))
    assert shown.shape == (6, 3, IN, IN) and shown.dtype == torch.float32
    assert shown.is_contiguous(memory_format=torch.channels_last) and not shown.requires_grad
    assert labelled.shape == (6, OUT, OUT) and labelled.dtype == torch.uint8
    assert shown.abs().max() <= 1 + 1e-6
    assert len(POOL) == 4
    assert POOL.nbytes == 4 * (1 + sum(target.size for target in TARGETS))
    assert [len(part) for part in POOL.chips(draw(CENTRES, PLAIN, np.random.default_rng(0), 0))] == [0, 0]


@pytest.mark.parametrize("grey", [0, 1, 128, 255])
def test_grey_black_and_white_stay_grey(grey):
    pool = ImagePool([np.full((60, 60, 3), grey, np.uint8)], [np.ones((60, 60), np.uint8)], IN, OUT)
    draws = draw(centres_of([np.ones((60, 60), np.uint8)], OUT), PLAIN, np.random.default_rng(0), 20)
    shown, _ = pool.chips(draws)
    assert torch.isfinite(shown).all()
    assert (shown.amax(1) - shown.amin(1)).max() < 1e-5
    light = np.minimum(np.minimum(grey / 255 * draws.luminosity, 1) * draws.value, 1) * 2 - 1
    middle = shown[:, 0, IN // 2, IN // 2].numpy()
    assert middle == pytest.approx(light, abs=1e-5)


def test_every_colour_of_8_bits_is_changed_as_opencv_changes_it():
    steps = np.arange(0, 256, 5, dtype=np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    side = int(np.ceil(np.sqrt(len(cube))))
    image = np.resize(cube, (side, side, 3))
    size = side - side % 2
    target = np.zeros((side, side), np.uint8)
    pool = ImagePool([image], [target], size, size)
    still = {
        "image": 0,
        "y": size // 2,
        "x": size // 2,
        "turns": 0,
        "flip": False,
        "scale": 1.0,
        "degrade": 1.0,
    }
    for seed in range(5):
        factors = np.random.default_rng(seed).uniform(0.4, 1.6, 4)
        values = still | dict(zip(("hue", "saturation", "value", "luminosity"), factors, strict=True))
        draws = Draws(**{field.name: np.array([values[field.name]]) for field in fields(Draws)})
        shown, _ = pool.chips(draws)
        expected, _ = chip(image, target, draws, 0, size, size)
        assert off(shown[0], expected, draws, 0, [image], [target], (size, size)) < 0.1


def test_autocast_does_not_coarsen_chips():
    draws = draw(CENTRES, RESIZED, np.random.default_rng(5), 5)
    plain, _ = POOL.chips(draws)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast, _ = POOL.chips(draws)
    assert torch.equal(plain, cast)


@pytest.mark.parametrize(
    ("images", "targets", "words"),
    [
        (IMAGES, TARGETS[:2], "4 images, but 2 targets"),
        (IMAGES[:1], [TARGETS[0][1:]], "image 0"),
        ([IMAGES[0].astype(float)], TARGETS[:1], "float64"),
    ],
)
def test_images_that_cannot_be_used(images, targets, words):
    with pytest.raises(GeometryError, match=words):
        ImagePool(images, targets, IN, OUT)


def test_sizes_that_do_not_go_together():
    with pytest.raises(RecipeError, match="px out"):
        ImagePool(IMAGES, TARGETS, 44, 21)


# ---------------------------------------------------------------- real images


def test_on_real_smears_both_ways_agree(real_data, tmp_path):
    for folder, suffix in (("im", "jpg"), ("markup", "json")):
        (tmp_path / folder).mkdir()
        for stem in ("Im004_1", "Im095_0"):
            (tmp_path / folder / f"{stem}.{suffix}").symlink_to(
                real_data / "ALL_IDB1" / folder / f"{stem}.{suffix}"
            )
    samples = datasets.load(tmp_path, LoadOptions(extra={"rbc": "markup"}), "all_idb1").samples
    images = [equalise(read(sample.path, sample.oriented)) for sample in samples]
    targets = [rasterise([c for c in s.cells if c.label == "RBC"], s.size) for s in samples]
    pool = ImagePool(images, targets, 188, 100)
    for augmentation in (PLAIN, Augmentation(scale=(0.8, 1.25), degrade=(0.5, 1))):
        draws = draw(centres_of(targets, 100), augmentation, np.random.default_rng(0), 12)
        shown, labelled = pool.chips(draws)
        for k, number in enumerate(draws.image):
            expected, target = chip(images[number], targets[number], draws, k, 188, 100)
            assert (labelled[k].numpy() == target).all()
            assert off(shown[k], expected, draws, k, images, targets, (188, 100)) < 0.5
