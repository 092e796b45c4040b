"""What the figures say whatever the computer: ratios, which is better, and the README's table of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ALLOWED = 0.15
"""A ratio that is worse by more than this share is told."""
Key = tuple[str, ...]
"""Bench, and what names a row in it."""


@dataclass(frozen=True)
class Ratio:
    """A column that holds ratios.

    Args:
        bench: The file in `results/`.
        names: The columns that name a row.
        column: The one that holds the ratio; rows without a number there have none.
        higher: Whether more is better.
    """

    bench: str
    names: tuple[str, ...]
    column: str
    higher: bool = True


RATIOS = (
    Ratio("tiling", ("job",), "ratio"),
    Ratio("convert", ("job",), "time over bare orjson.loads", higher=False),
    Ratio("labelme", ("job",), "time over smearprep's"),
    Ratio("masks", ("job",), "time over smearprep's"),
    Ratio("chips", ("job", "batch"), "times published"),
    Ratio("training", ("network", "step of 8 chips"), "times as train does it"),
    Ratio("prediction", ("network", "job"), "time over smearprep's"),
    Ratio("evaluation", ("job",), "times as fast as pycocotools"),
    Ratio("assist", ("job", "smears"), "mean IoU"),
    Ratio("yolact", ("what",), "times"),
    Ratio("scale", ("set", "step"), "growth", higher=False),
)
_SMALLER = "peak memory"  # rows of `tiling` that begin so are better if they are smaller


@dataclass(frozen=True)
class Line:
    """A line of the README's table.

    Args:
        told: What is done.
        beside: What it is compared with.
        bench: The file in `results/`.
        row: Begins the first columns of the row that holds the figures.
        ours: The column with our seconds, and
        theirs: that with the others'; both empty where only a ratio is known.
        ratio: The column with how many times as fast we are.
        first: Begins the row that holds our seconds, where it is another one.
    """

    told: str
    beside: str
    bench: str
    row: str
    ratio: str
    ours: str = ""
    theirs: str = ""
    first: str = ""


def _tiling(told: str, beside: str, row: str) -> Line:
    return Line(told, beside, "tiling", row, "ratio", "smearprep s", "other s")


def _labelme(beside: str, row: str) -> Line:
    told = "50,000 outlines from labelme's files to COCO"
    return Line(told, beside, "labelme", row, "time over smearprep's", "s", "s", "smearprep")


LINES = (
    _tiling(
        "78 photographs into 512 px JPEG windows, one core",
        "a bare loop: decode, cut, encode",
        "tile 78 images to jpg, 1 core(s), the call",
    ),
    _tiling(
        "the same, two cores",
        "the same loop",
        "tile 78 images to jpg, 2 core(s), the call",
    ),
    _tiling(
        "the same as PNG, one core",
        "the same loop",
        "tile 78 images to png, 1 core(s), the call",
    ),
    _tiling(
        "10 photographs with 3,832 outlines into JPEG windows, one core",
        "sahi",
        "images with outlines to jpg, 1 core",
    ),
    _tiling("the same, two cores", "sahi", "images with outlines to jpg, 2 core"),
    _tiling("the same as PNG, one core", "sahi", "images with outlines to png, 1 core"),
    _tiling("these outlines cut to their windows, alone", "sahi", "clipping"),
    _labelme("labelme2coco", "labelme2coco"),
    _labelme("datumaro", "datumaro, from its own JSON"),
    Line(
        "outlines along the pixels of 10 masks", "datumaro", "masks", "datumaro", "time over smearprep's",
        "s", "s", "smearprep",
    ),
    Line(
        "chips of 188 px, distorted, for training", "the counting paper's code", "chips", "pool on cpu | 64",
        "times published",
    ),
    Line(
        "a photograph through U-Net", "window by window", "prediction", "unet | window by window",
        "time over smearprep's", "s", "s", "unet | smearprep",
    ),
    Line(
        "COCO's average precision of 2,000 cells", "pycocotools", "evaluation", "smearprep with pycocotools",
        "times as fast as pycocotools", "s", "s", "smearprep with pycocotools",
    ),
)  # fmt: skip


# ---------------------------------------------------------------- what is stored


def stored(results: Path, bench: str) -> Sequence[Mapping[str, Any]]:
    """The rows of a bench; none if it was never run."""
    file = results / f"{bench}.json"
    return json.loads(file.read_bytes())["rows"] if file.is_file() else ()  # type: ignore[no-any-return]


def ratios(results: Path) -> dict[Key, tuple[float, bool]]:
    """Every ratio in a folder of results, and whether more is better."""
    found: dict[Key, tuple[float, bool]] = {}
    for ratio in RATIOS:
        for row in stored(results, ratio.bench):
            value = _number(row.get(ratio.column))
            if value is not None:
                key = (ratio.bench, *(str(row.get(name, "")) for name in ratio.names))
                found[key] = value, ratio.higher and not key[1].startswith(_SMALLER)
    return found


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) else None
    except ValueError:  # words
        return None


def compared(before: Path, now: Path) -> Iterator[tuple[str, bool]]:
    """A line for each ratio that both folders have, and whether it is now worse than allowed."""
    earlier = ratios(before)
    for key, (value, higher) in ratios(now).items():
        if key in earlier and earlier[key][0] > 0 and value > 0:
            old = earlier[key][0]
            better = value / old if higher else old / value
            is_worse = better < 1 - ALLOWED
            told = f"{': '.join(key)}: {old:g} -> {value:g}, {100 * (better - 1):+.0f} %"
            yield told + (" WORSE" if is_worse else ""), is_worse


# ---------------------------------------------------------------- the README's table


def table(results: Path) -> str:
    """The README's table, as Markdown, with what it was measured on; what was not measured is left out."""
    rows = [found for line in LINES if (found := _row(results, line))]
    head = ["| What | smearprep | beside | times as fast |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, "", _where(results)])


def _row(results: Path, line: Line) -> str:
    found = _find(results, line.bench, line.row)
    own = _find(results, line.bench, line.first) if line.first else found
    if found is None or own is None or (times := _number(found.get(line.ratio))) is None:
        return ""
    ours = f"{own[line.ours]:.1f} s" if line.ours else ""
    theirs = f"{line.beside}, {found[line.theirs]:.1f} s" if line.theirs else line.beside
    if line.first == line.row:  # the others' time follows from the ratio
        theirs = f"{line.beside}, {own[line.ours] * times:.1f} s"
    return f"| {line.told} | {ours} | {theirs} | {times:.2g} |"


def _find(results: Path, bench: str, begin: str) -> Mapping[str, Any] | None:
    """The first row whose columns, joined, begin so."""
    for row in stored(results, bench):
        if " | ".join(str(value) for value in row.values()).startswith(begin):
            return row
    return None


def _where(results: Path) -> str:
    """On what the figures of the table were measured."""
    told = []
    for bench in dict.fromkeys(line.bench for line in LINES):
        if (results / f"{bench}.json").is_file():
            where = json.loads((results / f"{bench}.json").read_bytes())["hardware"]
            told.append(f"{where['cpu']}, {where['cores']} cores, Python {where['python']}")
    return (
        f"Measured on: {'; '.join(dict.fromkeys(told))}. Least of several runs; `make bench` measures again."
    )
