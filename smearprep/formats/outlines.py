"""Outlines as an annotation file has them -> cells: what every reader of drawn outlines does alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from smearprep.findings import Finding
from smearprep.geometry import Fault, FloatArray, assembled, outlines_to_shapes
from smearprep.records import Cell, Outline, Shape

Ring = Sequence[Sequence[Any]] | FloatArray
"""The vertices of an outline: (n, 2) x, y in px, open or closed; what is in it is not yet checked."""


@dataclass(slots=True)
class Drawn:
    """One cell as a file has it, before anybody has looked whether its outline is sound.

    Args:
        id: What findings call it.
        label: Its label; anything but a text that is not blank is a fault.
        outer: The outlines of its parts.
        holes: What is cut out of them.
        outline: How its shape is known.
        attributes: Of the cell.
        shape: Its shape, where the reader knows it already (a box, a point, a traced mask): then no
            outline is looked at.
    """

    id: str
    label: Any
    outer: Sequence[Ring] = ()
    holes: Sequence[Ring] = ()
    outline: Outline = "drawn"
    attributes: Mapping[str, Any] = field(default_factory=dict)
    shape: Shape | None = None


def drawn_to_cells(drawn: Sequence[Drawn], file: str, findings: list[Finding]) -> tuple[Cell, ...]:
    """The cells of an image, all outlines checked and repaired at once.

    Args:
        drawn: In the file's order.
        file: For the findings.
        findings: What is left out ("invalid", "zero_area") or "repaired" is appended, in that order.

    Returns:
        The cells that can be used. Valid outlines keep their vertices.
    """
    rings = [ring for one in drawn if one.shape is None for ring in (*one.outer, *one.holes)]
    shapes, faults = outlines_to_shapes(*_vertices(rings))
    cells, at = [], 0
    for one in drawn:
        shape, fault = one.shape, ""
        kind: Fault = ""
        if shape is None:
            middle, end = at + len(one.outer), at + len(one.outer) + len(one.holes)
            shape, kind, fault = _one_shape(
                shapes[at:middle], faults[at:middle], shapes[middle:end], faults[middle:end]
            )
            at = end
        if shape is not None and (not isinstance(one.label, str) or not one.label.strip()):
            findings.append(Finding("invalid", f"its label is {one.label!r}; left out", file, one.id))
            continue
        if kind:
            findings.append(Finding(kind, fault, file, one.id))
        if shape is not None:
            cells.append(Cell(one.label, shape, one.outline, one.attributes))
    return tuple(cells)


def _one_shape(
    outer: Sequence[Any], faults: Sequence[Fault], holes: Sequence[Any], hole_faults: Sequence[Fault]
) -> tuple[Any, Fault, str]:
    """A cell's shape or None, and its fault, as kind and in words."""
    if len(outer) == 1 and not holes:
        return outer[0], faults[0], _IN_WORDS[faults[0]]
    parts, cut = [part for part in outer if part is not None], [hole for hole in holes if hole is not None]
    if not parts:
        kind: Fault = "zero_area" if "zero_area" in faults else "invalid"
        return None, kind, _IN_WORDS[kind]
    shape, changed = assembled(parts, cut)
    if shape is None:
        return None, "zero_area", "its holes leave nothing of it; left out"
    told = []
    if "repaired" in (*faults, *hole_faults):
        told.append("an outline crossed itself: made valid")
    lost = len(outer) - len(parts) + len(holes) - len(cut)
    if lost:
        told.append(f"{lost} of its {len(outer) + len(holes)} outlines had no area: dropped")
    if changed:
        told.append("its parts overlapped, or a hole reached out of them: merged")
    return shape, "repaired" if told else "", "; ".join(told)


_IN_WORDS: Mapping[Fault, str] = {
    "": "",
    "repaired": "the outline crossed itself; made valid, its parts kept as one cell",
    "zero_area": "the outline has no area; left out",
    "invalid": "the outline needs at least 3 points, x and y of each a number; left out",
}


def _vertices(rings: Sequence[Ring]) -> tuple[FloatArray, list[int]]:
    """The vertices of all outlines, (n, 2) in px, and how many each has: none where one is broken."""
    try:
        return _flat(rings)
    except (TypeError, ValueError, OverflowError):  # something is odd: find out which, one by one
        pass
    found = []
    for ring in rings:
        try:
            found.append(_flat([ring]))
        except (TypeError, ValueError, OverflowError):
            found.append((np.empty((0, 2)), [0]))
    return np.concatenate([np.empty((0, 2)), *(xy for xy, _ in found)]), [n for _, (n,) in found]


def _flat(rings: Sequence[Ring]) -> tuple[FloatArray, list[int]]:
    lengths = list(map(len, rings))
    points = list(chain.from_iterable(rings))
    if any(len(point) != 2 for point in points):
        raise ValueError("a vertex is a pair x, y")
    xy = np.fromiter(chain.from_iterable(points), float, 2 * len(points))
    return xy.reshape(-1, 2), lengths
