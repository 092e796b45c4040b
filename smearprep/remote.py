"""Raw folders that lie elsewhere, such as `s3://bucket/BCCD`: copied to this computer and read there.

What is there already is not copied again: a copy that was broken off goes on, and a second run reads nothing
but the list of files.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePosixPath
from threading import Event
from typing import Any, BinaryIO

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
        under_way: What is being read and can be broken off.
        is_over: Set when nothing more is to be read.
    """

    raw: str
    system: Any
    path: str
    under_way: set[Future[bytes]] = field(default_factory=set)
    is_over: Event = field(default_factory=Event)

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
            raise LayoutError(f"{raw}: cannot be reached ({_told(error)}); {_advice(error)}") from None

    def files(self) -> dict[str, tuple[str, str]]:
        """Of each file its path below the folder, with its path there and what changes when it does.

        Raises:
            LayoutError: There is none, or it cannot be reached.
        """
        try:
            self.system.invalidate_cache()  # some file systems remember lists while the process lives
            found: Mapping[str, Mapping[str, Any]] = self.system.find(self.path, detail=True)
        except Exception as error:
            raise LayoutError(f"{self.raw}: cannot be reached ({_told(error)}); {_advice(error)}") from None
        if list(found) == [self.path]:
            raise LayoutError(f"{self.raw}: is a file; give the folder of the data set")
        below = {path: path.removeprefix(self.path).removeprefix("/") for path in sorted(found)}
        files = {
            name: (path, "; ".join(f"{key} {found[path][key]}" for key in _TOLD if key in found[path]))
            for path, name in below.items()
            if _is_wanted(name)
        }
        for name in _folders(files) & files.keys():  # object stores may hold `a` and `a/b`, disks may not
            del files[name]
        if not files:
            raise LayoutError(f"{self.raw}: no file is there; check the address")
        return files

    def read(self, path: str) -> bytes:
        """A file.

        Raises:
            DataError: It cannot be read.
        """
        try:
            return self._bytes(path)
        except Exception as error:
            told = f"cannot be read ({_told(error)}); what has been copied stays: give the same command again"
            raise DataError(path, told) from None

    def _bytes(self, path: str) -> bytes:
        if not getattr(self.system, "async_impl", False):
            data: bytes = self.system.cat_file(path)
            return data
        coroutine = self.system._cat_file(path)
        future: Future[bytes] = asyncio.run_coroutine_threadsafe(coroutine, self.system.loop)
        self.under_way.add(future)
        if self.is_over.is_set():
            future.cancel()
        try:
            return future.result()
        finally:
            self.under_way.discard(future)

    def break_off(self) -> None:
        """Wait for nothing that is being read: a server that does not answer is waited for for minutes."""
        self.is_over.set()
        for future in tuple(self.under_way):
            future.cancel()


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _advice(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "check the address"
    if isinstance(error, PermissionError):
        return "check the credentials, and what they allow"
    return "check the address, the credentials and the network"


def _folders(names: Iterable[str]) -> set[str]:
    """The folders, of any depth, in which files of these names lie."""
    return {str(folder) for name in names for folder in PurePosixPath(name).parents}


def _is_wanted(name: str) -> bool:
    """False for hidden files, and for names that stand for a folder or lead out of it."""
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
    gone = known.keys() - files.keys()
    for name in gone:
        (folder / name).unlink(missing_ok=True)
    for name in sorted(_folders(gone) - {"."}, key=len, reverse=True):  # a file may come to bear its name
        with suppress(OSError):
            (folder / name).rmdir()  # only if it is empty
    kept = {name: state for name, state in known.items() if name in files and files[name][1] == state}
    write_atomic(folder / _LIST, b"".join(map(_line, kept.items())))
    missing, done = [name for name in files if name not in kept], len(kept)
    with (
        _told_of(folder),
        (folder / _LIST).open("ab", buffering=0) as noted,
        ThreadPoolExecutor(_AT_A_TIME) as pool,
    ):
        try:
            for _ in each(pool, partial(_copy_one, there, files, folder, noted), missing, 2 * _AT_A_TIME):
                done += 1
                if progress:
                    progress(done, len(files))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            there.break_off()
            raise


def _copy_one(
    there: _Elsewhere, files: Mapping[str, tuple[str, str]], folder: Path, noted: BinaryIO, name: str
) -> None:
    path, state = files[name]
    write_atomic(folder / name, there.read(path))
    noted.write(_line((name, state)))  # here, so that what is under way at an interruption is kept too


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
        except (ValueError, TypeError):  # broken JSON, or no pair
            continue
        if isinstance(name, str) and isinstance(state, str) and _is_wanted(name):
            known[name] = state
    return known
