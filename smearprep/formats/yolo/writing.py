"""YOLO labels, written in flat memory: lines are numbered as classes come by, and once more at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

import numpy as np
import shapely
from shapely.geometry import Polygon

from smearprep.errors import RecipeError
from smearprep.findings import Finding
from smearprep.formats.writing import StagedFolder, WriteOptions, name_taken
from smearprep.formats.yolo.reading import parse_class_list
from smearprep.records import Cell, ImageCells

DECIMALS = 12
"""Of a share: a vertex comes back within 1e-6 px in an image of 100,000 px."""
_SPLITS = ("train", "val", "test")


class YoloWriter:
    """Writes a folder of `labels/`, classes.txt and data.yaml.

    Args:
        out: The folder, which must be empty or not there.
        options: Class numbers follow `categories`; if there are none, all labels and all annotated
            categories sorted by name.
        findings: An image whose label file's name is taken is left out and named here.

    Raises:
        OutputError: The folder holds something or cannot be written.
        RecipeError: On adding, a label that is none of the categories.
    """

    def __init__(self, out: Path, options: WriteOptions, findings: list[Finding]) -> None:
        self._folder = StagedFolder(out)
        self._findings = findings
        self._fixed = options.categories
        self._numbers = {name: n for n, name in enumerate(options.categories)}  # in order of appearance
        self._files: list[str] = []  # that hold a cell
        self._splits: set[str] = set()

    def __enter__(self) -> Self:
        self._folder.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            try:
                self._finish()
            except BaseException as failure:
                self._folder.__exit__(type(failure), failure, failure.__traceback__)
                raise
        self._folder.__exit__(kind, error, trace)

    def add(self, image: ImageCells, picture: Path | None) -> None:
        """Write an image's label file; it is empty where there is no cell."""
        assert image.size is not None, "writers are given images of a known size"
        path = PurePosixPath(image.file_name)
        if len(path.parts) > 1 and path.parts[0] == "images":
            path = path.relative_to("images")
        name = self._folder.free_name(f"labels/{path}", ".txt")
        if name is None:
            self._findings.append(name_taken(image))
            return
        for label in () if self._fixed else sorted(image.annotated):
            self._number(label)
        lines = [f"{self._number(cell.label)} {_shares(cell, image.size)}\n" for cell in image.cells]
        self._folder.write(name, "".join(lines).encode())
        if lines:
            self._files.append(name)
        if len(path.parts) > 1:
            self._splits.add(path.parts[0])

    def _number(self, label: str) -> int:
        """The number of a class, final if the categories were stated."""
        number = self._numbers.get(label)
        if number is None:
            if self._fixed:
                raise RecipeError(f"label {label!r} is none of the categories {', '.join(self._fixed)}")
            number = self._numbers[label] = len(self._numbers)
        return number

    def _finish(self) -> None:
        """Give classes their final numbers, and write their names."""
        names = self._fixed or tuple(sorted(self._numbers))
        final = {self._numbers[name]: n for n, name in enumerate(names)}
        if any(old != new for old, new in final.items()):
            for name in self._files:
                lines = (self._folder.path / name).read_text("ascii").splitlines(keepends=True)
                self._folder.write(name, "".join(_renumbered(line, final) for line in lines).encode())
        listed = "".join(f"{name}\n" for name in names).encode()
        if b"\0" not in listed and parse_class_list(listed.decode("utf-8-sig")) == names:
            self._folder.write("classes.txt", listed)  # else only data.yaml can say the names
        self._folder.write("data.yaml", _data_yaml(names, self._splits))


def _shares(cell: Cell, size: tuple[int, int]) -> str:
    """Where a cell is, in shares of its image: centre and extent of a box, else its vertices."""
    if cell.outline == "box":
        low, high = np.array(cell.bounds).reshape(2, 2) / size
        shares = np.concatenate([(low + high) / 2, high - low])
    else:
        assert isinstance(cell.shape, Polygon), cell.shape
        shares = (shapely.get_coordinates(cell.shape.exterior)[:-1] / size).ravel()
    return " ".join([f"%.{DECIMALS}f"] * len(shares)) % tuple(shares.tolist())


def _renumbered(line: str, numbers: dict[int, int]) -> str:
    number, _, shares = line.partition(" ")
    return f"{numbers[int(number)]} {shares}"


def _data_yaml(names: Sequence[str], splits: set[str]) -> bytes:
    """What YOLO's trainers are given: where the images are to lie beside `labels`, and the classes."""
    import yaml

    places = {split: f"images/{split}" for split in _SPLITS if split in splits}
    train = next(iter(places.values()), "images")  # they want both of these two, whatever there is
    told = {"train": train, "val": train, **places, "names": dict(enumerate(names))}
    plain = all(map(str.isprintable, names))  # else escaped: YAML has line breaks beyond that of ASCII
    text: str = yaml.safe_dump(told, allow_unicode=plain, sort_keys=False, width=1 << 30)
    return text.encode()
