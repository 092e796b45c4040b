"""From outlines to dye: how thick red cells, white cells and platelets are, and what their insides look like.

A smear is drawn as what it holds back of the light: a canvas (H, W, 3) float32 of optical density in red,
green and blue (Beer-Lambert), so cells that overlap get darker, as they do under the microscope.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
from shapely.geometry import Polygon

from smearprep.synthetic.coverage import Plane, Window, coverage
from smearprep.synthetic.outlines import Region, Rng, WhiteKind


def _soft(plane: Plane, sigma: float) -> Plane:
    import cv2

    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT))


def _speckle(rng: Rng, shape: tuple[int, int], sigma: float) -> Plane:
    """Smooth noise of mean 0 and standard deviation 1; sigma is the size of its grains in px."""
    plane = _soft(rng.standard_normal(shape, dtype=np.float32), max(sigma, 0.6))
    return np.asarray((plane - plane.mean()) / (plane.std() + 1e-6), np.float32)


def _distance(window: Window, centre: tuple[float, float]) -> Plane:
    """Distance of each pixel's centre from a point, px."""
    x, y, w, h = window
    dx = np.arange(w, dtype=np.float32) + np.float32(x + 0.5 - centre[0])
    dy = np.arange(h, dtype=np.float32) + np.float32(y + 0.5 - centre[1])
    return np.asarray(np.sqrt(dx[None, :] ** 2 + dy[:, None] ** 2), np.float32)


def _dyes(plane: npt.NDArray[np.floating[Any]], mixture: tuple[float, float, float]) -> Plane:
    """A plane (h, w) times a mixture of eosin, violet and blue: (h, w, 3)."""
    return np.asarray(plane[..., None] * np.asarray(mixture, np.float32), np.float32)


def red_cell_dye(rng: Rng, cell: Polygon, window: Window, radius: float, pallor: float) -> Plane:
    """How much dye one red cell holds: a biconcave disc, thick near the rim, pale in the middle.

    Args:
        rng: Source of its variation.
        cell: Outline, px.
        window: (x, y, w, h) around it.
        radius: Of its body, px.
        pallor: Share of the dye that is missing in the middle.

    Returns:
        (h, w) float32.
    """
    cover = coverage(cell, window)
    off = rng.normal(0, 0.06 * radius, 2)
    middle = cell.centroid
    away = _distance(window, (middle.x + off[0], middle.y + off[1]))
    pale = pallor * np.exp(-((away / (rng.uniform(0.44, 0.6) * radius)) ** 3))
    rim = 1.3 - 0.35 * _soft(cover, 0.13 * radius)
    return np.asarray(cover * (rim - pale) * max(0.6, rng.normal(1, 0.07)), np.float32)


def white_cell_dyes(
    rng: Rng, kind: WhiteKind, cell: Polygon, nucleus: Region, window: Window, radius: float
) -> Plane:
    """The dyes one white cell holds.

    Args:
        rng: Source of its texture.
        kind: Its class.
        cell: Outline, px.
        nucleus: Inside the outline, px.
        window: (x, y, w, h) around it.
        radius: Of a red cell, px: the unit of its texture.

    Returns:
        (h, w, 3) float32: eosin, violet, blue.
    """
    cover, core = coverage(cell, window), coverage(nucleus, window)
    shape = cover.shape
    chromatin = 1 + 0.14 * _speckle(rng, shape, 0.11 * radius) + 0.05 * _speckle(rng, shape, 0.04 * radius)
    for _ in range(int(rng.integers(0, kind.nucleoli + 1))):
        spot = nucleus.representative_point() if rng.random() < 0.4 else nucleus.centroid
        at = (spot.x + rng.normal(0, 0.5 * radius), spot.y + rng.normal(0, 0.5 * radius))
        chromatin -= 0.3 * np.exp(-((_distance(window, at) / (0.2 * radius)) ** 2))
    rim = 1.1 - 0.14 * _soft(core, 0.09 * radius)
    heart = core * np.maximum(chromatin, 0.35) * rim * (kind.density * rng.uniform(0.92, 1.08))
    plasm = (cover - core) * (1 + 0.12 * _speckle(rng, shape, 0.16 * radius))
    plasm *= 1.25 - 0.35 * _soft(cover, 0.1 * radius)
    dyes = _dyes(plasm, kind.body)
    dyes += _dyes(heart, (0.05, 1.0, 0.2))
    if kind.crowd:
        grains = _granules(rng, shape, kind.grain * radius, kind.crowd)
        dyes += _dyes(grains * (cover if kind.covered else cover - core), kind.granules)
    return dyes


def _granules(rng: Rng, shape: tuple[int, int], size: float, crowd: float) -> Plane:
    """Round grains of a size (px) over a share of a plane, 0 to 1: the peaks of band-passed noise."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    band = _soft(noise, max(size, 0.6)) - _soft(noise, max(1.7 * size, 1.0))
    level = NormalDist().inv_cdf(1 - crowd)
    return np.asarray(np.clip((band / (band.std() + 1e-6) - level) * 2, 0, 1), np.float32)


def platelet_dyes(rng: Rng, cell: Polygon, window: Window, radius: float) -> Plane:
    """The dyes of one platelet, as of white cells: violet grains in a pale body. `radius` is its own, px."""
    cover = coverage(cell, window)
    grains = np.clip(_speckle(rng, cover.shape, 0.2 * radius) * 0.35 + 0.45, 0.1, 1.2)
    heart = _soft(cover, 0.35 * radius) ** 2
    plane = cover * (0.2 + grains * heart)
    return _dyes(plane, (0.15, 0.75, 0.25))


def lay(canvas: Plane, density: Plane, window: Window, hides: Plane) -> None:
    """Lay a cell on the canvas, in place; what lies outside is dropped.

    Args:
        canvas: (H, W, 3) float32, optical density.
        density: (h, w, 3) float32, of the cell.
        window: (x, y, w, h) of the cell on the canvas; may reach beyond it.
        hides: (h, w) float32: the share of what is below that cannot be seen any more.
    """
    x, y, w, h = window
    left, top = max(-x, 0), max(-y, 0)
    right, bottom = min(w, canvas.shape[1] - x), min(h, canvas.shape[0] - y)
    if right <= left or bottom <= top:
        return
    there = canvas[y + top : y + bottom, x + left : x + right]
    there *= 1 - hides[top:bottom, left:right, None]
    there += density[top:bottom, left:right]
