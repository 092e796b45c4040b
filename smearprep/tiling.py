"""Samples -> Views: which windows of an image are shown, and which cells they show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from smearprep.errors import RecipeError
from smearprep.geometry import Shapes, clip
from smearprep.images import MAX_PIXELS
from smearprep.records import Cell, Sample, View, ViewCell
from smearprep.windows import Anchor, Edge, Window, counting_grid, grid, padded, square

_LONGEST_SIDE = 65_500  # of a JPEG file
Keep = Literal["all", "any", "centroid", "whole", "uncut"]


@dataclass(frozen=True)
class Tile:
    """How an image is cut into windows.

    Args:
        size: (width, height) of a tile in px, without its margin.
        stride: Along x and y, in px.
        edge: At the right and lower border: "shift" the last window back, "pad" it with zeros, or
            "drop" what does not fit.
        margin: Context in px on all four sides of each tile.
        grid: "sliding", or "counting" for the counting paper's 188-in / 100-out grid (size, stride,
            edge and margin are then given by the paper).
        keep: Which windows are kept: "all"; "any" that show a part of a cell; "centroid", that hold
            a cell's centroid; "whole", that show at least one whole cell; "uncut", that do and cut none.
        keep_categories: The categories that `keep` looks at; none named: all.
    """

    size: tuple[int, int] = (512, 512)
    stride: tuple[int, int] = (256, 256)
    edge: Edge = "shift"
    margin: int = 0
    grid: Literal["sliding", "counting"] = "sliding"
    keep: Keep = "all"
    keep_categories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.margin < 0:
            raise RecipeError(f"margin {self.margin}: give the px of context to add, 0 or more")


@dataclass(frozen=True)
class Pad:
    """How an image is padded with zeros.

    Args:
        to: (width, height) in px, or "square".
        anchor: Where the image lies on the canvas.
    """

    to: tuple[int, int] | Literal["square"] = "square"
    anchor: Anchor = "top-left"


@dataclass(frozen=True)
class Shaping:
    """Pad, then tile, then resize: all of it one View per window.

    Args:
        pad: Zero-padding of the whole image, or None.
        tile: Cutting into windows, or None for one window that shows all.
        resize: (width, height) of each output in px, or None to keep the window's size.
        min_visible: Cells of which less than this share of their area is inside are left out of a
            window (0: any visible part counts).
    """

    pad: Pad | None = None
    tile: Tile | None = None
    resize: tuple[int, int] | None = None
    min_visible: float = 0.2

    def __post_init__(self) -> None:
        if not 0 <= self.min_visible <= 1:
            raise RecipeError(f"min_visible {self.min_visible} must lie between 0 and 1")
        if self.resize is not None:
            _check_canvas(self.resize)


def views(size: tuple[int, int], shaping: Shaping) -> list[View]:
    """The Views of an image of (width, height) px, row by row.

    Raises:
        RecipeError: The image is larger than the canvas it is to be padded to, or bad tile numbers.
    """
    base: Window = (0, 0, *size)
    if shaping.pad is not None:
        to, anchor = shaping.pad.to, shaping.pad.anchor
        base = square(size, anchor) if to == "square" else padded(size, to, anchor)
    windows = [base] if shaping.tile is None else _tile_windows(base, shaping.tile)
    for window in windows[:1]:  # all are of one size
        _check_canvas(window[2:])
        _check_canvas(shaping.resize or window[2:])
    return [View(window, shaping.resize or window[2:]) for window in windows]


def _check_canvas(size: tuple[int, int]) -> None:
    if min(size) < 1 or max(size) > _LONGEST_SIDE or size[0] * size[1] > MAX_PIXELS:
        raise RecipeError(
            f"an output of {size[0]}x{size[1]} px cannot be written: sides of 1 to {_LONGEST_SIDE:,} px, "
            f"at most {MAX_PIXELS:,} px in all"
        )


def _tile_windows(base: Window, tile: Tile) -> list[Window]:
    if tile.grid == "counting":
        cut = counting_grid(base[2:])
    else:
        cut = grid(base[2:], tile.size, tile.stride, tile.edge, tile.margin)
    return [(x + base[0], y + base[1], w, h) for x, y, w, h in cut]


def show_cells(sample: Sample, shaping: Shaping) -> Iterator[tuple[View, tuple[ViewCell, ...]]]:
    """The kept Views of a sample with the cells that each shows.

    Args:
        sample: Its cells lie inside its image.
        shaping: Pad, tile, resize, keep rule.

    Yields:
        (view, cells), row by row; cells in the sample's order, clipped, in canvas px.
    """
    if not sample.cells:
        if shaping.tile is None or shaping.tile.keep == "all":
            yield from ((view, ()) for view in views(sample.size, shaping))
        return
    shapes: Shapes = np.array([cell.shape for cell in sample.cells], dtype=object)
    bounds, area = shapely.bounds(shapes).reshape(-1, 4), shapely.area(shapes)
    tile = shaping.tile
    rule: Keep = tile.keep if tile else "all"
    counted = np.array(
        [not (tile and tile.keep_categories) or c.label in tile.keep_categories for c in sample.cells], bool
    )
    centroids = shapely.get_coordinates(shapely.centroid(shapes)) if rule == "centroid" else np.empty((0, 2))
    for view in views(sample.size, shaping):
        x, y, w, h = view.window
        window = (x, y, x + w, y + h)
        if _holds_all(window, bounds, area):
            near, parts, visible = np.arange(len(shapes)), shapes, np.ones(len(shapes))
        else:
            near, parts = _seen(window, shapes, bounds)
            visible = _visible(shapely.area(parts), area[near])
        looked_at = counted[near]
        if rule == "centroid":
            inside = ((centroids >= window[:2]) & (centroids < window[2:])).all(axis=1)
            kept = bool((inside & counted).any())
        else:
            kept = _is_kept(rule, visible[looked_at])
        if kept:
            enough = visible >= shaping.min_visible
            yield view, _view_cells(sample, view, near[enough], parts[enough], visible[enough])


def show_crowds(sample: Sample, view: View) -> tuple[Cell, ...]:
    """What a View shows of a sample's crowds, however little: clipped, in canvas px."""
    if not sample.crowds:
        return ()
    x, y, w, h = view.window
    shapes: Shapes = np.array([crowd.shape for crowd in sample.crowds], dtype=object)
    parts = clip(shapes, (x, y, x + w, y + h))
    return tuple(
        replace(crowd, shape=view.to_canvas(part))
        for crowd, part in zip(sample.crowds, parts, strict=True)
        if part is not None
    )


def _holds_all(
    window: tuple[int, int, int, int], bounds: NDArray[np.float64], area: NDArray[np.float64]
) -> bool:
    """True if nothing is to be cut: whole images are by far the most frequent views.

    Points, which have no area, may lie on a border that is not theirs; they are looked at one by one.
    """
    inside = (bounds[:, :2] >= window[:2]).all() and (bounds[:, 2:] <= window[2:]).all()
    return bool(inside and area.all())


def _seen(
    window: tuple[int, int, int, int], shapes: Shapes, bounds: NDArray[np.float64]
) -> tuple[NDArray[np.intp], Shapes]:
    """Which shapes a window (xyxy) shows something of, and what."""
    near = np.flatnonzero(
        (bounds[:, :2] <= window[2:]).all(axis=1) & (bounds[:, 2:] >= window[:2]).all(axis=1)
    )
    parts = clip(shapes[near], window)
    seen = np.array([part is not None for part in parts], bool)
    return near[seen], parts[seen]


def _visible(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of each cell's area that is inside; 1 for points, exactly 1 for whole cells."""
    return np.minimum(np.divide(part, whole, out=np.ones_like(part), where=whole > 0), 1.0)


def _is_kept(rule: Keep, visible: NDArray[np.float64]) -> bool:
    """Does a window pass the keep rule, given the visible shares of the cells that count?"""
    if rule == "all":
        return True
    if rule == "any":
        return len(visible) > 0
    whole = visible >= 1
    return bool(whole.any() and (rule == "whole" or whole.all()))


def _view_cells(
    sample: Sample, view: View, index: NDArray[np.intp], parts: Shapes, visible: NDArray[np.float64]
) -> tuple[ViewCell, ...]:
    if not len(index):
        return ()
    moved = parts
    if view.window[:2] != (0, 0) or view.is_resized:
        moved = view.to_canvas(parts)
    return tuple(
        ViewCell(sample.cells[i], i, shape, share)
        for i, shape, share in zip(index.tolist(), moved, visible.tolist(), strict=True)
    )
