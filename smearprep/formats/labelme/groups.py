"""The shapes of one label and one group_id: one cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from smearprep.findings import Finding
from smearprep.formats.outlines import Drawn
from smearprep.geometry import assembled


def joined(group: Sequence[Drawn], file: str, findings: list[Finding]) -> Sequence[Drawn]:
    """Shapes that share label and group_id as one cell of several parts.

    Points are no parts of it: they are left out and named if the group has anything else, and stay cells of
    their own if it has not. Of several boxes the box round all of them is taken, for nobody drew an outline.

    Args:
        group: In the file's order, at least one.
        file: For the findings.
        findings: What is left out or joined is appended.
    """
    parts = [one for one in group if one.outline != "point"]
    if not parts or len(group) == 1:
        return group
    for one in group:
        if one.outline == "point":
            what = "the point belongs to a cell that is drawn as well (group_id); left out"
            findings.append(Finding("note", what, file, one.id))
    first = parts[0]
    first.attributes = _merged(parts)
    if len(parts) == 1:
        return parts
    outlines = [one.outline for one in parts if one.outline != "box"]
    if not outlines:
        what = f"{len(parts)} rectangles are one cell (group_id); the box round them is taken"
        findings.append(Finding("note", what, file, first.id))
        first.outer = (_box_round(parts),)
        return [first]
    first.outline = outlines[0]
    first.outer = [ring for one in parts for ring in one.outer]
    masks: list[Any] = [one.shape for one in parts if one.shape is not None]
    if masks:
        first.shape, overlap = assembled(masks)
        if overlap:
            findings.append(Finding("repaired", "its masks overlapped: merged", file, first.id))
    return [first]


def _merged(parts: Sequence[Drawn]) -> dict[str, Any]:
    """What is said of any part; of what is said differently, what the first one says."""
    told: dict[str, Any] = {}
    for one in reversed(parts):
        told |= one.attributes
    return told


def _box_round(parts: Sequence[Drawn]) -> list[tuple[float, float]]:
    xs, ys = zip(*(position for one in parts for ring in one.outer for position in ring), strict=True)
    x0, y0, x1, y1 = min(xs), min(ys), max(xs), max(ys)
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
