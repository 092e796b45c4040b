"""Outlines as an annotation file has them -> cells: what every reader of drawn outlines does alike."""

from __future__ import annotations

import math
import reprlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from smearprep.findings import Finding, Kind
from smearprep.geometry import Fault, FloatArray, assembled, outlines_to_shapes
from smearprep.records import Cell, Outline, Shape

Ring = Sequence[Sequence[Any]] | FloatArray
"""The vertices of an outline: (n, 2) x, y in px, open or closed; what is in it is not yet checked."""


class Unusable(Exception):  # noqa: N818 - it says what an entry is
    """An entry that makes no cell: becomes a finding, never an error for the user.

    Args:
        kind: Of the finding.
        what: What is wrong, without a full stop.
    """

    def __init__(self, kind: Kind, what: str) -> None:
        super().__init__(what)
        self.kind = kind
        self.what = what


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
        shape: Its shape, where the reader knows it already (a box, a point, a traced mask). Outlines that
            are stated beside it are further parts.
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
    rings = [ring for one in drawn for ring in (*one.outer, *one.holes)]
    shapes, faults = outlines_to_shapes(*_vertices(rings))
    cells, at = [], 0
    for one in drawn:
        end = at + len(one.outer) + len(one.holes)
        shape, kind, fault = _whole(one, shapes[at:end], faults[at:end])
        at = end
        if shape is not None and (not isinstance(one.label, str) or not one.label.strip()):
            what = f"its label is {reprlib.repr(one.label)}; left out"
            findings.append(Finding("invalid", what, file, one.id))
            continue
        if kind:
            findings.append(Finding(kind, fault, file, one.id))
        if shape is not None:
            cells.append(Cell(one.label, shape, one.outline, one.attributes))
    return tuple(cells)


def _whole(one: Drawn, shapes: Sequence[Any], faults: Sequence[Fault]) -> tuple[Any, Fault, str]:
    """A cell's shape or None, and its fault, as kind and in words.

    Args:
        one: The cell.
        shapes: Of its outlines, outer ones first.
        faults: Of each of these.
    """
    if not shapes:
        return one.shape, "", ""
    if len(shapes) == 1 and one.outer and one.shape is None:
        return shapes[0], faults[0], _IN_WORDS[faults[0]]
    known, middle = [one.shape] if one.shape is not None else [], len(one.outer)
    parts = known + [part for part in shapes[:middle] if part is not None]
    cut = [hole for hole in shapes[middle:] if hole is not None]
    if not parts:
        kind: Fault = "zero_area" if "zero_area" in faults[:middle] else "invalid"
        return None, kind, _IN_WORDS[kind]
    shape, changed = assembled(parts, cut)
    if shape is None:
        return None, "zero_area", "its holes leave nothing of it; left out"
    told = []
    if "repaired" in faults:
        told.append("an outline crossed itself: made valid")
    lost = faults.count("zero_area") + faults.count("invalid")
    if lost:
        told.append(f"{lost} of its {len(known) + len(faults)} outlines had no area: dropped")
    if changed:
        told.append("its parts overlapped, or a hole reached out of them: merged")
    return shape, "repaired" if told else "", "; ".join(told)


_IN_WORDS: Mapping[Fault, str] = {
    "": "",
    "repaired": "the outline crossed itself; made valid, its parts kept as one cell",
    "zero_area": "the outline has no area; left out",
    "invalid": (
        "the outline needs at least 3 points, x and y of each a number, and may be no scribble that crosses "
        "itself thousands of times; left out"
    ),
}


_BROKEN = (TypeError, ValueError, OverflowError, struct.error)


def _vertices(rings: Sequence[Ring]) -> tuple[FloatArray, list[int]]:
    """The vertices of all outlines, (n, 2) in px, and how many each has: none where one is broken."""
    try:
        return _flat(rings)
    except _BROKEN:  # something is odd: find out which, one by one
        pass
    found = []
    for ring in rings:
        try:
            found.append(_flat([ring]))
        except _BROKEN:
            found.append((np.empty((0, 2)), [0]))
    return np.concatenate([np.empty((0, 2)), *(xy for xy, _ in found)]), [n for _, (n,) in found]


def _flat(rings: Sequence[Ring]) -> tuple[FloatArray, list[int]]:
    lengths = list(map(len, rings))
    if any(isinstance(ring, np.ndarray) for ring in rings):
        pieces = [ring if isinstance(ring, np.ndarray) else _pairs(ring) for ring in rings]
        if any(piece.shape[1:] != (2,) for piece in pieces):
            raise ValueError("a vertex is a pair x, y")
        return np.concatenate(pieces).astype(np.float64), lengths
    return _pairs(list(chain.from_iterable(rings))), lengths


def _pairs(points: Sequence[Sequence[Any]]) -> FloatArray:
    """Points as (n, 2); anything but two numbers a point is an error."""
    if not {2}.issuperset(map(len, points)):
        raise ValueError("a vertex is a pair x, y")
    # Packed as C has numbers: sooner than NumPy takes them from a list, and text that reads "5" is refused.
    numbers = list(chain.from_iterable(points))
    return np.frombuffer(struct.pack(f"{len(numbers)}d", *numbers)).reshape(-1, 2)


# ---------------------------------------------------------------- round and turned shapes

_ANGLES = np.arange(96) * (2 * np.pi / 96)
_UNIT_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


def ellipse(centre: tuple[float, float], radii: tuple[float, float], angle: float = 0.0) -> FloatArray:
    """An ellipse as a polygon of 96 corners on it: 0.07 % of its area are lost, and it has the same box.

    Args:
        centre: x, y in px.
        radii: Along x and y in px, before it is turned.
        angle: In radians, clockwise as people see an image.

    Returns:
        (96, 2) x, y in px.
    """
    with np.errstate(invalid="ignore", over="ignore"):  # of a radius that is no number: found later
        return turned(_UNIT_CIRCLE * radii, angle) + centre


def turned(xy: FloatArray, angle: float, about: tuple[float, float] = (0.0, 0.0)) -> FloatArray:
    """Points (n, 2) turned by an angle in radians, clockwise as people see it; quarter turns are exact."""
    if not math.isfinite(angle):
        return np.full_like(xy, np.nan)
    cos, sin = round(math.cos(angle), 15), round(math.sin(angle), 15)
    with np.errstate(invalid="ignore", over="ignore"):
        moved: FloatArray = (xy - about) @ np.array([(cos, sin), (-sin, cos)]) + about
    return moved if angle else xy
