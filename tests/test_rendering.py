"""Plan -> files: one task an image, results in order, nothing half done, nothing done twice."""

import errno
import json
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from smearprep import images
from smearprep.errors import DataError, OutputError
from smearprep.recipes import ImageFiles
from smearprep.records import Plan, PlannedView, Sample, View
from smearprep.rendering import (
    Rendered,
    RenderTask,
    image_path,
    read_journal,
    render,
    render_source,
    tasks,
)
from smearprep.synthetic import write_image
from tests.sets import SIZE, noise, tree

LEFT, RIGHT = View((0, 0, 30, 40), (30, 40)), View((30, 0, 30, 40), (15, 20))
WHOLE = View((0, 0, *SIZE), SIZE)


@pytest.fixture
def folder(tmp_path):
    """Five raw images, and room for a set beside them."""
    for k in range(5):
        write_image(tmp_path / f"raw/i{k}.png", noise(seed=k))
    return tmp_path


def task_of(folder, k, views=(("images/all/a.png", LEFT), ("images/all/b.png", RIGHT))):
    outputs = tuple((name.replace("/all/", f"/all/{k}"), view) for name, view in views)
    return RenderTask(folder / f"raw/i{k}.png", f"folder/i{k}.png", True, SIZE, outputs, "png", 95)


def run(folder, work, executor, known=None, **how):
    return render(work, folder / "set", executor, folder / "set/journal", known or {}, **how)


# ---------------------------------------------------------------- tasks


def planned(source, name, view=LEFT, subset="all"):
    return PlannedView(Sample(Path("/raw") / source, f"folder/{source}", SIZE, "s"), view, name, subset)


def test_one_task_an_image():
    views = (planned("a.jpg", "a1"), planned("a.jpg", "a2", RIGHT), planned("b.png", "b", subset="train"))
    found = list(tasks(Plan(views, ("WBC",)), ImageFiles(quality=70)))
    assert [(t.source, t.views, t.format, t.quality) for t in found] == [
        ("folder/a.jpg", (("images/all/a1.jpg", LEFT), ("images/all/a2.jpg", RIGHT)), "jpg", 70),
        ("folder/b.png", (("images/train/b.png", LEFT),), "png", 70),
    ]


@pytest.mark.parametrize(
    ("source", "format", "suffix"),
    [
        ("a.jpg", "auto", "jpg"),
        ("a.JPEG", "auto", "jpg"),
        ("a.tif", "auto", "png"),
        ("a.bmp", "auto", "png"),
        ("a.jpg", "png", "png"),
        ("a.png", "jpg", "jpg"),
    ],
)
def test_suffix(source, format, suffix):
    assert image_path(planned(source, "x"), ImageFiles(format)) == f"images/all/x.{suffix}"


def test_key_tells_what_is_done_and_not_where_from(folder):
    task = task_of(folder, 0)
    assert replace(task, path=Path("/other/i0.png")).key == task.key
    others = [
        replace(task, source="folder/i1.png"),
        replace(task, oriented=False),
        replace(task, size=(40, 60)),
        replace(task, views=task.views[:1]),
        replace(task, views=tuple((name, RIGHT) for name, _ in task.views)),
        replace(task, format="jpg"),
        replace(task, quality=94),
    ]
    assert len({task.key, *(other.key for other in others)}) == 1 + len(others)


# ---------------------------------------------------------------- one image


def test_views_of_an_image(folder):
    result = render_source(task_of(folder, 0), folder / "set")
    pixels = noise(seed=0)
    assert (images.read(folder / "set/images/all/0a.png") == pixels[:, :30]).all()
    assert images.read(folder / "set/images/all/0b.png").shape == (20, 15, 3)
    assert result.sha256 == sha256((folder / "raw/i0.png").read_bytes()).hexdigest()
    assert result.outputs == {
        f"images/all/0{name}.png": sha256((folder / f"set/images/all/0{name}.png").read_bytes()).hexdigest()
        for name in "ab"
    }
    assert not result.error


def test_an_untouched_image_is_copied(folder):
    task = task_of(folder, 0, [("images/all/a.png", WHOLE)])
    render_source(task, folder / "set")
    assert (folder / "set/images/all/0a.png").read_bytes() == (folder / "raw/i0.png").read_bytes()
    render_source(replace(task, format="jpg"), folder / "jpg")
    assert (folder / "jpg/images/all/0a.png").read_bytes()[:2] == b"\xff\xd8"


def test_what_is_there_is_not_written_again(folder, monkeypatch):
    task = task_of(folder, 0)
    first = render_source(task, folder / "set")
    before = tree(folder)
    monkeypatch.setattr("smearprep.rendering.write_atomic", lambda *_: pytest.fail("written again"))
    monkeypatch.setattr("smearprep.rendering.decode", lambda *_: pytest.fail("decoded again"))
    assert render_source(task, folder / "set", first) == first
    assert tree(folder) == before


@pytest.mark.parametrize("spoil", ["source", "output", "missing", "digest"])
def test_what_is_not_what_it_should_be_is_written_again(folder, spoil):
    task = task_of(folder, 0)
    earlier = render_source(task, folder / "set")
    if spoil == "source":
        write_image(task.path, noise(seed=9))
    elif spoil == "output":
        (folder / "set/images/all/0b.png").write_bytes(b"x")
    elif spoil == "missing":
        (folder / "set/images/all/0a.png").unlink()
    else:
        earlier = replace(earlier, outputs=dict.fromkeys(earlier.outputs, "0" * 64))
    again = render_source(task, folder / "set", earlier)
    assert again == render_source(task, folder / "fresh")
    assert tree(folder / "set") == tree(folder / "fresh")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), "is not there"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(path.read_bytes()[:-20]), "truncated"),
        (lambda path: write_image(path, noise((61, 40))), "was 60x40 px when the plan was made"),
    ],
)
def test_a_source_that_cannot_be_used_leaves_nothing(folder, spoil, message):
    task = task_of(folder, 0)
    earlier = render_source(task, folder / "set")
    spoil(task.path)
    result = render_source(task, folder / "set", earlier)
    assert message in result.error and not result.outputs
    assert not list((folder / "set/images/all").iterdir())
    assert str(folder) not in result.error


# ---------------------------------------------------------------- a full or broken disk


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_full_disk(folder, monkeypatch):
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match=r"0a\.png: cannot be written \(No space left on device\)"):
        render_source(task_of(folder, 0), folder / "set")
    assert not list((folder / "set/images/all").iterdir())  # no half file stays


def test_full_disk_in_a_run_and_again_with_room(folder, monkeypatch):
    work = [task_of(folder, k) for k in range(5)]
    replace, left = os.replace, iter(range(6))
    monkeypatch.setattr(os, "replace", lambda *paths: full() if next(left, None) is None else replace(*paths))
    with ThreadPoolExecutor(2) as executor, pytest.raises(OutputError, match="No space left"):
        run(folder, work, executor)
    monkeypatch.undo()
    with ThreadPoolExecutor(2) as executor:
        known = read_journal(folder / "set/journal")
        assert run(folder, work, executor, known) == [render_source(t, folder / "fresh") for t in work]
    assert tree(folder / "set/images") == tree(folder / "fresh/images")


def test_journal_that_cannot_be_written(folder):
    (folder / "set").write_text("a file is in the way")
    with ThreadPoolExecutor(1) as executor, pytest.raises(OutputError, match="cannot be written"):
        run(folder, [task_of(folder, 0)], executor)


def test_full_disk_while_the_journal_is_written(folder):
    (folder / "set").mkdir()
    (folder / "set/journal").symlink_to("/dev/full")
    with ThreadPoolExecutor(1) as executor, pytest.raises(OutputError, match="No space left"):
        run(folder, [task_of(folder, 0)], executor)


# ---------------------------------------------------------------- runs


class Backwards(ThreadPoolExecutor):
    """Does the last task that it was given first, and counts how many are out at a time."""

    def __init__(self):
        super().__init__(1)
        self.waiting = []
        self.most = 0
        self.submitted = 0

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        self.waiting.append((future, lambda: fn(*args, **kwargs)))
        self.submitted += 1
        self.most = max(self.most, len(self.waiting))
        threading.Timer(0.02, self.work).start()
        return future

    def work(self):
        future, task = self.waiting.pop()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(task())
            except Exception as error:
                future.set_exception(error)


@pytest.mark.parametrize("in_flight", [1, 3, 99])
def test_results_come_in_the_order_of_the_tasks(folder, in_flight):
    work = [task_of(folder, k) for k in range(5)]
    executor, told = Backwards(), []
    results = run(folder, work, executor, in_flight=in_flight, progress=lambda *seen: told.append(seen))
    assert [result.source for result in results] == [task.source for task in work]
    assert results == [render_source(task, folder / "fresh") for task in work]
    assert executor.most <= min(in_flight, 5)
    assert told == [(2 * n, 10) for n in range(6)]


def test_strict_stops(folder):
    work = [task_of(folder, k) for k in range(5)]
    work[1].path.write_bytes(b"")
    executor = Backwards()
    with pytest.raises(DataError, match=r"folder/i1\.png: is empty"):
        run(folder, work, executor, in_flight=1, strict=True)
    assert executor.submitted == 2  # none after the bad one
    assert [r.source for r in read_journal(folder / "set/journal").values()] == ["folder/i0.png"]


def test_not_strict_goes_on(folder):
    work = [task_of(folder, k) for k in range(5)]
    work[1].path.write_bytes(b"")
    with ThreadPoolExecutor(2) as executor:
        results = run(folder, work, executor)
    assert [bool(result.error) for result in results] == [False, True, False, False, False]
    assert len(read_journal(folder / "set/journal")) == 4  # the bad one is tried again next time


def test_nothing_to_do(folder):
    with ThreadPoolExecutor(1) as executor:
        assert run(folder, [], executor) == []


def test_journal_goes_there_and_back(folder):
    work = [task_of(folder, k) for k in range(3)]
    with ThreadPoolExecutor(2) as executor:
        results = run(folder, work, executor)
        assert read_journal(folder / "set/journal") == {result.key: result for result in results}
        length = (folder / "set/journal").stat().st_size
        assert run(folder, work, executor, read_journal(folder / "set/journal")) == results
    assert (folder / "set/journal").stat().st_size == length  # known results are not noted again


def test_journal_of_garbage(tmp_path):
    good = Rendered("k", "s", "0" * 64, {"a": "b"})
    line = b'{"key":"k","source":"s","sha256":"' + b"0" * 64 + b'","outputs":{"a":"b"},"error":""}'
    (tmp_path / "j").write_bytes(b"\n".join([b"\xff", b"[]", b"3", b'{"x":1}', b"{", line, line[:-9]]))
    assert read_journal(tmp_path / "j") == {"k": good}
    assert read_journal(tmp_path / "not there") == {}


@pytest.mark.parametrize(
    "change",
    [
        {"source": "folder/other.png"},
        {"outputs": {}},
        {"outputs": {"images/all/0a.png": "0" * 64}},
        {"error": "no"},
        {"key": "other"},
        {"sha256": 7},
    ],
)
def test_what_a_damaged_journal_says_is_not_believed(folder, change):
    task = task_of(folder, 0)
    right = render_source(task, folder / "set")
    wrong = replace(right, **change)
    assert render_source(task, folder / "again", wrong) == right
    assert tree(folder / "again") == tree(folder / "set")


@pytest.mark.parametrize("change", [{"key": []}, {"outputs": None}, {"outputs": [["a", "b"]]}])
def test_journal_whose_values_are_of_other_kinds(tmp_path, change):
    line = {"key": "k", "source": "s", "sha256": "0", "outputs": {}, "error": "", **change}
    (tmp_path / "j").write_text(json.dumps(line))
    assert read_journal(tmp_path / "j") == {}


def test_errors_survive_the_way_back_from_a_process():
    import pickle

    for error in (DataError("a.png", "is empty"), OutputError("set: cannot be written")):
        back = pickle.loads(pickle.dumps(error))
        assert (type(back), str(back), back.__dict__) == (type(error), str(error), error.__dict__)
