"""Outlines that are made, against those that experts drew: boxes, points, components, and nothing at all.

    SMEARPREP_DATA=... python -m tests.bench.bench_assist [--sheets FOLDER]

White cells: the single-cell components of the class masks of ALL-IDB1 (at least 2,000 px, nine tenths of
their convex hull, at most three times as large as is usual in their image). Constants were chosen on some of
the smears, drawn by lot ("chosen on"); the others were not looked at ("unseen"). Red cells: the ten images
with outlines by pathologists, all of which were looked at. Windows, empty boxes and BCCD: see `assist_rows`;
the thresholds of violet and of contrast were chosen with all data sets in view. `--sheets` draws the white
cells of BCCD and Raabin-WBC, of which only boxes are known. One core.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import shapely

from smearprep import datasets
from smearprep.assist import from_box, from_mask, from_nothing, from_point
from smearprep.assist.made import filled
from smearprep.datasets.loading import LoadOptions
from smearprep.formats.masks import mask_to_cells, read_mask
from smearprep.geometry import shape_to_mask
from smearprep.images import read
from smearprep.records import Cell, Sample
from tests.bench.assist_rows import bccd_rows, draw_sheets, empty_rows, sources, window_rows
from tests.bench.measuring import store
from tests.bench.plain_outlines import otsu_green, plain_grabcut

MOVED = 4  # px a side, at most
Row = dict[str, object]
Method = Callable[[Any, Sequence[Cell]], Sequence[Cell]]


# ---------------------------------------------------------------- what is true


@dataclass(frozen=True)
class Smear:
    """A photograph with its single white cells."""

    sample: Sample
    singles: tuple[Cell, ...]
    half: str


def white_smears(raw: Path) -> list[Smear]:
    """The photographs with white-cell masks, and which of them were looked at while constants were chosen.

    Half of those with single cells for the outlines, and half of all for the search, by two lots.
    """
    found = datasets.load(raw / "ALL_IDB1", LoadOptions(frozenset({"WBC"})), "all_idb1").samples
    samples = [s for s in found if "WBC" in s.annotated]
    single = [singles(s.cells) for s in samples]
    seen = half_of([s.path.stem for s, own in zip(samples, single, strict=True) if own])
    seen |= half_of([s.path.stem for s in samples])
    return [
        Smear(s, own, "chosen on" if s.path.stem in seen else "unseen")
        for s, own in zip(samples, single, strict=True)
    ]


def half_of(stems: Sequence[str]) -> set[str]:
    """Half of some photographs, by lot."""
    order = np.random.default_rng(0).permutation(len(stems))
    return {sorted(stems)[n] for n in order[: len(stems) // 2]}


def singles(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """The components that are one cell, by area and solidity."""
    solid = [c for c in cells if c.area >= 2000 and filled(c.shape).area >= 0.9 * c.shape.convex_hull.area]
    usual = np.median([c.area for c in solid]) if solid else 0
    return tuple(c for c in solid if c.area <= 3 * usual)


def moved_box(cell: Cell, size: tuple[int, int], rng: np.random.Generator) -> Cell:
    """The box of a cell, each side moved by up to `MOVED` px."""
    box = np.array(cell.bounds) + rng.integers(-MOVED, MOVED + 1, 4)
    return Cell(cell.label, shapely.box(*np.clip(box, 0, [*size, *size])), "box")


def moved_point(cell: Cell, size: tuple[int, int], rng: np.random.Generator) -> Cell:
    """The centre of a cell, moved likewise, in whole px."""
    middle = np.floor(np.array(cell.shape.centroid.coords[0])) + rng.integers(-MOVED, MOVED + 1, 2)
    return Cell(cell.label, shapely.Point(*np.clip(middle, 0, np.array(size) - 1)), "point")


def overlap(a: Cell, b: Cell) -> float:
    """Intersection over union of two cells' pixels; 0 of what is no outline."""
    if a.outline in ("box", "point"):
        return 0.0
    low = np.floor(np.minimum(a.bounds[:2], b.bounds[:2]))
    size = tuple((np.ceil(np.maximum(a.bounds[2:], b.bounds[2:])) - low).astype(int).tolist())
    one, other = (shape_to_mask(shapely.transform(c.shape, lambda xy: xy - low), size) for c in (a, b))
    return float((one & other).sum() / (one | other).sum())


# ---------------------------------------------------------------- white cells


def outlined(
    smears: Iterable[Smear], tell: Callable[..., Cell], method: Method
) -> Iterator[tuple[str, Cell, float]]:
    """The half, the outline and the overlap with the truth of each single cell."""
    rng = np.random.default_rng(1)
    for smear in smears:
        given = [tell(cell, smear.sample.size, rng) for cell in smear.singles]
        if given:
            made = method(read(smear.sample.path, smear.sample.oriented), given)
            for cell, true in zip(made, smear.singles, strict=True):
                yield smear.half, cell, overlap(cell, true)


def white_rows(smears: Sequence[Smear]) -> list[Row]:
    """Boxes and points, beside what others do."""
    rows: list[Row] = []
    for job, tell, method, wanted in (
        ("white cells from boxes", moved_box, from_box, ">= 0.94, 95 % >= 0.75"),
        ("the same, plain GrabCut", moved_box, plain_grabcut, ""),
        ("the same, Otsu on green", moved_box, otsu_green, ""),
        ("white cells from points", moved_point, from_point, ">= 0.88"),
    ):
        results = list(outlined(smears, tell, method))
        for half in ("chosen on", "unseen"):
            values = np.array([iou for own, _, iou in results if own == half])
            rows.append({"job": job, "smears": half, **_of(values), "wanted": wanted})
        if method is from_box:
            rows += score_rows(results)
    return rows


def _of(values: Any) -> Row:
    return {
        "cells": len(values),
        "mean IoU": round(float(values.mean()), 4),
        ">= 0.75": f"{100 * (values >= 0.75).mean():.1f} %",
        "least": round(float(values.min()), 3),
    }


def score_rows(results: Sequence[tuple[str, Cell, float]]) -> list[Row]:
    """The overlap of the least certain tenth, of the next ones, and so on."""
    pairs = sorted(
        (cell.attributes.get("score", 0.0), iou) for half, cell, iou in results if half == "unseen"
    )
    rows: list[Row] = []
    for name, begin, end in (("least tenth", 0.0, 0.1), ("to the half", 0.1, 0.5), ("upper half", 0.5, 1.0)):
        part = np.array(pairs[int(begin * len(pairs)) : int(end * len(pairs))])
        rows.append(
            {"job": f"boxes by score, {name} (to {part[-1, 0]:.3f})", "smears": "unseen", **_of(part[:, 1])}
        )
    return rows


def found_white(smears: Sequence[Smear]) -> list[Row]:
    """White cells found: right is what lies mostly in a mask; of the single cells, how many were found."""
    rows: list[Row] = []
    for half in ("chosen on", "unseen"):
        own = [smear for smear in smears if smear.half == half]
        right = made = hits = true = 0
        for smear in own:
            cells = from_nothing(read(smear.sample.path, smear.sample.oriented), "WBC")
            mask = shapely.union_all([cell.shape for cell in smear.sample.cells])
            right += sum(cell.shape.intersection(mask).area >= cell.area / 2 for cell in cells)
            made, true = made + len(cells), true + len(smear.singles)
            hits += sum(hit for _, hit in matched(cells, smear.singles))
        told = {"precision": round(right / made, 3), "recall": round(hits / true, 3)}
        rows.append({"job": "white cells from nothing", "smears": half, "cells": made, **told})
    return rows


# ---------------------------------------------------------------- red cells


def matched(made: Sequence[Cell], true: Sequence[Cell], least: float = 0.5) -> list[tuple[float, bool]]:
    """Score of each cell, and whether it is one of the true ones: each once, the most certain first."""
    tree, taken, rows = shapely.STRtree([cell.shape for cell in true]), set(), []
    for cell in sorted(made, key=lambda cell: -cell.attributes["score"]):
        best = max(
            ((_iou(cell, true[n]), -int(n)) for n in tree.query(cell.shape) if n not in taken),
            default=(0.0, 0),
        )
        rows.append((cell.attributes["score"], best[0] >= least))
        if best[0] >= least:
            taken.add(-best[1])
    return rows


def _iou(a: Cell, b: Cell) -> float:
    shared = a.shape.intersection(b.shape).area
    return float(shared / (a.area + b.area - shared))


def average_precision(rows: Sequence[tuple[float, bool]], true: int) -> float:
    """The mean precision at 101 recalls, as COCO computes it."""
    hits = np.cumsum([hit for _, hit in sorted(rows, key=lambda row: -row[0])])
    precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    at = np.searchsorted(hits / true, np.linspace(0, 1, 101))
    return float(np.append(precision, 0)[np.minimum(at, len(precision))].mean())


def red_rows(raw: Path) -> list[Row]:
    """Red cells: parted from the class masks, and from nothing, against the pathologists' outlines."""
    options = LoadOptions(frozenset({"RBC"}), {"rbc": "markup"})
    samples = [
        s for s in datasets.load(raw / "ALL_IDB1", options, "all_idb1").samples if "RBC" in s.annotated
    ]
    rows: list[Row] = []
    for job, make in (("red cells parted from class masks", parted), ("red cells from nothing", found_red)):
        hits: list[tuple[float, bool]] = []
        for sample in samples:
            hits += matched(make(raw, sample), sample.cells)
        true, right = sum(len(s.cells) for s in samples), sum(hit for _, hit in hits)
        told: Row = {"precision": round(right / len(hits), 3), "recall": round(right / true, 3)}
        count = f"{len(hits):,} of {true:,} ({100 * (len(hits) / true - 1):+.1f} %)"
        told |= {"AP50": round(average_precision(hits, true), 4), "count": count}
        wanted = "within 5 %" if make is parted else ""
        rows.append(
            {"job": job, "smears": "the ten, chosen on", "cells": len(hits), **told, "wanted": wanted}
        )
    return rows


def parted(raw: Path, sample: Sample) -> list[Cell]:
    """The components of a red-cell mask, parted."""
    mask = read_mask(raw / "ALL_IDB1" / "masks" / "rbc" / f"{sample.path.stem}.jpg")
    cells = mask_to_cells(mask, "RBC", 500, "mask", [])
    return [piece for pieces in from_mask(sample.size, cells) for piece in pieces if piece.outline == "made"]


def found_red(raw: Path, sample: Sample) -> list[Cell]:
    """Red cells found by colour and shape."""
    return list(from_nothing(read(sample.path, sample.oriented), "RBC"))


# ---------------------------------------------------------------- speed


def speed(smears: Sequence[Smear]) -> Row:
    """Seconds a cell from its box, the image already decoded."""
    spent, count, rng = 0.0, 0, np.random.default_rng(1)
    for smear in smears[::6]:
        given = [moved_box(cell, smear.sample.size, rng) for cell in smear.singles]
        image = read(smear.sample.path, smear.sample.oriented)
        start = time.process_time()
        from_box(image, given)
        spent, count = spent + time.process_time() - start, count + len(given)
    told = f"{spent / count:.3f} s"
    return {"job": "a cell from its box, one core", "cells": count, "time": told, "wanted": "< 0.1 s"}


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sheets", type=Path, help="a folder for pictures of BCCD and Raabin-WBC")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    raw = Path(os.environ["SMEARPREP_DATA"]).resolve()
    smears = white_smears(raw)
    rows = white_rows(smears) + [speed(smears)] + red_rows(raw) + found_white(smears) + bccd_rows(raw)
    rows += window_rows([smear.sample for smear in smears])
    rows += empty_rows(sources(raw, [(smear.half, smear.sample) for smear in smears]))
    if arguments.sheets:
        rows += draw_sheets(raw, arguments.sheets)
    store("assist", rows)


if __name__ == "__main__":
    main()
