"""Which prior is to find which cell. All images of a batch at once.

A prior is positive (it is to find a cell) if it overlaps one by an IoU of at least 0.5, background if it
overlaps none by 0.4, and neutral in between: neither is it punished for finding a cell nor for finding none.
A cell that no prior overlaps well is still found by one: each cell is given its best prior, the pair of the
highest IoU first, and no prior is given to two.

Source: Bolya et al. 2019 (YOLACT), section 5, with the constants of the code published with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from smearprep.models.yolact.boxes import areas, centres_to_corners, ious, shared_areas
from smearprep.models.yolact.truth import Truth

POSITIVE = 0.5
"""A prior is to find a cell from this IoU on."""

NEGATIVE = 0.4
"""Below this IoU with every cell, a prior is background."""

CROWDED = 0.7
"""A prior with more than this share of its area in a crowd is neutral: what is there, nobody outlined."""

MOST_MASKS = 100
"""So many positives of an image, at most, are asked for a mask, as in YOLACT: masks take the memory."""

BACKGROUND, NEUTRAL = 0, -1
"""The classes of priors that find nothing; that of a positive is 1 + its cell's label."""

_ON_CPU, _ON_GPU = 2**20, 2**24
"""Overlaps worked on at a time: what a processor's cache holds, and what keeps a GPU busy in 64 MB."""


class Matches(NamedTuple):
    """What each prior of a batch is to find. P priors an image, M positives in all.

    Args:
        classes: (B, P) int64: 1 + the label of a positive's cell, 0 for background, -1 for neutral.
        cells: (B, P) int64: which cell of the image a positive is to find; -1 for all others.
        images: (M,) int64: the image of each positive, ascending.
        priors: (M,) int64: its prior.
        masked: (B, Q) int64: priors of those positives that are asked for a mask; -1 where an image has
            fewer than Q.
    """

    classes: Tensor
    cells: Tensor
    images: Tensor
    priors: Tensor
    masked: Tensor


class _Pairs(NamedTuple):
    """Cells, each with the prior that it asks for: (V,) each, int64 and the IoU."""

    image: Tensor
    cell: Tensor
    prior: Tensor
    iou: Tensor


@torch.no_grad()
def match(
    truth: Truth, priors: Tensor, *, most_masks: int = MOST_MASKS, generator: torch.Generator | None = None
) -> Matches:
    """What each prior is to find. It needs no output of the network: on a GPU, call it before the network.

    Crowds and boxes without area are never found. Of equal IoUs the first cell's counts, then the first
    prior's. If an image has more cells than there are priors, the worst matched are left out.

    Args:
        truth: The cells.
        priors: (P, 4) float32 centres, as `anchors.priors` makes them, on the same device.
        most_masks: So many positives of an image, at most, are asked for a mask.
        generator: Draws them where there are more, so that over the epochs each has its turn: of 800 cells
            in a field, those of highest IoU would be the same ones each time. None: those of highest IoU,
            for a loss that is to be the same each time.
    """
    corners = centres_to_corners(priors)
    iou, cells, best = _nearest(truth, corners)
    given = _given(truth, corners, best)
    positive = iou >= POSITIVE
    positive[given.image, given.prior] = True
    iou[given.image, given.prior] = given.iou
    cells[given.image, given.prior] = given.cell
    images, found = positive.nonzero(as_tuple=True)
    neutral = (iou >= NEGATIVE) | _in_crowds(truth, corners)
    classes = torch.where(neutral, NEUTRAL, BACKGROUND)
    classes[images, found] = 1 + truth.labels[images, cells[images, found]]
    key = iou[images, found] if generator is None else _drawn(len(images), generator).to(iou.device)
    masked = _first(images, found, key, len(classes), most_masks)
    return Matches(classes, torch.where(positive, cells, -1), images, found, masked)


def _nearest(truth: Truth, corners: Tensor) -> tuple[Tensor, Tensor, _Pairs]:
    """Who overlaps whom most.

    Returns:
        Of each prior its highest IoU with a single cell (-1 without one) and that cell, (B, P) each; and of
        each single cell its best prior.
    """
    (batch, count), single = truth.labels.shape, truth.single
    iou = corners.new_full((batch, len(corners)), -1.0)
    cells = torch.zeros_like(iou, dtype=torch.int64)
    own_iou, own = corners.new_zeros((batch, count)), torch.zeros_like(truth.labels)
    for some in _pieces(count, iou.numel(), iou.device):
        overlaps = ious(truth.boxes[:, some], corners)  # (B, step, P)
        overlaps.masked_fill_(~single[:, some, None], -1)
        own_iou[:, some], own[:, some] = overlaps.max(dim=2)
        highest, cell = overlaps.max(dim=1)
        better = highest > iou
        iou, cells = torch.where(better, highest, iou), torch.where(better, cell + some.start, cells)
    image, cell = single.nonzero(as_tuple=True)
    return iou, cells, _Pairs(image, cell, own[image, cell], own_iou[image, cell])


def _given(truth: Truth, corners: Tensor, pairs: _Pairs) -> _Pairs:
    """Each cell with a prior of its own: the pair of the highest IoU first, then the highest of what is left.

    Found without going through the cells one by one. All ask for their best prior; one asked by several
    keeps the best pair, and those refused ask for the best that would rather have them. Whom a prior keeps
    only ever becomes better, so who was refused need not ask again; it ends with the greedy pairs (Gale &
    Shapley 1962: where both sides rank pairs alike, but one outcome is stable).

    Args:
        truth: The cells.
        corners: (P, 4), the priors.
        pairs: Each cell and its best prior.
    """
    none = truth.labels.shape[1]
    shape = (len(truth.labels), len(corners))
    while True:
        kept_iou, kept = _kept(pairs, shape, none)
        refused = (kept[pairs.image, pairs.prior] != pairs.cell).nonzero().flatten()
        if not len(refused):
            return pairs
        _ask_again(pairs, refused, truth.boxes, corners, kept_iou, kept)
        pairs = _Pairs(*(part[pairs.iou >= 0] for part in pairs))


def _kept(pairs: _Pairs, shape: tuple[int, int], none: int) -> tuple[Tensor, Tensor]:
    """Of each prior the highest IoU it is asked with and the first cell of that IoU: (B, P) each.

    Of a prior that nobody asks: -1, and `none`.
    """
    slot = pairs.image * shape[1] + pairs.prior
    size = shape[0] * shape[1]
    iou = pairs.iou.new_full((size,), -1.0).scatter_reduce(0, slot, pairs.iou, "amax")
    best = pairs.iou == iou[slot]
    cell = slot.new_full((size,), none).scatter_reduce(0, slot[best], pairs.cell[best], "amin")
    return iou.view(shape), cell.view(shape)


def _ask_again(
    pairs: _Pairs, refused: Tensor, boxes: Tensor, corners: Tensor, kept_iou: Tensor, kept: Tensor
) -> None:
    """Change the refused pairs to the best prior that would rather have the cell; IoU -1 if there is none."""
    for piece in _pieces(len(refused), len(corners), corners.device):
        rows = refused[piece]
        image, cell = pairs.image[rows], pairs.cell[rows]
        overlaps = ious(boxes[image, cell], corners)  # (rows, P)
        rival = kept_iou[image]
        wanted = (overlaps > rival) | ((overlaps == rival) & (cell[:, None] < kept[image]))
        pairs.iou[rows], pairs.prior[rows] = overlaps.masked_fill_(~wanted, -1).max(dim=1)


def _in_crowds(truth: Truth, corners: Tensor) -> Tensor:
    """(B, P) bool: priors that lie mostly in a crowd of their image."""
    count = torch.zeros((len(truth.labels), len(corners)), dtype=torch.int32, device=corners.device)
    image, cell = truth.crowded.nonzero(as_tuple=True)
    for rows in _pieces(len(image), len(corners), corners.device):
        shared = shared_areas(truth.boxes[image[rows], cell[rows]], corners)  # (rows, P)
        count.index_add_(0, image[rows], (shared > CROWDED * areas(corners)).int())
    return count > 0


def _pieces(count: int, width: int, device: torch.device) -> Iterator[slice]:
    """`count` rows of `width` overlaps each, in pieces that are worked on at a time."""
    step = max(1, (_ON_CPU if device.type == "cpu" else _ON_GPU) // max(1, width))
    return (slice(begin, begin + step) for begin in range(0, count, step))


def _drawn(count: int, generator: torch.Generator) -> Tensor:
    """Random numbers: (count,) float32."""
    return torch.rand(count, generator=generator, device=generator.device)


def _first(images: Tensor, priors: Tensor, key: Tensor, batch: int, most: int) -> Tensor:
    """The priors of highest key of each image, at most `most`: (B, Q), filled up with -1.

    Args:
        images: (M,) ascending.
        priors: (M,)
        key: (M,)
        batch: B
        most: In one image.
    """
    order = key.argsort(descending=True, stable=True)
    order = order[images[order].argsort(stable=True)]  # image by image, in each by key
    count = torch.bincount(images, minlength=batch)
    place = torch.arange(len(images), device=images.device) - (count.cumsum(0) - count)[images]
    width = min(most, int(count.max()))
    order, place = order[place < width], place[place < width]
    out = priors.new_full((batch, width), -1)
    out[images[order], place] = priors[order]
    return out
