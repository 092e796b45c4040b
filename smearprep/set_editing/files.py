"""The COCO files of a prepared set, to be changed entry by entry; all else in them stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import orjson

from smearprep.errors import DataError, LayoutError, OutputError
from smearprep.findings import Finding
from smearprep.formats.coco.reading import CocoFile
from smearprep.formats.reading import ReadOptions
from smearprep.images import is_file
from smearprep.jsonfiles import dump_json
from smearprep.jsonlists import JsonLists

ENTRIES = "annotations"
_LISTS = ("categories", "images", ENTRIES)
_PLACES = ("images/{}", "{}", "images", "")  # of the images of a subset; the first is smearprep's own


class SetFile:
    """One COCO file of a set.

    Args:
        path: Where it lies.
        root: The set.
        findings: What is wrong with it is appended.
        with_entries: False: the annotations stay on the disk, and come one by one from `stored_entries`.

    Attributes:
        name: Relative to the set.
        subset: "train", "val", "test", "all", ...
        data: All that is in it, as JSON; perhaps without its annotations.
        coco: The same, read.

    Raises:
        DataError: No COCO file.
    """

    def __init__(self, path: Path, root: Path, findings: list[Finding], *, with_entries: bool = True) -> None:
        self.path = path
        self.name = path.relative_to(root).as_posix()
        self.subset = path.stem.removeprefix("instances_")
        self._lists = JsonLists(path)
        frame = self._lists.frame
        lists = [key for key in _LISTS if self._lists.has(key) and (with_entries or key != ENTRIES)]
        rows = {key: list(self._lists.records(key)) for key in lists}
        self.data: dict[str, Any] = {**frame, ENTRIES: [], **rows} if isinstance(frame, dict) else frame
        self.coco = CocoFile(path, ReadOptions(base=root), findings, self.data)
        self._digests = {_digest(path)}

    @property
    def entries(self) -> list[Any]:
        """The annotations, whatever they are."""
        entries = self.data.get(ENTRIES)
        return entries if isinstance(entries, list) else []

    def stored_entries(self) -> Iterator[Any]:
        """The annotations as they were when the file was opened; once."""
        yield from self._lists.records(ENTRIES)

    def check_unchanged(self) -> None:
        """Refuse to write over what somebody else has written in the meantime.

        Raises:
            OutputError: The file is not what it was when it was read.
        """
        if _digest(self.path) not in self._digests:
            raise OutputError(f"{self.path}: has been changed in the meantime; give the same command again")

    def is_written(self, data: bytes) -> None:
        """Take note of what the file holds now."""
        self._digests = {sha256(data).digest()}

    def may_become(self, data: bytes) -> None:
        """Take note of what the file will hold, if writing it does not fail half-way."""
        self._digests.add(sha256(data).digest())

    def as_bytes(self) -> bytes:
        """The file as JSON, one image and one annotation a line, as `CocoWriter` writes them."""
        return b"{" + b",\n".join(_members(self.data)) + b"}\n"


def _digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").digest()
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror or error})") from None


def json_line(value: Any) -> bytes:
    """A value as it stands in a line of a COCO file; bytes are taken for JSON already."""
    return value if isinstance(value, bytes) else dump_json(value).rstrip(b"\n")


def _members(data: Mapping[str, Any]) -> Iterator[bytes]:
    for key, value in data.items():
        if key in _LISTS and isinstance(value, list):
            yield orjson.dumps(key) + b":[\n" + b",\n".join(map(json_line, value)) + b"\n]"
        else:
            yield orjson.dumps(key) + b":" + json_line(value)


def coco_paths(root: Path) -> list[Path]:
    """Where the COCO files of a set lie.

    Raises:
        LayoutError: There are none.
    """
    if not root.is_dir():
        what = "a file; give the folder of a set" if is_file(root) else "not there"
        raise LayoutError(f"{root}: is {what}")
    paths = sorted((root / "annotations").glob("instances_*.json"))
    if not paths:
        raise LayoutError(f"{root}: is no prepared set; looked for annotations/instances_*.json in it")
    return paths


def open_set(root: Path, findings: list[Finding]) -> list[SetFile]:
    """The COCO files of a set.

    Raises:
        LayoutError: There are none.
        DataError: One cannot be read.
    """
    return [SetFile(path, root, findings) for path in coco_paths(root)]


def find_image(root: Path, subset: str, file_name: str) -> Path | None:
    """Where an image of a set lies, or None.

    Args:
        root: The set.
        subset: Of its COCO file.
        file_name: As stated there.
    """
    name = file_name.replace("\\", "/")
    places = (root / place.format(subset) / name for place in _PLACES)
    return next((path for path in places if is_file(path)), None)
