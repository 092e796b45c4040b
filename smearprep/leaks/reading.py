"""What a set's annotation files say of its images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from smearprep.errors import DataError, LayoutError
from smearprep.formats.reading import stays_inside
from smearprep.jsonlists import JsonLists
from smearprep.leaks.records import AuditedImage
from smearprep.windows import Window

_FAR = 2**30  # px; windows further out than any image reaches are not believed


def set_images(prepared: Path) -> list[AuditedImage]:
    """The images of a set as its annotation files list them; a record that cannot be used is passed over.

    Raises:
        LayoutError: No set is there.
    """
    files = sorted((prepared / "annotations").glob("instances_*.json"))
    if not files:
        raise LayoutError(f"{prepared}: is no prepared set; looked for annotations/instances_*.json in it")
    found: dict[str, AuditedImage] = {}
    for path in files:
        subset = path.stem.removeprefix("instances_")
        for record in _records(path):
            image = _audited(record, subset)
            found.setdefault(image.name, image)
    return list(found.values())


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        lists = JsonLists(path)
    except DataError:
        return
    for row in lists.records("images"):
        if isinstance(row, dict) and stays_inside(row.get("file_name")):
            yield row


def _audited(record: Mapping[str, Any], subset: str) -> AuditedImage:
    return AuditedImage(
        name=f"images/{subset}/{record['file_name']}",
        subset=subset,
        source=str(record.get("source") or ""),
        smear=str(record.get("smear") or ""),
        window=_window(record.get("window")),
        origin=str(record.get("origin") or ""),
    )


def _window(value: object) -> Window | None:
    if not isinstance(value, list) or len(value) != 4:
        return None
    if not all(isinstance(n, int) and not isinstance(n, bool) and -_FAR < n < _FAR for n in value):
        return None
    x, y, w, h = value
    return (x, y, w, h) if w > 0 and h > 0 else None
