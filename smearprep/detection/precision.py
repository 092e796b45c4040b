"""COCO's average precision of found cells, over all images and for each group of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smearprep.detection.coco_entries import encode, numbered
from smearprep.detection.compared import ComparedImage, check_categories, in_groups, score_of
from smearprep.errors import RecipeError
from smearprep.records import Cell

if TYPE_CHECKING:
    from smearprep.detection.coco_protocol import Engine, Kind

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figures:
    """COCO's figures, 0 to 1; None where there is no true cell to find.

    Sizes are COCO's, in px of the images that are judged, so they change when images are resized.

    Args:
        ap: Precision, averaged over 101 recalls and the overlaps .50, .55, ... .95.
        ap50: The same at an overlap of .50 alone.
        ap75: The same at .75 alone.
        ap_small: As `ap`, of cells below 32^2 px^2.
        ap_medium: Of cells from 32^2 to 96^2 px^2.
        ap_large: Of cells above 96^2 px^2.
        ar: Recall, averaged over the ten overlaps.
    """

    ap: float | None
    ap50: float | None
    ap75: float | None
    ap_small: float | None
    ap_medium: float | None
    ap_large: float | None
    ar: float | None


@dataclass(frozen=True, slots=True)
class PrecisionRow:
    """The figures of some images and categories.

    Args:
        group: Of the images; None: all of them.
        category: Which; None: the mean over the categories of which there are true cells.
        images: How many.
        truth: Cells that are there, crowds not counted.
        found: Cells that were found.
        figures: COCO's.
    """

    group: str | None
    category: str | None
    images: int
    truth: int
    found: int
    figures: Figures


@dataclass(frozen=True)
class AveragePrecision:
    """What `average_precision` returns.

    Args:
        kind: What overlaps: "mask" or "box".
        most: Found cells of one category in one image that counted.
        rows: All images first, then each group in order of the names; in each all categories together
            first, then one by one.
    """

    kind: Kind
    most: int
    rows: tuple[PrecisionRow, ...]

    @property
    def overall(self) -> Figures:
        """The figures of all images and categories."""
        return self.rows[0].figures

    def row(self, group: str | None = None, category: str | None = None) -> PrecisionRow:
        """The row of a group (None: all images) and a category (None: all of them)."""
        for row in self.rows:
            if (row.group, row.category) == (group, category):
                return row
        raise RecipeError(f"no average precision of group {group!r} and category {category!r}")

    def as_dicts(self) -> tuple[dict[str, Any], ...]:
        """The rows for a table or a file: group and category are "all" where they are None."""
        return tuple(
            {
                "group": row.group or "all",
                "category": row.category or "all",
                "images": row.images,
                "truth": row.truth,
                "found": row.found,
                **asdict(row.figures),
            }
            for row in self.rows
        )


def average_precision(
    images: Sequence[ComparedImage],
    *,
    categories: Sequence[str],
    kind: Kind = "mask",
    most: int | None = None,
    engine: Engine = "auto",
) -> AveragePrecision:
    """COCO's average precision and recall.

    Masks are rasterised at the pixels' centres, holes and parts kept. The limit on found cells is raised to
    what the images hold: with COCO's 100, 300 perfectly found cells score 0.34.

    Args:
        images: The order does not matter.
        categories: Those that are judged, in the order of the rows.
        kind: "mask" or "box": what overlaps.
        most: Found cells of one category in one image that count, those of the highest scores; None: all.
        engine: "pycocotools", "hotcoco" (equal to 1e-6), or "auto": hotcoco where it is installed.

    Raises:
        RecipeError: No category, `most` below 1, hotcoco is asked for and missing, or a cell has no outline
            (for "mask") or no box.
    """
    from smearprep.detection.coco_protocol import curves

    check_categories(categories)
    judged = [_ordered(image.of(categories)) for image in sorted(images, key=lambda image: image.name)]
    most = _limit(most, judged)
    encoded = {id(image): encode(image, categories, kind) for image in judged}
    rows: list[PrecisionRow] = []
    for group, members in in_groups(judged):
        entries = numbered([encoded[id(image)] for image in members])
        sizes = {n: image.size for n, image in enumerate(members, 1)}
        precision, recall = curves(
            sizes, *entries, categories=len(categories), kind=kind, most=most, engine=engine
        )
        rows += _rows(group, members, categories, precision, recall)
    return AveragePrecision(kind, most, tuple(rows))


def _ordered(image: ComparedImage) -> ComparedImage:
    """The same image with its cells in an order that does not depend on how they came."""
    return replace(
        image,
        truth=tuple(sorted(image.truth, key=_place_key)),
        found=tuple(sorted(image.found, key=lambda cell: (-score_of(cell), *_place_key(cell)))),
        crowds=tuple(sorted(image.crowds, key=_place_key)),
    )


def _place_key(cell: Cell) -> tuple[float, ...]:
    return (*cell.bounds, cell.area)


def _limit(most: int | None, images: Sequence[ComparedImage]) -> int:
    """The limit that was asked for, or else what any image holds of any category, at least 1."""
    if most is None:
        counts = (Counter(cell.label for cell in image.found) for image in images)
        return max((n for count in counts for n in count.values()), default=1)
    if most < 1:
        raise RecipeError(f"at most {most} found cells an image: give at least 1, or nothing for all")
    return most


# ---------------------------------------------------------------- figures


def _rows(
    group: str | None,
    images: Sequence[ComparedImage],
    categories: Sequence[str],
    precision: FloatArray,
    recall: FloatArray,
) -> list[PrecisionRow]:
    truth = [cell.label for image in images for cell in image.truth]
    found = [cell.label for image in images for cell in image.found]
    everything = _figures(precision, recall)
    rows = [PrecisionRow(group, None, len(images), len(truth), len(found), everything)]
    for n, name in enumerate(categories):
        figures = _figures(precision[:, :, [n]], recall[:, [n]])
        rows.append(PrecisionRow(group, name, len(images), truth.count(name), found.count(name), figures))
    return rows


def _figures(precision: FloatArray, recall: FloatArray) -> Figures:
    """Figures of (10, 101, k, 4) precision and (10, k, 4) recall."""
    return Figures(
        ap=_mean(precision[..., 0]),
        ap50=_mean(precision[0, ..., 0]),
        ap75=_mean(precision[5, ..., 0]),
        ap_small=_mean(precision[..., 1]),
        ap_medium=_mean(precision[..., 2]),
        ap_large=_mean(precision[..., 3]),
        ar=_mean(recall[..., 0]),
    )


def _mean(values: FloatArray) -> float | None:
    """The mean of what is known, -1 being COCO's "nothing there"; None of nothing."""
    known = values[values > -1]
    return float(known.mean()) if len(known) else None
