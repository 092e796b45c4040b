"""Sliding-window and padding arithmetic, in whole px. Windows are (x, y, w, h)."""

from __future__ import annotations

import math
from typing import Literal

from smearprep.errors import RecipeError

Edge = Literal["shift", "pad", "drop"]
Anchor = Literal["top-left", "centre"]
Window = tuple[int, int, int, int]


def starts(length: int, size: int, stride: int, edge: Edge) -> list[int]:
    """Where windows begin along one axis.

    "drop" keeps the windows that lie wholly inside, "shift" moves a last window back to the border so
    that every px is covered, "pad" lets the last window reach beyond the border. An axis shorter than
    the window has one window at 0 that reaches beyond (none with "drop").

    Args:
        length: Of the image, in px.
        size: Of the window, in px.
        stride: From one window to the next, in px.
        edge: What to do at the far border.

    Raises:
        RecipeError: Size or stride below 1, or a stride larger than the window with an edge rule that
            promises to cover the image.
    """
    if size < 1 or stride < 1:
        raise RecipeError(f"window size {size} and stride {stride} must be at least 1 px")
    if stride > size and edge != "drop":
        raise RecipeError(
            f"stride {stride} is larger than the window ({size} px): pixels between windows would be "
            f"lost; use a stride of at most {size}, or edge: drop"
        )
    if length < size:
        return [] if edge == "drop" else [0]
    whole = list(range(0, length - size + 1, stride))
    if edge == "shift" and whole[-1] + size < length:
        whole.append(length - size)
    if edge == "pad":
        whole = [n * stride for n in range(math.ceil((length - size) / stride) + 1)]
    return whole


def grid(
    image: tuple[int, int], size: tuple[int, int], stride: tuple[int, int], edge: Edge, margin: int = 0
) -> list[Window]:
    """The windows of a sliding-window tiling, row by row.

    Args:
        image: (width, height) in px.
        size: (width, height) of a tile in px, without its margin.
        stride: Along x and y, in px.
        edge: What to do at the right and lower border.
        margin: Context in px added on all four sides of each tile (networks with valid convolutions
            read more than they write); it may reach beyond the image.
    """
    xs = starts(image[0], size[0], stride[0], edge)
    ys = starts(image[1], size[1], stride[1], edge)
    return [(x - margin, y - margin, size[0] + 2 * margin, size[1] + 2 * margin) for y in ys for x in xs]


def counting_grid(image: tuple[int, int]) -> list[Window]:
    """The grid of the blood-cell counting paper (DO-U-Net, 188 px in, 100 px out), row by row.

    Centres lie at arange(150, length + 200 - 94, 100) on each axis of the image padded by 100 px
    (formula worked out from its Table I: 2592x1944 -> 26x19). It misses the last rows of some sizes;
    `grid` with size 100, stride 100, edge "pad" and margin 44 covers every image.

    Args:
        image: (width, height) in px.

    Returns:
        Windows of 188x188 px in the frame of the unpadded image; border windows reach beyond it.
    """
    corners = [[centre - 100 - 94 for centre in range(150, length + 200 - 94, 100)] for length in image]
    return [(x, y, 188, 188) for y in corners[1] for x in corners[0]]


def square(image: tuple[int, int], anchor: Anchor = "top-left") -> Window:
    """The smallest square window that holds the image: zero-padding it is a View of this window.

    Args:
        image: (width, height) in px.
        anchor: Where the image lies in the square. Centred, an odd px of padding goes right or below.
    """
    side = max(image)
    return padded(image, (side, side), anchor)


def padded(image: tuple[int, int], size: tuple[int, int], anchor: Anchor = "top-left") -> Window:
    """A window of a stated size that holds the whole image.

    Raises:
        RecipeError: The image is larger than `size`.
    """
    if image[0] > size[0] or image[1] > size[1]:
        raise RecipeError(
            f"an image of {image[0]}x{image[1]} px does not fit into {size[0]}x{size[1]}: "
            "pad to a larger size, or tile"
        )
    if anchor == "top-left":
        return (0, 0, *size)
    return (-((size[0] - image[0]) // 2), -((size[1] - image[1]) // 2), *size)
