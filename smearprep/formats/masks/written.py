"""Sets of masks as `writing` lays them out, and how they are read back.

OUT/labels.json            {"background": 0, "Platelets": 1, "RBC": 2}
OUT/class/<image>.png      which of these a pixel is: uint8
OUT/instance/<image>.png   which cell of the image: uint16, 0 is background
OUT/edge/<image>.png       255 where cells end: uint8
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from smearprep.errors import DataError
from smearprep.findings import Finding, shown_name
from smearprep.formats.masks.arrays import Instance, find_instances, mask_to_cells, report_specks
from smearprep.formats.masks.files import BACKGROUND, Values, read_labels, size_of
from smearprep.formats.reading import ReadOptions
from smearprep.images import is_file
from smearprep.jsonfiles import read_json
from smearprep.records import Cell, ImageCells

CLASS, INSTANCE, EDGE = "class", "instance", "edge"
LABELS = "labels.json"
MOST_LABELS, MOST_CELLS = 255, 65_535
"""What a pixel of a class mask, and of an instance mask, can tell apart."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mask lies in such a set.

    Args:
        root: The folder of labels.json.
        kind: The folder it lies in: CLASS, INSTANCE or EDGE.
        name: Its path in each of the three.
        labels: Number -> label, without the background.
    """

    root: Path
    kind: str
    name: PurePath
    labels: Mapping[int, str]


def find_place(path: Path) -> Place | None:
    """Where a mask lies in such a set; None if it lies in none.

    Raises:
        DataError: There is a labels.json where that of a set would be, and it is broken.
    """
    path = path.absolute()
    for folder in path.parents:
        listed = folder.parent / LABELS
        if folder.name in (CLASS, INSTANCE, EDGE) and is_file(listed):
            labels = _numbered(read_json(listed))
            if labels is not None:
                return Place(folder.parent, folder.name, path.relative_to(folder), labels)
    return None


def _numbered(labels: object) -> dict[int, str] | None:
    """Number -> label of a labels.json; None if it is something else of that name."""
    if not isinstance(labels, dict) or labels.get(BACKGROUND) != 0:
        return None
    numbers = [n for n in labels.values() if type(n) is int and 0 <= n <= MOST_LABELS]
    if len(set(numbers)) < len(labels) or not all(map(str.strip, labels)):
        return None
    return {n: label for label, n in labels.items() if n}


def read_written(
    path: Path, place: Place, options: ReadOptions, findings: list[Finding]
) -> Iterator[ImageCells]:
    """The cells of a mask of such a set: those of an instance mask; of a class mask without one its regions.

    Raises:
        DataError: Not a readable mask, or an instance mask without its class mask.
    """
    file = options.name(path)
    if place.kind == INSTANCE:
        values = read_labels(path)
        cells = _instances(values, _classes_of(values, path, place), place, options, file, findings)
    elif place.kind == EDGE or is_file(place.root / INSTANCE / place.name):
        what = f"its cells are read from {INSTANCE}/{shown_name(place.name)}; passed over"
        findings.append(Finding("note", what, file))
        return
    else:
        values = read_labels(path)
        cells = tuple(
            cell
            for n, label in place.labels.items()
            for cell in mask_to_cells(values == n, label, options.min_area.get(label, 1), file, findings)
        )
    name = shown_name(place.name.with_suffix(""))
    yield ImageCells(name, size_of(values), cells, str(path), frozenset(place.labels.values()))


def _classes_of(values: Values, path: Path, place: Place) -> Values:
    """The class mask that belongs to an instance mask."""
    wanted = f"{CLASS}/{shown_name(place.name)}"
    try:
        classes = read_labels(place.root / CLASS / place.name)
    except DataError as error:
        raise DataError(path, f"what its cells are stands in {wanted}, which {error.what}") from None
    if classes.shape != values.shape:
        (width, height), (w, h) = size_of(values), size_of(classes)
        raise DataError(path, f"is {width}x{height} px, but {wanted}, which says what its cells are, {w}x{h}")
    return classes


def _instances(
    values: Values, classes: Values, place: Place, options: ReadOptions, file: str, findings: list[Finding]
) -> tuple[Cell, ...]:
    """The cells of an instance mask, with the labels that the class mask gives them."""
    cells: list[Cell] = []
    specks: Counter[str] = Counter()
    for one in find_instances(values, file):
        mask = one.mask(values)
        label = _label(one, one.crop(classes)[mask], place, file, findings)
        if label is None:
            continue
        if one.area < options.min_area.get(label, 1):
            specks[label] += 1
        else:
            cells.append(Cell(label, one.trace(mask), "drawn", {"instance": one.value}))
    for label, count in specks.items():
        report_specks(count, label, options.min_area[label], file, findings)
    return tuple(cells)


def _label(one: Instance, classes: Values, place: Place, file: str, findings: list[Finding]) -> str | None:
    """What a cell is by the classes (n,) of its px: the commonest; None, and a finding, if that is none."""
    found, count = np.unique(classes, return_counts=True)
    numbers = found.tolist()
    label = place.labels.get(numbers[count.argmax()])
    told = ", ".join(f"{n} px of {place.labels.get(k, k)!r}" for k, n in zip(numbers, count, strict=True))
    if label is None:
        what = f"the class mask gives it no class of {LABELS} ({told[:200]}); left out"
        findings.append(Finding("unknown_label", what, file, f"instance {one.value}"))
    elif len(found) > 1:
        what = f"the class mask gives it several classes ({told[:200]}); read as {label}"
        findings.append(Finding("damaged", what, file, f"instance {one.value}"))
    return label
