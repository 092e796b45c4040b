"""What a VIA file lists, whether it is an annotation file, a project or a CSV table: images and regions."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.images import read_bytes
from smearprep.jsonfiles import read_json

_OWN_KEY = re.compile(rb'"(_via_\w+|shape_attributes|region_attributes|file_attributes|base64_img_data)"\s*:')
_LONGEST = 2**26  # characters of a CSV field: outlines are longer than the 128 kB that csv grants
_BROKEN = "broken JSON"


@dataclass(frozen=True, slots=True)
class Region:
    """One region as the file has it: nothing of it is checked yet.

    Args:
        id: Its number within its image.
        shape: Its `shape_attributes`.
        told: Its `region_attributes`.
    """

    id: str
    shape: Any
    told: Any


@dataclass(frozen=True, slots=True)
class Image:
    """One image of the file.

    Args:
        name: Its `filename`.
        regions: In the file's order.
    """

    name: Any
    regions: list[Region] = field(default_factory=list)


Declared = Mapping[str, Any]
"""The region attributes that a project declares: name -> type, options, ..."""


def is_table(head: bytes) -> bool:
    """True if a file begins with the header line of VIA's CSV."""
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0]
    return b"filename" in first and b"region_shape_attributes" in first and first[:1] not in (b"{", b"[")


def is_json(head: bytes) -> bool:
    """True if a file begins as a JSON object with a key of VIA's."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") and bool(_OWN_KEY.search(head))


def read_file(path: Path, file: str, findings: list[Finding]) -> tuple[list[Image], Declared]:
    """The images of a VIA file and the region attributes it declares.

    Args:
        path: The file.
        file: How findings name it.
        findings: Entries that are none are named here.

    Raises:
        DataError: Not there, broken, or no VIA file.
    """
    if is_table(read_bytes(path, 4096)):
        return _read_table(path, file, findings), {}
    data = read_json(path)
    declared: Any = None
    if isinstance(data, dict) and "_via_img_metadata" in data:
        declared = data.get("_via_attributes")
        data = data["_via_img_metadata"]
        if not isinstance(data, dict):
            raise DataError(path, "is no VIA project: its _via_img_metadata is no JSON object")
    elif not isinstance(data, dict) or not any(map(_is_image, data.values())):
        raise DataError(path, "is no VIA file: no entry of it has a filename and regions")
    images = []
    for key, entry in data.items():
        if _is_image(entry):
            images.append(Image(entry.get("filename"), _regions(entry.get("regions"))))
        else:
            what = "the entry is no image with a filename and regions; left out"
            findings.append(Finding("invalid", what, file, f"image {key}"))
    of_regions = declared.get("region") if isinstance(declared, dict) else None
    return images, of_regions if isinstance(of_regions, dict) else {}


def _is_image(entry: Any) -> bool:
    return isinstance(entry, dict) and ("regions" in entry or "filename" in entry)


def _regions(stated: Any) -> list[Region]:
    """The regions of an image: a list in VIA 2, an object in VIA 1."""
    if isinstance(stated, dict):
        numbered = list(stated.items())
    else:
        numbered = [(str(n), entry) for n, entry in enumerate(stated if isinstance(stated, list) else [])]
    return [
        Region(n, entry.get("shape_attributes"), entry.get("region_attributes"))
        if isinstance(entry, dict)
        else Region(n, None, None)
        for n, entry in numbered
    ]


# ---------------------------------------------------------------- CSV


def _read_table(path: Path, file: str, findings: list[Finding]) -> list[Image]:
    """The images of a CSV table, one line a region; an image without regions has a line of its own."""
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(path, f"is not UTF-8 text (byte {error.start})") from None
    images: dict[str, Image] = {}
    for line, row in _rows(text.lstrip(), path):
        name = row.get("filename") or ""
        shape, told = _parsed(row.get("region_shape_attributes")), _parsed(row.get("region_attributes"))
        if not name or _BROKEN in (shape, told):
            what = "the line lacks a file name, or its attributes are no JSON; left out"
            findings.append(Finding("invalid", what, file, f"line {line}"))
            continue
        image = images.setdefault(name, Image(name))
        if shape:
            image.regions.append(Region(row.get("region_id") or str(len(image.regions)), shape, told))
    return list(images.values())


def _rows(text: str, path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines of a table with their numbers, as column -> field. Spreadsheets may part them by `;`."""
    header = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in header else ",")
    try:
        with _long_fields():
            columns = [name.strip().lstrip("#") for name in next(lines)]
            for row in lines:
                if any(row):
                    yield lines.line_num, dict(zip(columns, row, strict=False))
    except csv.Error as error:
        raise DataError(path, f"is a broken CSV table at line {lines.line_num}: {error}") from None


@contextmanager
def _long_fields() -> Iterator[None]:
    """Let the csv module read outlines of many corners; its limit is one for the whole program."""
    usual = csv.field_size_limit(_LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(usual)


def _parsed(text: str | None) -> Any:
    try:
        return orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return _BROKEN
