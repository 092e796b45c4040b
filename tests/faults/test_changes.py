"""What others do meanwhile: files that are cut short or vanish, clocks that go back, a second run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from smearprep.assist import assist
from smearprep.checking import check
from smearprep.errors import OutputError
from smearprep.prepare import prepare
from tests.assist.making import write_raw
from tests.faults.changes import OneByOne
from tests.sets import EVEN, STOP_AT, call, fail, folder_recipe, images_of, kinds, tree, write_folder

RECIPE = folder_recipe(EVEN)
LAST = "i9.png"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Ten images with outlines."""
    return write_folder(tmp_path / "raw", images=10)


@pytest.fixture
def sound(raw: Path, tmp_path: Path) -> dict[str, bytes | None]:
    """The set that is made of them."""
    prepare(RECIPE, [(None, raw)], tmp_path / "sound")
    return tree(tmp_path / "sound")


def prepared(raw: Path, out: Path, half_way: Callable[[], object]) -> dict[str, int]:
    """Prepare, and do something when half of the images are written; the kinds of what was found."""

    def progress(done: int, total: int) -> None:
        if done == total // 2:
            half_way()

    return kinds(prepare(RECIPE, [(None, raw)], out, executor=OneByOne(), progress=progress))


# ---------------------------------------------------------------- inputs that change


@pytest.mark.parametrize("left", [0, 20, 3000])
def test_an_image_that_is_cut_short_meanwhile(
    raw: Path, sound: dict[str, bytes | None], tmp_path: Path, left: int
) -> None:
    out, whole = tmp_path / "set", (raw / LAST).read_bytes()
    assert prepared(raw, out, lambda: (raw / LAST).write_bytes(whole[:left])) == {"unreadable": 1}
    assert len(images_of(out)) == 9  # the others are there, and the set holds
    assert not check(out).findings
    (raw / LAST).write_bytes(whole)
    prepare(RECIPE, [(None, raw)], out)
    assert tree(out) == sound


@pytest.mark.parametrize("what", ["removed", "a folder", "another image", "another size"])
def test_an_image_that_changes_meanwhile(
    raw: Path, sound: dict[str, bytes | None], tmp_path: Path, what: str
) -> None:
    out, last, whole = tmp_path / "set", raw / LAST, (raw / LAST).read_bytes()
    small = write_folder(tmp_path / "small", images=1, size=(20, 10)) / "i0.png"
    ways: dict[str, Callable[[], object]] = {
        "removed": last.unlink,
        "a folder": lambda: (last.unlink(), last.mkdir()),
        "another image": lambda: shutil.copyfile(raw / "i0.png", last),
        "another size": lambda: shutil.copyfile(small, last),
    }
    found = prepared(raw, out, ways[what])
    assert found == ({} if what == "another image" else {"unreadable": 1})
    assert {finding.kind for finding in check(out).findings} <= {"leak"}  # one picture under two names
    if last.is_dir():
        last.rmdir()
    last.write_bytes(whole)
    prepare(RECIPE, [(None, raw)], out)
    assert tree(out) == sound


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_annotations_that_are_cut_short(raw: Path, tmp_path: Path, share: float) -> None:
    whole = (raw / "cells.json").read_bytes()
    (raw / "cells.json").write_bytes(whole[: int(share * len(whole))])
    result = call("prepare", _written(tmp_path), tmp_path / "set", "--raw", raw)
    assert result.exit_code == 1 and "cells.json" in result.stdout and "unreadable" in result.stdout
    assert len(images_of(tmp_path / "set")) == 10  # as images of which nothing is known


@pytest.mark.parametrize("name", ["more.json", "more.txt", "i0.xml", "more.png"])
def test_links_that_lead_nowhere_are_named(raw: Path, tmp_path: Path, name: str) -> None:
    (raw / name).symlink_to(tmp_path / "nowhere")
    summary = prepare(RECIPE, [(None, raw)], tmp_path / "set")
    assert [finding.file for finding in summary.findings] == [f"folder/{name}"]


def _written(folder: Path) -> Path:
    path = folder / "recipe.yaml"
    path.write_text('name: test\nsources:\n  - dataset: folder\nunknown: keep\nsplit: {ratio: "1:1:1"}\n')
    return path


def test_outlines_are_not_made_for_a_set_that_another_has_changed(tmp_path: Path) -> None:
    write_raw(tmp_path / "raw", 3)
    out = tmp_path / "set"
    prepare(folder_recipe(None), [(None, tmp_path / "raw")], out)
    cells = out / "annotations" / "instances_all.json"
    other = cells.read_bytes().replace(b'"WBC"', b'"leukocyte"')

    def progress(done: int, total: int) -> None:
        cells.write_bytes(other)

    with pytest.raises(OutputError, match="changed"):
        assist(out, progress=progress)
    assert cells.read_bytes() == other


# ---------------------------------------------------------------- clocks


@pytest.mark.parametrize("year", [1971, 2100])
def test_times_of_files_tell_nothing(
    raw: Path, sound: dict[str, bytes | None], tmp_path: Path, year: int
) -> None:
    """A clock that was set back or is wrong: what is done is known by its content."""
    out, when = tmp_path / "set", (year - 1970) * 365.25 * 86_400
    prepare(RECIPE, [(None, raw)], out)
    spoilt, other = images_of(out)[:2]
    size = spoilt.stat().st_size
    spoilt.write_bytes(b"x" * size)  # neither its size nor its time tells
    other.unlink()
    for path in [*out.rglob("*"), *raw.rglob("*")]:
        os.utime(path, (when, when))
    kept = [path.stat().st_ino for path in images_of(out)[1:]]
    prepare(RECIPE, [(None, raw)], out)
    assert tree(out) == sound
    assert set(kept) <= {path.stat().st_ino for path in images_of(out)}  # nothing else was written again


def test_a_clock_that_runs_back(
    raw: Path, sound: dict[str, bytes | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [4e9]

    def back() -> float:
        now[0] -= 3600
        return now[0]

    monkeypatch.setattr(time, "time", back)
    prepare(RECIPE, [(None, raw)], tmp_path / "set")
    assert now[0] <= 4e9 and tree(tmp_path / "set") == sound


# ---------------------------------------------------------------- two at once


def test_a_second_preparation_is_refused(raw: Path, sound: dict[str, bytes | None], tmp_path: Path) -> None:
    out = tmp_path / "set"

    def second() -> None:
        with pytest.raises(
            OutputError, match=rf"is being changed by `smearprep prepare` \(process {os.getpid()}\)"
        ):
            prepare(RECIPE, [(None, raw)], out)

    assert not prepared(raw, out, second)
    assert tree(out) == sound


@pytest.mark.skipif(not hasattr(os, "WUNTRACED"), reason="processes cannot be stopped here")
def test_a_second_command_is_refused_while_the_first_one_rests(
    raw: Path, sound: dict[str, bytes | None], tmp_path: Path
) -> None:
    out = tmp_path / "set"
    arguments = ["prepare", str(_written(tmp_path)), str(out), "--raw", str(raw)]
    command = [sys.executable, "-c", STOP_AT, "SIGSTOP", "4", *arguments]
    first = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        _, status = os.waitpid(first.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        message = fail(*arguments)
        assert f"is being changed by `smearprep prepare` (process {first.pid}); wait for its end" in message
    finally:
        first.send_signal(signal.SIGCONT)
    assert first.wait() == 0
    assert images_of(out) == [out / name for name in sound if name.startswith("images/") and "." in name]
    assert not check(out).findings


def test_outlines_are_not_made_while_a_set_is_prepared(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    prepare(RECIPE, [(None, raw)], out)
    before = tree(out)

    def second() -> None:
        result = call("assist", out)
        assert result.exit_code == 2 and "is being changed by `smearprep prepare`" in result.stderr

    assert not prepared(raw, out, second)
    assert tree(out) == before
