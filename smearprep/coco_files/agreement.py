"""How far two annotators agree on the same images: which cells both saw, where, and what they called them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smearprep.coco_files.files import Match, Progress, images_by_name, nearest, open_files
from smearprep.coco_files.matching import Pair, best_matching, near_points, overlaps
from smearprep.errors import DataError, RecipeError
from smearprep.findings import Finding, Summary, count_kinds
from smearprep.formats.coco.reading import CocoFile, CocoImage
from smearprep.records import Cell

Row = Mapping[str, Any]
_MOST_LABELS = 30  # rows and columns of the table of labels; rarer ones share one
_OTHERS = "other labels"


def agree(
    a: Path,
    b: Path,
    *,
    iou: float = 0.5,
    point_distance: float | None = None,
    match: Match = "path",
    worst: int = 10,
    progress: Progress | None = None,
) -> Summary:
    """Compare two COCO files on the images that are in both; nothing is written.

    Cells are matched one to one, whatever their labels: as many as can be, and of these matchings the one
    with the greatest sum of overlaps. The overlap is the intersection over union of the outlines
    themselves, or of the bounding boxes where of either cell only the box is known. A cell that found no
    partner and whose category the other annotator did not look for in that image is no disagreement: it is
    counted as "not_looked_for" alone.

    Figures ("agreement"), None where they are not defined:
        mean and median overlap of the matched cells, points aside;
        detection F1 = 2 * matched / (2 * matched + only in A + only in B);
        same label = share of the matched cells with equal labels;
        Cohen's kappa of these labels = (p_o - p_c) / (1 - p_c), p_o the share of equal labels and p_c that
        expected by chance from how often each uses each label (Cohen, A coefficient of agreement for
        nominal scales, Educational and Psychological Measurement 20, 1960, equation 1). Undefined where
        p_c is 1: both use one and the same label only.

    Args:
        a: The first annotator's COCO file.
        b: The second one's.
        iou: Cells match from this overlap, above 0, at most 1.
        point_distance: Points match up to so many px apart; None: points are left out and counted.
        match: What makes two images one: the same "path", or the same file "name" without folders and
            without the prefix of Label Studio's uploads.
        worst: How many images the table of the worst has.
        progress: Told of images done, of all.

    Returns:
        Counts, and the tables "files" (which is A), "agreement", "labels" (rows: A's, columns: B's, of the
        matched cells), "by label" (how often both, or only one, has it; F1 where place and label count) and
        "worst images".

    Raises:
        RecipeError: An option out of its range.
        DataError: A file is no COCO file, or the files have no image in common.
    """
    if not 0 < iou <= 1:
        raise RecipeError(f"iou {iou:g}: give an overlap above 0, at most 1")
    if point_distance is not None and not 0 <= point_distance < math.inf:
        raise RecipeError(f"point distance {point_distance:g}: give px, 0 or more")
    findings: list[Finding] = []
    files = open_files([a, b], findings)
    names = [images_by_name(file, match, findings) for file in files]
    common = [name for name in names[0] if name in names[1]]
    if not common:
        raise DataError(a, _none_in_common(files, names, match))
    findings += [
        _only_in(files[n], files[1 - n], names[n], names[1 - n])
        for n in (0, 1)
        if len(names[n]) > len(common)
    ]
    job = _Agreement(iou, point_distance, findings)
    for n, name in enumerate(common, 1):
        sides = [[file.image(key) for key in found[name]] for file, found in zip(files, names, strict=True)]
        job.add(name, sides[0], sides[1], files[1].name)
        if progress:
            progress(n, len(common))
    return _summary(job, files, worst)


def _none_in_common(files: Sequence[CocoFile], names: Sequence[Mapping[str, Any]], match: Match) -> str:
    if not all(names):
        return f"cannot be compared: {files[bool(names[0])].name} has no image that can be used"
    first = next(iter(names[0]))
    hint = f"{first!r} is not in {files[1].name}; {nearest(first, list(names[1])[:1000])}"
    advice = "; images can be matched by name, without folders" if match == "path" else ""
    return f"has no image in common with {files[1].name}: {hint}{advice}"


def _only_in(file: CocoFile, other: CocoFile, names: Mapping[str, Any], others: Mapping[str, Any]) -> Finding:
    alone = [name for name in names if name not in others]
    told = f"{len(alone)} of its {len(names)} images are not in {other.name}: {', '.join(alone[:3])}"
    return Finding("note", f"{told}{', ...' if len(alone) > 3 else ''}; not compared", file.name)


# ---------------------------------------------------------------- one image after the other


@dataclass
class _Agreement:
    """What has been compared so far."""

    iou: float
    point_distance: float | None
    findings: list[Finding]
    rows: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    found: list[float] = field(default_factory=list)
    labels: Counter[tuple[str, str]] = field(default_factory=Counter)
    alone: Counter[tuple[int, str]] = field(default_factory=Counter)

    def add(self, name: str, a: Sequence[CocoImage], b: Sequence[CocoImage], file: str) -> None:
        """Compare an image; several records of it in a file count together."""
        sizes = {image.size for image in (*a, *b)} - {None}
        if len(sizes) > 1:
            told = " and ".join(f"{w}x{h}" for w, h in sorted(size for size in sizes if size is not None))
            self.findings.append(Finding("size_mismatch", f"{name} is stated with {told} px; left out", file))
            return
        cells = [one.cell for image in a for one in image.cells], [c.cell for image in b for c in image.cells]
        if self.point_distance is None:
            self.counts["points_left_out"] += sum(c.outline == "point" for side in cells for c in side)
            cells = (
                [c for c in cells[0] if c.outline != "point"],
                [c for c in cells[1] if c.outline != "point"],
            )
        scores = overlaps(*cells, self.iou, name)
        points = {} if self.point_distance is None else near_points(*cells, self.point_distance, name)
        texts = [cell.label for cell in cells[0]], [cell.label for cell in cells[1]]
        pairs = best_matching({**scores, **points}, texts)
        looked_for = [frozenset[str]().union(*(i.annotated for i in side)) for side in (a, b)]
        self._count(name, cells, pairs, [scores[pair] for pair in pairs if pair in scores], looked_for)

    def _count(
        self,
        name: str,
        cells: tuple[list[Cell], list[Cell]],
        pairs: Sequence[Pair],
        found: Sequence[float],
        looked_for: Sequence[frozenset[str]],
    ) -> None:
        alone = []
        for n, side in enumerate(cells):
            matched = {pair[n] for pair in pairs}
            left = [cell.label for m, cell in enumerate(side) if m not in matched]
            counted = [(n, label) for label in left if label in looked_for[1 - n]]
            alone.append(len(counted))
            self.alone.update(counted)
            self.counts["not_looked_for"] += len(left) - len(counted)
        labels = [(cells[0][i].label, cells[1][j].label) for i, j in pairs]
        same = sum(x == y for x, y in labels)
        self.counts.update(
            images=1, cells_in_a=len(cells[0]), cells_in_b=len(cells[1]), matched=len(pairs),
            only_in_a=alone[0], only_in_b=alone[1], same_label=same,
        )  # fmt: skip
        self.labels.update(labels)
        self.found += found
        self.rows.append(
            {
                "image": name,
                "only in A": alone[0],
                "only in B": alone[1],
                "matched": len(pairs),
                "same label": same,
                "detection F1": f1(len(pairs), *alone),
                "mean overlap": mean(found),
            }
        )


# ---------------------------------------------------------------- figures


def f1(matched: int, only_a: int, only_b: int) -> float | None:
    """Detection F1, or None where there is no cell."""
    cells = 2 * matched + only_a + only_b
    return 2 * matched / cells if cells else None


def mean(values: Sequence[float]) -> float | None:
    """The mean, or None of nothing."""
    return math.fsum(values) / len(values) if values else None


def median(values: Sequence[float]) -> float | None:
    """The median, or None of nothing."""
    ordered = sorted(values)
    n = len(ordered)
    return (ordered[(n - 1) // 2] + ordered[n // 2]) / 2 if n else None


def cohens_kappa(labels: Mapping[tuple[str, str], int]) -> float | None:
    """Cohen's kappa (Cohen 1960, equation 1).

    Args:
        labels: (label of the one, label of the other) -> how many cells.

    Returns:
        1 where all labels are equal, 0 for what chance gives; None where it is not defined: no cell, or
        both use one and the same label only.
    """
    total = sum(labels.values())
    first: Counter[str] = Counter()
    second: Counter[str] = Counter()
    for (x, y), count in labels.items():
        first[x] += count
        second[y] += count
    by_chance = sum(count * second[label] for label, count in first.items())  # of total * total
    if by_chance == total * total:
        return None
    equal = sum(count for (x, y), count in labels.items() if x == y)
    return (equal * total - by_chance) / (total * total - by_chance)


# ---------------------------------------------------------------- what is told at the end


def _summary(job: _Agreement, files: Sequence[CocoFile], worst: int) -> Summary:
    counts = {
        key: job.counts[key]
        for key in (
            "images", "cells_in_a", "cells_in_b", "matched", "only_in_a", "only_in_b", "same_label",
            "not_looked_for", "points_left_out",
        )
    }  # fmt: skip
    kappa = cohens_kappa(job.labels)
    figures = {
        "mean overlap": mean(job.found),
        "median overlap": median(job.found),
        "detection F1": f1(counts["matched"], counts["only_in_a"], counts["only_in_b"]),
        "same label": counts["same_label"] / counts["matched"] if counts["matched"] else None,
        "Cohen's kappa": kappa,
    }
    findings = list(job.findings)
    if kappa is None and counts["matched"]:
        (label, _), *_ = job.labels
        what = f"all matched cells are {label} in both files: Cohen's kappa is not defined for one label"
        findings.append(Finding("note", what))
    if counts["points_left_out"]:
        what = f"points left out: {counts['points_left_out']}; state how far apart two of one cell may lie"
        findings.append(Finding("note", what))
    hardest = sorted(job.rows, key=_badness)[: max(worst, 0)]
    tables: dict[str, tuple[Row, ...]] = {
        "files": tuple({"as": name, "file": file.name} for file, name in zip(files, "AB", strict=True)),
        "agreement": (figures,),
        "labels": _confusions(job.labels),
        "by label": _by_label(job),
        "worst images": tuple(hardest),
    }
    return Summary(
        command="coco agree",
        counts={**counts, **count_kinds(findings)},
        findings=tuple(findings),
        tables={title: rows for title, rows in tables.items() if rows},
    )


def _by_label(job: _Agreement) -> tuple[Row, ...]:
    """Of each label, how often both, or only one of them, has it."""
    first: Counter[str] = Counter()
    second: Counter[str] = Counter()
    for (x, y), count in job.labels.items():
        first[x] += count
        second[y] += count
    names = sorted({*first, *second, *(label for _, label in job.alone)})
    rows = []
    for name in names:
        same, only = job.labels[name, name], (job.alone[0, name], job.alone[1, name])
        other = first[name] - same, second[name] - same
        row: dict[str, Any] = {"label": name, "same": same}
        row |= {
            "in B another": other[0],
            "in A another": other[1],
            "only in A": only[0],
            "only in B": only[1],
        }
        rows.append({**row, "F1": f1(same, only[0] + other[0], only[1] + other[1])})
    return tuple(rows)


def _badness(row: Mapping[str, Any]) -> tuple[float, float, float]:
    """The worst image first: by cells that only one has, then by labels, then by overlaps."""
    score, matched, found = row["detection F1"], row["matched"], row["mean overlap"]
    same = row["same label"] / matched if matched else 1.0
    return (1.0 if score is None else score, same, 1.0 if found is None else found)


def _confusions(labels: Mapping[tuple[str, str], int]) -> tuple[Row, ...]:
    """Rows of A's labels, columns of B's; the commonest, all others together."""
    used: Counter[str] = Counter()
    for (x, y), count in labels.items():
        used[x] += count
        used[y] += count
    shown = [label for label, _ in sorted(used.items(), key=lambda item: (-item[1], item[0]))[:_MOST_LABELS]]
    cells: Counter[tuple[str, str]] = Counter()
    for (x, y), count in labels.items():
        cells[x if x in shown else _OTHERS, y if y in shown else _OTHERS] += count
    columns = [*shown, *([_OTHERS] if len(used) > len(shown) else [])]
    return tuple({"A \\ B": x, **{y: cells[x, y] for y in columns}} for x in columns)
