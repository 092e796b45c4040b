"""Raw folders that lie elsewhere: copied once, and then the same bytes as from a folder here."""

import asyncio
import queue
import sys
from pathlib import Path

import fsspec
import pytest
from fsspec.asyn import AsyncFileSystem
from fsspec.registry import _registry

from smearprep import remote
from smearprep.errors import DataError, LayoutError, OutputError, RecipeError
from smearprep.remote import is_address, local_folder
from tests.sets import fail, report, tree, write_folder


@pytest.fixture
def raw(tmp_path):
    """A plain folder of three small images."""
    return write_folder(tmp_path / "raw", images=3)


@pytest.fixture
def address(raw, request):
    """The address of a copy of it in the file system that lies in memory."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pipe({f"/data/raw/{name}": data for name, data in tree(raw).items()})
    system.pipe({"/data/raw/.hidden": b"1", "/data/beside.png": b"2"})
    yield "memory://data/raw"
    system.store.clear()


def visible(folder):
    return {name: data for name, data in tree(folder).items() if not name.startswith(".")}


@pytest.fixture
def reads(monkeypatch):
    """The files that are read from elsewhere."""
    seen = []
    read = remote._Elsewhere.read

    def note(there, path):
        seen.append(path)
        return read(there, path)

    monkeypatch.setattr(remote._Elsewhere, "read", note)
    return seen


# ---------------------------------------------------------------- what is copied


def test_a_folder_here_is_itself(raw, tmp_path):
    assert local_folder(str(raw), None) == raw
    assert local_folder("no such folder", tmp_path) == Path("no such folder")
    assert not any(
        map(is_address, ("a/b", "/a", "C:\\a", "C:/a", "a:b", "s3:/b", "://b", "simplecache::s3://b"))
    )
    assert all(map(is_address, ("s3://b/c", "gs://b", "file:///a", "memory://a")))


def test_what_lies_there_is_copied(raw, address, tmp_path):
    told = []
    folder = local_folder(address, tmp_path / "cache", lambda *now: told.append(now))
    assert folder.parent == tmp_path / "cache"
    assert visible(folder) == tree(raw)
    assert told == [(n, 4) for n in range(1, 5)]


def test_files_of_this_computer_by_their_address(raw, tmp_path):
    assert visible(local_folder(raw.as_uri(), tmp_path / "cache")) == tree(raw)


def test_what_is_there_is_not_copied_again(raw, address, tmp_path, reads):
    folder = local_folder(address, tmp_path / "cache")
    assert len(reads) == 4
    local_folder(address, tmp_path / "cache")
    assert len(reads) == 4
    (folder / "i1.png").unlink()
    local_folder(address, tmp_path / "cache")
    assert reads[4:] == ["/data/raw/i1.png"] and visible(folder) == tree(raw)


def test_what_changes_there_changes_here(address, tmp_path, reads):
    system = fsspec.filesystem("memory")
    folder = local_folder(address, tmp_path / "cache")
    system.pipe("/data/raw/i0.png", b"other")
    system.pipe("/data/raw/new.png", b"new")
    system.rm("/data/raw/i2.png")
    local_folder(address, tmp_path / "cache")
    assert sorted(reads[4:]) == ["/data/raw/i0.png", "/data/raw/new.png"]
    assert set(visible(folder)) == {"i0.png", "i1.png", "cells.json", "new.png"}
    assert (folder / "i0.png").read_bytes() == b"other"


@pytest.mark.parametrize("text", [b"", b"\xff\n[1]\n5\n", b'["i0.png"', b'["../x", "1"]\n["/etc/x", "1"]\n'])
def test_a_list_that_was_damaged(raw, address, tmp_path, reads, text):
    folder = local_folder(address, tmp_path / "cache")
    (tmp_path / "cache/x").write_bytes(b"mine")
    (folder / ".copied").write_bytes(text)
    local_folder(address, tmp_path / "cache")
    assert len(reads) == 8 and visible(folder) == tree(raw)
    assert (tmp_path / "cache/x").read_bytes() == b"mine"


def test_a_copy_that_was_broken_off_goes_on(raw, address, tmp_path, reads, monkeypatch):
    system = fsspec.filesystem("memory")
    cat_file, left = type(system).cat_file, iter(range(2))

    def breaks(self, path, *rest, **more):
        if next(left, None) is None:
            raise ConnectionError("the line is dead")
        return cat_file(self, path, *rest, **more)

    monkeypatch.setattr(remote, "_AT_A_TIME", 1)
    with monkeypatch.context() as patch:
        patch.setattr(type(system), "cat_file", breaks)
        with pytest.raises(DataError, match=r"cannot be read \(ConnectionError: the line is dead\)"):
            local_folder(address, tmp_path / "cache")
    reads.clear()
    folder = local_folder(address, tmp_path / "cache")
    assert len(reads) == 2 and visible(folder) == tree(raw)


def test_an_interruption_waits_for_no_answer(tmp_path, monkeypatch):
    begun, ended = [], queue.SimpleQueue()

    class Silent(AsyncFileSystem):
        async def _find(self, path, **_):
            return {f"{path}/{n:02d}.png": {"size": n} for n in range(40)}

        async def _cat_file(self, path, **_):
            begun.append(path)
            if path.endswith("/00.png"):
                return b"1"
            try:
                await asyncio.sleep(60)  # far longer than anyone has patience for
                ended.put("answered")
            except asyncio.CancelledError:
                ended.put("broken off")
                raise
            return b"2"

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setitem(_registry, "silent", Silent)
    with pytest.raises(KeyboardInterrupt):
        local_folder("silent://raw", tmp_path / "cache", interrupt)
    assert [ended.get() for _ in begun[1:]] == ["broken off"] * (len(begun) - 1)
    assert 1 <= len(begun) <= 1 + 2 * 8
    (folder,) = (tmp_path / "cache").iterdir()
    assert visible(folder) == {"00.png": b"1"}


def test_names_that_lead_out_are_not_copied(tmp_path, monkeypatch):
    system = fsspec.filesystem("memory")
    names = ("a.png", "../b.png", "c/../../d.png", "e:f.png", "..\\g", "h\0", "", "folder/", "/a.png", "c//i")
    found = {f"/data/raw/{name}": {"size": 1} for name in names}
    monkeypatch.setattr(type(system), "find", lambda *_, **__: found)
    monkeypatch.setattr(type(system), "cat_file", lambda *_: b"1")
    folder = local_folder("memory://data/raw", tmp_path / "in/cache")
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert files == [folder / ".copied", folder / "a.png"]


def test_a_folder_that_becomes_a_file(address, tmp_path):
    system = fsspec.filesystem("memory")
    system.pipe("/data/raw/deep/er/a.txt", b"1")
    folder = local_folder(address, tmp_path / "cache")
    assert (folder / "deep/er/a.txt").read_bytes() == b"1"
    system.rm("/data/raw/deep", recursive=True)
    system.pipe("/data/raw/deep", b"2")
    local_folder(address, tmp_path / "cache")
    assert (folder / "deep").read_bytes() == b"2"


def test_a_system_that_remembers_its_lists(address, tmp_path, monkeypatch):
    system = fsspec.filesystem("memory")
    find, lists = type(system).find, {}
    monkeypatch.setattr(
        type(system), "find", lambda self, path, **how: lists.setdefault(path, find(self, path, **how))
    )
    monkeypatch.setattr(type(system), "invalidate_cache", lambda *_: lists.clear())
    folder = local_folder(address, tmp_path / "cache")
    system.pipe("/data/raw/new.png", b"new")
    assert local_folder(address, tmp_path / "cache") == folder
    assert (folder / "new.png").read_bytes() == b"new"


# ---------------------------------------------------------------- commands


def test_the_same_bytes_as_from_a_folder(raw, address, tmp_path):
    cache = ("--cache", tmp_path / "cache")
    here = report("inspect", raw)
    assert report("inspect", address, *cache) == here
    how = ("--size", 20, "--stride", 10)
    report("tile", raw, tmp_path / "here", *how)
    report("tile", address, tmp_path / "there", *how, *cache)
    assert tree(tmp_path / "there") == tree(tmp_path / "here")
    recipe = tmp_path / "r.yaml"
    recipe.write_text("name: r\nsources: [folder]\nunknown: keep\nsplit: null\n")
    report("prepare", recipe, tmp_path / "set", "--raw", raw)
    report("prepare", recipe, tmp_path / "set2", "--raw", f"folder={address}", *cache)
    assert tree(tmp_path / "set") == tree(tmp_path / "set2")


# ---------------------------------------------------------------- what cannot be


def test_no_cache(address, tmp_path):
    assert "name a folder for its copy with --cache" in fail("tile", address, tmp_path / "out")


def test_nothing_is_there(address, tmp_path):
    for wrong, told in (
        ("memory://data/nothing", "no file is there"),
        (f"{address}/i0.png", "is a file; give the folder"),
        ("nothing-known://a", "cannot be reached (ValueError: Protocol not known"),
    ):
        assert told in fail("inspect", wrong, "--cache", tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_it_cannot_be_listed(address, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError("no")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "find", refuse)
    with pytest.raises(LayoutError, match=r"cannot be reached \(PermissionError: no\)"):
        local_folder(address, tmp_path)


def test_packages_that_are_missing(raw, tmp_path, monkeypatch):
    monkeypatch.delitem(_registry, "s3", raising=False)  # it may have been loaded before
    monkeypatch.setitem(sys.modules, "s3fs", None)
    cut = ("--size", 20, "--stride", 10, "--cache", tmp_path / "cache")
    assert "needs another package (Install s3fs" in fail("tile", "s3://bucket/x", tmp_path / "out", *cut)
    for name in ("fsspec", "fsspec.core"):
        monkeypatch.setitem(sys.modules, name, None)
    assert 'pip install "smearprep[remote]"' in fail("tile", "s3://bucket/x", tmp_path / "out", *cut)
    report("tile", raw, tmp_path / "out", *cut)  # a folder here needs neither
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written(address, tmp_path):
    (tmp_path / "cache").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"):
        local_folder(address, tmp_path / "cache")
    with pytest.raises(RecipeError, match="--cache"):
        local_folder(address, None)
