"""Unpack an archive: whatever is in it, nothing is written beside the output folder."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from shlex import quote
from typing import IO

from smearprep.archives.members import BROKEN, Member, members_of
from smearprep.archives.names import folded, inner_path, is_added, link_target
from smearprep.errors import DataError, LayoutError
from smearprep.findings import Finding, Summary, count_kinds, shown_name
from smearprep.formats.staging import StagedFolder
from smearprep.rendering import Progress

_BLOCK = 1 << 20
_NO_RATIO_BELOW = 100_000_000  # bytes; so much may come out of any small archive
_BAD_NAME = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)
_RAISE = "if you trust it, allow more (smearprep unpack --help)"
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".rar", ".7z")


@dataclass(frozen=True)
class Limits:
    """How much may come out of an archive: a small file can be made to unpack without end.

    Args:
        size: Bytes, in all.
        files: Files and folders, in all.
        ratio: Bytes for each byte of the archive.
    """

    size: int = 200 * 10**9
    files: int = 2_000_000
    ratio: float = 200.0


def unpack(
    archive: Path, out: Path, limits: Limits | None = None, progress: Progress | None = None
) -> Summary:
    """Unpack a zip, tar, tar.gz, tar.bz2 or tar.xz into a folder, which appears whole or not at all.

    Members that would lie outside the folder, links that lead out of it, devices and pipes are left out and
    named; links within the archive become copies. Nothing is made executable, and nothing is overwritten.

    Args:
        archive: The file.
        out: The folder, which must be empty or not there.
        limits: How much may come out.
        progress: Told of bytes of the archive gone through, of all.

    Returns:
        The summary; its findings name what was left out.

    Raises:
        LayoutError: It is no archive, of a kind that is not read, or holds no file.
        DataError: It cannot be read, or more comes out of it than the limits allow.
        OutputError: The folder holds something, or cannot be written.
    """
    with members_of(archive) as members, StagedFolder(out) as folder:
        job = _Job(archive, folder, limits or Limits())
        size = archive.stat().st_size
        for member in job.all(members):
            job.take(member)
            if progress:
                progress(min(member.position, size), size)
        if not job.files:
            raise LayoutError(f"{archive}: holds no file that can be unpacked. {job.told()}")
        tops = list(folder.path.iterdir())
    if progress:
        progress(size, size)
    # Most archives hold one folder, and in it all the rest.
    data = out / tops[0].name if len(tops) == 1 and (out / tops[0].name).is_dir() else out
    findings = (*job.findings, *job.notes())
    counts = {"files": job.files, "bytes": job.size, **count_kinds(findings)}
    next_step = f"smearprep inspect {quote(str(data))}"
    return Summary("unpack", str(out), counts, findings=findings, next_step=next_step)


class _LostError(Exception):
    """Why a member is left out."""


@dataclass
class _Job:
    """What has been unpacked so far."""

    archive: Path
    folder: StagedFolder
    limits: Limits
    findings: list[Finding] = field(default_factory=list)
    files: int = 0
    size: int = 0
    _members: int = 0
    _added: int = 0
    _written: dict[str, PurePosixPath] = field(default_factory=dict)

    def all(self, members: Iterator[Member]) -> Iterator[Member]:
        """The members; where the archive breaks off, what came before is kept."""
        try:
            for member in members:
                self._members += 1
                if self._members > self.limits.files:
                    raise DataError(self.archive, f"holds more than {self.limits.files:,} files; {_RAISE}")
                yield member
        except BROKEN as error:
            what = f"breaks off or is damaged ({error}); what comes after is lost"
            self.findings.append(Finding("unreadable", what, self.archive.name))

    def take(self, member: Member) -> None:
        """Unpack a member, or tell why not."""
        path = inner_path(member.name)
        if path is None:
            self._left_out(member, "its name leads out of the folder, or cannot be written")
        elif is_added(path):
            self._added += 1
        elif member.kind == "other":
            self._left_out(member, "it is a device or a pipe, and no file")
        elif member.kind != "folder":
            self._take_file(member, path)

    def _take_file(self, member: Member, path: PurePosixPath) -> None:
        target, before = self.folder.path / path, self.size
        try:
            with self.folder.errors(), self._created(target) as file:
                for block in self._blocks(member, path):
                    file.write(block)
        except _LostError as lost:
            self._left_out(member, str(lost))
            self.size = before
            return
        self.files += 1
        known = self._written.setdefault(folded(path), path)
        if known != path:
            what = f"differs from {known} only in upper and lower case: Windows and macOS hold only one"
            self.findings.append(Finding("duplicate", what, shown_name(path)))
        if path.name.lower().endswith(_ARCHIVES):
            what = "is an archive in the archive; unpack it, too, if it is needed"
            self.findings.append(Finding("note", what, shown_name(path)))

    @contextmanager
    def _created(self, target: Path) -> Iterator[IO[bytes]]:
        """A new file, which stays only if nothing happens while it is written."""
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            file = target.open("xb")
        except (OSError, ValueError) as error:  # ValueError: letters that the file system does not have
            if isinstance(error, FileExistsError | NotADirectoryError):
                raise _LostError("another member has taken its name") from None
            if isinstance(error, OSError) and error.errno not in _BAD_NAME:
                raise
            why = error.strerror if isinstance(error, OSError) else error
            raise _LostError(f"no file can have this name ({why})") from None
        try:
            with file:
                yield file
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    def _blocks(self, member: Member, path: PurePosixPath) -> Iterator[bytes]:
        """A member's bytes."""
        try:
            with self._linked(member, path) if member.kind == "link" else member.read() as source:
                while block := source.read(_BLOCK):
                    self._count(len(block))
                    yield block
        except BROKEN as error:
            raise _LostError(f"it cannot be read ({error})") from None

    def _linked(self, member: Member, path: PurePosixPath) -> IO[bytes]:
        """The file that a link points at, which has been unpacked before."""
        target = link_target(path, member.target, member.from_root)
        if target is None or not (self.folder.path / target).is_file():
            raise _LostError(
                f"it is a link to {member.target!r}, where no file of the archive has come before"
            )
        return (self.folder.path / target).open("rb")

    def _count(self, more: int) -> None:
        self.size += more
        ratio = self.size / max(self.archive.stat().st_size, 1)
        if self.size > self.limits.size:
            raise DataError(self.archive, f"unpacks to more than {self.limits.size / 1e9:g} GB; {_RAISE}")
        if self.size > _NO_RATIO_BELOW and ratio > self.limits.ratio:
            raise DataError(
                self.archive, f"unpacks to more than {self.limits.ratio:g} times its size; {_RAISE}"
            )

    def _left_out(self, member: Member, why: str) -> None:
        name = member.name.encode("utf-8", "backslashreplace").decode()
        self.findings.append(Finding("unreadable", f"{why}; left out", name))

    def notes(self) -> Iterator[Finding]:
        """What is worth telling at the end."""
        if self._added:
            what = f"{self._added} files that macOS or Windows adds to folders were left out"
            yield Finding("note", what, self.archive.name)

    def told(self) -> str:
        """The first thing that was left out, for the error that nothing is left."""
        return next((f"First: {f.file}: {f.what}." for f in self.findings), "It is empty.")
