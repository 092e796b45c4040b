"""What is in a raw folder: counted, and shown in tables. And which data sets are read at all."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from smearprep import datasets, formats
from smearprep.datasets.loading import LoadOptions
from smearprep.findings import Summary
from smearprep.records import OUTLINES, RawSet, Sample

Row = Mapping[str, Any]


def inspect(root: Path, name: str | None = None, options: Mapping[str, Any] | None = None) -> Summary:
    """Read a raw folder and say what is in it and what is wrong with it; nothing is written.

    Args:
        root: The folder as the user gave it.
        name: The data set, or None: recognise it.
        options: The data set's own options.

    Returns:
        Counts, cells of each category, official subsets (of an image without one: "all"), all findings,
        and tables for people: "Found", "Image sizes", and "Categories" (cells by how their outline is
        known, and in how many images the category was looked for).

    Raises:
        LayoutError: Not there, empty, or in no known layout.
        RecipeError: Unknown data set, unknown or unusable option.
    """
    raw = datasets.load(root, LoadOptions(extra=options or {}), name)
    cells = Counter(cell.label for sample in raw.samples for cell in sample.cells)
    categories = [*raw.categories, *sorted(set(cells) - set(raw.categories))]
    smears = len({sample.smear for sample in raw.samples})
    tables: dict[str, tuple[Row, ...]] = {
        "Found": (_found(root, raw, smears),),
        "Image sizes": _sizes(raw.samples),
        "Categories": _categories(raw.samples, categories),
    }
    return Summary(
        command="inspect",
        counts={
            "images": len(raw.samples),
            "cells": cells.total(),
            "smears": smears,
            "findings": len(raw.findings),
        },
        by_category={category: cells[category] for category in categories},
        by_subset=_by_subset(raw.samples),
        findings=raw.findings,
        next_step=_next_step(root, raw),
        tables={title: rows for title, rows in tables.items() if rows},
    )


def formats_summary() -> Summary:
    """Which annotation formats are read and written."""
    rows = []
    for name in sorted({*formats.NAMES, *formats.WRITTEN}):
        is_read, is_written = name in formats.NAMES, name in formats.WRITTEN
        title = formats.get(name).TITLE if is_read else formats.get_written(name).TITLE
        rows.append(
            {
                "format": name,
                "read": "yes" if is_read else "-",
                "written": "yes" if is_written else "-",
                "what it is": title,
            }
        )
    return Summary(
        command="formats",
        counts={"read": len(formats.NAMES), "written": len(formats.WRITTEN)},
        tables={"Formats": tuple(rows)},
        next_step="smearprep convert FILES -o OUTPUT --to FORMAT",
    )


def datasets_summary() -> Summary:
    """The raw data sets that are read, on what terms and where to get them."""
    infos = [datasets.get(name).INFO for name in datasets.NAMES]
    known: tuple[Row, ...] = tuple(
        {
            "name": info.name,
            "data set": info.title,
            "licence": info.licence,
            "where": info.where,
            "categories": ", ".join(info.categories),
            "paper": info.citation,
        }
        for info in infos
    )
    layouts: tuple[Row, ...] = tuple(
        {"name": info.name, "layout": layout} for info in infos for layout in info.layouts
    )
    return Summary(
        command="datasets",
        counts={"datasets": len(infos)},
        next_step="smearprep inspect FOLDER",
        tables={"Data sets": known, "Layouts that are recognised": layouts},
    )


# ---------------------------------------------------------------- tables


def _found(root: Path, raw: RawSet, smears: int) -> Row:
    return {
        "data set": datasets.get(raw.dataset).INFO.title,
        "name": raw.dataset,
        "layout": raw.layout,
        "images": len(raw.samples),
        "smears": smears,
    }


def _sizes(samples: Iterable[Sample]) -> tuple[Row, ...]:
    """Image sizes in px, the commonest first."""
    counted = Counter(sample.size for sample in samples)
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return tuple({"size": f"{w}x{h}", "images": count} for (w, h), count in ordered)


def _categories(samples: Sequence[Sample], categories: Iterable[str]) -> tuple[Row, ...]:
    """Of each category: its cells by how their outline is known, and in how many images it was looked for."""
    outlines = Counter((cell.label, cell.outline) for sample in samples for cell in sample.cells)
    used = [outline for outline in OUTLINES if any(outline == found for _, found in outlines)]
    return tuple(
        {
            "category": category,
            "cells": sum(count for (label, _), count in outlines.items() if label == category),
            **{outline: outlines[category, outline] for outline in used},  # type: ignore[index]
            "looked for in": f"{sum(category in s.annotated for s in samples)} of {len(samples)} images",
        }
        for category in categories
    )


def _by_subset(samples: Iterable[Sample]) -> dict[str, dict[str, int]]:
    """Images, cells and smears of each official subset; what has none is "all". Empty if nothing has one."""
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.subset or "all", []).append(sample)
    order = sorted(groups, key=("train", "val", "test", "all").index)
    if order == ["all"]:
        return {}
    return {
        name: {
            "images": len(groups[name]),
            "cells": sum(len(sample.cells) for sample in groups[name]),
            "smears": len({sample.smear for sample in groups[name]}),
        }
        for name in order
    }


def _next_step(root: Path, raw: RawSet) -> str:
    if not raw.samples:
        return ""
    folder = shlex.quote(str(root))
    if raw.dataset == "prepared":
        return f"smearprep check {folder}"
    return f"smearprep tile {folder} OUT --size 512 --stride 256"
