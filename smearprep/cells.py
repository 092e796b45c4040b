"""What is done to the cells of one image whatever file they came from: labels, borders, duplicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import shapely

from smearprep.errors import RecipeError
from smearprep.findings import Finding
from smearprep.geometry import FloatArray, Mask, box_iou, clip
from smearprep.records import Cell

LabelMap = Mapping[str, str]


def parse_label_map(entries: Sequence[str]) -> dict[str, str]:
    """`["Truck=RBC", ...]` as a dict.

    Raises:
        RecipeError: An entry without `=`, or one label mapped twice.
    """
    out: dict[str, str] = {}
    for entry in entries:
        old, sign, new = (part.strip() for part in entry.partition("="))
        if not (old and sign and new):
            raise RecipeError(f"label map {entry!r}: write it as OLD=NEW, for example Truck=RBC")
        if out.get(old, new) != new:
            raise RecipeError(f"label map: {old!r} is mapped to both {out[old]!r} and {new!r}")
        out[old] = new
    return out


def relabel(cells: Sequence[Cell], labels: LabelMap) -> tuple[Cell, ...]:
    """Cells with mapped labels; a changed one keeps its first label as attribute "original_label"."""
    if not labels:
        return tuple(cells)
    return tuple(
        # Not `replace`, which takes twice as long: markup files hold hundreds of thousands of cells.
        Cell(
            labels[cell.label],
            cell.shape,
            cell.outline,
            {"original_label": cell.label, **cell.attributes},
        )
        if labels.get(cell.label, cell.label) != cell.label
        else cell
        for cell in cells
    )


def relabel_names(
    names: frozenset[str], labels: LabelMap, known: frozenset[str] = frozenset()
) -> frozenset[str]:
    """Category names after a label map.

    Args:
        names: Those that were looked for.
        labels: The label map, old -> new.
        known: All that there are. A category into which several of them are merged was looked for only
            if all of them were.
    """
    parts: dict[str, set[str]] = {}
    for name in names | known:
        parts.setdefault(labels.get(name, name), set()).add(name)
    return frozenset(new for new, old in parts.items() if old <= names)


def fit_to_image(
    cells: Sequence[Cell], size: tuple[int, int], file: str
) -> tuple[tuple[Cell, ...], list[Finding]]:
    """Cut cells at the image's border; leave out those wholly beyond it.

    Args:
        cells: In px of the image.
        size: (width, height) of the image in px.
        file: For the findings.

    Returns:
        The cells that have a part in the image, in order, and a finding for each that was changed.
    """
    if not cells:
        return (), []
    shapes = np.array([cell.shape for cell in cells], dtype=object)
    bounds: FloatArray = shapely.bounds(shapes)
    points = shapely.get_type_id(shapes) == 0
    # A point on the far border lies in no pixel.
    far = np.where(points[:, None], bounds[:, 2:] >= size, bounds[:, 2:] > size)
    beyond: Mask = np.asarray((bounds[:, :2] < 0).any(axis=1) | far.any(axis=1))
    if not beyond.any():
        return tuple(cells), []
    kept, findings = [], []
    clipped = clip(shapes, (0, 0, *size))
    for n, cell in enumerate(cells):
        if not beyond[n]:
            kept.append(cell)
        elif clipped[n] is None:
            what = f"the {cell.label} cell lies outside the {size[0]}x{size[1]} image; left out"
            findings.append(Finding("outside", what, file, str(n)))
        else:
            kept.append(replace(cell, shape=clipped[n]))
            what = f"the {cell.label} cell reached beyond the {size[0]}x{size[1]} image; cut at its border"
            findings.append(Finding("clipped", what, file, str(n)))
    return tuple(kept), findings


def near_duplicates(cells: Sequence[Cell], threshold: float = 0.8) -> list[tuple[int, int, float]]:
    """Pairs of cells of one label whose boxes have an intersection over union of at least `threshold`.

    Returns:
        (index, index, IoU), the lower index first, in order.
    """
    found = []
    for label in sorted({cell.label for cell in cells}):
        index = [n for n, cell in enumerate(cells) if cell.label == label and cell.outline != "point"]
        if len(index) < 2:
            continue
        boxes = np.array([cells[n].bounds for n in index])
        iou = np.triu(box_iou(boxes, boxes), k=1)
        found += [(index[i], index[j], float(iou[i, j])) for i, j in np.argwhere(iou >= threshold)]
    return sorted(found)
