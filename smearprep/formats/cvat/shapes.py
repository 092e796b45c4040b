"""One shape of a CVAT file -> where it is."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.formats import outlines
from smearprep.formats.outlines import Ring, Unusable, turned
from smearprep.geometry import FARTHEST, FloatArray, Mask, mask_to_shapes
from smearprep.images import MAX_PIXELS

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MOST_RUNS = 200_000  # of one mask
_MOST_REGIONS = 5_000  # of one mask, all traced in seconds: more is noise
_MOST_PIXELS = MAX_PIXELS // 4  # of one mask's box: tracing it takes ten bytes a pixel
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")


def whole(text: str | None) -> int | None:
    """A whole number of at most 20 digits, or None."""
    text = (text or "").strip()
    return int(text) if _WHOLE.fullmatch(text) else None


def polygon(node: Element) -> FloatArray:
    """The (n, 2) vertices of `points`, "x,y;x,y;..."; none if anything else stands there."""
    pairs = (node.get("points") or "").strip("; \t\n").split(";")
    if set(map(str.count, pairs, repeat(","))) == {1}:
        try:
            return np.array([*map(float, ",".join(pairs).split(","))]).reshape(-1, 2)
        except ValueError:
            pass
    return np.empty((0, 2))


def points(node: Element) -> list[Point]:
    """Each position of a `<points>`.

    Raises:
        Unusable: Not all of them are two numbers.
    """
    xy = polygon(node)
    if not len(xy) or not (np.abs(xy) <= FARTHEST).all():
        raise Unusable("invalid", "its points are not all two numbers x,y")
    return [Point(*pair) for pair in xy.tolist()]


def box(node: Element) -> tuple[Ring, bool]:
    """The corners of a box, and whether it is parallel to the axes."""
    numbers = _numbers(node, "xtl", "ytl", "xbr", "ybr")
    turn = _rotation(node)
    if numbers is None or turn is None:
        return [], True
    x0, y0, x1, y1 = numbers
    ring = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    if turn % 180 == 0:
        return ring, True
    return turned(ring, math.radians(turn % 360), ((x0 + x1) / 2, (y0 + y1) / 2)), turn % 90 == 0


def ellipse(node: Element) -> Ring:
    """An ellipse as a polygon whose corners lie on it."""
    numbers = _numbers(node, "cx", "cy", "rx", "ry")
    turn = _rotation(node)
    if numbers is None or turn is None:
        return []
    cx, cy, rx, ry = numbers
    return outlines.ellipse((cx, cy), (rx, ry), math.radians(turn % 180))


def _numbers(node: Element, *keys: str) -> Sequence[float] | None:
    try:
        return [float(node.get(key, "")) for key in keys]
    except ValueError:
        return None


def _rotation(node: Element) -> float | None:
    """Degrees with the clock, or None if it is no number."""
    found = _numbers(node, "rotation") if node.get("rotation") is not None else [0.0]
    return found[0] if found is not None and math.isfinite(found[0]) else None


def mask(node: Element) -> Polygon | MultiPolygon:
    """The outline of a mask along its pixel edges; its 4-connected regions become parts.

    Its run lengths go row by row through its own box and begin with background.

    Raises:
        Unusable: They do not fill the box, or hold no pixel; or the box is too large for any cell.
    """
    numbers = [whole(node.get(key)) for key in ("left", "top", "width", "height")]
    left, top, width, height = (-1 if number is None else number for number in numbers)
    if None in numbers or min(width, height) < 1 or max(abs(left), abs(top)) > FARTHEST:
        raise Unusable("invalid", "its box needs whole numbers left, top, width and height")
    if width * height > MAX_PIXELS:
        raise Unusable("invalid", f"its box is {width}x{height} px, larger than any image that is read")
    runs = _runs(node.get("rle") or "", width * height)
    ends = np.cumsum(runs)
    covered = np.flatnonzero(runs[1::2])
    if not len(covered):
        raise Unusable("zero_area", "its mask has no pixel")
    # Only the rows with foreground are ever laid out as pixels.
    first = int(ends[2 * covered[0]]) // width
    last = -(-int(ends[2 * covered[-1] + 1]) // width)
    if width * (last - first) > _MOST_PIXELS:
        raise Unusable("invalid", f"its mask fills {width}x{last - first} px: too large for a cell")
    edges = np.clip(np.concatenate([[0], ends]), first * width, last * width)
    flat = np.repeat(np.arange(len(ends)) % 2 == 1, np.diff(edges))
    pixels = flat.reshape(last - first, width)
    if len(covered) > _MOST_REGIONS and _regions(pixels) > _MOST_REGIONS:
        raise Unusable(
            "invalid", f"its mask falls into more than {_MOST_REGIONS:,} pieces: too many for a cell"
        )
    shapes, _ = mask_to_shapes(pixels)
    moved = [shapely.transform(shape, lambda xy: xy + (left, top + first)) for shape in shapes]
    return moved[0] if len(moved) == 1 else MultiPolygon(moved)


def _regions(pixels: Mask) -> int:
    import cv2

    return cv2.connectedComponents(pixels.view(np.uint8), connectivity=4)[0] - 1


def _runs(text: str, pixels: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Run lengths that add up to so many pixels."""
    if text.count(",") >= _MOST_RUNS:
        raise Unusable("invalid", f"its mask has more than {_MOST_RUNS:,} runs: too many for a cell")
    runs = [whole(run) for run in text.split(",")]
    if any(run is None or run < 0 for run in runs):
        raise Unusable("invalid", "its run lengths are not all whole numbers")
    lengths = [run or 0 for run in runs]
    if sum(lengths) != pixels:
        raise Unusable("invalid", f"its run lengths add up to {sum(lengths)} px, its box has {pixels}")
    return np.array(lengths, dtype=np.int64)
