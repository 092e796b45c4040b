"""YOLO label files, and what lies around them: the image, and the names of the classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import shapely

from smearprep.errors import DataError
from smearprep.findings import Finding, Kind, shown_name
from smearprep.formats.reading import ReadOptions
from smearprep.geometry import FloatArray, outlines_to_shapes
from smearprep.images import SUFFIXES, is_file, probe, read_bytes
from smearprep.records import Cell, ImageCells

_LOW, _HIGH = -0.5, 1.5  # shares beyond it are no shares: px, or another format
_COARSE, _FINE = 2e-6, 5e-12  # a border missed by a file's rounding is the border: 6 decimals, or all
_NOTHING: FloatArray = np.empty(0)
Fault = tuple[Kind, str] | None
_YAMLS = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")


def sniff(path: Path, head: bytes) -> bool:
    """True if the first line that is not blank holds a whole number and an even count of shares.

    A blank file says "no cell", if it lies in a folder `labels` with a list of classes.
    """
    lines = [line for line in head.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True) if line.strip()]
    if not lines:
        return path.suffix == ".txt" and "labels" in path.parts and _class_list(path.parent) is not None
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

    Its name is relative to `options.images` or, for labels below a folder `labels`, to the folder `images`.

    Raises:
        DataError: Not there, not text; its image is not found, so that its size is unknown; a list of
            classes that cannot be read.
    """
    classes = options.classes or find_classes(path.parent)
    found = _find(path, options.images)
    if found is None:
        what = "states shares of an image that is neither beside it nor in a folder `images`; name its folder"
        raise DataError(path, what)
    image, name = found
    file = options.name(path)
    size = probe(image).oriented_size(True)
    cells = read_cells(path, size, classes, file, findings)
    if not classes and cells:
        what = "no classes.txt or data.yaml is near: classes keep their numbers as labels"
        findings.append(Finding("note", what, file))
    annotated = frozenset(name for name in classes if name.strip()) or frozenset(cell.label for cell in cells)
    yield ImageCells(shown_name(name), size, cells, str(path), annotated)


# ---------------------------------------------------------------- what lies around the file


def find_image(path: Path, images: Path | None = None) -> Path | None:
    """The image of a label file: of the same stem, beside it or in the folder `images` for `labels`.

    Args:
        path: The label file.
        images: Where to look first; there, labels/a/b.txt means a/b.jpg before b.jpg.
    """
    found = _find(path, images)
    return found and found[0]


def _find(path: Path, images: Path | None) -> tuple[Path, PurePath] | None:
    """The image of a label file, and its path below the folder of images."""
    folder, here = path.parent, PurePath()
    below = _below_labels(folder)
    places = [(folder, here), *((root / "images", inner) for root, inner in below)]
    places.append((folder.parent / "images", here))
    if images is not None:
        inners = [inner for _, inner in below]
        named = [*inners, *("images" / inner for inner in inners), here]
        places = [*((images, inner) for inner in named), *places]
    for base, between in places:
        for suffix in (*SUFFIXES, *(suffix.upper() for suffix in SUFFIXES)):
            name = between / f"{path.stem}{suffix}"
            if is_file(base / name):
                return base / name, name
    return None


def _below_labels(folder: Path) -> list[tuple[Path, PurePath]]:
    """Of each folder `labels` on the way to a folder, the nearest first: where it lies, and the way on."""
    parts = folder.parts
    found = [n for n, part in enumerate(parts) if part == "labels"]
    return [(Path(*parts[:n]), PurePath(*parts[n + 1 :])) for n in reversed(found)]


def find_classes(folder: Path) -> tuple[str, ...]:
    """Class names by number, from a classes.txt or data.yaml.

    It lies here, up to two folders up, or as far up as the folder that holds `labels`.

    Raises:
        DataError: The list is there but cannot be read.
    """
    listed = _class_list(folder)
    return () if listed is None else read_classes(listed)


def _class_list(folder: Path) -> Path | None:
    up = max([2, *(len(inner.parts) + 1 for _, inner in _below_labels(folder))])
    for place in (folder, *list(folder.parents)[:up]):
        for name in ("classes.txt", *_YAMLS):
            if is_file(place / name):
                return place / name
    return None


def read_classes(path: Path) -> tuple[str, ...]:
    """Class names by number, from a classes.txt (one a line) or the `names` of a data.yaml.

    Raises:
        DataError: Not there, not text, or no such list.
    """
    if path.suffix == ".txt":
        return parse_class_list(_text(path))
    try:
        return _yaml_names(_text(path))
    except ValueError as error:
        raise DataError(path, f"is no data.yaml of YOLO ({error})") from None


def _yaml_names(text: str) -> tuple[str, ...]:
    """Class names by number, from the `names` of a data.yaml: a list, or a mapping of numbers.

    Raises:
        ValueError: There are none.
    """
    from smearprep.yamlfiles import parse_yaml

    value = parse_yaml(text)
    names: Any = value.get("names") if isinstance(value, dict) else None
    if isinstance(names, dict) and all(isinstance(key, int) and key >= 0 for key in names):
        if len(names) <= max(names, default=0) > 10_000:
            raise ValueError("`names` goes up to a number that is no class number")
        names = [names.get(n, str(n)) for n in range(max(names, default=-1) + 1)]
    if not isinstance(names, list) or any(isinstance(name, list | dict | set | tuple) for name in names):
        raise ValueError("it holds no list `names` of classes")
    return tuple(str(name) for name in names)


def parse_class_list(text: str) -> tuple[str, ...]:
    """Class names by number, one a line."""
    return tuple(line.strip() for line in text.rstrip().splitlines())


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
            build = _box if len(words) == 5 else _polygon
            cell, fault = build(label, shares, size, _rounding(words[1:]))
        if fault:
            kind, what = fault
            findings.append(Finding(kind, f"line {number}: {what}", file, f"line {number}"))
        if cell is not None:
            cells.append(cell)
    return tuple(cells)


def _parse(words: Sequence[str], classes: Sequence[str]) -> tuple[str, FloatArray, Fault]:
    """Label, shares (n,), and what is wrong with the line."""
    shown = repr(" ".join(words)[:40])
    if not words[0].isdecimal() or len(words[0]) > 9 or len(words) < 5 or not len(words) % 2:
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
    if number >= len(classes) or not classes[number].strip():
        named = ", ".join(classes[:20])[:200]
        what = f"class {number} has no name; {len(classes)} are named ({named}); left out"
        return "", _NOTHING, ("unknown_label", what)
    return classes[number], shares, None


def _rounding(words: Sequence[str]) -> float:
    """By how much a share of a line may miss the image's border and still mean it."""
    decimals = max(len(word.partition(".")[2]) for word in words)
    return min(max(2 * 10.0 ** -min(decimals, 15), _FINE), _COARSE)


def _box(label: str, shares: FloatArray, size: tuple[int, int], rounding: float) -> tuple[Cell | None, Fault]:
    """A box from the shares (4,) of its centre, width and height."""
    centre, extent = shares[:2], shares[2:]
    corners = np.stack([centre - extent / 2, centre + extent / 2])
    (x0, y0), (x1, y1) = _to_px(corners, size, rounding).tolist()
    if x1 <= x0 or y1 <= y0:
        return None, ("zero_area", f"a {label} box without area; left out")
    return Cell(label, shapely.box(x0, y0, x1, y1), "box"), None


def _polygon(
    label: str, shares: FloatArray, size: tuple[int, int], rounding: float
) -> tuple[Cell | None, Fault]:
    """A polygon from the shares (2 n,) of its vertices."""
    xy = _to_px(shares.reshape(-1, 2), size, rounding)
    (shape,), (fault,) = outlines_to_shapes(xy, [len(xy)])
    if shape is None:
        kind: Kind = "invalid" if fault == "invalid" else "zero_area"
        why = "that crosses itself thousands of times" if fault == "invalid" else "without area"
        return None, (kind, f"a {label} polygon {why}; left out")
    repaired: Fault = ("repaired", f"a {label} polygon that crosses itself; made valid")
    return Cell(label, shape, "drawn"), repaired if fault else None


def _to_px(shares: FloatArray, size: tuple[int, int], rounding: float) -> FloatArray:
    """Shares (n, 2) in px; those that miss the image's border by their rounding lie on it."""
    at_border = np.where(abs(shares - np.rint(shares)) <= rounding, np.rint(shares), shares)
    return at_border * np.array(size, np.float64)


def _text(path: Path) -> str:
    data = read_bytes(path)
    if b"\0" in data:
        raise DataError(path, "is not text; YOLO labels were expected")
    return data.decode("utf-8-sig", "replace")
