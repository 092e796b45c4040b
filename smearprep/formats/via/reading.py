"""VIA files as people make them: which attribute is the class, ticks, images without a region."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats.outlines import Drawn, Unusable, drawn_to_cells
from smearprep.formats.reading import ReadOptions, image_name
from smearprep.formats.via.files import Declared, Image, Region, is_json, is_table, read_file
from smearprep.formats.via.shapes import shape_to_drawn
from smearprep.records import ImageCells

_USUAL = (
    "label", "class", "type", "category", "cell", "cell_type", "cell type", "celltype", "cell_class",
    "class_name", "classname", "kind", "object", "name",
)  # fmt: skip
"""What people call the attribute of the class; of several the first counts."""
_CHOICES = ("dropdown", "radio", "checkbox")
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def sniff(path: Path, head: bytes) -> bool:
    """True if it is JSON with keys that only VIA uses, or begins with the header of its CSV."""
    return is_json(head) or is_table(head)


def read(path: Path, options: ReadOptions, findings: list[Finding]) -> Iterator[ImageCells]:
    """The images of a file, also those without a region; findings say "region 3 of a.jpg".

    Left out and named: lines, shapes that are broken, and regions without one class. The labels that were
    looked for are the options that a project offers for the class, and those that occur in the file.

    Args:
        path: The file.
        options: `base`, `attribute`, and `label` for a file whose regions have no attribute at all.
        findings: What is wrong is appended.

    Raises:
        DataError: Not there, broken, no VIA file, or nobody can tell which attribute is the class.
    """
    file = options.name(path)
    images, declared = read_file(path, file, findings)
    attribute = _class_attribute(images, declared, options, path, findings)
    labels = _labels(images, attribute, declared) if attribute is not None else frozenset({options.label})
    findings += _remarks(images, attribute, options, file)
    seen: set[str] = set()
    for image in images:
        name = _name(image.name, path)
        if name in seen:
            what = f"the file lists {name} more than once; all of them are kept"
            findings.append(Finding("duplicate", what, file, f"image {name}"))
        seen.add(name)
        drawn = []
        for region in image.regions:
            id_ = f"region {region.id} of {name}"
            try:
                drawn.append(_drawn(region, id_, attribute, options.label))
            except Unusable as fault:
                findings.append(Finding(fault.kind, f"{fault.what}; left out", file, id_))
        yield ImageCells(name, None, drawn_to_cells(drawn, file, findings), str(path), labels)


def _drawn(region: Region, id_: str, attribute: str | None, label: str) -> Drawn:
    """What one region draws, with its class and its other attributes."""
    told = region.told if isinstance(region.told, dict) else {}
    kept = {key: value for key, value in told.items() if key != attribute and _is_worth_keeping(value)}
    if attribute is None:
        return shape_to_drawn(region.shape, id_, label, kept)
    ticked = _ticked(told.get(attribute))
    drawn = shape_to_drawn(region.shape, id_, ticked[0] if ticked else "", kept)
    if len(ticked) != 1:
        stated = f"has {len(ticked)} ticks ({reprlib.repr(ticked)})" if ticked else "is empty"
        raise Unusable("invalid", f"its attribute {attribute!r}, the class, {stated}")
    return drawn


def _ticked(value: Any) -> list[str]:
    """The classes that an attribute's value names: a text, or of a checkbox all that are ticked."""
    if isinstance(value, dict):
        return [name.strip() for name, is_ticked in value.items() if is_ticked and name.strip()]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [str(value)]
    return [value.strip()] if isinstance(value, str) and value.strip() else []


def _is_worth_keeping(value: Any) -> bool:
    """False for what is empty, and for values nested so deeply that no JSON can be written of them."""
    if value in ("", None, [], {}):
        return False
    if isinstance(value, dict | list):
        try:
            orjson.dumps(value)
        except TypeError:
            return False
    return True


def _name(stated: Any, path: Path) -> str:
    """An image's name; of a remote image the last part of its address."""
    if isinstance(stated, str) and _REMOTE.match(stated):
        stated = unquote(re.split("[?#]", stated)[0].rpartition("/")[2])
    return image_name(stated, path)


# ---------------------------------------------------------------- the attribute that is the class


def _class_attribute(
    images: Sequence[Image], declared: Declared, options: ReadOptions, path: Path, findings: list[Finding]
) -> str | None:
    """The attribute that holds the class; None where the file has no attribute.

    Raises:
        DataError: The one that is asked for is not there, or there are several and none has a usual name.
    """
    in_use, empty = _attributes(images, declared)
    names = in_use or empty
    listed = ", ".join(map(repr, names[:20])) or "none"
    if options.attribute is not None:
        known = [*in_use, *empty]
        alike = [name for name in known if name.casefold() == options.attribute.casefold()]
        if options.attribute in known or alike:
            return options.attribute if options.attribute in known else alike[0]
        if not any(image.regions for image in images):
            return None
        raise DataError(path, f"no region has an attribute {options.attribute!r}; there are: {listed}")
    if len(names) <= 1:
        return names[0] if names else None
    by_usage = {name.strip().casefold(): name for name in reversed(names)}
    found = next((by_usage[usual] for usual in _USUAL if usual in by_usage), None)
    if found is None:
        what = f"its regions have several attributes ({listed}); name the one of the class by --attribute"
        raise DataError(path, what)
    what = f"of the attributes {listed} {found!r} is taken for the class; name another by --attribute"
    findings.append(Finding("note", what, options.name(path)))
    return found


def _attributes(images: Sequence[Image], declared: Declared) -> tuple[list[str], list[str]]:
    """The names of the attributes that have a value somewhere, and of those that have none."""
    has_value: dict[str, bool] = dict.fromkeys(declared, False)
    for image in images:
        for region in image.regions:
            if isinstance(region.told, dict):
                for name, value in region.told.items():
                    has_value[name] = has_value.get(name, False) or bool(_ticked(value))
    names = [name for name in has_value if name.strip()]
    return [name for name in names if has_value[name]], [name for name in names if not has_value[name]]


def _labels(images: Sequence[Image], attribute: str, declared: Declared) -> frozenset[str]:
    """The labels that were looked for: all options of the class, and all that occur."""
    offered = declared.get(attribute)
    labels: set[str] = set()
    if isinstance(offered, dict) and offered.get("type") in _CHOICES:
        options = offered.get("options")
        labels.update(options if isinstance(options, dict) else ())
    for image in images:
        for region in image.regions:
            if isinstance(region.told, dict):
                labels.update(_ticked(region.told.get(attribute)))
    return frozenset(label.strip() for label in labels if label.strip())


def _remarks(
    images: Sequence[Image], attribute: str | None, options: ReadOptions, file: str
) -> list[Finding]:
    """What is worth knowing of the whole file."""
    bare = sum(not image.regions for image in images)
    remarks = []
    if attribute is None and bare < len(images):
        what = f"no region has an attribute: all are labelled {options.label!r} (--label names another)"
        remarks.append(Finding("note", what, file))
    if bare:
        what = (
            f"{bare} of {len(images)} images have no region; taken as searched with nothing found. "
            "Remove from the file those that nobody has looked at yet"
        )
        remarks.append(Finding("note", what, file))
    return remarks
