"""Images of a prepared set with the single cells in them, in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smearprep.findings import Finding
from smearprep.images import RGB
from smearprep.opened import OpenedSet, load_images
from smearprep.records import Cell, Sample

_BYTES_A_PIXEL = 6  # three colours here and three on the device


@dataclass(frozen=True, eq=False)
class Scene:
    """An image and its cells.

    Args:
        source: What the set calls it.
        group: The raw data set that it is from; "" if nobody says.
        image: (H, W, 3) uint8 RGB.
        cells: Of the learned categories, in px of the image.
        digest: SHA-256 of the image's file, its cells and its crowds.
        crowds: Regions full of cells of the learned categories that nobody told apart, in px of the image.
    """

    source: str
    group: str
    image: RGB
    cells: tuple[Cell, ...]
    digest: str
    crowds: tuple[Cell, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in px."""
        return self.image.shape[1], self.image.shape[0]

    @property
    def boxes(self) -> NDArray[np.float32]:
        """(n, 4) float32, x0, y0, x1, y1 in px, of the cells."""
        return boxes_of(self.cells)


def boxes_of(cells: Sequence[Cell]) -> NDArray[np.float32]:
    """(n, 4) float32, x0, y0, x1, y1 in px, of cells."""
    return np.array([cell.bounds for cell in cells], np.float32).reshape(-1, 4)


def load_scenes(
    opened: OpenedSet,
    subset: str,
    *,
    progress: Callable[[int, int], None] | None = None,
    findings: list[Finding] | None = None,
) -> list[Scene]:
    """Read the images of a subset.

    Args:
        opened: The set.
        subset: "train", "val", "test" or "all".
        progress: Told of images read, of all.
        findings: An image that cannot be read is named here and left out; None: it is an error.

    Raises:
        DataError: An image cannot be read and `findings` is None, or the subset does not fit into memory.
    """
    return load_images(
        opened, subset, _scene, bytes_a_pixel=_BYTES_A_PIXEL, progress=progress, findings=findings
    )


def _scene(sample: Sample, image: RGB, digest: str) -> Scene:
    origin = str(sample.attributes.get("origin", ""))
    group = origin.partition("/")[0] if "/" in origin else ""
    return Scene(sample.source, group, image, sample.cells, digest, sample.crowds)


def cells_of(scenes: Sequence[Scene], categories: Sequence[str]) -> dict[str, int]:
    """How many cells of each category there are."""
    counts = dict.fromkeys(categories, 0)
    for scene in scenes:
        for cell in scene.cells:
            counts[cell.label] += 1
    return counts
