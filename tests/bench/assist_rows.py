"""More rows for `bench_assist`: cells that windows cut, boxes and clicks on nothing, BCCD from nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import shapely
from shapely.geometry import Point

from smearprep import datasets
from smearprep.assist import from_box, from_mask, from_nothing, outline_of, typical_areas
from smearprep.assist.sheets import picture
from smearprep.datasets.loading import LoadOptions
from smearprep.drawing import contact_sheet
from smearprep.geometry import polygonal
from smearprep.images import encode, read, write_atomic
from smearprep.records import Cell, Sample

Row = dict[str, object]
SIZE, STRIDE = 512, 256
EVERY = 4  # photograph is cut into windows
LEAST = 0.06  # density of the green channel: what is less is empty field
BESIDE = 3  # px around what is stained are not empty, either


# ---------------------------------------------------------------- windows


def window_rows(samples: Sequence[Sample]) -> list[Row]:
    """White-cell masks cut into windows and parted, against the same parted whole and then cut.

    Args:
        samples: Photographs with components of white cells.
    """
    windows = [window for sample in samples[::EVERY] for window in cut_windows(sample)]
    areas = typical_areas([cell for given, _ in windows for cell in given])
    rows: list[Row] = []
    parted = [
        [piece for pieces in from_mask((SIZE, SIZE), given, areas) for piece in pieces]
        for given, _ in windows
    ]
    for least in (100, 2500):
        found = made = kept = true = 0
        for pieces, (_, cells) in zip(parted, windows, strict=True):
            wanted, own = ([c for c in some if c.area >= least] for some in (cells, pieces))
            found, true = found + hits(wanted, pieces), true + len(wanted)
            kept, made = kept + hits(own, cells), made + len(own)
        told = {"precision": round(kept / made, 3), "recall": round(found / true, 3)}
        rows.append({"job": f"white cells parted in windows, >= {least:,} px", "cells": made, **told})
    return rows


def cut_windows(sample: Sample) -> Iterator[tuple[list[Cell], list[Cell]]]:
    """Of each window with white cells: its components, and its cells as the whole photograph shows them."""
    components = [cell for cell in sample.cells if cell.label == "WBC"]
    whole = [piece for pieces in from_mask(sample.size, components) for piece in pieces]
    width, height = sample.size
    for y in starts(height):
        for x in starts(width):
            given = cut(components, x, y)
            if given:
                yield given, cut(whole, x, y)


def starts(length: int) -> list[int]:
    """Where windows begin along a side of an image."""
    return sorted({*range(0, length - SIZE + 1, STRIDE), length - SIZE})


def cut(cells: Sequence[Cell], x: int, y: int) -> list[Cell]:
    """What of cells a window shows, as components."""
    window, out = shapely.box(x, y, x + SIZE, y + SIZE), []
    for cell in cells:
        shape = polygonal(cell.shape.intersection(window)) if cell.shape.intersects(window) else None
        if shape is not None and shape.area >= 1:
            moved = shapely.transform(shape, lambda xy: xy - (x, y))
            out.append(Cell(cell.label, moved, "component", {"visible": shape.area / cell.area}))
    return out


def hits(cells: Sequence[Cell], others: Sequence[Cell], least: float = 0.5) -> int:
    """Of how many cells there is another one with so much intersection over union."""
    if not others:
        return 0
    tree = shapely.STRtree([cell.shape for cell in others])
    return sum(any(iou(cell, others[n]) >= least for n in tree.query(cell.shape)) for cell in cells)


def iou(a: Cell, b: Cell) -> float:
    """Intersection over union of two shapes."""
    shared = a.shape.intersection(b.shape).area
    return float(shared / (a.area + b.area - shared))


# ---------------------------------------------------------------- nothing


def empty_rows(sources: Sequence[tuple[str, Sequence[Sample]]]) -> list[Row]:
    """Boxes and clicks at random on the empty field, and boxes of real cells: how many give an outline."""
    rows: list[Row] = []
    for name, samples in sources:
        rng = np.random.default_rng(2)
        given: dict[str, list[bool]] = {"boxes on nothing": [], "clicks on nothing": [], "boxes of cells": []}
        for sample in samples:
            image = read(sample.path, sample.oriented)
            for box in empty_boxes(image, sample.cells, rng):
                point = Point((box[:2] + box[2:]) / 2)
                cells = Cell("WBC", shapely.box(*box), "box"), Cell("WBC", point, "point")
                outlined = [outline_of(image, cell).cell is not None for cell in cells]
                given["boxes on nothing"].append(outlined[0])
                given["clicks on nothing"].append(outlined[1])
            real = [
                cell
                for cell in sample.cells
                if min(np.diff(np.reshape(cell.bounds, (2, 2)), axis=0)[0]) >= 10
            ]
            boxes = [Cell(cell.label, shapely.box(*cell.bounds), "box") for cell in real[::3][:8]]
            given["boxes of cells"] += [outline_of(image, cell).cell is not None for cell in boxes]
        for job, outlined in given.items():
            told = f"{sum(outlined)} of {len(outlined)}"
            rows.append({"job": f"{job}: outlines", "smears": name, "cells": len(outlined), "count": told})
    return rows


def sources(raw: Path, smears: Sequence[tuple[str, Sample]]) -> list[tuple[str, Sequence[Sample]]]:
    """What is looked at for `empty_rows`, with its name; `smears`: half and photograph."""
    named: list[tuple[str, Sequence[Sample]]] = [
        (half, [sample for own, sample in smears if own == half][::2]) for half in ("chosen on", "unseen")
    ]
    for name, folder, every in (("bccd", "BCCD", 10), ("raabin", "RAABIN_WBC", 2)):
        named.append((name, datasets.load(raw / folder, LoadOptions(), name).samples[::every]))
    return named


def empty_boxes(image: Any, cells: Sequence[Cell], rng: np.random.Generator, count: int = 6) -> list[Any]:
    """Boxes of 20 to 110 px, (4,) xyxy, on what is neither stained nor in the box of a cell."""
    green = cv2.GaussianBlur(image[..., 1], (0, 0), 2).astype(np.float64)
    stained = np.log10(np.percentile(green, 90) / np.maximum(green, 1)) > LEAST
    for cell in cells:
        x0, y0, x1, y1 = (int(v) for v in cell.bounds)
        stained[max(y0 - BESIDE, 0) : y1 + BESIDE, max(x0 - BESIDE, 0) : x1 + BESIDE] = True
    height, width = stained.shape
    boxes: list[Any] = []
    for _ in range(100 * count):
        w, h = rng.integers(20, 111, 2)
        x, y = rng.integers(0, max(width - w, 1)), rng.integers(0, max(height - h, 1))
        if len(boxes) < count and not stained[y : y + h, x : x + w].any():
            boxes.append(np.array([x, y, x + w, y + h]))
    return boxes


# ---------------------------------------------------------------- BCCD


def bccd_rows(raw: Path, every: int = 6) -> list[Row]:
    """Cells of BCCD from nothing, by their boxes; its labels leave out many cells, most of all platelets."""
    samples = datasets.load(raw / "BCCD", LoadOptions(), "bccd").samples[::every]
    rows: list[Row] = []
    for label in ("WBC", "RBC", "Platelets"):
        found = made = true = 0
        for sample in samples:
            cells = [boxed(cell) for cell in from_nothing(read(sample.path, sample.oriented), label)]
            wanted = [boxed(cell) for cell in sample.cells if cell.label == label]
            found, made, true = found + hits(wanted, cells), made + len(cells), true + len(wanted)
        told = {"recall": round(found / true, 3), "count": f"{found} of {true}"}
        rows.append(
            {"job": f"{label} from nothing", "smears": f"BCCD, one in {every}", "cells": made, **told}
        )
    return rows


def boxed(cell: Cell) -> Cell:
    """A cell as its box."""
    return Cell(cell.label, shapely.box(*cell.bounds), "box")


# ---------------------------------------------------------------- pictures


def draw_sheets(raw: Path, out: Path) -> list[Row]:
    """White cells of BCCD and Raabin-WBC with their outlines, the least certain first."""
    rows: list[Row] = []
    for name, folder in (("bccd", raw / "BCCD"), ("raabin", raw / "RAABIN_WBC")):
        shown, left = [], 0
        samples = datasets.load(folder, LoadOptions(), name).samples
        for sample in samples:
            boxes = [c for c in sample.cells if c.outline == "box" and c.label in ("WBC", "wbc")]
            image = read(sample.path, sample.oriented) if boxes else np.zeros((1, 1, 3), np.uint8)
            for cell in from_box(image, boxes):
                left += cell.outline == "box"
                score = cell.attributes.get("score", 0.0)
                shown.append((score, f"{score:.2f} {sample.path.stem[-6:]}", picture(image, cell)))
        shown.sort(key=lambda one: one[:2])
        for n in range(0, len(shown), 96):
            part = shown[n : n + 96]
            sheet = contact_sheet([p for *_, p in part], [title for _, title, _ in part], 12, cell=150)
            write_atomic(out / f"{name}_{n // 96}.png", encode(sheet, "png"))
        rows.append(
            {"job": f"white cells of {name} from boxes, looked at", "cells": len(shown), "left": left}
        )
    return rows
