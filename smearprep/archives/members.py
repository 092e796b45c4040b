"""What lies in an archive: its members one after the other, whichever kind of archive it is."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from smearprep.errors import DataError, LayoutError
from smearprep.images import read_bytes

_MOST_AT_ONCE = 1 << 24  # bytes; a tar's own headers are read whole, and may state any size

BROKEN = (
    OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, tarfile.TarError,
    zlib.error, lzma.LZMAError,
)  # fmt: skip
"""What reading a broken archive raises."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an archive.

    Args:
        name: As the archive has it.
        kind: "other" is a device, a pipe and the like.
        read: Opens its bytes.
        position: How many bytes of the archive have been gone through before it.
        target: What a link points at, as the archive has it.
        from_root: A link's target is a member's name, and not relative to the link's folder.
    """

    name: str
    kind: Literal["file", "folder", "link", "other"]
    read: Callable[[], AbstractContextManager[IO[bytes]]]
    position: int
    target: str = ""
    from_root: bool = False


@contextmanager
def members_of(archive: Path) -> Iterator[Iterator[Member]]:
    """Open an archive; its kind is told by its first bytes.

    Raises:
        LayoutError: It is no archive, or of a kind that is not read.
        DataError: It cannot be read, or is broken from its beginning.
    """
    head = read_bytes(archive, 265)
    _refuse_others(archive, head)
    with ExitStack() as stack:
        try:
            file = stack.enter_context(archive.open("rb"))
            if head.startswith(b"PK"):
                members = _zip_members(stack.enter_context(zipfile.ZipFile(file)))
            else:
                stream = stack.enter_context(_Bounded(_decompressed(file, head)))
                members = _tar_members(stack.enter_context(tarfile.open(fileobj=stream, mode="r:")), file)
        except BROKEN as error:
            told = f"is no archive that can be read ({error}); was it downloaded to its end?"
            raise DataError(archive, told) from None
        yield members


def _refuse_others(archive: Path, head: bytes) -> None:
    name = {b"Rar!": "rar", b"7z\xbc\xaf": "7z", b"\x28\xb5\x2f\xfd": "zstd"}.get(head[:4])
    if name is not None:
        raise LayoutError(
            f"{archive}: is a {name} archive, which needs a program of its own: unpack it with 7-Zip, unar "
            "or The Unarchiver, and give smearprep the folder"
        )
    packed = head.startswith((b"PK", b"\x1f\x8b", b"BZh", b"\xfd7zXZ"))
    if not packed and head[257:262] != b"ustar":
        raise LayoutError(f"{archive}: is no archive that is read: zip, tar, tar.gz, tar.bz2, tar.xz")


# ---------------------------------------------------------------- zip


def _zip_members(archive: zipfile.ZipFile) -> Iterator[Member]:
    position = 0
    for entry in archive.infolist():
        mode = stat.S_IFMT(entry.external_attr >> 16)
        kind: Literal["file", "folder", "link", "other"] = "file"
        target = ""
        if entry.filename.endswith("/"):
            kind = "folder"
        elif mode == stat.S_IFLNK:
            kind, target = "link", _link_text(archive, entry)
        elif mode not in (0, stat.S_IFREG):
            kind = "other"
        yield Member(entry.filename, kind, _opener(archive, entry), position, target)
        position += entry.compress_size


def _opener(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo
) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    return lambda: archive.open(entry)


def _link_text(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str:
    """A link's target is what its member holds."""
    try:
        with archive.open(entry) as file:
            return file.read(4096).decode("utf-8", "replace")
    except BROKEN:
        return ""


# ---------------------------------------------------------------- tar


def _tar_members(archive: tarfile.TarFile, file: IO[bytes]) -> Iterator[Member]:
    kept: list[tarfile.TarInfo] = vars(archive)["members"]
    while (entry := archive.next()) is not None:
        kept.clear()  # it would hold all of them
        kind: Literal["file", "folder", "link", "other"] = "other"
        if entry.isreg():
            kind = "file"
        elif entry.isdir():
            kind = "folder"
        elif entry.issym() or entry.islnk():
            kind = "link"
        yield Member(entry.name, kind, _extractor(archive, entry), file.tell(), entry.linkname, entry.islnk())


def _extractor(
    archive: tarfile.TarFile, entry: tarfile.TarInfo
) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    def extract() -> AbstractContextManager[IO[bytes]]:
        file = archive.extractfile(entry)
        if file is None:
            raise ValueError("holds no bytes")
        return nullcontext(file)  # tarfile's reader needs no end of its own

    return extract


def _decompressed(file: IO[bytes], head: bytes) -> IO[bytes]:
    """The tar in a compressed file."""
    if head.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file, mode="rb")  # type: ignore[return-value]
    if head.startswith(b"BZh"):
        return bz2.BZ2File(file)
    return lzma.LZMAFile(file) if head.startswith(b"\xfd7zXZ") else file


class _Bounded:
    """A stream of which nobody reads more at a time than is good for the memory."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """Some bytes.

        Raises:
            ValueError: Too many are asked for.
        """
        if not 0 <= size <= _MOST_AT_ONCE:
            raise ValueError(f"one of its headers states {size:,} bytes")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Where it is."""
        return self._stream.tell()

    def __enter__(self) -> IO[bytes]:
        return self  # type: ignore[return-value]

    def __exit__(self, *_: object) -> None:
        self._stream.close()
