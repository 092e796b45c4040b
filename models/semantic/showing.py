"""Pictures of what a network says beside the truth."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from smearprep.drawing import contact_sheet
from smearprep.images import RGB
from smearprep.labelled import LabelledImage
from smearprep.models.hardware import Hardware
from smearprep.models.semantic.whole_image import predict_image
from smearprep.models.zoo import SemanticNetwork

_SIDE = 400  # px of a crop
_TRUTH, _SAID, _EDGE = (0, 158, 115), (213, 94, 0), (240, 228, 66)  # of Okabe and Ito


def sample_sheet(
    network: nn.Module, info: SemanticNetwork, images: Sequence[LabelledImage], hardware: Hardware
) -> RGB | None:
    """Crops of images, as they are and with truth and prediction drawn over them.

    Truth is green, the predicted mask's outline orange, the predicted edge yellow.

    Args:
        network: In evaluation mode.
        info: What network it is.
        images: Of each, the place with the first cell is shown.
        hardware: On what it runs.

    Returns:
        (H, W, 3) uint8 RGB; None without images.
    """
    pictures, names = [], []
    colours = "truth green, prediction orange" + (", edge yellow" if "edge" in info.heads else "")
    for image in images:
        crop = _crop(image)
        pixels, target = image.image[crop], image.target[crop]
        said = predict_image(
            network, info, np.ascontiguousarray(pixels), device=torch.device(hardware.kind),
            precision=hardware.autocast,
        )  # fmt: skip
        drawn = draw_masks(pixels, (target & 1) > 0, said[0], said[1] if len(said) > 1 else None)
        pictures += [pixels, drawn]
        names += [image.source.rpartition("/")[2], colours]
    return contact_sheet(pictures, names, columns=4) if pictures else None


def draw_masks(
    image: RGB, truth: NDArray[np.bool_], mask: NDArray[np.float32], edge: NDArray[np.float32] | None
) -> RGB:
    """An image with the outlines of a true and a predicted mask, and the predicted edge.

    Args:
        image: (H, W, 3) uint8 RGB.
        truth: (H, W) bool.
        mask: (H, W) probabilities.
        edge: The same of the edge, or None.
    """
    out = np.ascontiguousarray(image).copy()
    if edge is not None:
        out[edge > 0.5] = _EDGE
    for region, colour in ((truth, _TRUTH), (mask > 0.5, _SAID)):
        lines, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(out, lines, -1, colour, 1)
    return out


def _crop(image: LabelledImage) -> tuple[slice, slice]:
    """A window of the image round its first cell."""
    height, width = image.image.shape[:2]
    x, y = width / 2, height / 2
    if image.cells:
        x0, y0, x1, y1 = image.cells[0].bounds
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
    left = int(np.clip(x - _SIDE / 2, 0, max(width - _SIDE, 0)))
    top = int(np.clip(y - _SIDE / 2, 0, max(height - _SIDE, 0)))
    return slice(top, top + _SIDE), slice(left, left + _SIDE)
