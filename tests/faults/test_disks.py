"""Disks that are full, or become read-only half-way: one message, nothing lost, the next run goes through."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from smearprep.errors import OutputError
from smearprep.models.hardware import Hardware
from smearprep.models.training import train
from smearprep.prepare import prepare
from tests.assist.making import write_raw
from tests.faults.changes import OneByOne
from tests.faults.disks import disk, enlarge, make_read_only, make_writable, needs_root
from tests.models.tiny import recipe, tiny, write_set  # noqa: F401 - tiny is a fixture
from tests.sets import EVEN, call, fail, folder_recipe, images_of, tree, write_folder

pytestmark = needs_root


def message_of(*arguments: object) -> str:
    """What a command says that cannot write: one line."""
    told = str(fail(*arguments))
    assert told.count("\n") == 1 and told.startswith("error: ")
    return told


@pytest.mark.parametrize("room", ["8k", "60k", "100k"])
def test_prepare_on_a_full_disk(tmp_path: Path, room: str) -> None:
    raw = write_folder(tmp_path / "raw", images=12)  # 87 kB
    arguments = ["split", raw, "--ratio", "1:1:1"]
    before = tree(raw)
    assert call("split", raw, tmp_path / "sound", *arguments[2:]).exit_code == 0
    with disk(tmp_path / "disk", room) as small:
        out = small / "set"
        told = message_of("split", raw, out, *arguments[2:])
        assert "cannot be written (No space left on device)" in told
        assert not (out / "manifest.json").exists()
        enlarge(small, "4m")
        assert call("split", raw, out, *arguments[2:]).exit_code == 0
        assert tree(out) == tree(tmp_path / "sound")
    assert tree(raw) == before


def test_assist_on_a_full_disk(tmp_path: Path) -> None:
    write_raw(tmp_path / "raw", 2)
    prepare(folder_recipe(None), [(None, tmp_path / "raw")], tmp_path / "set", workers=1)
    with disk(tmp_path / "disk", "4m") as small:
        out = small / "set"
        shutil.copytree(tmp_path / "set", out)
        (small / "other").write_bytes(b"\0" * _left(small))
        assert "No space left" in message_of("assist", out)
        assert tree(out) == tree(tmp_path / "set")
        (small / "other").unlink()
        assert call("assist", out).exit_code == 0
        assert call("assist", tmp_path / "set").exit_code == 0
        assert tree(out) == tree(tmp_path / "set")


def _left(folder: Path) -> int:
    return shutil.disk_usage(folder).free


@pytest.mark.parametrize("command", ["convert", "count"])
def test_results_on_a_full_disk(tmp_path: Path, command: str) -> None:
    cells = write_set(tmp_path / "set", (("train", 4),))
    given: list[object] = [cells / "annotations"] if command == "convert" else [cells]
    with disk(tmp_path / "disk", "4m") as small:
        out = small / "result"
        assert call(command, *given, "-o", out).exit_code == 0
        before = tree(small)
        (small / "other").write_bytes(b"\0" * _left(small))
        assert "No space left" in message_of(command, *given, "-o", out)
        (small / "other").unlink()
        assert tree(small) == before  # the earlier result is there still, and nothing else
        assert call(command, *given, "-o", out).exit_code == 0
        assert tree(small) == before


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("room", ["4k", "32k"])
def test_training_on_a_full_disk(tmp_path: Path, room: str) -> None:
    cells, how = write_set(tmp_path / "set"), Hardware(device="cpu", precision="float32")
    train(recipe(), cells, tmp_path / "sound", hardware=how)
    with disk(tmp_path / "disk", room) as small:
        with pytest.raises(OutputError, match="No space left on device"):
            train(recipe(), cells, small / "run", hardware=how)
        enlarge(small, "4m")
        train(recipe(), cells, small / "run", hardware=how)
        assert tree(small / "run") == tree(tmp_path / "sound")


def test_prepare_into_a_folder_that_becomes_read_only(tmp_path: Path) -> None:
    raw = write_folder(tmp_path / "raw", images=30)
    recipe = folder_recipe(EVEN)
    prepare(recipe, [(None, raw)], tmp_path / "sound")
    out = tmp_path / "set"

    def lock(done: int, total: int) -> None:
        if done == 15:
            make_read_only(out / "images")

    try:
        with pytest.raises(OutputError, match=r"cannot be written \(Read-only file system\)"):
            prepare(recipe, [(None, raw)], out, executor=OneByOne(), progress=lock)
    finally:
        make_writable(out / "images")
    assert 15 <= len(images_of(out)) < 30
    assert not (out / "manifest.json").exists()
    prepare(recipe, [(None, raw)], out)
    assert tree(out) == tree(tmp_path / "sound")
