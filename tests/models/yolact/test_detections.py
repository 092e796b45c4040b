"""Fast NMS against a slow restatement, decoding, and masks against the dense enlargement."""

from __future__ import annotations

import tracemalloc

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (its name everywhere)

from smearprep.models.yolact import detections as found_cells
from smearprep.models.yolact.anchors import priors
from smearprep.models.yolact.boxes import areas, encode
from smearprep.models.yolact.detections import Detections, decode, fast_nms, masks
from smearprep.models.yolact.outputs import Outputs
from smearprep.models.yolact.settings import DetectionLimits
from tests.models.yolact import reference

LAW = settings(deadline=None, max_examples=25)
LEVELS = ((6, 6), (3, 3), (2, 2), (1, 1), (1, 1))
SIZE = (96, 72)
PRIORS = priors(LEVELS, SIZE)  # 153
seeds = st.integers(0, 2**32)


def _boxes(seed: int, count: int, side: float = 0.3) -> Tensor:
    return reference.truth(seed, 1, count, mask=1, side=side).boxes[0]


def _saying(scores: Tensor, boxes: Tensor, of: Tensor, labels: int = 2) -> Outputs:
    """One image's outputs in which prior n says box n, and class probabilities (n, C)."""
    rest = (1 - scores.sum(1, keepdim=True)).clamp(min=1e-9)
    classes = torch.cat([rest, scores.clamp(min=1e-9)], 1).log()
    noise = reference.outputs(0, 1, LEVELS, labels=labels)
    coefficients = noise.coefficients.detach()[:, : len(boxes)]
    return noise._replace(classes=classes[None], boxes=encode(boxes, of)[None], coefficients=coefficients)


# ---------------------------------------------------------------- Fast NMS


@LAW
@given(seed=seeds, count=st.integers(0, 25), most=st.sampled_from([0.0, 0.2, 0.5, 1.0]))
def test_fast_nms_is_its_slow_restatement(seed: int, count: int, most: float) -> None:
    boxes = _boxes(seed, count)
    found = fast_nms(boxes, most)
    assert found.tolist() == reference.fast_nms(boxes, most)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(found_cells, "_AT_ONCE", 7)
        assert torch.equal(fast_nms(boxes, most), found)


@LAW
@given(seed=seeds, count=st.integers(1, 25))
def test_the_surest_box_stands_and_a_surer_one_never_depends_on_a_later(seed: int, count: int) -> None:
    boxes = _boxes(seed, count)
    found = fast_nms(boxes, 0.3)
    assert found[0]
    assert torch.equal(fast_nms(boxes[: count // 2 + 1], 0.3), found[: count // 2 + 1])
    assert fast_nms(boxes, 1.0).all()


def test_a_dropped_box_still_drops_others() -> None:
    boxes = torch.tensor([[0, 0, 1, 1.0], [0.3, 0, 1.3, 1], [0.6, 0, 1.6, 1]])  # IoU 0.54, 0.54; 0.25
    assert fast_nms(boxes, 0.5).tolist() == [True, False, False]


# ---------------------------------------------------------------- decoding


@settings(LAW, max_examples=12)
@given(seed=seeds, top=st.sampled_from([1, 10, 200]), keep=st.sampled_from([1, 20, 100]))
def test_decoding_is_its_slow_restatement(seed: int, top: int, keep: int) -> None:
    outputs = reference.outputs(seed, 2, LEVELS)
    found = decode(outputs, PRIORS, SIZE, DetectionLimits(0.3, top, keep=keep))
    assert len(found) == 2
    for image, own in enumerate(found):
        wanted = _decoded_slowly(outputs, image, 0.3, top, keep)
        assert own.labels.tolist() == [label for _, label, _ in wanted]
        torch.testing.assert_close(own.scores, torch.tensor([score for score, _, _ in wanted]))
        prior = torch.tensor([prior for _, _, prior in wanted], dtype=torch.int64)
        torch.testing.assert_close(own.coefficients, outputs.coefficients[image, prior].detach())


def _decoded_slowly(outputs: Outputs, image: int, score: float, top: int, keep: int):
    """(score, label, prior) of what stands, surest first."""
    scores = outputs.classes[image].detach().softmax(1)[:, 1:]
    moved = outputs.boxes[image].detach()
    centre = PRIORS[:, :2] + 0.1 * moved[:, :2] * PRIORS[:, 2:]
    half = PRIORS[:, 2:] * (0.2 * moved[:, 2:]).exp() / 2
    boxes = torch.cat([centre - half, centre + half], 1).clamp(0, 1) * torch.tensor(SIZE * 2)
    stand = []
    for label in range(scores.shape[1]):
        sure = [(-float(s), n) for n, s in enumerate(scores[:, label]) if s > score and areas(boxes[n]) > 0]
        order = [n for _, n in sorted(sure)[:top]]
        for n, stands in zip(order, reference.fast_nms(boxes[order], 0.5), strict=True):
            if stands:
                stand.append((float(scores[n, label]), label, n))
    return sorted(stand, key=lambda row: -row[0])[:keep]


@LAW
@given(seed=seeds)
def test_boxes_are_inside_the_input_and_the_surest_come_first(seed: int) -> None:
    outputs = reference.outputs(seed, 2, LEVELS)
    for own in decode(outputs, PRIORS, SIZE):
        assert (own.boxes[:, :2] >= 0).all() and (own.boxes[:, 2:] <= torch.tensor(SIZE)).all()
        assert (areas(own.boxes) > 0).all() and (own.scores > 0.05).all() and own.size == SIZE
        assert (own.scores.diff() <= 0).all() and own.boxes.dtype == torch.float32


def test_what_is_said_comes_back() -> None:
    boxes = torch.tensor(
        [[0.1, 0.1, 0.3, 0.4], [0.5, 0.5, 0.9, 0.8], [0.5, 0.5, 0.9, 0.81], [0.7, 0, 0.8, 0.1]]
    )
    scores = torch.tensor([[0.6, 0.1], [0.12, 0.7], [0.02, 0.9], [0.01, 0.03]])
    outputs = _saying(scores, boxes, PRIORS[:4])
    own = decode(outputs, PRIORS[:4], SIZE)[0]
    assert own.labels.tolist() == [1, 0, 0, 1]  # the second also looks a little like class 0
    torch.testing.assert_close(own.scores, torch.tensor([0.9, 0.6, 0.12, 0.1]))
    torch.testing.assert_close(own.boxes, boxes[[2, 0, 1, 0]] * torch.tensor([96.0, 72, 96, 72]))
    sure = decode(outputs, PRIORS[:4], SIZE, DetectionLimits(0.65))[0]
    assert len(sure) == 1 and torch.equal(sure.boxes[0], own.boxes[0])


def test_of_equal_scores_the_first_prior_stands() -> None:
    boxes = torch.tensor([[0.2, 0.2, 0.6, 0.6]]).expand(3, 4) + torch.tensor([[0], [0.01], [0.02]])
    outputs = _saying(torch.full((3, 2), 0.4), boxes, PRIORS[:3])
    own = decode(outputs, PRIORS[:3], SIZE)[0]
    assert own.labels.tolist() == [0, 1]
    torch.testing.assert_close(own.boxes, boxes[[0, 0]] * torch.tensor([96.0, 72, 96, 72]))


def test_boxes_beside_the_input_are_not_found() -> None:
    boxes = torch.tensor([[1.1, 0.2, 1.4, 0.5], [0.9, 0.9, 1.2, 1.2]])
    own = decode(_saying(torch.full((2, 2), 0.4), boxes, PRIORS[:2]), PRIORS[:2], SIZE)[0]
    torch.testing.assert_close(own.boxes, torch.tensor([[86.4, 64.8, 96, 72]] * 2))


def test_nothing_sure_enough_is_no_detection() -> None:
    own = decode(reference.outputs(0, 1, LEVELS), PRIORS, SIZE, DetectionLimits(0.999))[0]
    assert len(own) == 0 and own.boxes.shape == (0, 4) and own.coefficients.shape == (0, 8)
    assert masks(own, torch.ones(8, 24, 24), SIZE) == []


def test_800_cells_of_a_field_are_found_with_a_raised_limit() -> None:
    side = 29
    at = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="xy"), -1).view(-1, 2)
    boxes = torch.cat([at / side, (at + 0.9) / side], 1)[:800]
    levels = reference.levels_of(136)
    of = priors(levels, SIZE)[:800]
    noise = reference.outputs(0, 1, levels)
    classes = torch.tensor([0.0, 2.0, -9.0]).expand(1, 800, 3)
    outputs = noise._replace(
        classes=classes, boxes=encode(boxes, of)[None], coefficients=noise.coefficients.detach()[:, :800]
    )
    assert len(decode(outputs, of, SIZE)[0]) == 100
    own = decode(outputs, of, SIZE, DetectionLimits(top=2000, keep=1000))[0]
    torch.testing.assert_close(own.boxes / torch.tensor([96.0, 72, 96, 72]), boxes, atol=1e-5, rtol=0)


# ---------------------------------------------------------------- masks


def _detections(seed: int, count: int, size: tuple[int, int], k: int = 5) -> Detections:
    generator = torch.Generator().manual_seed(seed)
    boxes = _boxes(seed, count, side=0.8) * torch.tensor(size * 2)
    coefficients = torch.randn((count, k), generator=generator)
    return Detections(boxes, torch.linspace(1, 0.5, count), torch.zeros(count).long(), coefficients, size)


@LAW
@given(
    seed=seeds,
    count=st.integers(1, 6),
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    grid=st.tuples(st.integers(1, 12), st.integers(1, 12)),
)
def test_masks_are_crops_of_the_dense_enlargement(
    seed: int, count: int, size: tuple[int, int], grid: tuple[int, int]
) -> None:
    own = _detections(seed, count, SIZE)
    prototypes = torch.randn((5, *grid), generator=torch.Generator().manual_seed(seed + 1))
    small = torch.einsum("nk,khw->nhw", own.coefficients, prototypes).sigmoid()
    dense = F.interpolate(small[None].double(), (size[1], size[0]), mode="bilinear", align_corners=False)[0]
    placed = masks(own, prototypes, size)
    assert len(placed) == count
    scale = torch.tensor([size[0] / SIZE[0], size[1] / SIZE[1]] * 2, dtype=torch.float64)
    for ((x, y), mask), whole, box in zip(placed, dense, own.boxes * scale, strict=True):
        h, w = mask.shape
        assert 0 <= x < x + w <= size[0] and 0 <= y < y + h <= size[1]
        assert x <= box[0] < x + 1 and y <= box[1] < y + 1  # all px that the box touches, and no more
        assert x + w - 1 < box[2] <= x + w + 1e-9 and y + h - 1 < box[3] <= y + h + 1e-9
        crop = whole[y : y + h, x : x + w]
        clear = ((crop - 0.5).abs() > 1e-5).numpy()
        assert (mask == (crop > 0.5).numpy())[clear].all()


def test_a_mask_of_one_prototype_px_is_enlarged_to_its_box() -> None:
    prototypes = torch.full((1, 4, 4), -1.0)
    prototypes[0, 1, 2] = 1.0
    boxes = torch.tensor([[32.0, 0, 96, 64]])
    own = Detections(boxes, torch.ones(1), torch.zeros(1).long(), torch.full((1, 1), 9.0), (64 * 2, 64 * 2))
    ((x, y), mask) = masks(own, prototypes, (256, 256))[0]
    assert (x, y) == (64, 0) and mask.shape == (128, 128)
    rows, columns = mask.any(1).nonzero()[0], mask.any(0).nonzero()[0]
    assert (rows.min(), rows.max()) == (64, 127) and (columns.min(), columns.max()) == (64, 127)


def test_800_cells_of_a_large_image_take_the_memory_of_their_boxes() -> None:
    own = _detections(0, 800, (550, 550), k=32)
    small = own.boxes.clone()
    small[:, 2:] = torch.minimum(small[:, :2] + 15, torch.tensor(550.0))
    own = Detections(small, own.scores, own.labels, own.coefficients, own.size)
    prototypes = torch.rand(32, 138, 138)
    tracemalloc.start()
    placed = masks(own, prototypes, (2592, 1944))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    pixels = sum(mask.size for _, mask in placed)
    assert len(placed) == 800 and peak < pixels + 3_000_000  # dense, they would take 4 GB


def test_parts_of_different_lengths_are_no_detections() -> None:
    with pytest.raises(AssertionError, match="different lengths"):
        Detections(torch.zeros(2, 4), torch.zeros(2), torch.zeros(1).long(), torch.zeros(2, 3), (9, 9))
