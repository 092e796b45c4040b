"""How good counts are, image by image and over a set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def image_accuracy(counted: int, true: int) -> float:
    """1 - |counted - true| / true of one image, as the code of the counting paper computes it: 0..1.

    An image without cells is counted rightly (1) or not (0); what is worse than 0 is 0.
    """
    if true == 0:
        return float(counted == 0)
    return max(0.0, 1 - abs(counted - true) / true)


@dataclass(frozen=True)
class Tally:
    """Counts over a set of images. Without an image, all means are 0.

    Args:
        images: How many.
        accuracy: Mean of `image_accuracy`, 0..1.
        error: Mean absolute error, cells an image.
        error_sd: Its standard deviation over the images (of all of them, not of a sample), in cells.
        bias: Mean of counted less true, in cells an image.
        counted: Cells counted in all images.
        true: Cells that are there.
    """

    images: int
    accuracy: float
    error: float
    error_sd: float
    bias: float
    counted: int
    true: int

    @classmethod
    def of(cls, pairs: Sequence[tuple[int, int]]) -> Tally:
        """The tally of (counted, true) of each image."""
        if not pairs:
            return cls(0, 0.0, 0.0, 0.0, 0.0, 0, 0)
        off = np.array([counted - true for counted, true in pairs], np.float64)
        return cls(
            images=len(pairs),
            accuracy=float(np.mean([image_accuracy(*pair) for pair in pairs])),
            error=float(np.abs(off).mean()),
            error_sd=float(np.abs(off).std()),
            bias=float(off.mean()),
            counted=sum(counted for counted, _ in pairs),
            true=sum(true for _, true in pairs),
        )
