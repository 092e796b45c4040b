"""Pictures of what was found, missed and invented, to be told apart by colour and by the kind of line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Point

from smearprep.detection.compared import ComparedImage, check_categories
from smearprep.detection.confusion import Verdicts, judge
from smearprep.drawing import Image, contact_sheet, dotted, line_width, overlay
from smearprep.errors import GeometryError
from smearprep.records import Shape

FOUND, MISSED, INVENTED, MIXED_UP = "found: thin", "missed: dashes", "invented: thick", "mixed up: double"
"""What stands in the legend; `drawing.overlay` gives them green, orange, blue and yellow."""

CROWD = "crowd: dots"
"""In the legend of an image that has crowds: vermillion."""

_SMALL = 640  # px: images that fit into it several times are enlarged, or the legend would hide their cells


def confusion_sheet(
    images: Sequence[tuple[Image, ComparedImage]],
    *,
    categories: Sequence[str],
    iou: float = 0.5,
    score: float = 0.5,
    columns: int = 2,
    longest: int | None = 1000,
) -> Image:
    """Images side by side with the outlines of their cells: found, missed, invented, mixed up.

    A thin line is a found cell, as it was found. Dashes are a true cell that was missed, a thick line
    is a found one that is not there, a double line a cell found as another category. How many there are of
    each stands in the legend. A crowd is dotted; what was found in it is not drawn.

    Args:
        images: (H, W, 3) uint8 RGB, and the cells in px of it.
        categories: Those that are judged.
        iou: Overlap from which cells match, above 0, at most 1.
        score: Found cells below it are left out.
        columns: Images in a row.
        longest: Longer side, px, to which each image is shrunk; None: none is. Small ones are enlarged.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        RecipeError: No category, or an overlap out of its range.
        GeometryError: No image, one that is not (H, W, 3) uint8, or of another size than its cells' frame.
    """
    check_categories(categories)
    pictures, titles = [], []
    for picture, image in images:
        if picture.shape[:2] != (image.size[1], image.size[0]):
            stated = f"{image.size[0]}x{image.size[1]}"
            raise GeometryError(f"{image.name}: cells of an image of {stated} px, and a picture that is not")
        judged = image.of(categories, score)
        verdicts = judge(judged, iou=iou)
        pictures.append(_drawn(picture, judged, verdicts))
        titles.append(image.name.rpartition("/")[2])
    return contact_sheet(pictures, titles, columns, cell=longest)


def _drawn(picture: Image, image: ComparedImage, verdicts: Verdicts) -> Image:
    times = max(_SMALL // max(image.size), 1)
    picture = np.repeat(np.repeat(picture, times, axis=0), times, axis=1)
    width = float(line_width(*(side * times for side in image.size)))
    found, true, crowds = (
        [shapely.transform(cell.shape, lambda xy: xy * times) for cell in cells]
        for cells in (image.found, image.truth, image.crowds)
    )
    lines = [(FOUND, found[j]) for _, j in verdicts.found]
    lines += [(MISSED, _styled(true[i], _dashes, width)) for i in verdicts.missed]
    lines += [(INVENTED, _styled(found[j], _band, width)) for j in verdicts.invented]
    lines += [(MIXED_UP, _styled(found[j], _double, width)) for _, j in verdicts.mixed_up]
    lines += [(CROWD, dotted(crowd, width)) for crowd in crowds]
    return overlay(picture, lines, (FOUND, MISSED, INVENTED, MIXED_UP))


# ---------------------------------------------------------------- kinds of lines
# An overlay draws the outline of any shape: a dash is a small shape, a thick line a narrow one.


def _styled(shape: Shape, style: Callable[[Shape, float], Shape], width: float) -> Shape:
    """The outline of a shape as a line of some kind; a point is a point, and so is what vanishes."""
    if isinstance(shape, Point):
        return shape
    line = style(shape, width)
    return shape if line.is_empty else line


def _dashes(shape: Shape, width: float) -> Shape:
    """Dashes along the outline, 2 lines wide, 8 long."""
    long, parts = 8 * width, []
    for ring in shapely.get_rings(shapely.get_parts(shape)):
        count = max(3, round(ring.length / (1.8 * long)))
        step = ring.length / count
        starts = step * np.arange(count)[:, None] + step * np.linspace(0, 0.55, 4)
        dashes = shapely.linestrings(shapely.get_coordinates(
            shapely.line_interpolate_point(ring, starts.ravel() % ring.length)
        ).reshape(count, 4, 2))  # fmt: skip
        parts += list(shapely.get_parts(shapely.buffer(dashes, width, cap_style="flat")))
    return MultiPolygon([part for part in parts if part.area > 0])


def _band(shape: Shape, width: float) -> Shape:
    """The outline, three lines wide."""
    lines = [shapely.buffer(shape.boundary, apart * width) for apart in (0.5, 1.0)]
    return MultiPolygon([part for line in lines for part in shapely.get_parts(line)])


def _double(shape: Shape, width: float) -> Shape:
    """Two lines beside each other, with one between that is left free."""
    return MultiPolygon(list(shapely.get_parts(shapely.buffer(shape.boundary, 1.5 * width))))
