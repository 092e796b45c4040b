"""Where annotations lie while they are written: beside their place, in a file or folder `.NAME.part`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Self

from smearprep.errors import OutputError, RecipeError
from smearprep.findings import Finding
from smearprep.formats.reading import stays_inside
from smearprep.images import refuse_special, write_atomic
from smearprep.records import ImageCells


@contextmanager
def _told_of(path: Path) -> Iterator[None]:
    """What the system says of writing, as an error that names the output."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from None


# ---------------------------------------------------------------- one file


class SpooledFile:
    """A file whose beginning is known only at its end: a context manager, to be derived from.

    What comes by goes to a spool beside the file. After a clean exit the file is there, whole; after an
    exception nothing is.

    Args:
        path: The file; what is there is replaced.

    Raises:
        OutputError: It cannot be written (on entering, adding or leaving).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._whole = path.with_name(f".{path.name}.part")
        self._spooled = path.with_name(f".{path.name}.spool.part")
        self._spool: IO[bytes] | None = None

    def __enter__(self) -> Self:
        refuse_special(self._path)
        with _told_of(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._spool = self._spooled.open("w+b")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._spool is not None
        with _told_of(self._path), ExitStack() as cleanup:
            cleanup.callback(self._whole.unlink, missing_ok=True)
            cleanup.callback(self._spooled.unlink, missing_ok=True)
            cleanup.callback(self._spool.close)  # what could not be flushed is lost with the file
            if error is None:
                self._spool.seek(0)
                with self._whole.open("wb") as file:
                    self._finish(file, self._spool)
                self._whole.replace(self._path)

    def _put(self, data: bytes, between: bytes = b"") -> None:
        """Spool some bytes, `between` before them unless they are the first."""
        assert self._spool is not None, "a writer is a context manager: use it in a with statement"
        with _told_of(self._path):
            self._spool.write((between if self._spool.tell() else b"") + data)

    def _finish(self, file: IO[bytes], spool: IO[bytes]) -> None:
        """Write the file from what was spooled."""
        raise NotImplementedError


# ---------------------------------------------------------------- a folder


class StagedFolder:
    """A folder that appears whole at a clean exit: until then its files lie in `.NAME.part` beside it.

    Args:
        out: The folder. It may be there if it is empty.

    Raises:
        OutputError: It holds something, or cannot be written (on entering, adding or leaving).
    """

    def __init__(self, out: Path) -> None:
        self._out = out.absolute()
        self._part = self._out.with_name(f".{self._out.name}.part")
        self._written: set[str] = set()

    def __enter__(self) -> Self:
        with self.errors():
            if os.path.lexists(self._out) and not self._out.is_dir():
                raise OutputError(f"{self._out}: is there and is no folder; choose another output")
            if self._out.is_dir() and any(self._out.iterdir()):
                raise OutputError(f"{self._out}: is not empty; choose another folder, or remove it first")
            shutil.rmtree(self._part, ignore_errors=True)  # of a killed run
            self._part.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                with self.errors():
                    with suppress(FileNotFoundError):
                        self._out.rmdir()
                    self._part.rename(self._out)
        finally:
            shutil.rmtree(self._part, ignore_errors=True)

    @property
    def path(self) -> Path:
        """Where the files lie until the exit."""
        return self._part

    def free_name(self, image: str, suffix: str) -> str | None:
        """The path, relative to the folder, of the file for an image: its own path with another suffix.

        None if another image has taken it (`a.jpg` and `a.png`, or one image twice).
        """
        path = PurePosixPath(image)
        assert stays_inside(image), image
        name = str(path.with_suffix(suffix))
        if name.casefold() in self._written:  # some file systems do not tell A from a
            return None
        self._written.add(name.casefold())
        return name

    def write(self, name: str, data: bytes) -> None:
        """Write a file, by its path relative to the folder."""
        write_atomic(self._part / name, data)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """For other ways to write below `path`: what the system says becomes an OutputError."""
        with _told_of(self._out):
            yield


class FolderWriter:
    """A writer to a folder that appears whole at a clean exit; to be derived from.

    Args:
        out: The folder, which must be empty or not there.
        findings: What is left out is named here.

    Raises:
        OutputError: The folder holds something or cannot be written.
    """

    def __init__(self, out: Path, findings: list[Finding]) -> None:
        self._out = out
        self._folder = StagedFolder(out)
        self._findings = findings

    def __enter__(self) -> Self:
        self._folder.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._close(finish=error is None)
        except BaseException as failure:
            self._folder.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._folder.__exit__(kind, error, trace)

    def _close(self, finish: bool) -> None:
        """Close what is open and, to `finish`, write what is known only at the end."""

    def _name(self, image: ImageCells, path: str, suffix: str) -> str | None:
        """A free name for an image's file (`StagedFolder.free_name`); None, and a finding, if it is taken."""
        name = self._folder.free_name(path, suffix)
        if name is None:
            self._findings.append(name_taken(image))
        return name


class FilePerImage(FolderWriter):
    """A writer of one annotation file an image.

    Args:
        out: The folder, which must be empty or not there.
        suffix: Of the files.
        to_bytes: The file of an image.
        findings: An image whose file's name is taken is left out and named here.
    """

    def __init__(
        self, out: Path, suffix: str, to_bytes: Callable[[ImageCells], bytes], findings: list[Finding]
    ) -> None:
        super().__init__(out, findings)
        self._suffix = suffix
        self._to_bytes = to_bytes

    def add(self, image: ImageCells, picture: Path | None) -> None:
        """Write an image's file."""
        name = self._name(image, image.file_name, self._suffix)
        if name is not None:
            self._folder.write(name, self._to_bytes(image))


def name_taken(image: ImageCells) -> Finding:
    """What is said of an image whose file's name another image has taken."""
    what = f"an image has taken its name already, or it comes twice; {len(image.cells)} cells left out"
    return Finding("missing_image", what, image.file_name)


# ---------------------------------------------------------------- numbers of categories


class Numbering:
    """Numbers of categories, from 0, while images still come: final if all are stated, else at the end.

    Args:
        stated: All categories, in the order of their numbers; none: all that come by, sorted by name.
    """

    def __init__(self, stated: Sequence[str]) -> None:
        self._stated = tuple(stated)
        self._numbers = {name: n for n, name in enumerate(stated)}  # else in order of appearance

    def number(self, label: str) -> int:
        """The number of a category until the end.

        Raises:
            RecipeError: It is none of the stated ones.
        """
        number = self._numbers.get(label)
        if number is None:
            if self._stated:
                raise RecipeError(f"label {label!r} is none of the categories {', '.join(self._stated)}")
            number = self._numbers[label] = len(self._numbers)
        return number

    def add(self, labels: Iterable[str]) -> None:
        """Take up categories that were looked for, found or not; of stated ones nothing needs to be said."""
        if not self._stated:
            for label in sorted(labels):
                self.number(label)

    @property
    def names(self) -> tuple[str, ...]:
        """All categories in their final order."""
        return self._stated or tuple(sorted(self._numbers))

    def final(self) -> dict[int, int]:
        """The number that a category had -> the one it has in the end."""
        return {self._numbers[name]: n for n, name in enumerate(self.names)}
