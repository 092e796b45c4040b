"""Arrays -> cells: the regions of a class mask, the values of a label image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats.masks.files import Values, bands, levels
from smearprep.geometry import Mask, mask_to_shapes
from smearprep.records import Cell, Outline

_NOISE_FROM = 1_000_000_000  # px of all bounds together: some seconds of work


def mask_to_cells(
    mask: NDArray[Any],
    label: str,
    min_area: int,
    file: str,
    findings: list[Finding],
    outline: Outline = "component",
) -> tuple[Cell, ...]:
    """One cell for each 4-connected region of a class mask.

    Args:
        mask: (H, W), nonzero is foreground.
        label: Of the cells.
        min_area: Regions of fewer px are specks: left out, one finding for all of them.
        file: For the findings.
        findings: Where specks are reported.
        outline: "drawn" where regions never run together, as in masks of one cell an image.

    Returns:
        In the order of their first pixels.
    """
    shapes, specks = mask_to_shapes(mask, min_area)
    report_specks(specks, label, min_area, file, findings)
    return tuple(Cell(label, shape, outline) for shape in shapes)


def labels_to_cells(
    values: Values, label: str, min_area: int, file: str, findings: list[Finding]
) -> tuple[Cell, ...]:
    """One cell for each value of a label image; what is apart under one value stays one cell.

    Args:
        values: (H, W) integers, 0 is background.
        label: Of the cells.
        min_area: Instances of fewer px are specks: left out, one finding for all of them.
        file: For the findings.
        findings: Where specks are reported.

    Returns:
        In the order of their values; attribute "instance" is the value.

    Raises:
        DataError: The values lie about like noise.
    """
    found = find_instances(values, file)
    large = [one for one in found if one.area >= min_area]
    report_specks(len(found) - len(large), label, min_area, file, findings)
    return tuple(Cell(label, one.trace(one.mask(values)), "drawn", {"instance": one.value}) for one in large)


@dataclass(frozen=True, slots=True)
class Instance:
    """One value of a label image.

    Args:
        value: The value.
        box: Its bounds, xyxy in whole px, half-open.
        area: How many px have it.
    """

    value: int
    box: tuple[int, int, int, int]
    area: int

    def crop(self, array: Values) -> Values:
        """What an array (H, W) has within the bounds."""
        x0, y0, x1, y1 = self.box
        return array[y0:y1, x0:x1]

    def mask(self, values: Values) -> Mask:
        """Its px within its bounds, of the label image (H, W)."""
        found: Mask = self.crop(values) == self.value
        return found

    def trace(self, mask: Mask) -> Polygon | MultiPolygon:
        """Its outline in px of the label image, given its px within its bounds."""
        parts, _ = mask_to_shapes(mask)
        shape = parts[0] if len(parts) == 1 else MultiPolygon(parts)
        moved: Polygon | MultiPolygon = shapely.transform(shape, lambda xy: xy + self.box[:2])
        return moved


def find_instances(values: Values, file: str) -> list[Instance]:
    """The values of a label image besides 0, in order.

    Raises:
        DataError: They lie about like noise: no label image, and far too long to trace.
    """
    present = levels(values)
    low = np.full((len(present), 2), np.iinfo(np.intp).max)
    high = np.zeros((len(present), 2), np.intp)
    area = np.zeros(len(present), np.intp)
    top = 0
    for band in bands(values):
        y, x = np.nonzero(band)
        owner = np.searchsorted(present, band[y, x])
        for axis, at in enumerate((x, y + top)):
            np.minimum.at(low[:, axis], owner, at)
            np.maximum.at(high[:, axis], owner, at)
        area += np.bincount(owner, minlength=len(present))
        top += len(band)
    covered = int((high + 1 - low).prod(axis=1).sum())
    if covered > max(_NOISE_FROM, 32 * values.size):
        what = f"its {len(present)} values lie scattered all over the image: noise, and no label image"
        raise DataError(file, what)
    boxes = np.concatenate([low, high + 1], axis=1).tolist()
    return [
        Instance(value, (x0, y0, x1, y1), px)
        for value, (x0, y0, x1, y1), px in zip(present.tolist(), boxes, area.tolist(), strict=True)
    ]


def report_specks(count: int, label: str, min_area: int, file: str, findings: list[Finding]) -> None:
    """Name the regions that are too small to be cells, if there are any."""
    if count:
        what = f"{count} {label} region{'s' * (count > 1)} below {min_area} px; left out"
        findings.append(Finding("speck", what, file))
