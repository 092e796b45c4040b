"""Matching: every cell has its prior, padding and order do not matter, and a plain restatement agrees."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from smearprep import datasets
from smearprep.datasets.loading import LoadOptions
from smearprep.models.yolact import matching
from smearprep.models.yolact.anchors import priors
from smearprep.models.yolact.boxes import centres_to_corners, ious
from smearprep.models.yolact.matching import Matches, match
from smearprep.models.yolact.truth import Truth
from tests.models.yolact import reference

LAW = settings(deadline=None, max_examples=40)
SMALL = priors(reference.levels_of(96), (96, 96))  # 615


@st.composite
def scenes(draw: st.DrawFn, odd: bool = True) -> Truth:
    """Some images; with `odd`, some cells are crowds, padding, without area, or twins."""
    seed, batch, count = draw(st.integers(0, 2**32)), draw(st.integers(1, 3)), draw(st.integers(0, 9))
    whole = reference.truth(seed, batch, count, mask=4, side=draw(st.sampled_from([0.02, 0.2, 0.9])))
    if not odd or not count:
        return whole
    kind = torch.tensor(draw(st.lists(st.integers(0, 9), min_size=batch * count, max_size=batch * count)))
    kind = kind.view(batch, count)
    boxes = whole.boxes.clone()
    boxes[kind == 0, 2:] = boxes[kind == 0, :2]
    boxes[kind == 1] = boxes[:1, :1].expand_as(boxes)[kind == 1]
    return Truth(boxes, whole.labels.masked_fill(kind == 2, -1), kind == 3, whole.masks)


def _cells_found(found: Matches, image: int) -> set[int]:
    return set(found.cells[image][found.cells[image] >= 0].tolist())


@LAW
@given(truth=scenes())
def test_matches_are_those_of_the_plain_restatement(truth: Truth) -> None:
    found = match(truth, SMALL)
    wanted = reference.match(truth, SMALL)
    assert torch.equal(found.classes, torch.stack([one.classes for one in wanted]))
    assert torch.equal(found.cells, torch.stack([one.cells for one in wanted]))


@LAW
@given(truth=scenes())
def test_every_cell_has_a_prior_and_nothing_else_has(truth: Truth) -> None:
    found = match(truth, SMALL)
    for image, single in enumerate(truth.single):
        assert _cells_found(found, image) == set(single.nonzero().flatten().tolist())


@LAW
@given(truth=scenes())
def test_parts_of_a_match_agree(truth: Truth) -> None:
    found = match(truth, SMALL)
    positive = found.classes > 0
    assert torch.equal(positive, found.cells >= 0)
    assert torch.equal(torch.stack([found.images, found.priors], 1), positive.nonzero())
    label = truth.labels[found.images, found.cells[found.images, found.priors]]
    assert torch.equal(found.classes[found.images, found.priors], 1 + label)
    asked = found.masked >= 0
    assert torch.equal(asked.sum(1), positive.sum(1)) and asked.shape[1] == int(positive.sum(1).max())
    for own, wanted in zip(found.masked, positive, strict=True):
        assert sorted(own[own >= 0].tolist()) == wanted.nonzero().flatten().tolist()


@LAW
@given(truth=scenes(), more=st.integers(1, 4))
def test_padding_changes_nothing(truth: Truth, more: int) -> None:
    longer = reference.join([truth, reference.truth(0, 1, truth.labels.shape[1] + more, mask=4)])
    found, wanted = match(longer, SMALL), match(truth, SMALL)
    assert torch.equal(found.classes[:-1], wanted.classes)
    assert torch.equal(found.cells[:-1], wanted.cells)


@LAW
@given(truth=scenes(odd=False), seed=st.integers(0, 2**32))
def test_the_order_of_cells_does_not_matter(truth: Truth, seed: int) -> None:
    count = truth.labels.shape[1]
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    found = match(Truth(*(part[:, order] for part in truth)), SMALL)
    wanted = match(truth, SMALL)
    assert torch.equal(found.classes, wanted.classes)
    moved = torch.cat([order, torch.tensor([-1])])[found.cells]  # -1 stays -1
    assert torch.equal(moved, wanted.cells)


@LAW
@given(truth=scenes())
def test_in_small_pieces_it_is_the_same(truth: Truth) -> None:
    wanted = match(truth, SMALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "_ON_CPU", 2 * len(SMALL))
        found = match(truth, SMALL)
    assert all(torch.equal(own, other) for own, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize(("share", "wanted"), [(0.5, 1), (31 / 64, -1), (26 / 64, -1), (25 / 64, 0)])
def test_thresholds_are_those_of_the_paper(share: float, wanted: int) -> None:
    # The cell is a part of the first prior, all of the second, which it is given.
    prior = torch.tensor([[0.5, 0.5, 0.5, 0.5], [0.5, 0.25 + share / 4, 0.5, share / 2]])
    box = centres_to_corners(prior[1:])[None]
    truth = Truth(box, torch.zeros(1, 1).long(), torch.zeros(1, 1).bool(), torch.ones(1, 1, 2, 2).bool())
    assert match(truth, prior).classes.tolist() == [[wanted, 1]]


def test_a_cell_is_given_its_prior_even_where_another_overlaps_it_more() -> None:
    prior = torch.tensor([[0.5, 0.5, 0.4, 0.4], [0.9, 0.9, 0.1, 0.1]])
    better, worse = [0.3, 0.3, 0.7, 0.7], [0.3, 0.3, 0.7, 0.68]
    truth = Truth(
        torch.tensor([[worse, better]]),
        torch.tensor([[1, 0]]),
        torch.zeros(1, 2).bool(),
        torch.ones(1, 2, 2, 2).bool(),
    )
    found = match(truth, prior)
    assert found.cells.tolist() == [[1, 0]] and found.classes.tolist() == [[1, 2]]


def test_more_cells_than_priors_leave_the_worst_out() -> None:
    truth = reference.truth(3, 2, 9, mask=4)
    few = SMALL[100:105]
    found = match(truth, few)
    assert (found.cells.sort(1).values[:, 1:] != found.cells.sort(1).values[:, :-1]).all()
    assert (found.classes > 0).all()
    for own, wanted in zip(found.cells, reference.match(truth, few), strict=True):
        assert torch.equal(own, wanted.cells)


@pytest.mark.parametrize("at_once", [2**20, len(SMALL)])
def test_twins_have_a_prior_each_in_their_order(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "_ON_CPU", at_once)
    box = torch.tensor([0.2, 0.2, 0.65, 0.65]).expand(1, 30, 4)
    truth = Truth(box, torch.zeros(1, 30).long(), torch.zeros(1, 30).bool(), torch.ones(1, 30, 4, 4).bool())
    found = match(truth, SMALL)
    assert _cells_found(found, 0) == set(range(30))
    assert torch.equal(found.cells[0], reference.match(truth, SMALL)[0].cells)


def test_a_crowd_is_neither_found_nor_background() -> None:
    truth = reference.truth(5, 1, 1, mask=4)
    crowd = torch.tensor([[[0.0, 0.0, 1.0, 0.5]]])
    both = Truth(
        torch.cat([truth.boxes, crowd], 1), torch.tensor([[0, 0]]), torch.tensor([[False, True]]),
        truth.masks.expand(1, 2, 4, 4),
    )  # fmt: skip
    found, without = match(both, SMALL), match(truth, SMALL)
    assert torch.equal(found.cells, without.cells)
    corner = centres_to_corners(SMALL)
    above = (0.5 - corner[:, 1].clamp(min=0)).clamp(min=0) / (corner[:, 3] - corner[:, 1])
    wide = (corner[:, 2].clamp(max=1) - corner[:, 0].clamp(min=0)) / (corner[:, 2] - corner[:, 0])
    share = torch.minimum(above, (corner[:, 3].clamp(max=0.5) - corner[:, 1].clamp(min=0)).clamp(min=0) / (
        corner[:, 3] - corner[:, 1])) * wide  # fmt: skip
    background = without.classes[0] == 0
    assert (found.classes[0, background & (share > 0.71)] == -1).all()
    assert torch.equal(found.classes[0, share < 0.69], without.classes[0, share < 0.69])
    assert ((found.classes == 0) & background).any()


def test_one_huge_cell_and_none() -> None:
    whole = torch.tensor([[[0.0, 0.0, 1.0, 1.0]]])
    huge = Truth(whole, torch.zeros(1, 1).long(), torch.zeros(1, 1).bool(), torch.ones(1, 1, 4, 4).bool())
    found = match(huge, priors(reference.levels_of(550), (550, 550)))
    assert len(found.images) >= 1 and (found.cells[found.cells >= 0] == 0).all()
    none = match(reference.truth(0, 2, 0, mask=4), SMALL)
    assert (none.classes == 0).all() and none.masked.shape == (2, 0) and len(none.images) == 0


def _field(count: int) -> Truth:
    """Cells side by side, as many red cells are, of about the same size."""
    generator = torch.Generator().manual_seed(0)
    side = int(count**0.5) + 1
    at = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="xy"), -1).view(-1, 2)
    centre = (at[:count] + 0.5 + 0.2 * torch.rand((count, 2), generator=generator)) / (side + 0.5)
    half = (0.5 + 0.2 * torch.rand((count, 2), generator=generator)) / side
    box = torch.cat([centre - half, centre + half], 1).clamp(0, 1)[None]
    return Truth(
        box, torch.zeros(1, count).long(), torch.zeros(1, count).bool(), torch.ones(1, count, 2, 2) > 0
    )


def test_800_cells_of_a_field_have_a_prior_each() -> None:
    found = match(_field(800), priors(reference.levels_of(550), (550, 550)))
    assert _cells_found(found, 0) == set(range(800)) and found.masked.shape == (1, 100)


def test_800_cells_on_few_priors_are_matched_as_the_plain_restatement_does() -> None:
    tight = priors(reference.levels_of(120), (120, 120))  # 930
    found = match(_field(800), tight)
    assert _cells_found(found, 0) == set(range(800))
    assert torch.equal(found.cells[0], reference.match(_field(800), tight)[0].cells)


def _masked(most: int, seed: int | None) -> Tensor:
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return match(_field(50), SMALL, most_masks=most, generator=generator).masked


def test_masks_are_asked_of_drawn_positives_or_of_the_best() -> None:
    positives = match(_field(50), SMALL).priors
    drawn = [_masked(20, seed) for seed in (1, 1, 2)]
    for one in drawn:
        assert one.shape == (1, 20) and len(one.unique()) == 20
        assert torch.isin(one, positives).all()
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    best, found = _masked(20, None)[0], match(_field(50), SMALL)
    overlap = ious(_field(50).boxes[0], centres_to_corners(SMALL))
    own = overlap[found.cells[0, positives], positives]
    assert torch.equal(overlap[found.cells[0, best], best], own.sort(descending=True).values[:20])


def test_over_many_draws_every_positive_has_its_turn() -> None:
    turns = torch.cat([_masked(20, seed) for seed in range(60)]).unique()
    assert torch.equal(turns, match(_field(50), SMALL).priors)


def test_all_red_cells_of_the_real_fields_have_a_prior(real_data) -> None:
    raw = datasets.load(real_data / "ALL_IDB1", LoadOptions(frozenset({"RBC"}), {}))
    fields = []
    for sample in raw.samples:
        if sample.annotated:
            box = torch.tensor([cell.shape.bounds for cell in sample.cells])[None] / torch.tensor(
                sample.size * 2
            )
            count = box.shape[1]
            none = torch.zeros(1, count)
            fields.append(Truth(box, none.long(), none.bool(), torch.zeros(1, count, 1, 1).bool()))
    truth = reference.join(fields)
    found = match(truth, priors(reference.levels_of(550), (550, 550)))
    assert int(truth.single.sum()) == 3832
    for image, single in enumerate(truth.single):
        assert _cells_found(found, image) == set(single.nonzero().flatten().tolist())
