"""Raw folders that lie elsewhere, such as `s3://bucket/BCCD`: copied to this computer and read there.

What is there already is not copied again: a copy that was broken off goes on, and a second run reads nothing
but the list of files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from smearprep.errors import DataError, LayoutError, OutputError, RecipeError, SmearprepError
from smearprep.images import read_bytes, write_atomic
from smearprep.pools import each

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://.+")
_AT_A_TIME = 8  # files; copying them waits for the network most of the time
_TOLD = (
    "size", "ETag", "etag", "md5Hash", "crc32c", "mtime", "LastModified", "last_modified", "updated",
    "created",
)  # fmt: skip
"""What file systems tell of a file that changes when the file does."""
_LIST = ".copied"  # of each file that has been copied a line: its name, and what was told of it


def is_address(raw: str) -> bool:
    """True for `s3://...` and the like, which name no folder of this computer."""
    return _ADDRESS.fullmatch(raw) is not None


def local_folder(raw: str, cache: Path | None, progress: Callable[[int, int], None] | None = None) -> Path:
    """The folder of this computer where raw data lies: itself, or the copy of what lies at an address.

    Args:
        raw: A folder, or an address that fsspec knows: `s3://`, `gs://`, `file://`, `memory://`, ...
        cache: Where copies lie; of an address it is needed.
        progress: Told of files that are there, of all.

    Raises:
        RecipeError: An address, and no folder for its copy.
        LayoutError: Nothing is at the address.
        DataError: A file there cannot be read. What has been copied stays.
        OutputError: The copy cannot be written.
        SmearprepError: fsspec, or what it needs for such an address, is not installed.
    """
    if not is_address(raw):
        return Path(raw)
    if cache is None:
        raise RecipeError(f"{raw}: lies elsewhere; name a folder for its copy with --cache")
    there = _Elsewhere.opened(raw)
    files = there.files()
    name = PurePosixPath(there.path).name or "raw"
    folder = cache / f"{re.sub(r'[^A-Za-z0-9.-]+', '_', name)}-{sha256(raw.encode()).hexdigest()[:8]}"
    _copy(there, files, folder, progress)
    return folder


@dataclass(frozen=True)
class _Elsewhere:
    """A folder of a file system that fsspec knows.

    Args:
        raw: Its address as the user gave it.
        system: The file system.
        path: Its path there.
    """

    raw: str
    system: Any
    path: str

    @classmethod
    def opened(cls, raw: str) -> _Elsewhere:
        """The folder at an address."""
        try:
            from fsspec.core import url_to_fs
        except ImportError:
            told = 'fsspec is not installed; install it with `pip install "smearprep[remote]"`'
            raise SmearprepError(f"{raw}: {told}") from None
        try:
            return cls(raw, *url_to_fs(raw))
        except ImportError as error:  # such as: Install s3fs to access S3
            raise SmearprepError(f"{raw}: needs another package ({error})") from None
        except Exception as error:  # whatever the file systems of others raise
            raise LayoutError(f"{raw}: cannot be reached ({_told(error)})") from None

    def files(self) -> dict[str, tuple[str, str]]:
        """Of each file its path below the folder, with its path there and what changes when it does.

        Raises:
            LayoutError: There is none, or it cannot be reached.
        """
        try:
            found: Mapping[str, Mapping[str, Any]] = self.system.find(self.path, detail=True)
        except Exception as error:
            raise LayoutError(f"{self.raw}: cannot be reached ({_told(error)})") from None
        below = {path: path.removeprefix(self.path).strip("/") for path in sorted(found)}
        if list(below.values()) == [""]:
            raise LayoutError(f"{self.raw}: is a file; give the folder of the data set")
        files = {
            name: (path, "; ".join(f"{key} {found[path][key]}" for key in _TOLD if key in found[path]))
            for path, name in below.items()
            if _is_wanted(name) and not path.endswith("/")  # which stands for a folder
        }
        if not files:
            raise LayoutError(f"{self.raw}: no file is there")
        return files

    def read(self, path: str) -> bytes:
        """A file.

        Raises:
            DataError: It cannot be read.
        """
        try:
            data: bytes = self.system.cat_file(path)
            return data
        except Exception as error:
            told = f"cannot be read ({_told(error)}); what has been copied stays: give the same command again"
            raise DataError(path, told) from None


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _is_wanted(name: str) -> bool:
    """False for hidden files, and for names that lead out of the folder."""
    parts = name.replace("\\", "/").split("/")
    return not any(part.startswith(".") or part == "" or ":" in part or "\0" in part for part in parts)


# ---------------------------------------------------------------- the copy


def _copy(
    there: _Elsewhere,
    files: Mapping[str, tuple[str, str]],
    folder: Path,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Copy what is not there yet, or has changed; take away what is there no more."""
    known = {name: state for name, state in _known(folder).items() if _is_there(folder, name)}
    for name in known.keys() - files.keys():
        (folder / name).unlink(missing_ok=True)
    kept = {name: state for name, state in known.items() if name in files and files[name][1] == state}
    write_atomic(folder / _LIST, b"".join(map(_line, kept.items())))
    missing, done = [name for name in files if name not in kept], len(kept)
    one = partial(_copy_one, there, files, folder)
    with _told_of(folder), (folder / _LIST).open("ab") as noted, ThreadPoolExecutor(_AT_A_TIME) as pool:
        for name, _ in each(pool, one, missing, 2 * _AT_A_TIME):
            noted.write(_line((name, files[name][1])))
            noted.flush()
            done += 1
            if progress:
                progress(done, len(files))


def _copy_one(there: _Elsewhere, files: Mapping[str, tuple[str, str]], folder: Path, name: str) -> None:
    write_atomic(folder / name, there.read(files[name][0]))


@contextmanager
def _told_of(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from None


def _is_there(folder: Path, name: str) -> bool:
    try:
        return (folder / name).is_file()
    except OSError:
        return False


def _line(noted: tuple[str, str]) -> bytes:
    return orjson.dumps(noted, option=orjson.OPT_APPEND_NEWLINE)


def _known(folder: Path) -> dict[str, str]:
    """What has been copied before, and what was told of it then; a damaged line is passed over."""
    known: dict[str, str] = {}
    try:
        lines = read_bytes(folder / _LIST).splitlines()
    except DataError:
        return {}
    for line in lines:
        try:
            name, state = orjson.loads(line)
        except ValueError:
            continue
        if isinstance(name, str) and isinstance(state, str) and _is_wanted(name):
            known[name] = state
    return known
