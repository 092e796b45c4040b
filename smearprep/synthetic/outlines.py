"""The shapes of blood cells and their nuclei, as polygons around (0, 0) in px.

A ring is an (n, 2) float64 array of x, y, open (the last vertex is not the first again).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import LineString, MultiPolygon, Polygon

Ring = npt.NDArray[np.float64]
Rng = np.random.Generator
Region = Polygon | MultiPolygon


def _wobble(rng: Rng, angle: Ring, roughness: float) -> Ring:
    """A factor near 1 for each angle: low harmonics, weaker the higher they are."""
    order = np.arange(2, 7)[:, None]
    height = rng.normal(0, roughness, (5, 1)) / (order - 1)
    phase = rng.uniform(0, 2 * math.pi, (5, 1))
    return np.asarray(1 + (height * np.cos(order * angle + phase)).sum(axis=0), np.float64)


def _polar(rng: Rng, angle: Ring, distance: Ring, stretch: float = 1.0) -> Ring:
    """Polar coordinates as a ring, stretched along x with its area kept, then turned at random."""
    xy = np.stack([np.cos(angle) * distance * stretch, np.sin(angle) * distance / stretch], axis=1)
    turn = rng.uniform(0, 2 * math.pi)
    cos, sin = math.cos(turn), math.sin(turn)
    return np.asarray(xy @ np.array([[cos, sin], [-sin, cos]]), np.float64)


def _angles(n: int) -> Ring:
    return np.linspace(0, 2 * math.pi, n, endpoint=False)


def blob(rng: Rng, radius: float, roughness: float = 0.02, stretch: float = 1.0) -> Ring:
    """A round, slightly irregular outline.

    Args:
        rng: Source of the irregularity.
        radius: Mean radius in px.
        roughness: Standard deviation of the lowest harmonic, as a share of the radius.
        stretch: Long half-axis over the mean radius.

    Returns:
        Ring of 56 vertices.
    """
    angle = _angles(56)
    return _polar(rng, angle, radius * _wobble(rng, angle, roughness), stretch)


def normal_red(rng: Rng, radius: float) -> Ring:
    """The outline of a normal red cell: round to slightly oval."""
    return blob(rng, radius, 0.02, 1 + abs(rng.normal(0, 0.06)))


def teardrop(rng: Rng, radius: float) -> Ring:
    """The outline of a teardrop cell (dacrocyte): an oval body drawn out into one tail."""
    angle = _angles(96)
    off = np.minimum(angle, 2 * math.pi - angle)
    tail = rng.uniform(0.65, 1.05) * np.exp(-off / rng.uniform(0.2, 0.3))
    return _polar(rng, angle, 0.92 * radius * (_wobble(rng, angle, 0.015) + tail))


def burr(rng: Rng, radius: float) -> Ring:
    """The outline of a burr cell (echinocyte): 9 to 14 short, even spikes."""
    angle = _angles(140)
    spikes = int(rng.integers(9, 15))
    height = rng.uniform(0.12, 0.2) * (0.5 + 0.5 * np.cos(spikes * angle)) ** 2
    height = height * (1 + 0.3 * np.cos(angle * 3 + rng.uniform(0, 6)))
    return _polar(rng, angle, 0.93 * radius * (_wobble(rng, angle, 0.012) + height), 1.03)


def ragged(rng: Rng, radius: float) -> Ring:
    """The outline of a burst (smudge) cell: frayed all round."""
    angle = _angles(120)
    order = rng.integers(6, 23, (8, 1))
    fray = (rng.normal(0, 0.032, (8, 1)) * np.cos(order * angle + rng.uniform(0, 6, (8, 1)))).sum(axis=0)
    return _polar(rng, angle, radius * np.clip(_wobble(rng, angle, 0.13) + fray, 0.35, 1.6), 1.12)


RED_FORMS: Mapping[str, Callable[[Rng, float], Ring]] = {
    "normal": normal_red,
    "teardrop": teardrop,
    "burr": burr,
}
"""Forms of red cells and what draws their outlines."""


def platelet(rng: Rng, radius: float) -> Ring:
    """The outline of a platelet: small and irregular."""
    return blob(rng, radius, 0.11, 1 + abs(rng.normal(0, 0.16)))


def areas(shape: shapely.Geometry) -> Region:
    """Only the areas of a geometry: where two areas merely touch, points and lines are left in it."""
    if isinstance(shape, Region):
        return shape
    parts = [part for part in shapely.get_parts(shape) if isinstance(part, Polygon)]
    return areas(shapely.union_all(parts)) if parts else Polygon()


def _rounded(parts: Sequence[Polygon], bend: float) -> Region:
    """The union of some parts with corners and necks rounded to a bend of some px."""
    wide = shapely.buffer(shapely.union_all(parts), bend)
    return areas(shapely.buffer(shapely.buffer(wide, -2 * bend), bend))


def round_nucleus(rng: Rng, radius: float, share: float = 0.8) -> Region:
    """One round nucleus, a share of the cell's radius wide, pushed aside as far as it goes."""
    push = rng.uniform(0, 1 - share) * radius
    turn = rng.uniform(0, 2 * math.pi)
    ring = blob(rng, share * radius, 0.025, 1 + abs(rng.normal(0, 0.05)))
    return Polygon(ring + push * np.array([math.cos(turn), math.sin(turn)]))


def lobed_nucleus(
    rng: Rng, radius: float, lobes: tuple[int, int] = (3, 5), size: float = 0.32, neck: float = 0.05
) -> Region:
    """Lobes on an arc, joined by necks.

    Args:
        rng: Source of number, place and form of the lobes.
        radius: Of the cell, px.
        lobes: Fewest and most lobes.
        size: Radius of a lobe, in radii of the cell.
        neck: Half the width of a neck, in radii of the cell.
    """
    count = int(rng.integers(lobes[0], lobes[1] + 1))
    step = rng.uniform(0.9, 1.15) * min(1.6, 4.6 / count)
    angle = rng.uniform(0, 2 * math.pi) + step * np.arange(count) + rng.normal(0, 0.12, count)
    away = radius * rng.uniform(0.42, 0.56, count)
    centres = np.stack([away * np.cos(angle), away * np.sin(angle)], axis=1)
    size = size * (1.1 if count < 4 else 0.9)
    parts = [
        Polygon(blob(rng, size * radius * rng.uniform(0.85, 1.15), 0.05, rng.uniform(1, 1.2)) + centre)
        for centre in centres
    ]
    if count > 1:
        parts.append(LineString(centres).buffer(neck * radius))
    return _rounded(parts, 0.03 * radius)


def bent_nucleus(rng: Rng, radius: float, half_width: float = 0.4, bend: float = 2.6) -> Region:
    """A kidney (wide) or a band (narrow): an arc of some angle (radians), broadened to both sides."""
    away = radius * (0.8 - half_width)
    angle = rng.uniform(0, 2 * math.pi) + np.linspace(0, bend * rng.uniform(0.8, 1.2), 24)
    path = np.stack([away * np.cos(angle), away * np.sin(angle)], axis=1)
    arc = LineString(path).buffer(half_width * radius * rng.uniform(0.92, 1.05))
    lump = Polygon(blob(rng, half_width * radius * 1.1, 0.1) + path[int(rng.integers(0, 24))])
    return _rounded([arc, lump], 0.05 * radius)


def whole_nucleus(rng: Rng, radius: float) -> Region:
    """More than the cell: cut to the cell's outline, it fills it (burst cells)."""
    return Polygon(blob(rng, 3 * radius))


@dataclass(frozen=True)
class WhiteKind:
    """How white cells of one class look. Densities are (eosin, violet, blue) dye, 1 = as the stain has it.

    Args:
        radius: Smallest and largest, in red-cell radii.
        nucleus: Draws the nucleus for a cell of some radius (px) around (0, 0).
        outline: Draws the cell's outline.
        density: Violet dye of the nucleus.
        body: Dyes of the cytoplasm.
        granules: Dyes of a granule.
        grain: Radius of a granule, in red-cell radii.
        crowd: Share of the cytoplasm that granules cover.
        covered: True if granules lie over the nucleus too.
        nucleoli: Most pale spots in the nucleus.
    """

    radius: tuple[float, float]
    nucleus: Callable[[Rng, float], Region]
    outline: Callable[[Rng, float], Ring] = lambda rng, r: blob(rng, r, 0.032)
    density: float = 1.0
    body: tuple[float, float, float] = (0.1, 0.05, 0.25)
    granules: tuple[float, float, float] = (0.0, 0.0, 0.0)
    grain: float = 0.05
    crowd: float = 0.0
    covered: bool = False
    nucleoli: int = 0


_FINE: tuple[float, float, float] = (0.12, 0.22, 0.0)

WHITE_KINDS: Mapping[str, WhiteKind] = {
    "Neutrophil": WhiteKind(
        (1.55, 1.9), lobed_nucleus, density=1.05, body=(0.3, 0.1, 0.08), granules=_FINE, crowd=0.3
    ),
    "Lymphocyte": WhiteKind((1.15, 1.75), round_nucleus, body=(0.0, 0.05, 0.75)),
    "Monocyte": WhiteKind(
        (1.95, 2.35), bent_nucleus, density=0.75, body=(0.08, 0.1, 0.6), granules=_FINE, crowd=0.2
    ),
    "Eosinophil": WhiteKind(
        (1.7, 2.0),
        lambda rng, r: lobed_nucleus(rng, r, (2, 2), 0.37, 0.12),
        density=0.95,
        body=(0.75, 0.06, 0.0),
        granules=(0.8, 0.04, 0.0),
        grain=0.06,
        crowd=0.45,
    ),
    "Basophil": WhiteKind(
        (1.55, 1.9),
        lambda rng, r: lobed_nucleus(rng, r, (2, 3), 0.42, 0.25),
        density=0.5,
        body=(0.1, 0.22, 0.3),
        granules=(0.0, 0.75, 0.2),
        grain=0.08,
        crowd=0.25,
        covered=True,
    ),
    "Lymphoblast": WhiteKind(
        (1.45, 2.0),
        lambda rng, r: round_nucleus(rng, r, rng.uniform(0.84, 0.93)),
        body=(0.0, 0.12, 1.0),
        nucleoli=3,
    ),
    "Band": WhiteKind(
        (1.55, 1.9),
        lambda rng, r: bent_nucleus(rng, r, 0.23, 3.6),
        body=(0.3, 0.1, 0.1),
        granules=_FINE,
        crowd=0.3,
    ),
    "Burst": WhiteKind((1.5, 2.3), whole_nucleus, ragged, density=0.6, body=(0.1, 0.25, 0.1), nucleoli=4),
}
"""The classes of white cells that are drawn. "Burst" is a smudge cell."""


def white_outline(rng: Rng, kind: str, size: float) -> tuple[Ring, Region]:
    """The outline of a white cell around (0, 0), and its nucleus, which lies inside it.

    Args:
        rng: Source of the form.
        kind: One of `WHITE_KINDS`.
        size: Radius, px.

    Returns:
        Ring (n, 2) and nucleus, px.
    """
    ring = WHITE_KINDS[kind].outline(rng, size)
    room = Polygon(ring).buffer(-0.05 * size)
    return ring, areas(WHITE_KINDS[kind].nucleus(rng, size).intersection(room))
