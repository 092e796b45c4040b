"""The cells that a network of the YOLACT family finds in an image of any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from shapely import affinity
from shapely.geometry import MultiPolygon, Polygon
from torch import Tensor, nn

from smearprep.detection import merge
from smearprep.geometry import mask_to_shapes
from smearprep.images import RGB
from smearprep.models.hardware import Hardware
from smearprep.models.instances.draws import Draw, rectangles
from smearprep.models.instances.inputs import inputs
from smearprep.models.recipes import InstanceRecipe
from smearprep.models.yolact.anchors import priors
from smearprep.models.yolact.detections import Detections, decode, masks
from smearprep.models.yolact.outputs import Outputs
from smearprep.records import Cell, View
from smearprep.windows import Window, grid


@dataclass(frozen=True)
class Tiling:
    """How an image is cut for a network that was trained on windows.

    Args:
        size: Width and height of a window in px of the image; it is resized to the network's input.
        overlap: Of neighbouring windows, px: more than the largest cell, so that each is whole in one.
    """

    size: int
    overlap: int


@dataclass(frozen=True, eq=False)
class Finder:
    """A trained network, ready to find cells.

    Args:
        network: On the device, in evaluation mode.
        recipe: Says what it reads, and which finds are kept.
        categories: In the order of its outputs.
        hardware: On what it runs.
        made_by: What cells say of who found them.
    """

    network: nn.Module
    recipe: InstanceRecipe
    categories: tuple[str, ...]
    hardware: Hardware
    made_by: str = "smearprep"

    def cells(self, image: RGB, tiling: Tiling | None = None, batch: int = 1) -> list[Cell]:
        """The cells of an image, surest first.

        Args:
            image: (H, W, 3) uint8 RGB.
            tiling: Look at it window by window, and put together what several see; None: as a whole,
                resized as in training.
            batch: Windows at once.
        """
        height, width = image.shape[:2]
        if tiling is None:
            windows: list[Window] = [(0, 0, width, height)]
        else:
            step = max(tiling.size - tiling.overlap, 1)
            windows = grid((width, height), (tiling.size, tiling.size), (step, step), "shift")
        px = torch.from_numpy(np.ascontiguousarray(image)).to(self.hardware.kind).permute(2, 0, 1)
        found = []
        for first in range(0, len(windows), batch):
            some = windows[first : first + batch]
            found += list(zip(some, self._look(px, some), strict=True))
        if tiling is None:
            return found[0][1]
        views = [(View(window, window[2:]), cells) for window, cells in found]
        return sorted(merge(views, (width, height)), key=_score, reverse=True)

    def _look(self, px: Tensor, windows: Sequence[Window]) -> list[list[Cell]]:
        """The cells of some windows, each in px of its window."""
        size = self.recipe.size
        draws = [Draw(0, *rectangles(window, (px.shape[2], px.shape[1]), size)) for window in windows]
        with torch.inference_mode(), self._autocast():
            outputs = cast(Outputs, self.network(inputs([px], draws, size)))
            found = decode(
                outputs, priors(outputs.levels, (size, size)).to(px.device), (size, size), self.recipe.limits
            )
            return [
                self._cells(one, maps, window[2:])
                for one, maps, window in zip(found, outputs.prototypes, windows, strict=True)
            ]

    def _autocast(self) -> torch.autocast:
        dtype = self.hardware.autocast
        return torch.autocast(self.hardware.kind, dtype, enabled=dtype is not None)

    def _cells(self, found: Detections, prototypes: Tensor, size: tuple[int, int]) -> list[Cell]:
        """Finds as cells; one whose mask is empty is none."""
        out = []
        rows = zip(masks(found, prototypes, size), found.scores.tolist(), found.labels.tolist(), strict=True)
        for ((x, y), mask), score, label in rows:
            parts, _ = mask_to_shapes(mask)
            if parts:
                shape = affinity.translate(parts[0] if len(parts) == 1 else MultiPolygon(parts), x, y)
                attributes = {"made_by": self.made_by, "score": round(score, 4)}
                out.append(Cell(self.categories[label], cast(Polygon, shape), "made", attributes))
        return out


def _score(cell: Cell) -> float:
    return float(cell.attributes["score"])
