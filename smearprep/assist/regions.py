"""From boxes to regions: what of the surroundings of a box is its cell.

Two looks at the same cell. One adds up what colours say in the whole image (`colours`), and how far a pixel
lies from the ellipse in the box. The other is GrabCut (Rother, Kolmogorov & Blake 2004), which learns the
colours of this one cell and of what is around it, and cuts where the image has edges; it begins with what the
first look is sure of. The region lies between the two, and how well they agree is its score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smearprep.assist.colours import ColourModel, ellipse_distance
from smearprep.assist.made import largest_part
from smearprep.geometry import FloatArray, Mask
from smearprep.images import RGB, show
from smearprep.records import View

_SIDE = 96  # px of the longer side of a box while it is worked on
_AROUND = 0.25  # of it, on each side, is looked at too
_GROUPS = 5  # of colours in GrabCut's mixtures, as in the paper
_BLUR = 1.5  # px, the standard deviation: the noise of camera and JPEG
_LEAST_PIXELS = 50  # of which GrabCut can learn colours


@dataclass(frozen=True)
class Weights:
    """How much each kind of evidence counts, as log-odds. Chosen on half of the smears of ALL-IDB1.

    Args:
        colour: Of the image's colours, as a factor.
        ellipse: Of a pixel whose distance from the middle differs by the whole radius.
        begin: Of any pixel; negative: rather not.
        beyond: Of each px (of 96 a box) beyond the box.
        slack: How far off a box may be: no px beyond counts, as a share of its longer side.
        neighbour: As `ellipse`, where the ellipse of another box is nearer.
        sure: From here on GrabCut is told that a pixel belongs to the cell, or does not.
        rounds: Of GrabCut.
    """

    colour: float = 0.7
    ellipse: float = 4.0
    begin: float = -0.5
    beyond: float = 8.0
    slack: float = 0.05
    neighbour: float = 3.0
    sure: float = 1.5
    rounds: int = 2


WEIGHTS = Weights()


@dataclass(frozen=True, eq=False)
class Region:
    """A region of an image.

    Args:
        mask: (h, w) bool, one 4-connected part without holes.
        x: Column of the image in which the mask begins.
        y: Row, likewise.
        score: How well two ways of finding it agree: their intersection over union.
        contrast: How much darker it is than the brightest tenth around it: in optical densities, those of the
            red and of the green channel added.
    """

    mask: Mask
    x: int
    y: int
    score: float
    contrast: float


def find_region(
    image: RGB, box: FloatArray, others: FloatArray, colours: ColourModel, weights: Weights = WEIGHTS
) -> Region | None:
    """The cell in a box.

    Args:
        image: (H, W, 3) uint8 RGB.
        box: (4,) xyxy in px, of the whole cell; may reach beyond the image, and be a few px off.
        others: (n, 4) xyxy: the boxes of other cells, as far as they are near.
        colours: Of the image.
        weights: Of the evidence.

    Returns:
        The region, or None if there is none.
    """
    view = _view(box, image.shape[1::-1])
    if view is None:
        return None
    (x, y, w, h), scale = view.window, np.array([*view.scale, *view.scale])
    boxes = (np.vstack([box[None], others]) - (x, y, x, y)) * scale
    colour = _resized(colours.odds(image[y : y + h, x : x + w]), view.size)
    odds = weights.colour * colour + by_place(boxes, view.size, weights)
    by_colour = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
    by_cut = grabcut(show(image, view), odds, weights)
    agreed = _smoothed((by_colour + by_cut) / 2)
    mask = largest_part(_resized(agreed, (w, h)) > 0.5)
    if not mask.any():
        return None
    agreement = overlap(largest_part(by_colour > 0.5), largest_part(by_cut > 0.5))
    return Region(mask, x, y, agreement, _contrast(image[y : y + h, x : x + w], mask))


def _contrast(image: RGB, mask: Mask) -> float:
    """How much darker a region is than the bright field around it, see `Region`.

    A quarter of the region is darker than what is taken for it, a tenth of what is seen brighter than what is
    taken for the field: a few odd pixels change nothing.
    """
    import cv2

    soft = np.asarray(cv2.GaussianBlur(image, (0, 0), _BLUR), np.uint8)[..., :2]  # nuclei let blue light pass
    field = np.percentile(soft.reshape(-1, 2), 90, axis=0)
    return float(np.log10(field.clip(1) / np.percentile(soft[mask], 25, axis=0).clip(1)).sum())


def _view(box: FloatArray, size: tuple[int, ...]) -> View | None:
    """What of an image is looked at for a box, enlarged or shrunk to the size at which it is worked on."""
    longer = float(max(box[2] - box[0], box[3] - box[1]))
    around = _AROUND * longer
    x0, y0 = (int(v) for v in np.maximum(np.floor(box[:2] - around), 0))
    x1, y1 = (int(v) for v in np.minimum(np.ceil(box[2:] + around), size))
    if x1 <= x0 or y1 <= y0:
        return None
    scale = _SIDE / longer
    canvas = max(round((x1 - x0) * scale), 8), max(round((y1 - y0) * scale), 8)
    return View((x0, y0, x1 - x0, y1 - y0), canvas)


def _resized(values: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    import cv2

    shrinks = size[0] <= values.shape[1] and size[1] <= values.shape[0]
    return cv2.resize(values, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def overlap(a: Mask, b: Mask) -> float:
    """Intersection over union of two masks; 0 if both are empty."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 0.0


# ---------------------------------------------------------------- the evidence


def by_place(boxes: FloatArray, size: tuple[int, int], weights: Weights) -> FloatArray:
    """Log-odds by where a pixel lies: within the ellipse, within the box, nearer to another cell.

    Args:
        boxes: (n, 4) xyxy in px of the canvas; the first is of the cell in question.
        size: (width, height) of the canvas in px.
        weights: Of the evidence.

    Returns:
        (height, width) float64.
    """
    box, (width, height) = boxes[0], size
    rows, columns = slice(0, height), slice(0, width)
    distance = ellipse_distance(box, rows, columns)
    odds = weights.begin + np.clip(weights.ellipse * (1.05 - distance), -6, 3)
    slack = weights.slack * max(box[2] - box[0], box[3] - box[1])
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    beyond_x = np.maximum(np.maximum(box[0] - x, x - box[2]) - slack, 0)
    beyond_y = np.maximum(np.maximum(box[1] - y, y - box[3]) - slack, 0)
    odds -= weights.beyond * np.maximum(beyond_x[None], beyond_y[:, None])
    for other in boxes[1:]:
        nearer = ellipse_distance(other, rows, columns) - distance
        limit = 0.5 + weights.neighbour * nearer
        odds = np.where(nearer < 0, np.minimum(odds, limit), odds)
    return odds


def grabcut(image: RGB, odds: FloatArray, weights: Weights) -> NDArray[np.float64]:
    """Cut a cell out by GrabCut, without its random numbers.

    OpenCV groups colours at random where it begins on its own. Here the groups are given: equal shares of the
    pixels in the order of their main colour axis. So the same pixels always give the same cut, whatever else
    the process does.

    Args:
        image: (h, w, 3) uint8 RGB.
        odds: (h, w): what the pixels seem to be beforehand.
        weights: `sure` and `rounds` are used.

    Returns:
        (h, w) float64: 1 in the cell, 0 outside of it.
    """
    import cv2

    likely = odds > 0
    if min(likely.sum(), (~likely).sum()) < _LEAST_PIXELS:
        return likely.astype(np.float64)
    marks = np.where(likely, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    marks[odds > weights.sure] = cv2.GC_FGD
    marks[odds < -weights.sure] = cv2.GC_BGD
    pixels = image.astype(np.float64)
    outside, inside = mixture(pixels[~likely]), mixture(pixels[likely])
    cv2.grabCut(image, marks, None, outside, inside, weights.rounds, cv2.GC_EVAL)  # type: ignore[call-overload]
    return (marks % 2).astype(np.float64)  # GC_FGD and GC_PR_FGD are odd


def mixture(pixels: FloatArray) -> FloatArray:
    """Five normal distributions of colours, as OpenCV's GrabCut takes them.

    Args:
        pixels: (n, 3) RGB, n >= 5.

    Returns:
        (1, 65): the five weights, then the means, then the covariances.
    """
    centred = pixels - pixels.mean(axis=0)
    axis = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    order = np.argsort(centred @ axis, kind="stable")
    groups = [pixels[part] for part in np.array_split(order, _GROUPS)]
    weights = [len(group) / len(pixels) for group in groups]
    means = [group.mean(axis=0) for group in groups]
    spreads = [_covariance(group) for group in groups]
    return np.concatenate([weights, np.ravel(means), np.ravel(spreads)])[None]


def _covariance(group: FloatArray) -> FloatArray:
    """The covariance of colours, never singular."""
    centred = group - group.mean(axis=0)
    spread: FloatArray = centred.T @ centred / max(len(group) - 1, 1) + 2 * np.eye(3)
    return spread


def _smoothed(share: FloatArray) -> FloatArray:
    """A map of shares whose set of more than a half has neither thin threads nor thin clefts."""
    import cv2

    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    opened = cv2.morphologyEx((share > 0.5).astype(np.uint8), cv2.MORPH_OPEN, kernel)
    part = np.pad(largest_part(opened > 0), 4).astype(np.uint8)
    closed = np.asarray(cv2.morphologyEx(part, cv2.MORPH_CLOSE, kernel)[4:-4, 4:-4]) > 0
    return np.where(closed, np.maximum(share, 0.501), np.minimum(share, 0.499))
