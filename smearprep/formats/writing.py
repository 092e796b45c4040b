"""What a format can hold of cells, how what it cannot is simplified, and how COCO states a cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self, get_args

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.errors import RecipeError
from smearprep.findings import Finding
from smearprep.geometry import FloatArray, has_holes, rings, shape_to_counts
from smearprep.records import Cell, ImageCells, Shape

Holes = Literal["slit", "fill", "leave_out"]
Parts = Literal["bridge", "split", "largest", "leave_out"]
Holds = Literal["outlines", "holes", "parts", "boxes", "points", "crowds"]
ALL_SHAPES: frozenset[Holds] = frozenset({"outlines", "holes", "parts", "boxes", "points"})
"""Every shape of a cell; a crowd is no cell."""


@dataclass(frozen=True)
class WriteOptions:
    """What a writer may need to know beyond the cells.

    Args:
        holes: What becomes of a hole where the format knows none. "slit": the outline goes in through a
            slit without width, round the hole and out again: no pixel changes, and smearprep reads the hole
            back. "fill": it is filled. "leave_out": the cell is left out.
        parts: What becomes of a cell of several parts where the format knows one outline a cell. "bridge":
            they are joined by a bridge without width: no pixel changes, and it stays one cell. "split":
            each becomes a cell of its own. "largest": the others are dropped. "leave_out".
        categories: All categories in the order of their numbers; none: all that come by, sorted by name.
        shard_size: Images in one shard of a WebDataset.

    Raises:
        RecipeError: No such way, a category twice, or shards without images.
    """

    holes: Holes = "slit"
    parts: Parts = "bridge"
    categories: tuple[str, ...] = ()
    shard_size: int = 1000

    def __post_init__(self) -> None:
        for name, value, known in (("holes", self.holes, Holes), ("parts", self.parts, Parts)):
            if value not in get_args(known):
                raise RecipeError(f"{name} {value!r}: use one of {', '.join(get_args(known))}")
        if len(set(self.categories)) < len(self.categories):
            raise RecipeError(f"a category is listed twice: {', '.join(self.categories)}")
        if self.shard_size < 1:
            raise RecipeError(f"shard size {self.shard_size}: a shard holds at least one image")


class Writer(Protocol):
    """Writes images with their cells: a context manager. Nothing is there before a clean exit."""

    def __enter__(self) -> Self:
        """Make ready; OutputError if that cannot be."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put what was written in its place, or remove it after an exception."""

    def add(self, image: ImageCells, picture: Path | None) -> None:
        """Add an image.

        Args:
            image: Its size is stated, and its cells are such as the format holds (`fit_to_format`).
            picture: Where the image itself lies; None if nobody knows.
        """


# ---------------------------------------------------------------- what a format cannot hold


def fit_to_format(
    image: ImageCells, holds: frozenset[Holds], options: WriteOptions, findings: list[Finding]
) -> ImageCells:
    """An image whose cells are such as a format can hold; every change is a finding "simplified".

    Args:
        image: Any image.
        holds: What the format holds. Without "outlines" a cell becomes its bounding box; without "boxes" or
            "points" a cell of which no more is known is left out, for no outline is ever invented. Without
            "crowds" these are left out.
        options: `holes` and `parts`.
        findings: What is changed or left out is appended.
    """
    if image.crowds and "crowds" not in holds:
        for n, crowd in enumerate(image.crowds):
            told = f"the {crowd.label} crowd is a region full of cells, which this format cannot hold"
            findings.append(Finding("simplified", f"{told}; left out", image.file_name, f"crowd {n}"))
        image = replace(image, crowds=())
    if holds >= ALL_SHAPES:
        return image
    cells: list[Cell] = []
    for n, cell in enumerate(image.cells):
        fitting, what = _fitting(cell, holds, options)
        cells += fitting
        if what:
            told = f"the {cell.label} cell {what}"
            findings.append(Finding("simplified", told, image.file_name, str(n)))
    return replace(image, cells=tuple(cells))


def _fitting(cell: Cell, holds: frozenset[Holds], options: WriteOptions) -> tuple[Sequence[Cell], str]:
    """What a format holds of one cell, and what was done to it, or ""."""
    shape = cell.shape
    if isinstance(shape, Point) or cell.outline == "box":
        is_held = ("points" if isinstance(shape, Point) else "boxes") in holds
        return ([cell], "") if is_held else ([], f"is only a {cell.outline}, not an outline; left out")
    if "outlines" not in holds:
        return [
            replace(cell, shape=shapely.box(*shape.bounds), outline="box")
        ], "has an outline; only its box is written"
    told = []
    if isinstance(shape, MultiPolygon) and "parts" not in holds:
        told.append(_PARTS_TOLD[options.parts].format(len(shape.geoms)))
    if has_holes(shape) and "holes" not in holds:
        told.append(_HOLES_TOLD[options.holes])
    if not told:
        return [cell], ""
    pieces = _without_parts(shape, options.parts) if "parts" not in holds else [shape]
    if "holes" not in holds:
        pieces = [whole for piece in pieces if (whole := _without_holes(piece, options.holes)) is not None]
    if "parts" not in holds:
        pieces = [_as_one_ring(piece) for piece in pieces]
    return [replace(cell, shape=piece) for piece in pieces], "; ".join(told)


_PARTS_TOLD: Mapping[Parts, str] = {
    "bridge": "has {} parts; joined by bridges without width",
    "split": "has {} parts; each written as a cell of its own",
    "largest": "has {} parts; only the largest is written",
    "leave_out": "has {} parts, which this format cannot hold; left out",
}
_HOLES_TOLD: Mapping[Holes, str] = {
    "slit": "has a hole; its outline goes round it through a slit without width",
    "fill": "has a hole; filled",
    "leave_out": "has a hole, which this format cannot hold; left out",
}


def _without_parts(shape: Polygon | MultiPolygon, how: Parts) -> list[Polygon | MultiPolygon]:
    if how == "bridge" or isinstance(shape, Polygon):
        return [shape]
    if how == "leave_out":
        return []
    return list(shape.geoms) if how == "split" else [max(shape.geoms, key=lambda part: float(part.area))]


def _without_holes(shape: Polygon | MultiPolygon, how: Holes) -> Polygon | MultiPolygon | None:
    if not has_holes(shape):
        return shape
    if how == "leave_out":
        return None
    parts = shape.geoms if isinstance(shape, MultiPolygon) else (shape,)
    whole = [Polygon(part.exterior) if how == "fill" else _as_one_ring(part) for part in parts]
    return whole[0] if isinstance(shape, Polygon) else MultiPolygon(whole)


def _as_one_ring(shape: Polygon | MultiPolygon) -> Polygon:
    """All rings of a shape as one, joined along lines that are walked there and back.

    The result encloses (nonzero winding, and even-odd) what the shape does, but is no valid polygon.
    """
    oriented = shapely.orient_polygons(shape)  # outer rings against the clock, holes with it
    loose = list(rings(oriented))
    ring = loose.pop(0)
    near = [_nearest(ring, other) for other in loose]  # of each loose ring, the way to it
    while loose:
        best = min(range(len(loose)), key=lambda n: near[n][0])
        other, (_, at, start) = loose.pop(best), near.pop(best)
        round_trip = np.concatenate([other[start:], other[1 : start + 1]])
        ring = np.concatenate([ring[: at + 1], round_trip, ring[at:]])
        for n, (known, i, j) in enumerate(near):  # only what has come to the ring is looked at anew
            distance, k, m = _nearest(round_trip, loose[n])
            own = (known, i if i <= at else i + len(round_trip) + 1, j)
            near[n] = min(own, (distance, at + 1 + k, m))
    return Polygon(ring)


def _nearest(a: FloatArray, b: FloatArray) -> tuple[float, int, int]:
    """The least squared distance between vertices of two rings, and which these are."""
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    i, j = np.unravel_index(int(squared.argmin()), squared.shape)
    return float(squared[i, j]), int(i), int(j)


# ---------------------------------------------------------------- where a cell is, in COCO's terms


def coco_place(cell: Cell, size: tuple[int, int]) -> tuple[Any, float, list[float]]:
    """Segmentation, area and bbox of a cell as COCO states them, all numbers floats.

    Args:
        cell: Any cell.
        size: (width, height) of its image in px.

    Returns:
        The segmentation: [] of a box or a point, whose outline nobody knows; else the open rings
        [x, y, x, y, ...] of its parts; of a shape with holes, which rings cannot say, compressed run
        lengths {"size": [height, width], "counts": text}. Its area in px^2 (of run lengths: their pixels).
        And x, y, width, height of its box in px.
    """
    shape = cell.shape
    if isinstance(shape, Point) or cell.outline == "box":
        return [], float(shape.area), _box(shape)
    return run_lengths(shape, size) if has_holes(shape) else outer_rings(shape)


def run_lengths(shape: Polygon | MultiPolygon, size: tuple[int, int]) -> tuple[Any, float, list[float]]:
    """Compressed run lengths of a shape, and the area and box (xywh) of its pixels.

    A sliver that holds no pixel's centre gives its outer rings: they say more than an empty mask. In an image
    of 2^32 px or more, beyond what COCO's tools can count, the outline goes round its holes through slits.
    """
    from pycocotools import mask

    width, height = size
    if width * height >= 2**32:
        segmentation, _, box = outer_rings(_as_one_ring(shape))
        return segmentation, float(shape.area), box
    counts = shape_to_counts(shape, size)
    if len(counts) == 1:
        return outer_rings(shape)
    encoded: Any = mask.frPyObjects({"size": [height, width], "counts": counts}, height, width)  # type: ignore[call-overload]
    told = {"size": [height, width], "counts": encoded["counts"].decode("ascii")}
    return told, float(sum(counts[1::2])), mask.toBbox(encoded).tolist()


def outer_rings(shape: Polygon | MultiPolygon) -> tuple[Any, float, list[float]]:
    """The open outer rings of a shape as x, y, x, y, ..., and their area and box (xywh)."""
    parts = shape.geoms if isinstance(shape, MultiPolygon) else (shape,)
    outer = [shapely.get_coordinates(part.exterior)[:-1].ravel().tolist() for part in parts]
    return outer, float(sum(Polygon(part.exterior).area for part in parts)), _box(shape)


def _box(shape: Shape) -> list[float]:
    x0, y0, x1, y1 = shape.bounds
    return [x0, y0, x1 - x0, y1 - y0]
