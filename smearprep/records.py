"""The records everything else passes round: frozen, checked once at birth, no I/O.

Frame of all coordinates: continuous pixels, origin top-left, x right, y down; pixel (i, j) covers
[i, i+1) x [j, j+1). Boxes are xyxy, half-open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.errors import GeometryError
from smearprep.findings import Finding

Outline = Literal[
    "drawn",  # by a person, or an expert's instance mask
    "component",  # traced from a class mask: touching cells may be one
    "made",  # by a program, with attributes "made_by" and "score"
    "box",  # only a bounding box is known
    "point",  # only a position is known
]
OUTLINES: tuple[str, ...] = get_args(Outline)

Shape = Polygon | MultiPolygon | Point
ShapeOrShapes = TypeVar("ShapeOrShapes", bound=Shape | NDArray[np.object_])


@dataclass(frozen=True, slots=True)
class Cell:
    """One blood cell (or platelet) in one image.

    Args:
        label: Its category, after any label map.
        shape: Polygon or MultiPolygon in px (holes and parts kept; a box is a 4-corner Polygon),
            or Point.
        outline: How the shape is known.
        attributes: Whatever else the annotation said: "original_label", "annotator", "group", ...
            JSON values only.

    Raises:
        GeometryError: The shape is empty, or is not of the kind that `outline` says.
    """

    label: str
    shape: Shape
    outline: Outline = "drawn"
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.outline not in OUTLINES:
            raise GeometryError(f"outline {self.outline!r} is none of {', '.join(OUTLINES)}")
        if (self.outline == "point") != isinstance(self.shape, Point):
            raise GeometryError(f"a cell with outline {self.outline!r} cannot be a {self.shape.geom_type}")
        if self.shape.is_empty:
            raise GeometryError(f"the {self.label!r} cell has an empty shape")

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Bounding box, xyxy in px."""
        x0, y0, x1, y1 = self.shape.bounds
        return x0, y0, x1, y1

    @property
    def area(self) -> float:
        """Area in px^2 (0 for a point)."""
        return float(self.shape.area)


@dataclass(frozen=True, slots=True)
class ImageCells:
    """What one annotation file says of one image.

    Args:
        file_name: The image's name as the annotation has it (perhaps with folders), or only its stem
            where the format stores no name.
        size: (width, height) in px as the annotation states it, or None.
        cells: The cells, in the file's order.
        file: The annotation file, as it was given.
        annotated: Categories that were looked for in this image, found or not.
        crowds: Regions full of cells that nobody told apart (COCO's iscrowd): no cells, and no background.
    """

    file_name: str
    size: tuple[int, int] | None
    cells: tuple[Cell, ...]
    file: str
    annotated: frozenset[str] = frozenset()
    crowds: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One raw image and all that is known of it.

    Args:
        path: Where the image lies on this machine (never written to any output).
        source: `<data set>/<path relative to the raw folder, with />`: unique, and what outputs call it.
        size: (width, height) in px, in the frame of the cells.
        smear: The slide, film or source image that must never be split between subsets; a name within its
            data set.
        cells: Its cells, in the file's order.
        annotated: Categories looked for in the whole image. A category outside this set is unknown
            here, not absent, even if some cells of it are listed.
        subset: The official subset ("train", "val", "test"), if its data set has one.
        oriented: True if the frame of `size` and `cells` is the image after its EXIF orientation is
            applied; False if it is the stored pixel grid.
        attributes: Stain, camera, film label, ...: JSON values only.
        crowds: As of `ImageCells`; the categories among them count as looked for all the same.

    Raises:
        GeometryError: The size is not positive.
    """

    path: Path
    source: str
    size: tuple[int, int]
    smear: str
    cells: tuple[Cell, ...] = ()
    annotated: frozenset[str] = frozenset()
    subset: str | None = None
    oriented: bool = True
    attributes: Mapping[str, Any] = field(default_factory=dict)
    crowds: tuple[Cell, ...] = ()

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise GeometryError(f"{self.source}: an image of {self.size[0]}x{self.size[1]} px")


@dataclass(frozen=True)
class RawSet:
    """A raw folder, read: what a data set's loader returns.

    Args:
        dataset: Name of the data set, for example "bccd".
        layout: Which of its layouts was recognised, in words.
        samples: One an image, sorted by source.
        categories: All categories of the data set, in its stated order (also those with no cell here).
        findings: What is wrong or worth knowing. Images left out are named here.
    """

    dataset: str
    layout: str
    samples: tuple[Sample, ...]
    categories: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """A window on an image, laid on a canvas of some size: tile, zero-pad and resize in one.

    The window is in whole px of the image's frame and may reach beyond the image; what is outside is
    zero. Canvas = window resized to `size`.

        window (x, y, w, h)            canvas size (W, H)
        +-----------+                  +------+
        | image     |  -- resize -->   |      |
        |.....      |                  |      |
        +-----------+                  +------+

    Args:
        window: (x, y, w, h) in px of the image.
        size: (W, H) of the canvas in px.

    Raises:
        GeometryError: Window or canvas without area.
    """

    window: tuple[int, int, int, int]
    size: tuple[int, int]

    def __post_init__(self) -> None:
        if min(self.window[2:]) < 1 or min(self.size) < 1:
            raise GeometryError(f"a view needs an area: window {self.window}, size {self.size}")

    @property
    def scale(self) -> tuple[float, float]:
        """Canvas px per image px, along x and y."""
        return self.size[0] / self.window[2], self.size[1] / self.window[3]

    @property
    def is_resized(self) -> bool:
        """True if the canvas is not as large as the window."""
        return self.size != self.window[2:]

    def to_canvas(self, shape: ShapeOrShapes) -> ShapeOrShapes:
        """A shape (image px), or an array of them, in canvas px. Not clipped."""
        (x, y), (sx, sy) = self.window[:2], self.scale
        either: Any = shape  # the stubs know one shape or an array, not "whichever it was"
        moved: ShapeOrShapes = shapely.transform(either, lambda xy: (xy - (x, y)) * (sx, sy))
        return moved

    def to_image(self, shape: ShapeOrShapes) -> ShapeOrShapes:
        """A shape (canvas px), or an array of them, back in image px: the inverse of `to_canvas`."""
        (x, y, w, h), (width, height) = self.window, self.size
        either: Any = shape
        moved: ShapeOrShapes = shapely.transform(either, lambda xy: xy * (w / width, h / height) + (x, y))
        return moved


@dataclass(frozen=True, slots=True)
class ViewCell:
    """A cell as a View shows it.

    Args:
        cell: The whole cell, in image px.
        index: Its position in `Sample.cells`: with the source, the link to the whole cell.
        shape: What the View shows of it, in canvas px, clipped to window and image.
        visible: Share of the whole cell's area inside the window, 0 < visible <= 1 (1 for points).
    """

    cell: Cell
    index: int
    shape: Shape
    visible: float


@dataclass(frozen=True, slots=True)
class PlannedView:
    """One image file of a prepared set, before a pixel is written.

    Args:
        sample: The raw image.
        view: What of it is shown.
        name: File name without suffix, unique in the plan.
        subset: "train", "val", "test", or "all" where nothing was split.
        cells: What the View shows.
        crowds: What it shows of the sample's crowds, in canvas px, clipped to window and image.
    """

    sample: Sample
    view: View
    name: str
    subset: str
    cells: tuple[ViewCell, ...] = ()
    crowds: tuple[Cell, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A prepared set, before a pixel is written.

    Args:
        views: Sorted by source, then window.
        categories: Category names; their ids are 1, 2, ... in this order.
        findings: What was found while planning, the data sets' own findings included.
    """

    views: tuple[PlannedView, ...]
    categories: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
