"""Exact area coverage: how much of each pixel a polygon covers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
from shapely.geometry import LinearRing, MultiPolygon
from shapely.geometry.polygon import orient

from smearprep.errors import GeometryError
from smearprep.synthetic.outlines import Region, Ring

Plane = npt.NDArray[np.float32]
Window = tuple[int, int, int, int]


def coverage(region: Region, window: Window) -> Plane:
    """The share of each pixel that a region covers: exact, not sampled.

    Every edge is cut at the pixel grid; each piece then adds its signed area to its own pixel and to all
    pixels right of it, which one cumulative sum spreads.

    Args:
        region: Valid Polygon or MultiPolygon (holes count), px, wholly inside the window.
        window: (x, y, w, h) in whole px.

    Returns:
        (h, w) float32 in [0, 1]; its sum is the region's area.

    Raises:
        GeometryError: The region reaches beyond the window.
    """
    x, y, width, height = window
    x0, y0, x1, y1 = region.bounds
    if x0 < x or y0 < y or x1 > x + width or y1 > y + height:
        raise GeometryError(f"a shape of bounds {region.bounds} reaches beyond the window {window}")
    rings = [np.asarray(line.coords)[:, :2] - (x, y) for line in _oriented_rings(region)]
    start = np.concatenate([ring[:-1] for ring in rings])
    step = np.concatenate([np.diff(ring, axis=0) for ring in rings])
    edge, t0, t1 = _cut_at_grid(start, step)
    mid = start[edge] + step[edge] * ((t0 + t1) / 2)[:, None]
    drop = step[edge, 1] * (t1 - t0)
    column = np.clip(mid[:, 0].astype(np.intp), 0, width - 1)
    row = np.clip(mid[:, 1].astype(np.intp), 0, height - 1)
    right = drop * (mid[:, 0] - column)
    at = row * (width + 1) + column
    flat = np.bincount(
        np.concatenate([at, at + 1]), np.concatenate([drop - right, right]), height * (width + 1)
    )
    spread = np.abs(np.cumsum(flat.reshape(height, width + 1), axis=1)[:, :width])
    return np.clip(spread, 0, 1).astype(np.float32)


def _oriented_rings(region: Region) -> Iterator[LinearRing]:
    """All rings, closed; holes run the other way round than exteriors."""
    for part in region.geoms if isinstance(region, MultiPolygon) else (region,):
        turned = orient(part)
        yield turned.exterior
        yield from turned.interiors


def _cut_at_grid(start: Ring, step: Ring) -> tuple[npt.NDArray[np.intp], Ring, Ring]:
    """Edges cut wherever they cross x = integer or y = integer: (edge index, t from, t to), 0 <= t <= 1."""
    count = len(start)
    keys = [np.arange(count, dtype=np.float64)]
    for axis in (0, 1):
        a, b = start[:, axis], start[:, axis] + step[:, axis]
        first = np.floor(np.minimum(a, b)) + 1
        cuts = np.maximum(np.ceil(np.maximum(a, b)) - first, 0).astype(np.intp)
        edge = np.repeat(np.arange(count), cuts)
        line = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(cuts) - cuts, cuts)
        keys.append(edge + np.clip((line - a[edge]) / step[edge, axis], 0, 1 - 1e-12))
    key = np.sort(np.concatenate(keys))
    edge = key.astype(np.intp)
    t0 = key - edge
    last = np.append(edge[1:] != edge[:-1], True)
    return edge, t0, np.where(last, 1.0, np.append(t0[1:], 1.0))


def rasterise(regions: Iterable[Region], width: int, height: int) -> npt.NDArray[np.bool_]:
    """The union of regions as a mask: pixels of which some region covers at least half.

    Args:
        regions: Polygons in px, inside the image.
        width: Of the mask, px.
        height: Of the mask, px.

    Returns:
        (height, width) bool.
    """
    mask = np.zeros((height, width), np.bool_)
    for region in regions:
        x, y, w, h = window_of(region)
        mask[y : y + h, x : x + w] |= coverage(region, (x, y, w, h)) >= 0.5
    return mask


def window_of(region: Region, margin: int = 0) -> Window:
    """The smallest window (x, y, w, h) of whole px around a region, and a margin."""
    x0, y0, x1, y1 = region.bounds
    x, y = math.floor(x0) - margin, math.floor(y0) - margin
    return x, y, math.ceil(x1) + margin - x, math.ceil(y1) + margin - y
