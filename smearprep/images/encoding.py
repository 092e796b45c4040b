"""Images encoded as files."""

from __future__ import annotations

from smearprep.errors import RecipeError
from smearprep.images.kinds import RGB, ImageFormat, Order


def encode(image: RGB, format: ImageFormat, quality: int = 95, order: Order = "RGB") -> bytes:
    """Encode an image.

    Args:
        image: (H, W, 3) uint8.
        format: "jpg" (4:4:4, no chroma lost to subsampling) or "png".
        quality: JPEG quality, 1..100.
        order: Of the channels.

    Raises:
        RecipeError: Unknown format or quality.
    """
    import cv2

    if format not in ("jpg", "png") or not 1 <= quality <= 100:
        raise RecipeError(f"image format {format!r} quality {quality}: use jpg with 1..100, or png")
    if format == "jpg":
        options = [cv2.IMWRITE_JPEG_QUALITY, quality]
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    else:
        # No level: once one is named other filters are taken, and at level 1 photographs take twice as long.
        options = [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    bgr = image if order == "BGR" else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, buffer = cv2.imencode(f".{format}", bgr, options)
    if not done:
        raise RecipeError(f"an image of shape {image.shape} cannot be encoded as {format}")
    return buffer.tobytes()
