"""Which cells were found, missed, invented or called something else, and pictures of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import shapely

from smearprep.coco_files.matching import Pair, overlaps
from smearprep.detection.compared import ComparedImage, check_categories, score_of
from smearprep.errors import RecipeError
from smearprep.records import Cell


@dataclass(frozen=True)
class Verdicts:
    """What became of the cells of one image, as their positions in its `truth` and `found`.

    Args:
        found: (true, found) of one category.
        mixed_up: (true, found) of two categories.
        missed: True cells that nothing was found for.
        invented: Found cells that nothing is there for.
        unknown: Found cells in a crowd: neither right nor wrong.
    """

    found: tuple[Pair, ...]
    mixed_up: tuple[Pair, ...]
    missed: tuple[int, ...]
    invented: tuple[int, ...]
    unknown: tuple[int, ...]


@dataclass(frozen=True)
class Confusion:
    """How many cells of each category were found as what.

    Args:
        categories: Of rows and columns.
        iou: Overlap from which cells matched.
        score: Found cells below it were left out.
        matched: (true category, found category) -> cells; pairs that do not occur are left out.
        missed: Category -> true cells that nothing was found for.
        invented: Category -> found cells that nothing is there for.
    """

    categories: tuple[str, ...]
    iou: float
    score: float
    matched: Mapping[tuple[str, str], int]
    missed: Mapping[str, int]
    invented: Mapping[str, int]

    def matrix(self) -> tuple[dict[str, Any], ...]:
        """A row for each true category, its cells by found category, and "missed"; then the invented."""
        rows: list[dict[str, Any]] = [
            {
                "truth": true,
                **{name: self.matched.get((true, name), 0) for name in self.categories},
                "missed": self.missed.get(true, 0),
            }
            for true in self.categories
        ]
        invented = {name: self.invented.get(name, 0) for name in self.categories}
        return (*rows, {"truth": "invented", **invented, "missed": None})


def confusion(
    images: Sequence[ComparedImage], *, categories: Sequence[str], iou: float = 0.5, score: float = 0.5
) -> Confusion:
    """Count what was found, missed, invented and mixed up, over all images.

    Args:
        images: The order does not matter.
        categories: Those that are judged.
        iou: Overlap from which cells match, above 0, at most 1.
        score: Found cells below it are left out.

    Raises:
        RecipeError: No category, or an overlap out of its range.
        DataError: Millions of overlaps in one image.
    """
    check_categories(categories)
    matched: Counter[tuple[str, str]] = Counter()
    missed: Counter[str] = Counter()
    invented: Counter[str] = Counter()
    for image in images:
        judged = image.of(categories, score)
        verdicts = judge(judged, iou=iou)
        pairs = (*verdicts.found, *verdicts.mixed_up)
        matched.update((judged.truth[i].label, judged.found[j].label) for i, j in pairs)
        missed.update(judged.truth[i].label for i in verdicts.missed)
        invented.update(judged.found[j].label for j in verdicts.invented)
    return Confusion(tuple(categories), iou, score, dict(matched), dict(missed), dict(invented))


def judge(image: ComparedImage, *, iou: float = 0.5) -> Verdicts:
    """What became of the cells of one image; all of its cells are judged (see `ComparedImage.of`).

    As in COCO's protocol, found cells choose by falling score, each the free true cell of its category that
    it overlaps most. Those that are left then choose among the true cells that are left, of whatever
    category. The overlap is that of the outlines, or of the boxes where of either cell only that is known.

    Args:
        image: Its cells in any order.
        iou: Overlap from which cells match, above 0, at most 1.

    Raises:
        RecipeError: An overlap out of its range.
        DataError: Millions of overlaps.
    """
    if not 0 < iou <= 1:
        raise RecipeError(f"iou {iou:g}: give an overlap above 0, at most 1")
    scores = overlaps(image.truth, image.found, iou, image.name)
    same = {pair: s for pair, s in scores.items() if _labels(image, pair)[0] == _labels(image, pair)[1]}
    found = _chosen(same, image.found)
    true_taken, found_taken = {i for i, _ in found}, {j for _, j in found}
    open_ = {(i, j): s for (i, j), s in scores.items() if i not in true_taken and j not in found_taken}
    unknown = _in_crowds(image, iou, found_taken)
    mixed = _chosen({(i, j): s for (i, j), s in open_.items() if j not in unknown}, image.found)
    true_taken |= {i for i, _ in mixed}
    found_taken |= {j for _, j in mixed} | unknown
    return Verdicts(
        tuple(found),
        tuple(mixed),
        tuple(i for i in range(len(image.truth)) if i not in true_taken),
        tuple(j for j in range(len(image.found)) if j not in found_taken),
        tuple(sorted(unknown)),
    )


def _labels(image: ComparedImage, pair: Pair) -> tuple[str, str]:
    return image.truth[pair[0]].label, image.found[pair[1]].label


def _chosen(scores: Mapping[Pair, float], found: Sequence[Cell]) -> list[Pair]:
    """Pairs (true, found), each cell in one at most; found cells choose by falling score."""
    choices: dict[int, list[tuple[float, int]]] = {}
    for (i, j), overlap in scores.items():
        choices.setdefault(j, []).append((-overlap, i))
    taken: dict[int, int] = {}
    for j in sorted(choices, key=lambda j: (-score_of(found[j]), j)):
        free = [i for _, i in sorted(choices[j]) if i not in taken]
        if free:
            taken[free[0]] = j
    return sorted(taken.items())


def _in_crowds(image: ComparedImage, share: float, taken: set[int]) -> set[int]:
    """Found cells, not taken, of which at least such a share lies in one crowd of their category."""
    inside = set()
    for crowd in image.crowds:
        for j, cell in enumerate(image.found):
            if j in taken or cell.label != crowd.label or not cell.area:
                continue
            if shapely.intersection(cell.shape, crowd.shape).area >= share * cell.area:
                inside.add(j)
    return inside
