"""Whatever ends the program, and wherever: no edit that was answered is lost, and none is half done."""

import errno
import json
import os
from itertools import count
from shutil import copytree

import pytest

from smearprep.annotating import Session
from smearprep.checking import check
from smearprep.errors import DataError, OutputError
from smearprep.output_folder import hold_set
from smearprep.set_editing.journal import Journal
from tests.annotating import kills
from tests.annotating.making import by_id, cell, patch, square, write_set
from tests.sets import edit_json, tree

KEY = "train/i0.png"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("plain"), images=1)


@pytest.fixture
def folder(plain, tmp_path):
    return copytree(plain, tmp_path / "set")


def draw(session, **changes):
    """Draw a cell."""
    cells = {"new-a": cell(parts=[square(1, 1, 3)])}
    return session.edit(KEY, patch(session.image(KEY), "drawn", cells=cells, **changes))


def seen(folder):
    """The state of a set as the next session finds it."""
    with Session(folder) as session:
        return session.image(KEY)


# ---------------------------------------------------------------- killed at any moment


class Moments:
    """Copies a set whenever something is written, moved, or cut off, as a killed program would leave it."""

    def __init__(self, folder, scratch, monkeypatch):
        self.folder, self.scratch, self.taken, self.number = folder, scratch, [], count()
        for name in ("fsync", "ftruncate", "replace", "unlink", "rmdir"):
            monkeypatch.setattr(os, name, self.around(getattr(os, name)))
        write = os.write
        monkeypatch.setattr(os, "write", lambda handle, data: self.in_parts(write, handle, bytes(data)))

    def around(self, function):
        def told(*arguments, **how):
            self.take()
            return function(*arguments, **how)

        return told

    def in_parts(self, write, handle, data):
        self.take()
        written = write(handle, data[: len(data) // 2] if len(data) > 200 else data)
        self.take()
        return written

    def take(self):
        copy = self.scratch / str(next(self.number))
        copytree(self.folder, copy, ignore=lambda *_: ["images", "lock"])
        self.taken.append(copy)


def test_killed_at_any_moment(folder, tmp_path, monkeypatch):
    with monkeypatch.context() as patched, Session(folder) as session:
        moments = Moments(folder, tmp_path / "copies", patched)
        before, at = session.image(KEY), []
        jobs = [
            lambda: draw(session),
            lambda: session.edit(KEY, patch(session.image(KEY), cells={"1": None}, image={"reviewed": True})),
            session.fold,
            lambda: session.undo(KEY, "u1", 2),
            lambda: session.add_category("Blast"),
            session.fold,
            lambda: session.redo(KEY, "r1", 3),
        ]
        for job in jobs:
            first = len(moments.taken)
            job()
            after = session.image(KEY)
            at.append((moments.taken[first:], before, after))
            before = after
    for copies, before, after in at:
        assert len(copies) > 3
        states = [seen(copy) for copy in copies]
        assert states[0] == before and all(state in (before, after) for state in states)
        assert states == sorted(states, key=lambda state: state["revision"])
        assert all(not _damage(copy) for copy in copies)


def _damage(copy):
    """What is wrong with a set, but for the images, which were not copied."""
    return [one for one in check(copy).findings if one.kind != "missing_image" and "images/" not in one.file]


def test_a_last_line_that_is_cut_off_anywhere(folder):
    with Session(folder) as session:
        before = draw(session)
        session.fold()
        head = (folder / "edits.jsonl").read_bytes()
        after = draw(session, image={"note": "é"})
        whole = (folder / "edits.jsonl").read_bytes()
        held = tree(folder)
    (folder / "edits.jsonl").write_bytes(whole)
    for name, data in held.items():
        if name.startswith("annotations/") or name == "manifest.json":
            (folder / name).write_bytes(data)
    for size in range(len(head), len(whole)):
        (folder / "edits.jsonl").write_bytes(whole[:size])
        if size % 60 and size < len(whole) - 1:
            lines = [line.edit.id for line in Journal(folder).lines() if line.edit]
            assert len(lines) == 1
        else:
            assert seen(folder)["cells"] == before["cells"]
        assert (folder / "edits.jsonl").read_bytes() == head
    (folder / "edits.jsonl").write_bytes(whole)
    assert seen(folder) == {key: value for key, value in after.items() if key != "ids"}


def test_some_hundred_edits_and_some_kills(tmp_path):
    told = kills.run(tmp_path, edits=60, most_kills=4, seed=1)
    assert told["edits"] >= 60 and told["kills"] == 4 and told["lost"] == 0


# ---------------------------------------------------------------- a full disk


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("failing", ["write", "fsync", "ftruncate"])
def test_an_edit_that_cannot_be_written_is_refused_and_leaves_no_trace(folder, monkeypatch, failing):
    with Session(folder) as session:
        before, bytes_before = draw(session), (folder / "edits.jsonl").read_bytes()
        asked = patch(before, cells={"1": None})
        with monkeypatch.context() as patched:
            patched.setattr(os, failing, _half_of(os.write) if failing == "write" else full)
            with pytest.raises(OutputError, match=r"edits\.jsonl: cannot be written \(No space left"):
                session.edit(KEY, asked)
            assert session.image(KEY) == {key: value for key, value in before.items() if key != "ids"}
        if failing != "ftruncate":
            assert (folder / "edits.jsonl").read_bytes() == bytes_before
        after = session.edit(KEY, asked)
        assert 1 not in by_id(after) and after["revision"] == 2
    assert seen(folder)["cells"] == after["cells"]


def _half_of(write):
    """Writes some bytes, then the disk is full."""
    left = [20]

    def limited(handle, data):
        if not left[0]:
            full()
        written = write(handle, bytes(data)[: left[0]])
        left[0] -= written
        return written

    return limited


def test_a_half_line_that_could_not_be_cut_off_is_written_over(folder, monkeypatch):
    with Session(folder) as session:
        before = draw(session)
        asked, cut, cuts = patch(before, cells={"1": None}), os.ftruncate, count()
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", _half_of(os.write))
            patched.setattr(os, "ftruncate", lambda *how: full() if next(cuts) else cut(*how))
            with pytest.raises(OutputError):
                session.edit(KEY, asked)
        assert not (folder / "edits.jsonl").read_bytes().endswith(b"\n")
        assert session.edit(KEY, asked)["revision"] == 2


def test_a_fold_that_cannot_be_written(folder, monkeypatch):
    with Session(folder) as session:
        done = draw(session)
        before = tree(folder)
        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", full)
            with pytest.raises(OutputError, match="No space left"):
                session.fold()
        assert tree(folder) == before
        session.fold()
    assert seen(folder)["cells"] == done["cells"] and not check(folder).findings


# ---------------------------------------------------------------- what others have done


def test_a_line_that_is_broken_in_the_middle(folder):
    with Session(folder) as session:
        draw(session)
        draw(session)
    path = folder / "edits.jsonl"
    first, *others = path.read_bytes().splitlines(keepends=True)
    for broken in (
        b"{\n", b"[]\n", b"\0\n", b'{"folded":"x"}\n', first.replace(b'"cells"', b'"cell"'),
        first.replace(b'"15":', b'"16":'), first.replace(b"[{},{}]", b'[{},{"file_name":"../x"}]'),
    ):  # fmt: skip
        assert broken != first
        path.write_bytes(b"".join([first, broken, *others]))
        before = tree(folder)
        with pytest.raises(DataError, match=r"edits\.jsonl: line 2 is broken.*Put back the file"):
            Session(folder)
        assert tree(folder) == before
    path.unlink()
    assert seen(folder)["undo"] is None


def test_a_coco_file_that_is_changed_meanwhile_is_not_written_over(folder):
    (file,) = (folder / "annotations").glob("*train*")
    session = Session(folder)
    done = draw(session)
    edit_json(file, lambda data: data.update(mine=1))
    before = file.read_bytes()
    with pytest.raises(OutputError, match="has been changed in the meantime"):
        session.close()
    assert file.read_bytes() == before
    with Session(folder) as again:
        assert again.image(KEY)["cells"] == done["cells"]
    assert json.loads(file.read_bytes())["mine"] == 1


def test_a_journal_that_another_program_has_cut(folder):
    with Session(folder) as session:
        draw(session)
        (folder / "edits.jsonl").write_bytes(b"")
        with pytest.raises(OutputError, match="has become shorter"):
            draw(session)
        with pytest.raises(DataError, match="is broken"):
            session.undo(KEY, "u1", 1)
        with pytest.raises(OutputError, match="has become shorter"):
            session.close()
    with hold_set(folder, "test"):
        pass  # it was let go


def test_a_journal_that_was_put_back_from_an_older_copy(folder):
    path = folder / "edits.jsonl"
    with Session(folder) as session:
        draw(session)
        copy = path.read_bytes()
        draw(session)
        draw(session)
    path.write_bytes(copy + b'{"folded":3}\n')
    with Session(folder) as session:
        before = draw(session)
        held, journal = tree(folder), path.read_bytes()
    for name in ("annotations/instances_train.json", "manifest.json"):
        (folder / name).write_bytes(held[name])  # as if the last edit were not folded
    path.write_bytes(journal)
    assert seen(folder)["cells"] == before["cells"]


def test_an_image_that_was_taken_out_of_the_set(folder):
    session = Session(folder)
    draw(session)
    data = tree(folder)
    session.close()
    (folder / "edits.jsonl").write_bytes(data["edits.jsonl"])  # not folded yet
    (file,) = (folder / "annotations").glob("*train*")
    edit_json(file, lambda data: data.update(images=[], annotations=[]))
    with Session(folder) as again:
        assert [row["key"] for row in again.overview()["images"]] == ["val/i1.png"]
    assert (folder / "edits.jsonl").read_bytes().startswith(data["edits.jsonl"])
