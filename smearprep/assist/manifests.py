"""What the manifest of a set says after outlines were made in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from smearprep.assist.made import MADE_BY
from smearprep.set_editing import SetFile
from smearprep.set_files import package_version


def cells_of(files: Sequence[SetFile]) -> dict[str, Counter[str]]:
    """How many cells of each category each subset has."""
    return {file.subset: Counter(label for label, _ in _labelled(file)) for file in files}


def assist_entry(files: Sequence[SetFile]) -> dict[str, Any]:
    """What is told of the outlines that were made here: by which versions, and how many by which method."""
    return {
        "smearprep": package_version("smearprep"),
        "libraries": {
            name: package_version(name)
            for name in ("numpy", "opencv-python-headless", "scikit-image", "scipy", "shapely")
        },
        "made": _made(files),
    }


def _labelled(file: SetFile) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The cells of a file whose category is known, each annotation with its name; crowds are none."""
    rows = [row for row in file.data.get("categories", ()) if isinstance(row, dict)]
    names = {row["id"]: str(row.get("name")) for row in rows if isinstance(row.get("id"), int | str)}
    for entry in file.entries:
        number = entry.get("category_id") if isinstance(entry, dict) and not entry.get("iscrowd") else None
        if isinstance(number, int | str) and number in names:
            yield names[number], entry


def _made(files: Sequence[SetFile]) -> dict[str, dict[str, int]]:
    """How many cells of each category were made here, by method."""
    counts: dict[str, Counter[str]] = {}
    for label, entry in (pair for file in files for pair in _labelled(file)):
        if str(entry.get("made_by", "")).startswith(MADE_BY):
            counts.setdefault(label, Counter())[str(entry["made_by"])] += 1
    return {label: dict(sorted(counts[label].items())) for label in sorted(counts)}
