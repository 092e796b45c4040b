"""Losses of instances: a plain restatement, gradients, and the images that must not give NaN."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from smearprep.errors import RecipeError
from smearprep.models.yolact.anchors import priors
from smearprep.models.yolact.boxes import encode
from smearprep.models.yolact.losses import (
    Losses,
    LossWeights,
    box_loss,
    class_loss,
    instance_losses,
    mask_loss,
    semantic_loss,
)
from smearprep.models.yolact.matching import match
from smearprep.models.yolact.outputs import Outputs
from smearprep.models.yolact.truth import Truth
from tests.models.yolact import reference

LAW = settings(deadline=None, max_examples=25)
LEVELS = ((6, 6), (3, 3), (2, 2), (1, 1), (1, 1))
PRIORS = priors(LEVELS, (96, 96))  # 153
CLOSE = {"rel": 1e-5, "abs": 1e-6}


@dataclass(frozen=True)
class Scene:
    """Some images, some of their cells crowds, padding, or without area; and what a network might say."""

    seed: int
    batch: int
    cells: int
    side: float

    @property
    def truth(self) -> Truth:
        whole = reference.truth(self.seed, self.batch, self.cells, side=self.side)
        generator = torch.Generator().manual_seed(self.seed)
        kind = torch.randint(10, (self.batch, self.cells), generator=generator)
        boxes = whole.boxes.clone()
        boxes[kind == 0, 2:] = boxes[kind == 0, :2]
        return Truth(boxes, whole.labels.masked_fill(kind == 1, -1), kind == 2, whole.masks)

    @property
    def outputs(self) -> Outputs:
        return reference.outputs(self.seed, self.batch, LEVELS)


def scenes(least: int = 0) -> st.SearchStrategy[Scene]:
    """With at least so many cells an image."""
    return st.builds(
        Scene,
        st.integers(0, 2**32),
        st.integers(1, 3),
        st.integers(least, 7),
        st.sampled_from([0.05, 0.3, 0.9]),
    )


def _value(loss: Tensor) -> float:
    return float(loss.detach())


def _losses(truth: Truth, outputs: Outputs, own_priors: Tensor = PRIORS) -> Losses:
    return instance_losses(outputs, truth, match(truth, own_priors), own_priors)


def _slopes(total: Tensor, outputs: Outputs) -> list[Tensor]:
    """The gradients of a loss by all outputs but the levels; 0 where one does not matter."""
    given_ = [part for part in outputs[:5] if part is not None]
    found = torch.autograd.grad(total, given_, allow_unused=True)
    return [torch.zeros(()) if one is None else one for one in found]


# ---------------------------------------------------------------- laws


@LAW
@given(scene=scenes())
def test_losses_are_those_of_the_plain_restatement(scene: Scene) -> None:
    truth, outputs = scene.truth, scene.outputs
    found = _losses(truth, outputs)
    wanted = reference.losses(outputs, truth, reference.match(truth, PRIORS), PRIORS)
    for name in Losses._fields:
        assert _value(getattr(found, name)) == pytest.approx(_value(getattr(wanted, name)), **CLOSE)
    for own, other in zip(_slopes(found.total, outputs), _slopes(wanted.total, outputs), strict=True):
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-6)


@LAW
@given(scene=scenes())
def test_losses_and_slopes_are_numbers(scene: Scene) -> None:
    outputs = scene.outputs
    found = _losses(scene.truth, outputs)
    assert all(loss.shape == () and loss.dtype == torch.float32 and _value(loss) >= 0 for loss in found)
    assert torch.isfinite(found.total)
    assert _value(found.total) == pytest.approx(sum(_value(loss) for loss in found), rel=1e-6)
    assert all(torch.isfinite(slope).all() for slope in _slopes(found.total, outputs))


@LAW
@given(scene=scenes(), more=st.integers(1, 3))
def test_padding_changes_nothing(scene: Scene, more: int) -> None:
    truth, outputs = scene.truth, scene.outputs
    longer = reference.join([truth, reference.truth(0, 1, truth.labels.shape[1] + more)])
    padded = Truth(*(part[:-1] for part in longer))
    for own, other in zip(_losses(padded, outputs), _losses(truth, outputs), strict=True):
        assert _value(own) == pytest.approx(_value(other), rel=1e-6)


@LAW
@given(scene=scenes(least=1))
def test_a_perfect_answer_costs_nothing_but_its_softness(scene: Scene) -> None:
    truth, noise = scene.truth, scene.outputs
    found = match(truth, PRIORS)
    classes = 60.0 * torch.nn.functional.one_hot(found.classes.clamp(min=0), 3)
    boxes = torch.zeros_like(noise.boxes)
    cell = found.cells[found.images, found.priors]
    boxes[found.images, found.priors] = encode(truth.boxes[found.images, cell], PRIORS[found.priors])
    assert _value(class_loss(classes, found.classes)) < 1e-6
    assert _value(box_loss(boxes, truth, found, PRIORS)) < 1e-6
    # A prototype a cell, and a prior's coefficients choose its cell's.
    prototypes = 60.0 * (truth.masks.float() - 0.5)
    chosen = torch.nn.functional.one_hot(found.cells.clamp(min=0), truth.labels.shape[1]).float()
    answer = noise._replace(coefficients=chosen, prototypes=prototypes)
    assert _value(mask_loss(answer, truth, found)) < 1e-6


def test_slopes_are_those_of_small_steps() -> None:
    truth = reference.truth(2, 2, 3, mask=6)
    truth = Truth(truth.boxes.double(), *truth[1:])
    levels = ((2, 2), (1, 1), (1, 1), (1, 1), (1, 1))
    own = priors(levels, (96, 96)).double()
    outputs = reference.outputs(4, 2, levels, mask=6, k=2)
    found = match(truth, own)
    assert len(found.images) >= 6

    def losses(*parts: Tensor) -> tuple[Tensor, ...]:
        return tuple(instance_losses(Outputs(*parts, levels), truth, found, own))

    inputs = tuple(part.detach().double().requires_grad_() for part in outputs[:5] if part is not None)
    assert torch.autograd.gradcheck(losses, inputs)


# ---------------------------------------------------------------- what each loss looks at


def test_three_background_priors_count_for_each_positive_the_most_cell_like_first() -> None:
    logits = torch.zeros(2, 9, 2, requires_grad=True)
    with torch.no_grad():
        logits[0, :, 1] = torch.tensor([0, 1, 2, 3, 4, 5, 6, 7, 8.0])
    classes = torch.tensor([[1, 0, 0, 0, 0, 0, -1, 0, -1], [0] * 9])
    loss = class_loss(logits, classes)
    slope = torch.autograd.grad(loss, logits)[0]
    assert slope[0].abs().sum(1).nonzero().flatten().tolist() == [0, 4, 5, 7]
    assert (slope[1] == 0).all()  # an image without positives
    wanted = math.log(2) + sum(math.log(1 + math.exp(value)) for value in (4, 5, 7))
    assert _value(loss) == pytest.approx(wanted, rel=1e-6)


def test_with_few_background_priors_all_of_them_count_and_no_neutral_one() -> None:
    logits = torch.zeros(1, 5, 3)
    assert _value(class_loss(logits, torch.tensor([[1, 2, 0, -1, -1]]))) == pytest.approx(3 * math.log(3))


def test_a_mask_counts_in_its_box_and_one_px_around() -> None:
    truth = reference.truth(0, 1, 1, mask=24)
    truth = truth._replace(boxes=torch.tensor([[[8 / 24, 10 / 24, 12 / 24, 18 / 24]]]))
    found = match(truth, PRIORS)
    outputs = reference.outputs(0, 1, LEVELS)
    slope = torch.autograd.grad(mask_loss(outputs, truth, found), outputs.prototypes)[0].abs().sum((0, 1)) > 0
    wanted = torch.zeros(24, 24, dtype=torch.bool)
    wanted[9:19, 7:13] = True
    assert torch.equal(slope, wanted)
    nothing = outputs._replace(coefficients=torch.zeros_like(outputs.coefficients))
    each = math.log(2) * 60 / 32  # 6 x 10 px over a box of 4 x 8
    assert _value(mask_loss(nothing, truth, found)) == pytest.approx(len(found.images) * each, rel=1e-5)


@pytest.mark.parametrize("most", [1, 3, 1000])
def test_few_masks_stand_for_all_positives(most: int) -> None:
    truth, outputs = reference.truth(1, 2, 5), reference.outputs(1, 2, LEVELS)
    same = outputs._replace(coefficients=torch.zeros_like(outputs.coefficients))
    square = truth._replace(boxes=torch.tensor([0.25, 0.25, 0.5, 0.5]).expand(2, 5, 4))
    found = match(square, PRIORS, most_masks=most)
    wanted = len(found.images) * math.log(2) * 64 / 36
    assert _value(mask_loss(same, square, found)) == pytest.approx(wanted, rel=1e-5)


def test_with_a_generator_the_loss_is_the_same_for_the_same_seed() -> None:
    truth, outputs = reference.truth(1, 2, 6), reference.outputs(1, 2, LEVELS)
    values = []
    for seed in (0, 0, 1):
        found = match(truth, PRIORS, most_masks=4, generator=torch.Generator().manual_seed(seed))
        values.append(_value(mask_loss(outputs, truth, found)))
    assert values[0] == values[1] != values[2]


def test_px_of_a_crowd_count_only_where_a_cell_is_known() -> None:
    mask = torch.zeros(1, 2, 4, 4, dtype=torch.bool)
    mask[0, 0, :2, :2] = True  # a cell
    mask[0, 1, :, :] = True  # and a crowd over everything
    box = torch.tensor([[[0, 0, 0.5, 0.5], [0, 0, 1.0, 1.0]]])
    truth = Truth(box, torch.tensor([[0, 1]]), torch.tensor([[False, True]]), mask)
    logits = torch.zeros(1, 2, 2, 2, requires_grad=True)
    slope = torch.autograd.grad(semantic_loss(logits, truth), logits)[0]
    assert slope[0, 0].sign().tolist() == [[-1, 1], [1, 1]] and (slope[0, 1] == 0).all()
    same = truth._replace(labels=torch.tensor([[0, 0]]))
    slope = torch.autograd.grad(semantic_loss(logits, same), logits)[0]
    assert slope[0, 0].sign().tolist() == [[-1, 0], [0, 0]] and (slope[0, 1] > 0).all()


def test_touching_cells_cover_a_px_together() -> None:
    mask = torch.zeros(1, 2, 2, 2, dtype=torch.bool)
    mask[0, 0, 0], mask[0, 1, 1] = True, True
    truth = reference.truth(0, 1, 2, mask=2, labels=1)._replace(masks=mask)
    logits = torch.full((1, 1, 1, 1), 30.0)
    assert _value(semantic_loss(logits, truth)) < 1e-6


# ---------------------------------------------------------------- images that are not as usual


def test_a_batch_without_cells_costs_only_the_semantic_aid() -> None:
    truth, outputs = reference.truth(0, 2, 0), reference.outputs(0, 2, LEVELS)
    found = _losses(truth, outputs)
    assert [_value(loss) for loss in found[:3]] == [0, 0, 0] and _value(found.semantic) > 0
    slopes = _slopes(found.total, outputs)
    assert all((slope == 0).all() for slope in slopes[:4]) and torch.isfinite(slopes[4]).all()
    unaided = _losses(truth, outputs._replace(semantic=None))
    assert _value(unaided.total) == 0
    unaided.total.backward()
    assert outputs.classes.grad is not None and (outputs.classes.grad == 0).all()


def test_cells_without_area_are_as_if_they_were_not_there() -> None:
    truth, outputs = reference.truth(0, 2, 3), reference.outputs(0, 2, LEVELS)
    flat = truth._replace(boxes=truth.boxes[..., [0, 1, 0, 3]])
    found = _losses(flat, outputs)
    assert [_value(loss) for loss in found[:3]] == [0, 0, 0]
    assert all(torch.isfinite(slope).all() for slope in _slopes(found.total, outputs))


def test_one_huge_cell_and_a_speck() -> None:
    truth = reference.truth(0, 1, 2)
    truth = truth._replace(boxes=torch.tensor([[[0, 0, 1, 1.0], [0.5, 0.5, 0.5001, 0.5001]]]))
    outputs = reference.outputs(0, 1, LEVELS)
    found = _losses(truth, outputs)
    wanted = reference.losses(outputs, truth, reference.match(truth, PRIORS), PRIORS)
    assert _value(found.total) == pytest.approx(_value(wanted.total), rel=1e-5)
    assert _value(found.masks) < 6.125 * 50  # the speck has at most 3 x 3 px, and counts as one
    assert all(torch.isfinite(slope).all() for slope in _slopes(found.total, outputs))


def test_800_cells_in_one_image_beside_one_without() -> None:
    crowded, empty = reference.truth(0, 1, 800, mask=32, side=0.05), reference.truth(0, 1, 0, mask=32)
    truth = reference.join([crowded, empty])
    levels = reference.levels_of(120)
    own, outputs = priors(levels, (120, 120)), reference.outputs(0, 2, levels, mask=32)
    found = _losses(truth, outputs, own)
    wanted = reference.losses(outputs, truth, reference.match(truth, own), own)
    for one, other in zip(found, wanted, strict=True):
        assert _value(one) == pytest.approx(_value(other), rel=1e-5)
    assert all(torch.isfinite(slope).all() for slope in _slopes(found.total, outputs))


@pytest.mark.parametrize("size", [1e-30, 1e4])
def test_extreme_answers_give_numbers(size: float) -> None:
    truth, outputs = reference.truth(0, 2, 4), reference.outputs(0, 2, LEVELS)
    extreme = Outputs(*((part * size).detach().requires_grad_() for part in outputs[:5]), LEVELS)
    found = _losses(truth, extreme)
    assert torch.isfinite(found.total)
    assert all(torch.isfinite(slope).all() for slope in _slopes(found.total, extreme))


def test_sums_are_in_float32_whatever_comes_in() -> None:
    truth, outputs = reference.truth(0, 2, 4), reference.outputs(0, 2, LEVELS)
    short = Outputs(*(part.detach().bfloat16() for part in outputs[:5]), LEVELS)
    with torch.autocast("cpu", torch.bfloat16):
        found = _losses(truth, short)
    exact = _losses(truth, Outputs(*(part.double() for part in short[:5]), LEVELS))
    for own, other in zip(found, exact, strict=True):
        assert own.dtype == torch.float32 and _value(own) == pytest.approx(_value(other), rel=1e-5)


# ---------------------------------------------------------------- weights


def test_weights_multiply_their_loss() -> None:
    truth, outputs = reference.truth(0, 2, 4), reference.outputs(0, 2, LEVELS)
    found, own = match(truth, PRIORS), LossWeights(classes=2, boxes=3, masks=0, semantic=0.5)
    mine = instance_losses(outputs, truth, found, PRIORS, own)
    usual = instance_losses(outputs, truth, found, PRIORS)
    ratios = (2 / 1, 3 / 1.5, 0 / 6.125, 0.5 / 1)
    for one, other, ratio in zip(mine, usual, ratios, strict=True):
        assert _value(one) == pytest.approx(_value(other) * ratio, rel=1e-6)


@pytest.mark.parametrize("value", [-1, math.nan, math.inf])
def test_a_weight_that_is_no_weight_is_refused(value: float) -> None:
    with pytest.raises(RecipeError, match="loss weight masks"):
        LossWeights(masks=value)
