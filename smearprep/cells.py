"""What is done to the cells of one image whatever file they came from: labels, borders, duplicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import shapely

from smearprep.errors import RecipeError
from smearprep.findings import Finding
from smearprep.geometry import FloatArray, Mask, box_iou, clip
from smearprep.records import Cell, ImageCells

LabelMap = Mapping[str, str]


def parse_label_map(entries: Sequence[str]) -> dict[str, str]:
    """`["Truck=RBC", "more.yaml", ...]` as a dict; a YAML file holds lines of `old: new`.

    Raises:
        RecipeError: An entry that is neither, a file that cannot be used, or one label mapped twice.
    """
    out: dict[str, str] = {}
    for entry in entries:
        for old, new in _label_pairs(entry):
            if out.get(old, new) != new:
                raise RecipeError(f"label map: {old!r} is mapped to both {out[old]!r} and {new!r}")
            out[old] = new
    return out


def _label_pairs(entry: str) -> list[tuple[str, str]]:
    old, sign, new = (part.strip() for part in entry.partition("="))
    if old and sign and new:
        return [(old, new)]
    if sign or Path(entry).suffix.lower() not in (".yaml", ".yml"):
        raise RecipeError(
            f"label map {entry!r}: write it as OLD=NEW, for example Truck=RBC, or name a YAML file of "
            "lines `OLD: NEW`"
        )
    from smearprep.yamlfiles import BrokenYamlError, parse_yaml

    try:
        data = parse_yaml(Path(entry).read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise RecipeError(f"label map {entry}: is not a text file") from None
    except OSError as error:
        raise RecipeError(f"label map {entry}: cannot be read ({error.strerror or error})") from None
    except BrokenYamlError as error:
        raise RecipeError(f"label map {entry}: {error}") from None
    if not isinstance(data, dict) or not all(isinstance(new, str) and new.strip() for new in data.values()):
        raise RecipeError(f"label map {entry}: it holds no lines of `old label: new label`")
    return [(str(old), new.strip()) for old, new in data.items()]


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
    cells: Sequence[Cell], size: tuple[int, int], file: str, what: str = "cell"
) -> tuple[tuple[Cell, ...], list[Finding]]:
    """Cut cells at the image's border; leave out those wholly beyond it.

    Args:
        cells: In px of the image.
        size: (width, height) of the image in px.
        file: For the findings.
        what: They call each of them so.

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
            told = f"the {cell.label} {what} lies outside the {size[0]}x{size[1]} image; left out"
            findings.append(Finding("outside", told, file, str(n)))
        else:
            kept.append(replace(cell, shape=clipped[n]))
            told = f"the {cell.label} {what} reached beyond the {size[0]}x{size[1]} image; cut at its border"
            findings.append(Finding("clipped", told, file, str(n)))
    return tuple(kept), findings


def fit_regions(image: ImageCells, size: tuple[int, int], file: str) -> tuple[ImageCells, list[Finding]]:
    """What `fit_to_image` does, for the cells and the crowds of an image."""
    cells, found = fit_to_image(image.cells, size, file)
    crowds, also_found = fit_to_image(image.crowds, size, file, "crowd")
    return replace(image, cells=cells, crowds=crowds), [*found, *also_found]


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
