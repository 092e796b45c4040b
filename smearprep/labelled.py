"""Images of a prepared set with what a semantic network is to say of them, in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from smearprep.augmentation import equalise
from smearprep.findings import Finding
from smearprep.images import RGB
from smearprep.opened import OpenedSet, load_images
from smearprep.records import Cell, Sample
from smearprep.targets import MASK_UNKNOWN, Target, rasterise

_BYTES_A_PIXEL = 8  # three colours and the target, and once more where chips are cut from


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """An image and its target.

    Args:
        source: What the set calls it.
        image: (H, W, 3) uint8 RGB.
        target: (H, W) uint8, bits of `smearprep.targets`.
        cells: Of the category, in px of the image.
        digest: SHA-256 of the image's file and its cells.
    """

    source: str
    image: RGB
    target: Target
    cells: tuple[Cell, ...]
    digest: str

    @property
    def is_drawn(self) -> bool:
        """True if somebody drew an outline in it: only then does it teach edges."""
        return any(cell.outline == "drawn" for cell in self.cells)

    @property
    def is_countable(self) -> bool:
        """True if all its cells were told apart: it has no crowd."""
        return not (self.target & MASK_UNKNOWN).any()


def load_labelled(
    opened: OpenedSet,
    subset: str,
    *,
    equalised: bool = True,
    progress: Callable[[int, int], None] | None = None,
    findings: list[Finding] | None = None,
) -> list[LabelledImage]:
    """Read the images of a subset and rasterise their cells.

    Args:
        opened: The set, for one category.
        subset: "train", "val", "test" or "all".
        equalised: Apply CLAHE (`augmentation.equalise`) to each image.
        progress: Told of images read, of all.
        findings: An image that cannot be read is named here and left out; None: it is an error.

    Raises:
        DataError: An image cannot be read and `findings` is None, or the subset does not fit into memory.
    """

    def make(sample: Sample, image: RGB, digest: str) -> LabelledImage:
        target = rasterise(sample.cells, sample.size, crowds=sample.crowds)
        shown = equalise(image) if equalised else image
        return LabelledImage(sample.source, shown, target, sample.cells, digest)

    return load_images(
        opened, subset, make, bytes_a_pixel=_BYTES_A_PIXEL, progress=progress, findings=findings
    )
