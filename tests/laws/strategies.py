"""What the laws are tried on: shapes, masks, images, windows and the ways an image is cut."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapely
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.records import Cell, Sample, View
from smearprep.tiling import Pad, Shaping, Tile

LAW = settings(deadline=None, max_examples=60)
"""For laws whose one example takes about a millisecond; slower ones say how many they want."""

EXTENT = 24.0
"""Shapes lie in or around an image of about this width and height, in px."""

DIGITS = 6
"""Coordinates have so many decimals: the laws are of pixels, not of numbers near the smallest float."""


def reals(least: float, most: float) -> st.SearchStrategy[float]:
    """Coordinates between two bounds, often whole."""
    whole = st.integers(math.ceil(least), math.floor(most)).map(float)
    return st.one_of(whole, st.floats(least, most).map(lambda value: round(value, DIGITS)))


# ---------------------------------------------------------------- shapes


@st.composite
def stars(draw: st.DrawFn, integer: bool = False) -> Polygon:
    """A valid polygon seen whole from its centre; with `integer`, vertices on pixel corners."""
    corners = draw(st.integers(3, 9))
    turn = draw(st.floats(0, 1))
    steps = draw(st.lists(st.floats(0.2, 1), min_size=corners, max_size=corners))
    angles = 2 * math.pi * (turn + np.cumsum(steps) / sum(steps))
    radii = np.array(draw(st.lists(st.floats(0.5, 9), min_size=corners, max_size=corners)))
    x, y = draw(st.floats(-2, EXTENT)), draw(st.floats(-2, EXTENT))
    xy = np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], axis=1)
    polygon = Polygon(np.round(xy) if integer else np.round(xy, DIGITS))
    if polygon.is_valid and polygon.area > 0:
        return shapely.remove_repeated_points(polygon)
    return shapely.box(*np.round(polygon.bounds[:2]), *np.round(polygon.bounds[:2]) + 1)


@st.composite
def boxes(draw: st.DrawFn, extent: int = int(EXTENT)) -> Polygon:
    """A rectangle with its corners on pixel corners."""
    x, y = draw(st.integers(-2, extent)), draw(st.integers(-2, extent))
    return shapely.box(x, y, x + draw(st.integers(1, 9)), y + draw(st.integers(1, 9)))


@st.composite
def patchworks(draw: st.DrawFn) -> Polygon | MultiPolygon:
    """Rectangles joined, with others cut out: parts, holes, steps, edges on whole px, corners that touch."""
    joined = shapely.union_all(draw(st.lists(boxes(), min_size=1, max_size=5)))
    left = shapely.difference(joined, shapely.union_all(draw(st.lists(boxes(), max_size=4))))
    return joined if left.is_empty else left


@st.composite
def pierced(draw: st.DrawFn) -> Polygon | MultiPolygon:
    """A star with another one cut out of it: a hole, a bite, or two parts."""
    whole = draw(stars())
    left = shapely.difference(whole, draw(stars()))
    return left if isinstance(left, Polygon | MultiPolygon) and left.area > 1e-3 else whole


def areas() -> st.SearchStrategy[Polygon | MultiPolygon]:
    """Any valid shape that has an area."""
    return st.one_of(stars(), stars(integer=True), boxes(), patchworks(), pierced())


@st.composite
def points(draw: st.DrawFn, extent: int = int(EXTENT)) -> Point:
    """A position, often exactly on a pixel's border."""
    return Point(draw(reals(0, extent)), draw(reals(0, extent)))


def shapes() -> st.SearchStrategy[Polygon | MultiPolygon | Point]:
    """Whatever a cell can be."""
    return st.one_of(areas(), points())


# ---------------------------------------------------------------- masks and images


def masks(most: int = 12) -> st.SearchStrategy[NDArray[np.bool_]]:
    """Any mask: noise (holes, single pixels, diagonal contacts), full, empty, chequered, a frame."""
    shape = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=most)
    noise = shape.flatmap(lambda s: hnp.arrays(np.bool_, s, elements=st.booleans(), fill=st.nothing()))
    return st.one_of(noise, noise, shape.flatmap(lambda s: st.sampled_from(_patterns(s))))


def _patterns(shape: tuple[int, ...]) -> list[NDArray[np.bool_]]:
    rows, columns = np.indices(shape)
    frame = np.ones(shape, bool)
    frame[1:-1, 1:-1] = False
    chequered = (rows + columns) % 2 == 0
    return [np.ones(shape, bool), np.zeros(shape, bool), chequered, ~chequered, frame, ~frame]


@st.composite
def pictures(draw: st.DrawFn, most: int = 24) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 noise in which no pixel is black, so that zero-fill can be told from it."""
    height, width = draw(st.integers(1, most)), draw(st.integers(1, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.integers(1, 256, (height, width, 3), dtype=np.uint8)


# ---------------------------------------------------------------- views


@st.composite
def views(draw: st.DrawFn, reach: int = 30) -> View:
    """Any view: inside, reaching beyond the image, or wholly beside it; resized or not."""
    x, y = draw(st.integers(-reach, reach)), draw(st.integers(-reach, reach))
    w, h = draw(st.integers(1, reach)), draw(st.integers(1, reach))
    size = (draw(st.integers(1, 60)), draw(st.integers(1, 60)))
    return View((x, y, w, h), draw(st.sampled_from([(w, h), size])))


@st.composite
def tiles(draw: st.DrawFn, most: int = 14) -> Tile:
    """Any way to cut an image into windows that loses no pixel between them."""
    size = (draw(st.integers(1, most)), draw(st.integers(1, most)))
    stride = (draw(st.integers(1, size[0])), draw(st.integers(1, size[1])))
    edge: Any = draw(st.sampled_from(["shift", "pad", "drop"]))
    return Tile(size=size, stride=stride, edge=edge, margin=draw(st.integers(0, 3)))


@st.composite
def partitions(draw: st.DrawFn) -> Tile:
    """Windows that cover every pixel exactly once: stride = size, padded at the border."""
    size = (draw(st.integers(2, 14)), draw(st.integers(2, 14)))
    return Tile(size=size, stride=size, edge="pad")


@st.composite
def shapings(draw: st.DrawFn) -> Shaping:
    """Pad, tile and resize, each or none, for images of up to 24 px."""
    to: Any = draw(st.sampled_from(["square", (24, 24), (31, 27)]))
    anchor: Any = draw(st.sampled_from(["top-left", "centre"]))
    pad = draw(st.one_of(st.none(), st.just(Pad(to, anchor))))
    resize = draw(st.one_of(st.none(), st.tuples(st.integers(1, 40), st.integers(1, 40))))
    return Shaping(pad, draw(st.one_of(st.none(), tiles())), resize, min_visible=0)


LABELS = ("RBC", "WBC", "Platelets")


@st.composite
def samples(draw: st.DrawFn, extent: int = int(EXTENT)) -> Sample:
    """An image with cells that lie inside it, as every loader hands them on."""
    size = (draw(st.integers(1, extent)), draw(st.integers(1, extent)))
    image = shapely.box(0, 0, *size)
    cells = []
    for shape in draw(st.lists(st.one_of(stars(integer=True), patchworks(), points()), max_size=6)):
        label = draw(st.sampled_from(LABELS))
        if isinstance(shape, Point):
            if shape.x < size[0] and shape.y < size[1]:
                cells.append(Cell(label, shape, "point"))
            continue
        inside = shapely.intersection(shape, image)
        if isinstance(inside, Polygon | MultiPolygon) and inside.area > 0:
            cells.append(Cell(label, inside))
    return sample(size, cells)


def sample(size: tuple[int, int], cells: list[Cell], source: str = "set/im/a.jpg", **more: Any) -> Sample:
    """An image of hand-made cells; its smear is its own unless said otherwise."""
    from pathlib import Path

    more = {"smear": source, **more}
    return Sample(Path("raw") / source, source, size, cells=tuple(cells), **more)
