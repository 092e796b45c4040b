"""One at a time: who changes a set keeps all others from it, until he ends, however he ends."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from smearprep.annotating import Session
from smearprep.assist import assist
from smearprep.checking import check
from smearprep.errors import OutputError
from smearprep.output_folder import STATE, hold_set
from smearprep.prepare import prepare
from smearprep.set_editing import changing
from tests.annotating.making import cell, patch, square, write_set
from tests.sets import EVEN, folder_recipe, tree, write_folder

HOLD = """
import sys
from pathlib import Path
from smearprep.output_folder import hold_set
with hold_set(Path(sys.argv[1]), "annotate"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path):
    return write_set(tmp_path, images=1)


@pytest.fixture
def holder(folder):
    """Another process that holds the set."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline().strip() == b"held"
        yield child
        child.kill()


def test_everybody_else_is_refused_and_told_who_it_is(folder, holder, tmp_path):
    before = tree(folder)
    raw = write_folder(tmp_path / "other")
    for job in (
        lambda: Session(folder),
        lambda: assist(folder),
        lambda: prepare(folder_recipe(split=EVEN), [("folder", raw)], folder, force=True),
    ):
        with pytest.raises(OutputError) as caught:
            job()
        assert f"being changed by `smearprep annotate` (process {holder.pid})" in str(caught.value)
    assert tree(folder) == before and not check(folder).findings
    assist(folder, dry_run=True)  # changes nothing, and may


def test_it_is_let_go_when_the_process_is_killed(folder, holder):
    holder.kill()
    holder.wait()
    assert (folder / STATE).is_dir() and not check(folder).findings
    with Session(folder):
        pass
    assert not (folder / STATE).exists()


def test_it_leaves_nothing_and_lets_the_next_one_in(folder):
    before = tree(folder)
    for _ in range(3):
        with hold_set(folder, "a"), pytest.raises(OutputError, match="`smearprep a`"), hold_set(folder, "b"):
            pass
    assert tree(folder) == before


def test_a_lock_that_was_removed_meanwhile_keeps_nobody_out_and_is_not_taken(folder, monkeypatch):
    """Who waits for the file of a holder that has just ended finds it gone, and makes a new one."""
    opened, calls = os.open, []

    def late(path, *how):
        handle = opened(path, *how)
        if Path(path).name == "lock" and not calls:
            calls.append(path)
            Path(path).unlink()
        return handle

    monkeypatch.setattr(os, "open", late)
    with hold_set(folder, "a"), ExitStack() as stack, pytest.raises(OutputError):
        stack.enter_context(hold_set(folder, "b"))
    assert calls


def test_a_run_that_replaces_a_set_holds_it_to_the_end(tmp_path):
    out, held = tmp_path / "set", []
    prepare(folder_recipe(split=EVEN), [("folder", write_folder(tmp_path / "raw"))], out)

    def look(*_):
        with pytest.raises(OutputError, match="smearprep prepare"), hold_set(out, "b"):
            pass
        held.append(True)

    other = write_folder(tmp_path / "other", size=(50, 50))
    prepare(folder_recipe(split=EVEN), [("folder", other)], out, force=True, progress=look)
    assert held


def test_a_file_system_without_locks_holds_nothing(folder, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def none(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", none)
    with hold_set(folder, "a"), hold_set(folder, "b"):
        pass


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), hold_set(tmp_path / "file", "a"):
        pass


def test_a_set_that_people_have_edited_is_not_prepared_away(tmp_path):
    raw, out = write_folder(tmp_path / "raw"), tmp_path / "set"
    job = (folder_recipe(split=EVEN), [("folder", raw)], out)
    prepare(*job)
    before = tree(out)
    with Session(out) as session:
        key = session.overview()["images"][0]["key"]
        new = {"new-a": cell("WBC", parts=[square(1, 1, 3)])}
        session.edit(key, patch(session.image(key), cells=new))
    after = tree(out)
    with pytest.raises(OutputError, match="`smearprep annotate` made, and they would be lost"):
        prepare(*job)
    assert tree(out) == after
    prepare(*job, force=True)
    assert tree(out) == before


def test_what_was_edited_comes_into_the_files_before_another_changes_them(folder):
    session = Session(folder)
    key = session.overview()["images"][0]["key"]
    session.edit(key, patch(session.image(key), cells={"new-a": cell(parts=[square(1, 1, 3)])}))
    journal = (folder / "edits.jsonl").read_bytes()
    held = {name: data for name, data in tree(folder).items() if data and not name.startswith(".")}
    session.close()
    for name, data in held.items():
        (folder / name).write_bytes(data)
    assert (folder / "edits.jsonl").read_bytes() == journal
    with changing(folder, "test") as highest:
        assert highest == 15
    assert not check(folder).findings and tree(folder) != held
    assert (folder / "edits.jsonl").read_bytes() == journal + b'{"folded":1}\n'
