"""Cells as the entries of COCO files: what COCO's evaluation compares, and the list of results it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.detection.compared import ComparedImage, check_categories, score_of
from smearprep.errors import RecipeError
from smearprep.formats.writing import coco_place
from smearprep.geometry import shape_to_counts
from smearprep.records import Cell

if TYPE_CHECKING:
    from smearprep.detection.coco_protocol import Entry, Kind


def results_list(
    images: Sequence[ComparedImage],
    *,
    categories: Sequence[str],
    kind: Kind = "mask",
    ids: Mapping[str, int] | None = None,
) -> list[dict[str, Any]]:
    """Found cells as COCO's results: a list of JSON objects that pycocotools' loadRes reads.

    Of masks the boxes are not written: pycocotools would take the box's area for the cell's.

    Args:
        images: With the found cells.
        categories: Their ids are 1, 2, ...; other cells are left out.
        kind: "mask" writes compressed run lengths, "box" xywh.
        ids: Image name -> its id in the COCO file; None: 1, 2, ... in the order of `images`.

    Raises:
        RecipeError: No category, an image without an id, or a cell without an outline (for "mask") or box.
    """
    check_categories(categories)
    results: list[dict[str, Any]] = []
    for n, image in enumerate(images, 1):
        id_ = n if ids is None else ids.get(image.name)
        if id_ is None:
            raise RecipeError(f"{image.name}: no image id is known; name it in `ids`")
        for cell in image.of(categories).found:
            place, _ = _place(cell, image, kind)
            label = categories.index(cell.label) + 1
            results.append({"image_id": id_, "category_id": label, "score": score_of(cell), **place})
    return results


def encode(image: ComparedImage, categories: Sequence[str], kind: Kind) -> tuple[list[Entry], list[Entry]]:
    """The true and the found cells of an image, still without ids of their own and of the image.

    Args:
        image: All of its cells are of these categories.
        categories: Their ids are 1, 2, ...
        kind: "mask" or "box": where the cells are.

    Raises:
        RecipeError: A cell has no outline (for "mask") or no box.
    """
    number = {name: n for n, name in enumerate(categories, 1)}
    truth: list[Entry] = []
    for cells, crowd in ((image.truth, 0), (image.crowds, 1)):
        for cell in cells:
            place, _ = _place(cell, image, kind)
            # As a COCO file states it: of an outline its own area, not that of its pixels.
            area = coco_place(cell, image.size)[1]
            truth.append({"category_id": number[cell.label], "iscrowd": crowd, "area": area, **place})
    found: list[Entry] = []
    for cell in image.found:
        place, area = _place(cell, image, kind)
        entry = {"category_id": number[cell.label], "iscrowd": 0, "area": area, "score": score_of(cell)}
        found.append({**entry, **place})
    return truth, found


def numbered(encoded: Sequence[tuple[list[Entry], list[Entry]]]) -> tuple[list[Entry], list[Entry]]:
    """All entries with the ids of their images (1, 2, ... in order) and their own (from 1)."""
    sides: tuple[list[Entry], list[Entry]] = ([], [])
    for image_id, both in enumerate(encoded, 1):
        for side, entries in zip(sides, both, strict=True):
            side += [{"id": len(side) + n, "image_id": image_id, **e} for n, e in enumerate(entries, 1)]
    return sides


def _place(cell: Cell, image: ComparedImage, kind: Kind) -> tuple[dict[str, Any], float]:
    """Where a cell is, as COCO has it, and the area of that in px^2."""
    shape = cell.shape
    if isinstance(shape, Point) or (kind == "mask" and cell.outline == "box"):
        lacks = "box" if kind == "box" else "outline"
        advice = "make them with `smearprep assist`" + (", or judge boxes" if cell.outline == "box" else "")
        raise RecipeError(
            f"{image.name}: a {cell.label} cell has no {lacks}, only a {cell.outline}; {advice}"
        )
    if kind == "box":
        x0, y0, x1, y1 = shape.bounds
        return {"bbox": [x0, y0, x1 - x0, y1 - y0]}, (x1 - x0) * (y1 - y0)
    return _run_lengths(shape, image.size)


def _run_lengths(shape: Polygon | MultiPolygon, size: tuple[int, int]) -> tuple[dict[str, Any], float]:
    from pycocotools import mask

    width, height = size
    counts = shape_to_counts(shape, size)
    encoded: Any = mask.frPyObjects({"size": [height, width], "counts": counts}, height, width)  # type: ignore[call-overload]
    told = {"size": [height, width], "counts": encoded["counts"].decode("ascii")}
    return {"segmentation": told}, float(sum(counts[1::2]))
