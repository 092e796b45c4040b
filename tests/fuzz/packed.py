"""Targets: archives; whatever is in one, nothing is written beside the output folder."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from smearprep.archives import Limits, unpack
from tests.fuzz.fuzzing import Target

_MEMBERS = {
    "raw/a.txt": b"a" * 300,
    "raw/b/c.txt": b"c",
    "../out.txt": b"out",
    "/abs.txt": b"x",
    "C:\\d.txt": b"d",
}


def _zip(compression: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in _MEMBERS.items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return out.getvalue()


def _tar(mode: str, format: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=format) as archive:
        for name, data in _MEMBERS.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        for kind, target in (
            (tarfile.SYMTYPE, "b/c.txt"),
            (tarfile.LNKTYPE, "raw/a.txt"),
            (tarfile.FIFOTYPE, ""),
        ):
            entry = tarfile.TarInfo(f"raw/{target.replace('/', '_')}link")
            entry.type, entry.linkname = kind, target
            archive.addfile(entry)
    return out.getvalue()


KINDS: Mapping[str, Callable[[], list[bytes]]] = {
    "zip": lambda: [_zip(kind) for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)],
    "tar": lambda: [
        _tar("w", kind) for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT)
    ],
    "tgz": lambda: [_tar(mode, tarfile.PAX_FORMAT) for mode in ("w:gz", "w:bz2", "w:xz")],
}


def archives(kind: str, place: Path) -> Target:
    """Archives of one kind."""
    return Target(KINDS[kind](), partial(_unpack, place / f"a.{kind}", place / "in" / "out"))


def _unpack(file: Path, out: Path, data: bytes) -> str:
    file.write_bytes(data)
    out.parent.mkdir(exist_ok=True)
    try:
        told = unpack(file, out, Limits(size=10**6, files=100)).findings
    finally:
        assert {path.name for path in out.parent.parent.iterdir()} == {file.name, "in"}
        assert {path.name for path in out.parent.iterdir()} <= {"out"}
        assert not any(path.is_symlink() for path in out.rglob("*"))
        shutil.rmtree(out, ignore_errors=True)
    return "; ".join(sorted({finding.what for finding in told}))
