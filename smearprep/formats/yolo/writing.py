"""YOLO labels, written in flat memory: lines are numbered as classes come by, and once more at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import shapely
from shapely.geometry import Polygon

from smearprep.findings import Finding
from smearprep.formats.staging import FolderWriter, Numbering
from smearprep.formats.writing import WriteOptions
from smearprep.formats.yolo.reading import parse_class_list
from smearprep.records import Cell, ImageCells

DECIMALS = 12
"""Of a share: a vertex comes back within 1e-6 px in an image of 100,000 px."""
_SPLITS = ("train", "val", "test")


class YoloWriter(FolderWriter):
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
        super().__init__(out, findings)
        self._classes = Numbering(options.categories)
        self._files: list[str] = []  # that hold a cell
        self._splits: set[str] = set()

    def add(self, image: ImageCells, picture: Path | None) -> None:
        """Write an image's label file; it is empty where there is no cell."""
        assert image.size is not None, "writers are given images of a known size"
        path = PurePosixPath(image.file_name)
        if len(path.parts) > 1 and path.parts[0] == "images":
            path = path.relative_to("images")
        name = self._name(image, f"labels/{path}", ".txt")
        if name is None:
            return
        self._classes.add(image.annotated)
        lines = [f"{self._classes.number(cell.label)} {_shares(cell, image.size)}\n" for cell in image.cells]
        self._folder.write(name, "".join(lines).encode())
        if lines:
            self._files.append(name)
        if len(path.parts) > 1:
            self._splits.add(path.parts[0])

    def _close(self, finish: bool) -> None:
        """Give classes their final numbers, and write their names."""
        if not finish:
            return
        names, final = self._classes.names, self._classes.final()
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
