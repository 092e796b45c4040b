"""Cells of an image about which nothing is known, by colour and shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon

from smearprep.assist.made import filled, found
from smearprep.assist.parting import part_shape
from smearprep.assist.points import outline_twice
from smearprep.assist.sizes import usual_radius
from smearprep.assist.stains import Density, green_density, violet
from smearprep.geometry import Mask, mask_to_shapes, shape_to_mask
from smearprep.images import RGB
from smearprep.records import Cell

KindOfCell = Literal["white", "red", "platelet"]
KINDS_OF_CELL: Mapping[str, KindOfCell] = {"WBC": "white", "RBC": "red", "Platelets": "platelet"}
"""Category -> how its cells look."""

_STEP = 3  # of so many px one is looked at to choose thresholds
_NUCLEUS = 0.1  # how violet (see `stains`) a nucleus or a platelet is at least: red cells are to 0.03;
_DARKER = 2.0  # and so many times as violet as red cells are, which in some stains are violet themselves,
_USUAL = 0.15  # but no more than this
_MOSTLY = 0.5  # share of a white cell that is as violet as that
_CORE = 0.18  # how violet the most violet quarter of a nucleus is at least
_RED_CELL = 0.12  # density of the green channel from which on all counts alike: that of a red cell
_ODD = 2.0  # times smaller or larger than the usual circle in an image: no single red cell
_RIM, _EDGE = 4, 0.02  # px on both sides of an outline, and how much denser the inner side is at least
_STAINED = 0.03  # least density of the green channel in a cell: noise is less
_FEW = 5  # so many single red cells tell how large they are
_SOLID = 0.93  # share of its convex hull from which on a region is surely one cell
_PALLOR = 0.6  # share of a red cell that is no pale middle: less is the cytoplasm round a nucleus
_NUCLEUS_SHARE = 0.3  # of the area of a red cell, that a nucleus has at least
_LOBES = 0.25  # of the radius of a red cell: parts of a nucleus lie no farther apart than twice this
_BLAST = 3.0  # times the area of a red cell: a nucleus that hides another one's lobes
_TOGETHER = 0.4  # share of its convex hull that what is dark in a nucleus fills at least
_PLATELET_SHARE = 0.01, 0.25  # of the area of a red cell: platelets lie between these
_THIN = 0.08  # of the radius of a red cell: what is narrower than twice this is no platelet,
_ROUND, _WIDE = 0.8, 0.45  # nor what fills less of its convex hull, or is less wide than long
_RED_SHARE = 0.25, 1.8  # of the usual area: red cells lie between these
_MARGIN = 0.02  # of the longer side of what is violet, that its cell is larger on each side
_SAME = 0.5  # of the smaller of two cells: where they share so much, they are one


def from_nothing(image: RGB, label: str, known: Sequence[Cell] = ()) -> tuple[Cell, ...]:
    """Find the cells of a category by colour and shape.

    White cells: what is as violet as nuclei are and as large, parted by the watershed, and outlined as in
    `from_point`. Platelets: as violet, smaller, and round. Red cells: what is dark in the green channel by
    Otsu's threshold (1979) and neither, parted by the watershed. How large red cells are, tell those that lie
    alone, or where nearly all of them touch, the circles of their outlines.

    Args:
        image: (H, W, 3) uint8 RGB.
        label: One of `KINDS_OF_CELL`.
        known: Cells of the image that are known; what lies on one of them, of any label, is not found again.

    Returns:
        The cells from top to bottom, outline "made", with the attributes "made_by" and "score" (0..1).
    """
    search = _SEARCHES[KINDS_OF_CELL[label]]
    cells = [found(label, shape, "find", score) for shape, score in search(look_at(image))]
    return tuple(cell for cell in _apart(cells) if not _is_known(cell, known))


def from_finds(cells: Sequence[Cell], label: str, known: Sequence[Cell] = ()) -> tuple[Cell, ...]:
    """What somebody else has found, for example a trained network, as outlines that were made here.

    Args:
        cells: Of any categories, each with the attribute "score"; of several parts the largest is kept, and
            holes are filled.
        label: Only cells of this category are taken.
        known: As of `from_nothing`.

    Returns:
        As `from_nothing`.
    """
    outlined = [
        found(label, filled(cell.shape), "network", float(cell.attributes["score"]))
        for cell in cells
        if cell.label == label and isinstance(cell.shape, Polygon | MultiPolygon)
    ]
    return tuple(cell for cell in _apart(outlined) if not _is_known(cell, known))


Found = tuple[Polygon, float]
"""An outline in px, and its score."""


@dataclass(frozen=True, eq=False)
class Field:
    """An image, as far as all searches look at it.

    Args:
        image: (H, W, 3) uint8 RGB.
        cells: (H, W) bool: all that is stained.
        green: (H, W) float32: the density of its green channel.
        violet: (H, W) float32: how violet it is.
        dark: (H, W) bool: nuclei and platelets, by that.
        red_area: The usual area of a red cell, px^2.
    """

    image: RGB
    cells: Mask
    green: Density
    violet: Density
    dark: Mask
    red_area: float


def look_at(image: RGB) -> Field:
    """Choose the thresholds of an image.

    Args:
        image: (H, W, 3) uint8 RGB.
    """
    from skimage import filters

    otsu: Any = filters.threshold_otsu
    nuclei, green = violet(image), green_density(image)
    few_nuclei, few_green = nuclei[::_STEP, ::_STEP], np.minimum(green[::_STEP, ::_STEP], _RED_CELL)
    if float(np.ptp(few_green)) < 1e-3:
        nothing = np.zeros(green.shape, bool)
        return Field(image, nothing, green, nuclei, nothing, 1.0)
    stained = max(float(otsu(few_green)), _STAINED)
    inside = few_nuclei[few_green > stained]
    usual = float(np.percentile(inside, 30)) if inside.size else 0.0
    dark = nuclei > max(_NUCLEUS, _DARKER * min(usual, _USUAL))
    cells = (green > stained) | dark
    return Field(image, cells, green, nuclei, dark, _red_area(cells & ~dark, dark))


def _red_area(red: Mask, dark: Mask) -> float:
    """The usual area of a red cell, px^2: of those that are surely single and of no odd size."""
    shapes, _ = mask_to_shapes(red, 30)
    whole = [filled(shape) for shape in shapes if shape.area >= _PALLOR * filled(shape).area]
    areas = np.array([s.area for s in whole if s.area >= _SOLID * s.convex_hull.area])
    radius = usual_radius(red)
    if radius is not None:
        circle = np.pi * radius**2
        areas = areas[(areas > circle / _ODD) & (areas < circle * _ODD)]
        if len(areas) < _FEW:  # nearly all of them touch
            return float(circle)
    if len(areas) < _FEW:  # no field of red cells: a nucleus is about as large as one
        areas = np.array([shape.area for shape in mask_to_shapes(dark, 30)[0]] or [1.0])
    order = np.sort(areas)[::-1]
    middle = np.searchsorted(np.cumsum(order), order.sum() / 2)  # half of all area is of cells so large
    return float(order[min(int(middle), len(order) - 1)])


def _white_cells(field: Field) -> list[Found]:
    radius = max(int(_LOBES * np.sqrt(field.red_area / np.pi)), 1)
    nuclei = [
        piece.shape
        for shape in mask_to_shapes(
            _closed(field.dark, radius), max(int(_NUCLEUS_SHARE * field.red_area), 1)
        )[0]
        for piece in part_shape(filled(shape), field.dark.shape[::-1], _BLAST * field.red_area)
        if piece.shape.area >= _NUCLEUS_SHARE * field.red_area
    ]
    nuclei = [shape for shape in nuclei if _is_nucleus(shape, field)]
    if not nuclei:
        return []
    boxes = shapely.bounds(np.array(nuclei, dtype=object))
    margin = _MARGIN * (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True)
    boxes = np.hstack([boxes[:, :2] - margin, boxes[:, 2:] + margin])
    return [one for one in outline_twice(field.image, boxes).values() if _is_violet(one[0], field)]


def _is_violet(shape: Polygon, field: Field) -> bool:
    """True if most of an outline is as violet as nuclei: else it has left its nucleus for what is around."""
    dark, inside = _within(shape, field.dark)
    return bool((dark & inside).sum() >= _MOSTLY * inside.sum())


def _within(shape: Polygon, values: NDArray[Any]) -> tuple[NDArray[Any], Mask]:
    """The part of a map of an image that is in the box of a shape, and where in it the shape lies."""
    x0, y0, x1, y1 = (int(v) for v in shape.bounds)
    inside = shape_to_mask(shapely.transform(shape, lambda xy: xy - (x0, y0)), (x1 - x0, y1 - y0))
    return values[y0:y1, x0:x1], inside


def _is_nucleus(shape: Polygon, field: Field) -> bool:
    """True if what is dark in a region is large, dark enough, and close together: not scattered platelets."""
    from scipy.ndimage import binary_fill_holes

    colour, inside = _within(shape, field.violet)
    core = float(np.percentile(colour[inside], 75)) if inside.any() else 0.0
    dark = int(binary_fill_holes(_within(shape, field.dark)[0] & inside).sum())
    return core >= _CORE and dark >= max(_NUCLEUS_SHARE * field.red_area, _TOGETHER * shape.convex_hull.area)


def _platelets(field: Field, white: Sequence[Found] | None = None) -> list[Found]:
    """What is violet, small and round; `white`: the white cells, where they are found already."""
    own = shapely.union_all([outline for outline, _ in (_white_cells(field) if white is None else white)])
    least, most = (share * field.red_area for share in _PLATELET_SHARE)
    thin = max(round(_THIN * np.sqrt(field.red_area / np.pi)), 1)
    shapes = [filled(shape) for shape in mask_to_shapes(_opened(field.dark, thin), max(int(least), 4))[0]]
    return [
        (shape, shape.area / shape.convex_hull.area)
        for shape in shapes
        if least <= shape.area <= most and _is_round(shape) and not shape.intersects(own)
    ]


def _is_round(shape: Polygon) -> bool:
    """True if a shape is neither bent nor long: lenses make violet fringes beside red cells, which are."""
    around = shape.minimum_rotated_rectangle
    sides = np.hypot(*np.diff(shapely.get_coordinates(around)[:3], axis=0).T)
    return bool(shape.area >= _ROUND * shape.convex_hull.area and sides.min() >= _WIDE * sides.max())


def _red_cells(field: Field) -> list[Found]:
    import cv2

    left = field.cells.astype(np.uint8)
    white = _white_cells(field)
    for outline, _ in (*white, *_platelets(field, white)):
        ring = np.asarray(outline.exterior.coords)[:-1].astype(np.int32)
        cv2.fillPoly(left, [ring], 0)
    least, most = (share * field.red_area for share in _RED_SHARE)
    cells = []
    for shape in mask_to_shapes(_opened(left > 0, 2), max(int(least), 4))[0]:
        if not _has_edge(shape, field.green):
            continue
        for piece in part_shape(_without_pallor(shape, field.red_area), left.shape[::-1], field.red_area):
            if least <= piece.shape.area <= most:
                cells.append((piece.shape, piece.score))
    return cells


def _has_edge(shape: Polygon, green: Density) -> bool:
    """True if it is darker inside its outline than outside: the dark corners of a photograph are not."""
    import cv2

    low = np.maximum(np.floor(shape.bounds[:2]).astype(int) - _RIM, 0)
    high = np.minimum(np.ceil(shape.bounds[2:]).astype(int) + _RIM, green.shape[::-1])
    mask = shape_to_mask(shapely.transform(shape, lambda xy: xy - low), tuple((high - low).tolist()))
    side = 2 * _RIM + 1
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    plane = mask.view(np.uint8)
    inner = mask & (np.asarray(cv2.erode(plane, near)) == 0)
    outer = ~mask & (np.asarray(cv2.dilate(plane, near)) > 0)
    seen = green[low[1] : high[1], low[0] : high[0]]
    return bool(outer.any() and inner.any() and np.median(seen[inner]) - np.median(seen[outer]) >= _EDGE)


def _without_pallor(shape: Polygon, area: float) -> Polygon:
    """A region of red cells, the pale middles of cells filled; gaps between cells stay."""
    return Polygon(shape.exterior, [hole for hole in shape.interiors if Polygon(hole).area > area / 2])


def _closed(mask: Mask, radius: int) -> Mask:
    import cv2

    side = 2 * radius + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, kernel)) > 0


def _opened(mask: Mask, radius: int) -> Mask:
    return ~_closed(~mask, radius)


_SEARCHES = {"white": _white_cells, "red": _red_cells, "platelet": _platelets}


# ---------------------------------------------------------------- what is new


def _apart(cells: Sequence[Cell]) -> list[Cell]:
    """Cells without those that are another one once more; of two, the more certain one is kept. By place."""
    kept: list[Cell] = []
    for cell in sorted(cells, key=lambda cell: (-cell.attributes["score"], cell.bounds)):
        if not _is_known(cell, kept):
            kept.append(cell)
    return sorted(kept, key=lambda cell: (cell.bounds[1], cell.bounds[0]))


def _is_known(cell: Cell, known: Sequence[Cell]) -> bool:
    """True if a cell is one of those that are known, or the most of it lies on one."""
    return any(_shared(cell, other) >= _SAME for other in known)


def _shared(cell: Cell, other: Cell) -> float:
    """What two cells share, of the smaller one; 1 for a point in a cell."""
    if not cell.shape.intersects(other.shape):
        return 0.0
    if other.outline == "point":
        return 1.0
    return float(cell.shape.intersection(other.shape).area) / min(cell.area, other.area)
