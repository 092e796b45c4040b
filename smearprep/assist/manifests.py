"""The manifest of a set after outlines were made in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from smearprep.assist.made import MADE_BY
from smearprep.assist.sets import SetFile, entries_of
from smearprep.errors import DataError
from smearprep.images import is_file
from smearprep.jsonfiles import dump_json, read_json
from smearprep.output_folder import MANIFEST
from smearprep.set_files import package_version


def new_manifest(root: Path, files: Sequence[SetFile], digests: Mapping[str, str]) -> bytes | None:
    """The set's manifest after a change; None if the set has none.

    It tells the same of the same set, however many runs have made it: no clock, no options.

    Args:
        root: The set.
        files: Its COCO files, changed.
        digests: The SHA-256 of each, by name.

    Raises:
        DataError: It is no manifest that can be read.
    """
    if not is_file(root / MANIFEST):
        return None
    manifest = read_json(root / MANIFEST)
    if not isinstance(manifest, dict):
        raise DataError(root / MANIFEST, "is no manifest of a prepared set")
    cells = {file.subset: Counter(label for label, _ in _labelled(file)) for file in files}
    total: Counter[str] = sum(cells.values(), Counter())
    old = {key: _mapping(manifest, key) for key in ("counts", "by_category", "by_subset", "annotations")}
    return dump_json(
        {
            **manifest,
            "counts": {**old["counts"], "cells": total.total()},
            "by_category": {name: total[name] for name in {**old["by_category"], **total}},
            "by_subset": {
                name: {**row, "cells": cells[name].total()} if name in cells else row
                for name, row in old["by_subset"].items()
            },
            "annotations": {**old["annotations"], **digests},
            "assist": {
                "smearprep": package_version("smearprep"),
                "libraries": {
                    name: package_version(name)
                    for name in ("numpy", "opencv-python-headless", "scikit-image", "scipy", "shapely")
                },
                "made": _made(files),
            },
        },
        pretty=True,
    )


def _mapping(manifest: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = manifest.get(key)
    return value if isinstance(value, dict) else {}


def _labelled(file: SetFile) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The annotations of a file whose category is known, each with its name."""
    rows = [row for row in file.data.get("categories", ()) if isinstance(row, dict)]
    names = {row["id"]: str(row.get("name")) for row in rows if isinstance(row.get("id"), int | str)}
    for entry in entries_of(file):
        number = entry.get("category_id") if isinstance(entry, dict) else None
        if isinstance(number, int | str) and number in names:
            yield names[number], entry


def _made(files: Sequence[SetFile]) -> dict[str, dict[str, int]]:
    """How many cells of each category were made here, by method."""
    counts: dict[str, Counter[str]] = {}
    for label, entry in (pair for file in files for pair in _labelled(file)):
        if str(entry.get("made_by", "")).startswith(MADE_BY):
            counts.setdefault(label, Counter())[str(entry["made_by"])] += 1
    return {label: dict(sorted(counts[label].items())) for label in sorted(counts)}
