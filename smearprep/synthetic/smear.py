"""A whole smear: cells scattered over a field, drawn, and remembered with their exact outlines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import Polygon

from smearprep.errors import GeometryError
from smearprep.records import Cell
from smearprep.synthetic import outlines, painting
from smearprep.synthetic.camera import Image, develop
from smearprep.synthetic.coverage import Plane, coverage, rasterise, window_of
from smearprep.synthetic.outlines import RED_FORMS, WHITE_KINDS, Region, Rng
from smearprep.synthetic.stains import STAINS, Stain, vary_stain

RBC, WBC, PLATELETS = "RBC", "WBC", "Platelets"

DIFFERENTIAL: Mapping[str, float] = {
    "Neutrophil": 0.55,
    "Lymphocyte": 0.28,
    "Monocyte": 0.08,
    "Eosinophil": 0.06,
    "Basophil": 0.03,
}
"""Shares of the white cells in healthy blood, basophils rounded up."""


@dataclass(frozen=True)
class SyntheticSmear:
    """A drawn smear and the truth about it.

    Args:
        image: (H, W, 3) uint8 RGB.
        cells: All cells with their outlines, cut at the image's border: red cells, platelets, white cells.
        nuclei: Position in `cells` of each white cell -> its nucleus, cut likewise.
        radius: Mean radius of a red cell, px.
    """

    image: Image
    cells: tuple[Cell, ...]
    nuclei: Mapping[int, Region] = field(default_factory=dict)
    radius: float = 0.0

    def mask(self, label: str) -> npt.NDArray[np.bool_]:
        """The pixels, (H, W) bool, at least half covered by a cell of this label, hidden or not."""
        height, width = self.image.shape[:2]
        shapes = [cell.shape for cell in self.cells if cell.label == label]
        return rasterise([s for s in shapes if isinstance(s, Region)], width, height)


def draw_smear(
    rng: Rng,
    width: int,
    height: int,
    *,
    stain: Stain | str | None = None,
    radius: float = 40.0,
    n_rbc: int | None = None,
    n_wbc: int = 1,
    n_platelets: int | None = None,
    wbc_classes: Sequence[str] | None = None,
    wbc_at: npt.ArrayLike | None = None,
    odd_forms: float = 0.06,
    overlap: float = 0.3,
    blur: float | None = None,
    noise: float = 2.0,
) -> SyntheticSmear:
    """Draw one microscope field of a blood smear.

    Args:
        rng: Source of everything random: the same state gives the same bytes.
        width: Of the image, px.
        height: Of the image, px.
        stain: A stain, the name of one of `STAINS` (then varied), or None for any.
        radius: Mean radius of a red cell, px.
        n_rbc: Red cells; by default as many as cover 36 % of the field.
        n_wbc: White cells.
        n_platelets: Platelets; by default one to 20 red cells.
        wbc_classes: The class of each white cell (keys of `WHITE_KINDS`), which then tells their number; by
            default `n_wbc` classes as in healthy blood.
        wbc_at: Centres (n, 2) of the white cells in px, one each; by default scattered.
        odd_forms: Share of the red cells that are teardrops or burr cells.
        overlap: Share of the red cells that lie half on another one.
        blur: Standard deviation of the blur, px; by default in proportion to `radius`.
        noise: Standard deviation of the camera noise, grey levels.

    Returns:
        The image and its cells: exactly as many as asked for.

    Raises:
        GeometryError: The image is too small for cells of this radius, or a class is not known.
    """
    if min(width, height) < 5 * radius or radius < 2:
        raise GeometryError(
            f"{width}x{height} px is too small for red cells of radius {radius:g} px (needs 5x)"
        )
    chosen = _stain(rng, stain)
    classes = list(wbc_classes) if wbc_classes is not None else _differential(rng, n_wbc)
    if unknown := sorted(set(classes) - WHITE_KINDS.keys()):
        raise GeometryError(f"no white cells of class {unknown[0]!r}; there are {', '.join(WHITE_KINDS)}")
    if n_rbc is None:
        n_rbc = round(0.36 * width * height / (math.pi * radius**2))
    if n_platelets is None:
        n_platelets = round(n_rbc / 20)
    field_ = _Field(rng, width, height, radius, chosen)
    at = None if wbc_at is None else np.asarray(wbc_at, np.float64).reshape(-1, 2)
    white = field_.place_white(classes, at)
    red = field_.place_red(n_rbc, odd_forms, overlap)
    field_.draw_red(red)
    field_.draw_platelets(n_platelets)
    field_.draw_white(white)
    soft = blur if blur is not None else 0.3 + 0.012 * radius
    image = develop(rng, field_.canvas, chosen.background, soft, noise)
    return SyntheticSmear(image, tuple(field_.cells), field_.nuclei, radius)


def _stain(rng: Rng, stain: Stain | str | None) -> Stain:
    if isinstance(stain, Stain):
        return stain
    name = stain if stain is not None else list(STAINS)[int(rng.integers(len(STAINS)))]
    if name not in STAINS:
        raise GeometryError(f"no stain {name!r}; there are {', '.join(STAINS)}")
    return vary_stain(rng, STAINS[name])


def _differential(rng: Rng, count: int) -> list[str]:
    """Classes of some white cells of healthy blood."""
    names = list(DIFFERENTIAL)
    return [names[k] for k in rng.choice(len(names), count, p=list(DIFFERENTIAL.values()))]


@dataclass(frozen=True)
class _Placed:
    """A cell that has its place and outline but is not drawn yet."""

    kind: str
    outline: Polygon
    radius: float
    nucleus: Region | None = None


class _Field:
    """The field while it is being filled: where cells lie, their dye so far, and the truth."""

    def __init__(self, rng: Rng, width: int, height: int, radius: float, stain: Stain) -> None:
        self.rng, self.width, self.height, self.radius, self.stain = rng, width, height, radius, stain
        self.canvas: Plane = np.zeros((height, width, 3), np.float32)
        self.cells: list[Cell] = []
        self.nuclei: dict[int, Region] = {}
        self._red, self._white = stain.density(stain.red), stain.white_dyes
        self._frame = shapely.box(0, 0, width, height)
        self._taken = np.zeros((0, 3))  # x, y, radius of each placed cell

    # ------------------------------------------------------------------------------------------ places
    def place_white(self, classes: Sequence[str], at: npt.NDArray[np.float64] | None) -> list[_Placed]:
        """Outlines and nuclei of white cells, the first to take their places."""
        if at is not None and len(at) != len(classes):
            raise GeometryError(f"{len(classes)} white cells cannot have {len(at)} centres")
        placed = []
        for k, name in enumerate(classes):
            kind = WHITE_KINDS[name]
            size = self.radius * self.rng.uniform(*kind.radius)
            cell, nucleus = outlines.white_outline(self.rng, name, size)
            centre = at[k] if at is not None else self._free_place(size, 0.97)
            self._take(centre, size)
            placed.append(
                _Placed(
                    name,
                    Polygon(cell + centre),
                    self.radius,
                    shapely.transform(nucleus, lambda xy, c=centre: xy + c),
                )
            )
        return placed

    def place_red(self, count: int, odd_forms: float, overlap: float) -> list[_Placed]:
        """Outlines of red cells, clear of the white ones where there is room."""
        rng, placed = self.rng, []
        first_red = len(self._taken)
        for _ in range(count):
            odd = rng.random() < odd_forms
            form = ("teardrop", "burr")[int(rng.integers(2))] if odd else "normal"
            size = self.radius * float(np.clip(rng.normal(1, 0.07), 0.7, 1.3))
            on = rng.random() < overlap and len(self._taken) > first_red
            centre = self._place_on(size, first_red) if on else self._free_place(size, 1.0)
            self._take(centre, size)
            placed.append(_Placed(form, Polygon(RED_FORMS[form](rng, size) + centre), size))
        return placed

    def _take(self, centre: npt.NDArray[np.float64], size: float) -> None:
        self._taken = np.vstack([self._taken, [*centre, size]])

    def _free_place(self, size: float, apart: float) -> npt.NDArray[np.float64]:
        """A random centre clear of all others, or the clearest of many; the border cuts at most half off."""
        low = np.full(2, 0.15 * size)
        tries = self.rng.uniform(low, np.array([self.width, self.height]) - low, (24, 2))
        return self._clearest(tries, size, apart, self._taken)

    def _place_on(self, size: float, first: int) -> npt.NDArray[np.float64]:
        """A centre on the rim of a red cell that is there, clear of all others if that can be."""
        partner = int(self.rng.integers(first, len(self._taken)))
        x, y, other = self._taken[partner]
        turn = self.rng.uniform(0, 2 * math.pi, 24)
        away = (size + other) * self.rng.uniform(0.5, 0.97, 24)
        tries = np.stack([x + away * np.cos(turn), y + away * np.sin(turn)], axis=1)
        low = 0.15 * size
        tries = np.clip(tries, low, np.array([self.width, self.height]) - low)
        return self._clearest(tries, size, 0.9, np.delete(self._taken, partner, axis=0))

    @staticmethod
    def _clearest(
        tries: npt.NDArray[np.float64], size: float, apart: float, taken: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """The first try that keeps its distance (`apart` of touching) from all taken, else the best."""
        if not len(taken):
            return np.asarray(tries[0])
        gap = np.hypot(tries[:, :1] - taken[:, 0], tries[:, 1:] - taken[:, 1]) - apart * (size + taken[:, 2])
        room = np.minimum(gap.min(axis=1), 0)
        return np.asarray(tries[int(np.argmax(room))])

    # --------------------------------------------------------------------------------------- drawing
    def draw_red(self, placed: Sequence[_Placed]) -> None:
        """Lay the red cells' dye and note them."""
        for one in placed:
            outline = self._inside(one.outline)
            window = window_of(outline, 1)
            pallor = float(np.clip(self.stain.pallor * self.rng.normal(1, 0.35), 0.05, 0.9))
            dye = painting.red_cell_dye(self.rng, outline, window, one.radius, pallor)
            hides = np.minimum(dye, 1) * np.float32(0.4)
            painting.lay(self.canvas, dye[..., None] * self._red, window, hides)
            self._note(RBC, outline, {"form": one.kind})

    def draw_platelets(self, count: int) -> None:
        """Place platelets between the cells, lay their dye and note them."""
        for _ in range(count):
            size = max(1.2, self.radius * float(self.rng.uniform(0.24, 0.42)))
            centre = self._free_place(size, 1.05)
            self._take(centre, size)
            outline = self._inside(Polygon(outlines.platelet(self.rng, size) + centre))
            window = window_of(outline, 1)
            dyes = painting.platelet_dyes(self.rng, outline, window, size)
            painting.lay(self.canvas, dyes @ self._white, window, dyes[..., 1])
            self._note(PLATELETS, outline, {})

    def draw_white(self, placed: Sequence[_Placed]) -> None:
        """Lay the white cells' dye over all else and note them with their nuclei."""
        for one in placed:
            assert one.nucleus is not None
            outline = self._inside(one.outline)
            shift = np.subtract(outline.bounds[:2], one.outline.bounds[:2])
            nucleus = shapely.transform(one.nucleus, lambda xy, s=shift: xy + s)
            window = window_of(outline, 1)
            kind = WHITE_KINDS[one.kind]
            dyes = painting.white_cell_dyes(self.rng, kind, outline, nucleus, window, self.radius)
            hides = np.float32(0.85) * coverage(outline, window)
            painting.lay(self.canvas, dyes @ self._white, window, hides)
            self._note(WBC, outline, {"class": one.kind})
            seen = outlines.areas(nucleus.intersection(self._frame))
            if not seen.is_empty:
                self.nuclei[len(self.cells) - 1] = seen

    def _inside(self, outline: Polygon) -> Polygon:
        """The outline; moved wholly into the image if the border would cut it into several pieces."""
        x0, y0, x1, y1 = outline.bounds
        inside = min(x0, y0) >= 0 and x1 <= self.width and y1 <= self.height
        if inside or isinstance(outline.intersection(self._frame), Polygon):
            return outline
        shift = (max(-x0, 0) + min(self.width - x1, 0), max(-y0, 0) + min(self.height - y1, 0))
        return shapely.transform(outline, lambda xy: xy + shift)

    def _note(self, label: str, outline: Region, attributes: Mapping[str, str]) -> None:
        if not self._frame.covers(outline):
            outline = outlines.areas(outline.intersection(self._frame))
        self.cells.append(Cell(label, outline, attributes=attributes))
