"""YOLO labels: one cell a line, `class x y w h` (box) or `class x1 y1 x2 y2 ...` (polygon).

Coordinates are shares of the image's width and height, in the frame of the image as shown. Neither the
image's name nor its size nor the classes' names are in the file: they are looked for around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from smearprep.errors import DataError
from smearprep.findings import Finding, Kind
from smearprep.formats.reading import ReadOptions
from smearprep.geometry import FloatArray, outlines_to_shapes
from smearprep.images import SUFFIXES, probe, read_bytes
from smearprep.records import Cell, ImageCells

TITLE = "YOLO labels (lines of: class number, then coordinates as shares of the image)"

_LOW, _HIGH = -0.5, 1.5  # shares beyond it are no shares: px, or another format
_ROUNDING = 2e-6  # files write 6 decimals: a border missed by less is the border
_NOTHING: FloatArray = np.empty(0)
Fault = tuple[Kind, str] | None
_YAMLS = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")


def sniff(path: Path, head: bytes) -> bool:
    """True if the first line that is not blank holds a whole number and an even count of shares."""
    lines = [line for line in head.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True) if line.strip()]
    if not lines:
        return False
    words = lines[0].split()
    if not lines[0].endswith((b"\n", b"\r")) and len(head) >= 4096:
        words = words[: len(words) - 1 - len(words) % 2]  # a long polygon, cut in the middle
    if len(words) < 5 or not len(words) % 2 or not words[0].isdigit():
        return False
    try:
        return all(_LOW <= float(word) <= _HIGH for word in words[1:])
    except ValueError:
        return False


def read(path: Path, options: ReadOptions, findings: list[Finding]) -> Iterator[ImageCells]:
    """The cells of one file; its image is the one of the same stem.

    Raises:
        DataError: Not there, not text; its image is not found, so that its size is unknown; a list of
            classes that cannot be read.
    """
    classes = options.classes or find_classes(path.parent)
    image = find_image(path, options.images)
    if image is None:
        what = "states shares of an image that is neither beside it nor in a folder `images`; name its folder"
        raise DataError(path, what)
    file = options.name(path)
    size = probe(image).oriented_size(True)
    cells = read_cells(path, size, classes, file, findings)
    if not classes and cells:
        what = "no classes.txt or data.yaml is near: classes keep their numbers as labels"
        findings.append(Finding("note", what, file))
    annotated = frozenset(classes) or frozenset(cell.label for cell in cells)
    yield ImageCells(image.name, size, cells, str(path), annotated)


# ---------------------------------------------------------------- what lies around the file


def find_image(path: Path, images: Path | None = None) -> Path | None:
    """The image of a label file: of the same stem, beside it or in the folder `images` for `labels`.

    Args:
        path: The label file.
        images: Where to look first.
    """
    folders = [path.parent] if images is None else [images, path.parent]
    parts = list(path.parent.parts)
    if "labels" in parts:
        last = len(parts) - 1 - parts[::-1].index("labels")
        folders.append(Path(*parts[:last], "images", *parts[last + 1 :]))
    folders.append(path.parent.parent / "images")
    for folder in folders:
        for suffix in (*SUFFIXES, *(suffix.upper() for suffix in SUFFIXES)):
            candidate = folder / f"{path.stem}{suffix}"
            if candidate.is_file():
                return candidate
    return None


def find_classes(folder: Path) -> tuple[str, ...]:
    """Class names by number, from a classes.txt or data.yaml here or up to two folders up.

    Raises:
        DataError: The list is there but cannot be read.
    """
    for place in (folder, *list(folder.parents)[:2]):
        listed = place / "classes.txt"
        if listed.is_file():
            return read_classes(listed)
        for name in _YAMLS:
            if (place / name).is_file():
                return read_classes(place / name)
    return ()


def read_classes(path: Path) -> tuple[str, ...]:
    """Class names by number, from a classes.txt (one a line) or the `names` of a data.yaml.

    Raises:
        DataError: Not there, not text, or no such list.
    """
    if path.suffix == ".txt":
        return tuple(line.strip() for line in _text(path).rstrip().splitlines())
    from smearprep.yamlfiles import BrokenYamlError, parse_yaml

    try:
        names: Any = (parse_yaml(_text(path)) or {}).get("names")
    except (BrokenYamlError, AttributeError) as error:
        raise DataError(path, f"is no data.yaml of YOLO ({error})") from None
    if isinstance(names, dict) and all(isinstance(key, int) and key >= 0 for key in names):
        if len(names) <= max(names, default=0) > 10_000:
            raise DataError(path, f"`names` goes up to {max(names)}, which is no class number")
        names = [names.get(n, str(n)) for n in range(max(names, default=-1) + 1)]
    if not isinstance(names, list):
        raise DataError(path, "holds no list `names` of classes")
    return tuple(str(name) for name in names)


# ---------------------------------------------------------------- the file


def read_cells(
    path: Path, size: tuple[int, int], classes: Sequence[str], file: str, findings: list[Finding]
) -> tuple[Cell, ...]:
    """The cells of one label file.

    Args:
        path: The file.
        size: (width, height) of its image in px.
        classes: Names by number; if empty, the numbers are the labels.
        file: How findings name the file.
        findings: Where bad lines are reported, with their number.

    Returns:
        In the file's order. Lines of 5 are boxes, of 7, 9, ... polygons (outline "drawn").

    Raises:
        DataError: Not there, or not text.
    """
    cells = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        label, shares, fault = _parse(words, classes)
        cell = None
        if not fault:
            cell, fault = _box(label, shares, size) if len(words) == 5 else _polygon(label, shares, size)
        if fault:
            kind, what = fault
            findings.append(Finding(kind, f"line {number}: {what}", file, f"line {number}"))
        if cell is not None:
            cells.append(cell)
    return tuple(cells)


def _parse(words: Sequence[str], classes: Sequence[str]) -> tuple[str, FloatArray, Fault]:
    """Label, shares (n,), and what is wrong with the line."""
    shown = repr(" ".join(words)[:40])
    if not words[0].isdecimal() or len(words) < 5 or not len(words) % 2:
        what = f"expected a class number and 4 (box), 6, 8, ... (polygon) shares, found {shown}; left out"
        return "", _NOTHING, ("invalid", what)
    try:
        shares = np.array([float(word) for word in words[1:]])
    except ValueError:
        return "", _NOTHING, ("invalid", f"expected numbers, found {shown}; left out")
    if not np.isfinite(shares).all() or shares.min() < _LOW or shares.max() > _HIGH:
        return "", _NOTHING, ("invalid", f"a coordinate is no share of the image: {shown}; left out")
    if not classes:
        return words[0], shares, None
    number = int(words[0])
    if number >= len(classes):
        what = f"class {number}, but only {len(classes)} are named ({', '.join(classes)}); left out"
        return "", _NOTHING, ("unknown_label", what)
    return classes[number], shares, None


def _box(label: str, shares: FloatArray, size: tuple[int, int]) -> tuple[Cell | None, Fault]:
    """A box from the shares (4,) of its centre, width and height."""
    centre, extent = shares[:2], shares[2:]
    if (extent <= 0).any():
        return None, ("zero_area", f"a {label} box without area; left out")
    (x0, y0), (x1, y1) = _to_px(np.stack([centre - extent / 2, centre + extent / 2]), size).tolist()
    return Cell(label, shapely.box(x0, y0, x1, y1), "box"), None


def _polygon(label: str, shares: FloatArray, size: tuple[int, int]) -> tuple[Cell | None, Fault]:
    """A polygon from the shares (2 n,) of its vertices."""
    xy = _to_px(shares.reshape(-1, 2), size)
    (shape,), (fault,) = outlines_to_shapes(xy, [len(xy)])
    if shape is None:
        return None, ("zero_area", f"a {label} polygon without area; left out")
    repaired: Fault = ("repaired", f"a {label} polygon that crosses itself; made valid")
    return Cell(label, shape, "drawn"), repaired if fault else None


def _to_px(shares: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Shares (n, 2) in px; those that miss the image's border by their rounding lie on it."""
    at_border = np.where(abs(shares - np.rint(shares)) <= _ROUNDING, np.rint(shares), shares)
    return at_border * np.array(size, np.float64)


def _text(path: Path) -> str:
    data = read_bytes(path)
    if b"\0" in data:
        raise DataError(path, "is not text; YOLO labels were expected")
    return data.decode("utf-8-sig", "replace")
