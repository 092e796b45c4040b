"""Archives: what they hold comes out; what would do harm does not, and is named."""

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smearprep.archives import Limits, job, unpack
from smearprep.archives.names import folded, inner_path, is_added, link_target
from smearprep.errors import DataError, LayoutError, OutputError
from tests.laws.strategies import LAW
from tests.sets import fail, kinds, report, tree, write_folder

KINDS = ("zip", "tar", "tar.gz", "tar.bz2", "tar.xz")
FILES = {"BCCD/a.png": b"1" * 5000, "BCCD/sub/b.xml": b"<a/>", "BCCD/empty.txt": b""}


def write_zip(path, members):
    """A zip of (name, bytes) pairs; a third entry is the mode of the file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data, *mode in members:
            entry = zipfile.ZipInfo(name.split("\0")[0] or "x")
            entry.filename = name  # ZipInfo would mend it
            entry.external_attr = (mode[0] if mode else 0) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return path


def write_tar(path, members, how="w"):
    """A tar of (name, bytes or TarInfo type, link target)."""
    with tarfile.open(path, how) as archive:
        for name, data, *target in members:
            entry = tarfile.TarInfo(name)
            if isinstance(data, bytes) and not target:
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
            else:
                entry.type, entry.linkname = data, target[0]
                archive.addfile(entry)
    return path


def write(path, files, kind):
    pairs = list(files.items())
    if kind == "zip":
        return write_zip(path, pairs)
    return write_tar(path, pairs, f"w:{kind.partition('.')[2]}")


def contents(folder):
    return {name: data for name, data in tree(folder).items() if data is not None}


# ---------------------------------------------------------------- what is sound


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_in_it_comes_out(tmp_path, kind):
    archive, seen = write(tmp_path / "download", FILES, kind), []  # its name tells nothing
    summary = unpack(archive, tmp_path / "out", progress=lambda *now: seen.append(now))
    assert contents(tmp_path / "out") == FILES
    assert summary.counts == {"files": 3, "bytes": 5004} and not summary.findings
    assert summary.next_step == f"smearprep inspect {tmp_path / 'out/BCCD'}"
    size = archive.stat().st_size
    assert seen[-1] == (size, size) and all(done <= total for done, total in seen)


def test_by_the_command_line(tmp_path):
    raw = write_folder(tmp_path / "raw", images=2)
    archive = write(tmp_path / "a.zip", {k: v for k, v in tree(raw).items() if v}, "zip")
    told = report("unpack", archive, tmp_path / "out")
    assert told["counts"]["files"] == 3 and tree(tmp_path / "out") == tree(raw)
    report("inspect", tmp_path / "out")


def test_folders_of_their_own_and_what_computers_add(tmp_path):
    archive = write_zip(
        tmp_path / "a.zip",
        [
            ("d/", b""), ("d/a.png", b"1"), ("__MACOSX/d/._a.png", b"2"), ("d/.DS_Store", b"3"),
            ("inner.RAR", b"4"),
        ],
    )  # fmt: skip
    summary = unpack(archive, tmp_path / "out")
    assert contents(tmp_path / "out") == {"d/a.png": b"1", "inner.RAR": b"4"}
    assert kinds(summary) == {"note": 2} and not summary.has_problems
    assert "is an archive in the archive" in summary.findings[0].what
    assert summary.findings[1].what.startswith("2 files that macOS or Windows adds")


# ---------------------------------------------------------------- what would do harm

LEADS_OUT = (
    "../a.png", "d/../../a.png", "/etc/a.png", "..\\a.png", "C:\\a.png", "C:a.png", "\\a.png",
    "\\\\host\\share\\a.png",
    "d/..", "..", "", ".", "d\\..\\..\\a.png", "/".join("d" * 99),
)  # fmt: skip


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("name", LEADS_OUT)
def test_names_that_lead_out(tmp_path, kind, name):
    pairs = [(name, b"evil"), ("good.png", b"1")]
    archive = write_zip(tmp_path / "a", pairs) if kind == "zip" else write_tar(tmp_path / "a", pairs)
    summary = unpack(archive, tmp_path / "in/out")
    assert contents(tmp_path) == {"a": archive.read_bytes(), "in/out/good.png": b"1"}
    assert kinds(summary) == {"unreadable": 1} and summary.findings[0].file == name
    assert "leads out of the folder" in summary.findings[0].what


def test_links(tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    archive = write_tar(
        tmp_path / "a.tar",
        [
            ("d/a.png", b"1"),
            ("d/same.png", tarfile.LNKTYPE, "d/a.png"),
            ("e/near.png", tarfile.SYMTYPE, "../d/./a.png"),
            ("out.png", tarfile.SYMTYPE, "../secret"),
            ("root.png", tarfile.SYMTYPE, str(tmp_path / "secret")),
            ("hard.png", tarfile.LNKTYPE, "../secret"),
            ("later.png", tarfile.SYMTYPE, "z.png"),
            ("folder", tarfile.SYMTYPE, "d"),
            ("up", tarfile.SYMTYPE, ".."),
            ("up/secret", b"evil"),
            ("pipe", tarfile.FIFOTYPE, ""),
            ("disk", tarfile.CHRTYPE, ""),
        ],
    )
    summary = unpack(archive, tmp_path / "in/out")
    out = tmp_path / "in/out"
    assert contents(out) == {"d/a.png": b"1", "d/same.png": b"1", "e/near.png": b"1", "up/secret": b"evil"}
    assert not any(path.is_symlink() for path in out.rglob("*"))
    assert (tmp_path / "secret").read_bytes() == b"secret"
    left_out = [finding.file for finding in summary.findings]
    assert left_out == ["out.png", "root.png", "hard.png", "later.png", "folder", "up", "pipe", "disk"]


def test_links_in_a_zip(tmp_path):
    link = stat.S_IFLNK | 0o777
    archive = write_zip(
        tmp_path / "a.zip",
        [("a.png", b"1"), ("b.png", b"a.png", link), ("c.png", b"../x", link), ("d", b"", stat.S_IFIFO)],
    )
    summary = unpack(archive, tmp_path / "out")
    assert contents(tmp_path / "out") == {"a.png": b"1", "b.png": b"1"}
    assert [finding.file for finding in summary.findings] == ["c.png", "d"]


def test_one_name_twice(tmp_path):
    archive = write_tar(
        tmp_path / "a", [("a.png", b"1"), ("a.png", b"2"), ("a.png/b", b"3"), ("d/x", b"4"), ("d", b"5")]
    )
    summary = unpack(archive, tmp_path / "out")
    assert contents(tmp_path / "out") == {"a.png": b"1", "d/x": b"4"}
    assert {finding.what for finding in summary.findings} == {"another member has taken its name; left out"}
    assert len(summary.findings) == 3


def test_names_that_differ_in_case_only(tmp_path):
    archive = write_tar(
        tmp_path / "a", [("a.png", b"1"), ("A.PNG", b"2"), ("\u00e9.png", b"3"), ("e\u0301.png", b"4")]
    )
    summary = unpack(archive, tmp_path / "out")
    assert kinds(summary) == {"duplicate": 2} and not summary.has_problems
    assert len(contents(tmp_path / "out")) == 4


def test_names_that_no_file_can_have(tmp_path):
    archive = write_tar(tmp_path / "a", [("x" * 300, b"1"), ("b.png", b"2")])
    summary = unpack(archive, tmp_path / "out")
    assert contents(tmp_path / "out") == {"b.png": b"2"}
    assert "no file can have this name (File name too long)" in summary.findings[0].what.replace(
        "[Errno 36] ", ""
    )


def test_nothing_is_executable(tmp_path):
    archive = write_zip(tmp_path / "a.zip", [("a.sh", b"1", stat.S_IFREG | 0o4777)])
    unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out/a.sh").stat().st_mode & 0o7111


# ---------------------------------------------------------------- too much


@pytest.mark.parametrize("kind", ["zip", "tar.xz"])
def test_bombs(tmp_path, kind, monkeypatch):
    archive = write(tmp_path / "a", {f"{n}.bin": bytes(400_000) for n in range(5)}, kind)
    for limits, told in (
        (Limits(size=1_000_000), "unpacks to more than 0.001 GB"),
        (Limits(files=4), "holds more than 4 files"),
    ):
        with pytest.raises(DataError, match=told):
            unpack(archive, tmp_path / "out", limits)
        assert sorted(tree(tmp_path)) == ["a"]  # nothing stays
    unpack(archive, tmp_path / "small")  # little comes out, however well it was packed
    monkeypatch.setattr(job, "_NO_RATIO_BELOW", 1_000_000)
    with pytest.raises(DataError, match="more than 10 times its size"):
        unpack(archive, tmp_path / "out", Limits(ratio=10))


def test_a_header_that_states_any_size(tmp_path):
    entry = tarfile.TarInfo("a")
    entry.type, entry.size = tarfile.XHDTYPE, 1 << 32
    archive = tmp_path / "a.tar"
    archive.write_bytes(entry.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(DataError, match=r"one of its headers states 4,294,967,296 bytes"):
        unpack(archive, tmp_path / "out")


# ---------------------------------------------------------------- what is broken


@pytest.mark.parametrize("kind", KINDS)
def test_cut_off_at_any_place(tmp_path, kind):
    """Whatever is left: what comes out is what was in it, or a message tells that nothing is."""
    files = {f"{n}.bin": os.urandom(600) for n in range(4)}
    data = write(tmp_path / "whole", files, kind).read_bytes()
    for n in range(0, len(data), max(len(data) // 25, 1)):
        (tmp_path / "cut").write_bytes(data[:n])
        try:
            summary = unpack(tmp_path / "cut", tmp_path / f"out{n}")
        except (DataError, LayoutError):
            assert not (tmp_path / f"out{n}").exists()
        else:
            got = contents(tmp_path / f"out{n}")
            assert got.items() <= files.items()
            assert summary.has_problems or len(got) == len(files) or kind == "tar"


def test_bytes_that_were_damaged(tmp_path):
    archive = write(tmp_path / "a", {"a.bin": os.urandom(5000), "b.bin": os.urandom(500)}, "zip")
    data = bytearray(archive.read_bytes())
    data[1000] ^= 255
    archive.write_bytes(data)
    summary = unpack(archive, tmp_path / "out")
    assert set(contents(tmp_path / "out")) == {"b.bin"}
    assert "it cannot be read (Bad CRC-32" in summary.findings[0].what


def test_a_password(tmp_path):
    archive = write(tmp_path / "a", {"a.bin": b"1"}, "zip")
    data = bytearray(archive.read_bytes())
    data[6] |= 1  # of the member, and of the directory at the end
    data[data.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(data)
    with pytest.raises(LayoutError, match="encrypted, password required"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"Rar!\x1a\x07\x01\x00", "is a rar archive, which needs a program of its own"),
        (b"7z\xbc\xaf\x27\x1c", "is a 7z archive"),
        (b"\x89PNG\r\n", "is no archive that is read"),
        (b"", "is no archive that is read"),
        (b"PK\3\4", "was it downloaded to its end"),
        (b"\x1f\x8b\x08", "was it downloaded to its end"),
        (b"PK\5\6" + bytes(18), "holds no file that can be unpacked. It is empty."),
    ],
)
def test_no_archive(tmp_path, data, told):
    (tmp_path / "a.zip").write_bytes(data)
    assert told in fail("unpack", tmp_path / "a.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_where_it_cannot_be_written(tmp_path, monkeypatch):
    archive = write(tmp_path / "a.zip", FILES, "zip")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    assert "is not empty" in fail("unpack", archive, tmp_path / "full")
    assert "is not there" in fail("unpack", tmp_path / "no.zip", tmp_path / "out")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(job._Job, "_blocks", lambda *_: iter([b"1"]))
    monkeypatch.setattr(Path, "open", lambda *_, **__: full())
    monkeypatch.setattr(job, "members_of", lambda _: _Open([member()]))
    with pytest.raises(OutputError, match="No space left"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".*"))


def member():
    from smearprep.archives.members import Member

    return Member("a", "file", lambda: io.BytesIO(b"1"), 0)


class _Open:
    def __init__(self, members):
        self.members = members

    def __enter__(self):
        return iter(self.members)

    def __exit__(self, *_):
        return None


# ---------------------------------------------------------------- laws

PIECES = st.sampled_from(
    [
        "..",
        ".",
        "a",
        "b",
        "A",
        "/",
        "\\",
        "//",
        "C:",
        "c:",
        "\0",
        " ",
        "...",
        "con",
        "\\\\host\\share\\",
        "~",
        "a.png",
    ]
)
NAMES = (
    st.lists(PIECES, max_size=7).map("".join)
    | st.lists(PIECES, max_size=5).map("/".join)
    | st.text(max_size=12)
)


@LAW
@given(NAMES, st.booleans())
@example("a/../../b", False)
def test_no_name_leads_outside(name, windows):
    path = inner_path(name, windows)
    if path is not None:
        assert not path.is_absolute() and ".." not in path.parts and path.parts
        assert "\\" not in str(path) and "\0" not in str(path)
        joined = os.path.normpath(os.path.join("/root/out", str(path)))  # noqa: PTH118
        assert joined.startswith("/root/out/")


@LAW
@given(NAMES, NAMES, st.booleans())
def test_no_link_leads_outside(link, target, from_root):
    lies = inner_path(link)
    if lies is not None:
        path = link_target(lies, target, from_root)
        assert path is None or (not path.is_absolute() and ".." not in path.parts)


@LAW
@given(
    st.lists(st.tuples(NAMES, st.sampled_from(["file", "symbolic", "hard"]), NAMES), min_size=1, max_size=6),
    st.booleans(),
)
def test_nothing_is_written_outside(tmp_path_factory, members, is_zip):
    root = tmp_path_factory.mktemp("law")
    (root / "a.png").write_bytes(b"mine")
    if is_zip:
        mode = {"file": 0, "symbolic": stat.S_IFLNK, "hard": stat.S_IFLNK}
        once = {name: (name, target.encode(), mode[kind]) for name, kind, target in members}
        archive = write_zip(root / "x", once.values())
    else:
        types = {"symbolic": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE}
        clean = [(name.replace("\0", ""), kind, target.replace("\0", "")) for name, kind, target in members]
        archive = write_tar(
            root / "x", [(n, b"evil") if k == "file" else (n, types[k], t) for n, k, t in clean]
        )
    before = tree(root)
    try:
        unpack(archive, root / "out")
    except (DataError, LayoutError):
        assert tree(root) == before
    else:
        after = tree(root)
        assert {name: data for name, data in after.items() if not f"{name}/".startswith("out/")} == before
        assert not any(path.is_symlink() for path in (root / "out").rglob("*"))


@pytest.mark.parametrize(
    "name", ["con", "NUL.txt", "a/lpt1.png", "ab:c", "a.", "a ", 'a"b', "a?.png", "x/\x01"]
)
def test_names_that_windows_has_not(name):
    assert inner_path(name, windows=True) is None
    assert inner_path(name, windows=False) == PurePosixPath(name)


def test_folded():
    assert folded(PurePosixPath("A/E\u0301")) == folded(PurePosixPath("a/\u00e9"))
    assert is_added(PurePosixPath("a/._b.png")) and not is_added(PurePosixPath("a/b._png"))
