"""The figures of each way to count, and their defaults at the scale of ALL-IDB1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from smearprep.errors import RecipeError

Method = Literal["components", "hough", "watershed"]
METHODS: tuple[Method, ...] = get_args(Method)
"""To count cells on a mask."""

Way = Literal[Method, "instances"]
"""Those, or the single cells that a network tells."""

_FARTHEST = 1000
"""Px: of what is counted here, nothing is larger; what lies beyond is mistyped, and asks for much memory."""


def _need(holds: bool, what: str) -> None:
    if not holds:
        raise RecipeError(f"counting parameters: {what}")


@dataclass(frozen=True)
class Components:
    """Connected components of the mask less its edges, 4-connected.

    Args:
        min_area: In px; smaller ones are specks.

    Raises:
        RecipeError: It is below 1.
    """

    min_area: int = 500

    def __post_init__(self) -> None:
        _need(self.min_area >= 1, f"components.min_area is {self.min_area} px; it is at least 1")


@dataclass(frozen=True)
class Hough:
    """Circles by OpenCV's gradient Hough transform.

    Args:
        plane: Where circles are looked for: "edge" is the edge map, or the mask where a network has none.
        dp: Image px a cell of the accumulator.
        min_distance: Between the centres of two circles, px.
        min_radius: Of a circle, px.
        max_radius: Of a circle, px.
        gradient: The upper threshold of Canny's edges (`param1`), in grey levels; the lower one is half.
        votes: That a centre needs (`param2`).

    Raises:
        RecipeError: A figure is not positive or far too large, or the radii are not in order.
    """

    plane: Literal["edge", "mask"] = "edge"
    dp: float = 1.0
    min_distance: float = 33.0
    min_radius: int = 28
    max_radius: int = 55
    gradient: float = 30.0
    votes: float = 20.0

    def __post_init__(self) -> None:
        _need(self.plane in ("edge", "mask"), f"hough.plane is {self.plane!r}; it is edge or mask")
        _need(1 <= self.dp <= 100, f"hough.dp is {self.dp}; it lies between 1 and 100")
        for name in ("min_distance", "gradient", "votes"):
            value = getattr(self, name)
            _need(1 <= value < 1e6, f"hough.{name} is {value}; it is at least 1")
        radii = f"{self.min_radius} to {self.max_radius} px"
        in_order = 0 < self.min_radius <= self.max_radius <= _FARTHEST
        _need(in_order, f"hough radii of {radii}: give 1 to {_FARTHEST:,} px, in order")


@dataclass(frozen=True)
class Watershed:
    """Peaks of the distance transform of the mask less its edges, each flooded to a cell.

    Args:
        min_distance: Two peaks are farther apart than this, px, along x or along y.
        min_height: A peak is at least so far from the background, px; 0: any.

    Raises:
        RecipeError: A distance below 1 or far too large, or a negative height.
    """

    min_distance: int = 30
    min_height: float = 0.0

    def __post_init__(self) -> None:
        distance = f"watershed.min_distance is {self.min_distance}; it lies between 1 and {_FARTHEST:,}"
        _need(1 <= self.min_distance <= _FARTHEST, distance)
        _need(0 <= self.min_height < 1e6, f"watershed.min_height is {self.min_height}; it is 0 or more")


@dataclass(frozen=True)
class Parameters:
    """How the cells of one category are counted.

    Args:
        threshold: A pixel with a higher probability belongs to the mask, or to an edge.
        components: Of connected components.
        hough: Of circles.
        watershed: Of peaks.

    Raises:
        RecipeError: The threshold does not lie between 0 and 1.
    """

    threshold: float = 0.5
    components: Components = field(default_factory=Components)
    hough: Hough = field(default_factory=Hough)
    watershed: Watershed = field(default_factory=Watershed)

    def __post_init__(self) -> None:
        _need(0 < self.threshold < 1, f"threshold is {self.threshold}; it lies between 0 and 1")


DEFAULTS: Mapping[str, Parameters] = {
    "RBC": Parameters(
        components=Components(500),
        hough=Hough("edge", 1.0, 33.0, 28, 60, 30.0, 13.0),
        watershed=Watershed(20, 3.0),
    ),
    "WBC": Parameters(
        components=Components(1000),
        hough=Hough("mask", 2.0, 51.0, 20, 100, 70.0, 40.0),
        watershed=Watershed(51, 24.0),
    ),
    "Platelets": Parameters(
        components=Components(30),
        hough=Hough("mask", 1.3, 20.0, 3, 24, 13.0, 10.0),
        watershed=Watershed(20, 2.0),
    ),
}
"""Of each category, the figures of the public counting code, except where they fail on true masks.

- Circles of red cells: 13 votes, not 20, and radii up to 60 px, not 55. On edges 2 px wide along the outlines
  of ten images, accuracy was 71 %, and is 96 %.
- Circles of white cells, which are not quite round: an accumulator of 2 px, 40 votes, radii from 20 px. 4 %
  became 77 %.
- Circles of platelets: radii from 3 px, 10 votes. 78 % became 84 %.
- Peaks of red cells: 20 px apart, not 30 (92 % became 97 %), and 3 px high: every speck has a peak, and on
  the published JPEG masks they made it 75 %.
- Peaks of platelets: 20 px apart, not 52 (93 % became 97 %), and 2 px high.
"""


def defaults(category: str) -> Parameters:
    """The parameters with which a category is counted unless others are given.

    Raises:
        RecipeError: Nothing is known of the category.
    """
    if category not in DEFAULTS:
        raise RecipeError(
            f"nobody has stated how to count {category!r}; known are {', '.join(DEFAULTS)}. Write its "
            "figures into a file and give it by --parameters"
        )
    return DEFAULTS[category]
