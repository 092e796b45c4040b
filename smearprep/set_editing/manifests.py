"""The manifest of a set after cells in it were changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smearprep.errors import DataError
from smearprep.images import is_file
from smearprep.jsonfiles import dump_json, read_json
from smearprep.output_folder import MANIFEST


def new_manifest(
    root: Path,
    cells: Mapping[str, Counter[str]],
    digests: Mapping[str, str],
    entries: Mapping[str, Any],
) -> bytes | None:
    """The set's manifest after a change; None if the set has none.

    It tells the same of the same set, however many runs have made it: no clock, no options.

    Args:
        root: The set.
        cells: Of each subset, how many cells of each category it has now.
        digests: The SHA-256 of each COCO file that is changed, by its name.
        entries: What else the manifest is to say.

    Raises:
        DataError: It is no manifest that can be read.
    """
    if not is_file(root / MANIFEST):
        return None
    manifest = read_json(root / MANIFEST)
    if not isinstance(manifest, dict):
        raise DataError(root / MANIFEST, "is no manifest of a prepared set")
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
            **entries,
        },
        pretty=True,
    )


def _mapping(manifest: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = manifest.get(key)
    return value if isinstance(value, dict) else {}
