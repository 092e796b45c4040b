"""What a network of the YOLACT family says of images: single cells, and planes drawn from them."""

from __future__ import annotations

import numpy as np

from smearprep.errors import RecipeError
from smearprep.images import RGB
from smearprep.models.hardware import Hardware
from smearprep.models.instances.evaluating import finder_of
from smearprep.models.instances.finding import Tiling
from smearprep.models.looks import Look
from smearprep.models.runs import Run
from smearprep.records import Outline
from smearprep.targets import EDGE, MASK, rasterise

_EDGES: tuple[Outline, ...] = ("made",)


class InstancePredictor:
    """A network of the YOLACT family, ready to look at images; see `smearprep.models.looks.Predictor`.

    Args:
        run: What trained it.
        weights: "best" or "last".
        hardware: On what it runs.
        tiling: Look at images window by window; None: as a whole.
        score: The least that a cell needs.

    Raises:
        DataError: Its weights are damaged, or of another network.
    """

    is_single = True
    has_edge = True

    def __init__(
        self, run: Run, weights: str, hardware: Hardware, tiling: Tiling | None = None, score: float = 0.5
    ) -> None:
        self._finder, self._tiling, self._score = finder_of(run, weights, hardware), tiling, score

    def look(self, image: RGB) -> Look:
        """The cells, surest first; mask and edge are drawn from them."""
        found = self._finder.cells(image, self._tiling)
        cells = [cell for cell in found if float(cell.attributes["score"]) >= self._score]
        target = rasterise(cells, (image.shape[1], image.shape[0]), edges_of=_EDGES)
        planes = {
            name: np.where(target & bit, np.uint8(255), np.uint8(0))
            for name, bit in (("mask", MASK), ("edge", EDGE))
        }
        return Look(planes, lambda: cells)


def instance_predictor(
    run: Run, weights: str, hardware: Hardware, tile: int | None, overlap: int | None, score: float | None
) -> InstancePredictor:
    """The network of a run, ready to look at images; see `smearprep.models.prediction.predict`.

    Raises:
        RecipeError: Windows that cannot be.
        DataError: Its weights are damaged, or of another network.
    """
    if tile is None and overlap is not None:
        raise RecipeError("an overlap is of windows; give --tile, too")
    if tile is not None and not 0 <= (overlap or 0) < tile:
        raise RecipeError(f"windows of {tile} px cannot overlap by {overlap} px")
    tiling = None if tile is None else Tiling(tile, tile // 2 if overlap is None else overlap)
    return InstancePredictor(run, weights, hardware, tiling, 0.5 if score is None else score)
