"""Pictures for people: outlines of cells over an image, and sheets of several images."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.errors import GeometryError
from smearprep.records import Cell, Shape, ViewCell

Image = npt.NDArray[np.uint8]
Drawable = tuple[str, Shape] | Cell | ViewCell
"""What can be drawn: (label, shape), a Cell in image px, or a ViewCell in canvas px."""

OKABE_ITO: tuple[tuple[int, int, int], ...] = (
    (0, 158, 115),  # bluish green: stands out best on pink and violet, so it goes first
    (230, 159, 0),  # orange
    (0, 114, 178),  # blue
    (240, 228, 66),  # yellow
    (213, 94, 0),  # vermillion
    (86, 180, 233),  # sky blue
    (204, 121, 167),  # reddish purple
    (0, 0, 0),  # black
)
"""The colours of Okabe and Ito, RGB, which colour-blind people tell apart. Used in this order, then again."""

_BITS = 4
_INK = (20, 20, 20)


def palette(categories: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """A colour, RGB, for each category, in their order."""
    return {name: OKABE_ITO[k % len(OKABE_ITO)] for k, name in enumerate(categories)}


def overlay(
    image: Image, cells: Sequence[Drawable], categories: Sequence[str] = (), *, legend: bool = True
) -> Image:
    """Draw the outlines of cells over an image, a colour a category.

    All rings are drawn, holes too; a box is its four sides, a point a cross.

    Args:
        image: (H, W, 3) uint8 RGB; is not changed.
        cells: Labels and shapes, in px of the image: continuous, pixel (i, j) covers [i, i+1) x [j, j+1).
        categories: Give each category its colour, in this order, and stand in the legend also where there
            are no cells; labels that are not among them follow in order of appearance.
        legend: Write the categories and how many cells there are of each into the top left corner.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        GeometryError: The image is not (H, W, 3) uint8.
    """
    _need_rgb(image)
    drawn = [_label_and_shape(cell) for cell in cells]
    names = list(dict.fromkeys([*categories, *(label for label, _ in drawn)]))
    colours = palette(names)
    out = np.ascontiguousarray(image).copy()
    width = line_width(image.shape[1], image.shape[0])
    for label, shape in drawn:
        _draw_shape(out, shape, colours[label], width)
    if legend and names:
        counts = Counter(label for label, _ in drawn)
        _draw_legend(out, [(f"{name} {counts[name]}", colours[name]) for name in names])
    return out


def dotted(shape: Shape, width: float) -> MultiPolygon:
    """The outline of a shape as dots, 3 lines wide and 9 apart: so an overlay tells a crowd from a cell.

    Args:
        shape: A region, in px.
        width: Of a line, px.
    """
    dots: list[Polygon] = []
    for ring in shapely.get_rings(shapely.get_parts(shape)):
        count = max(3, round(ring.length / (9 * width)))
        places = shapely.line_interpolate_point(ring, np.arange(count) / count, normalized=True)
        dots += shapely.buffer(places, 1.5 * width).tolist()
    return MultiPolygon(dots)


def line_width(width: int, height: int) -> int:
    """Width of an outline, px, for an image of this size: 1 up to about 750 px, 3 at 2000 px."""
    return max(1, round(math.sqrt(width * height) / 700))


def _need_rgb(image: Image) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise GeometryError(f"needs an (H, W, 3) uint8 image, not {image.shape} {image.dtype}")


def _label_and_shape(cell: Drawable) -> tuple[str, Shape]:
    if isinstance(cell, ViewCell):
        return cell.cell.label, cell.shape
    if isinstance(cell, Cell):
        return cell.label, cell.shape
    return cell


def _fixed(xy: npt.ArrayLike) -> npt.NDArray[np.int32]:
    """Continuous coordinates (n, 2) as OpenCV's fixed point, whose integers are the centres of pixels."""
    return np.rint((np.asarray(xy, np.float64)[:, :2] - 0.5) * (1 << _BITS)).astype(np.int32)


def _draw_shape(out: Image, shape: Shape, colour: tuple[int, int, int], width: int) -> None:
    import cv2

    if isinstance(shape, Point):
        arm = 3.5 * width + 1
        for dx, dy in ((arm, 0), (0, arm)):
            ends = _fixed([[shape.x - dx, shape.y - dy], [shape.x + dx, shape.y + dy]])
            cv2.polylines(out, [ends], False, colour, width, cv2.LINE_AA, _BITS)
        return
    rings = [_fixed(ring.coords)[:-1] for ring in shapely.get_rings(shapely.get_parts(shape))]
    cv2.polylines(out, rings, True, colour, width, cv2.LINE_AA, _BITS)


def _draw_legend(out: Image, rows: Sequence[tuple[str, tuple[int, int, int]]]) -> None:
    """Swatches and texts on light paper in the top left corner, cut off where the image is too small."""
    size = float(np.clip(min(out.shape[:2]) / 1000, 0.4, 2.0))
    line = round(30 * size)
    texts = [_text(label, size, _INK) for label, _ in rows]
    width = line + max(text.shape[1] for text in texts) + round(14 * size)
    panel = np.full((line * len(rows) + round(10 * size), width, 3), 255, np.uint8)
    for k, ((_, colour), text) in enumerate(zip(rows, texts, strict=True)):
        y = round(5 * size) + k * line
        swatch = slice(y + line // 4, y + line - line // 4), slice(line // 3, line - line // 8)
        panel[swatch] = colour
        h, w = text.shape[:2]
        top = y + (line - h) // 2
        panel[top : top + h, line + line // 6 : line + line // 6 + w] = text
    h, w = min(panel.shape[0], out.shape[0]), min(panel.shape[1], out.shape[1])
    out[:h, :w] = np.rint(out[:h, :w] * 0.2 + panel[:h, :w] * 0.8).astype(np.uint8)


def _text(text: str, size: float, ink: tuple[int, int, int]) -> Image:
    """A line of text on white, as tight as its letters; what the font lacks (not ASCII) becomes "?"."""
    import cv2

    plain = text.encode("ascii", "replace").decode()
    font, weight = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(1.6 * size))
    (width, height), below = cv2.getTextSize(plain, font, 0.75 * size, weight)
    out = np.full((height + below, max(width, 1), 3), 255, np.uint8)
    cv2.putText(out, plain, (0, height), font, 0.75 * size, ink, weight, cv2.LINE_AA)
    return out


def contact_sheet(
    images: Sequence[Image], titles: Sequence[str] = (), columns: int = 4, *, cell: int | None = None
) -> Image:
    """Lay images out in rows on white, each centred in its place, with its title below.

    Args:
        images: (H, W, 3) uint8 RGB each, of any sizes.
        titles: One an image, or none at all.
        columns: Images in a row.
        cell: Longer side, px, to which each image is shrunk (never enlarged); by default none is.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        GeometryError: No image, not one title an image, or fewer than one column.
    """
    if not images or columns < 1 or (titles and len(titles) != len(images)):
        raise GeometryError(f"cannot lay out {len(images)} images, {len(titles)} titles in {columns} columns")
    shown = [_shrunk(image, cell) for image in images]
    columns = min(columns, len(shown))
    width = max(image.shape[1] for image in shown)
    gap, size = max(4, width // 60), float(np.clip(width / 600, 0.45, 1.6))
    band = round(34 * size) if titles else 0
    rows = [range(k, min(k + columns, len(shown))) for k in range(0, len(shown), columns)]
    heights = [max(shown[k].shape[0] for k in row) for row in rows]
    height = sum(heights) + len(rows) * (band + gap) + gap
    sheet = np.full((height, columns * (width + gap) + gap, 3), 255, np.uint8)
    top = gap
    for row, tallest in zip(rows, heights, strict=True):
        for place, k in enumerate(row):
            left = gap + place * (width + gap)
            h, w = shown[k].shape[:2]
            y, x = top + (tallest - h) // 2, left + (width - w) // 2
            sheet[y : y + h, x : x + w] = shown[k]
            if titles:
                text = _text(titles[k], size, _INK)[:band, :width]
                y = top + tallest + (band - text.shape[0]) // 2
                sheet[y : y + text.shape[0], left : left + text.shape[1]] = text
        top += tallest + band + gap
    return sheet


def _shrunk(image: Image, longest: int | None) -> Image:
    """The image, shrunk so that its longer side is at most so many px."""
    import cv2

    _need_rgb(image)
    scale = 1.0 if longest is None else longest / max(image.shape[:2])
    if scale >= 1:
        return image
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
