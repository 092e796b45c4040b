"""Threads, processes and a Dask cluster: the same bytes, flat memory, and the dead are replaced."""

import asyncio
import gc
import os
import signal
import threading
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from queue import Queue

import distributed
import pytest
from tornado.ioloop import IOLoop

from smearprep.errors import OutputError, RecipeError, SmearprepError
from smearprep.executors import Cluster, Processes, hire
from smearprep.pools import Crew, Lost, each, pool
from smearprep.prepare import prepare
from smearprep.splitting import Split
from smearprep.tiling import Tile
from tests.dask_cluster import dask_cluster
from tests.sets import fail, folder_recipe, kinds, report, tree, write_folder

# A client of Dask that is closed, or whose worker was killed, may leave loose ends of its own.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <function Client.__del__:pytest.PytestUnraisableExceptionWarning"
    ),
]

TILES = folder_recipe(tile=Tile((20, 20), (10, 10)), split=Split(ratio=(1, 1, 1)))


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """A plain folder of six small images."""
    return write_folder(tmp_path_factory.mktemp("raw") / "raw")


@pytest.fixture(scope="module")
def made(raw, tmp_path_factory):
    """The set that threads make of it."""
    out = tmp_path_factory.mktemp("made") / "set"
    prepare(TILES, [("folder", raw)], out)
    return out


@pytest.fixture(scope="module")
def processes():
    """Two processes."""
    with hire(processes=2) as executor:
        yield executor


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """The address of a Dask scheduler with two worker processes."""
    with (
        dask_cluster(2, tmp_path_factory.mktemp("dask")) as address,
        event_loop() as loop,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr("distributed.Client", partial(distributed.Client, loop=loop))
        yield address
    gc.collect()  # what Dask leaves undone is told here, see `pytestmark`


@contextmanager
def event_loop():
    """One for all clients: on a busy computer a thread may take longer to start than a client waits."""
    loops = Queue()

    async def run():
        end = asyncio.Event()
        loops.put((IOLoop.current(), end))
        await end.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    loop, end = loops.get()
    try:
        yield loop
    finally:
        loop.add_callback(end.set)
        thread.join()


@pytest.fixture(scope="module")
def cluster(scheduler):
    """Its workers as an executor."""
    with hire(dask=scheduler) as executor:
        yield executor


# ---------------------------------------------------------------- many items, few at a time


class Counting(Executor):
    """Does a task when the next one comes, or when it is looked at; counts what is under way."""

    def __init__(self):
        self.most = 0
        self.under_way = 0

    def submit(self, fn, /, *args, **kwargs):
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        future = Future()
        future.set_result(fn(*args, **kwargs))
        self.under_way -= 1
        return future


class Held(Crew):
    """Holds its tasks until it has no room for more; then does the newest one."""

    batch = 5
    room = 7

    def __init__(self):
        self.held = []
        self.most = 0

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        self.held.append((future, fn, args))
        self.most = max(self.most, len(self.held))
        if len(self.held) == self.room:
            self.look_after()
        return future

    def look_after(self):
        future, fn, args = self.held.pop()
        future.set_result(fn(*args))

    def is_lost(self, error):
        return isinstance(error, BrokenExecutor)


def square(n):
    return n * n


@pytest.mark.parametrize(("executor", "room"), [(Counting(), 4), (Held(), 35)], ids=["plain", "crew"])
def test_memory_stays_flat_however_many_are_queued(executor, room):
    """Of 100,000 items no more are taken than are under way."""
    taken, furthest = 0, 0

    def items():
        nonlocal taken
        for n in range(100_000):
            taken += 1
            yield n

    limit = 99_000  # what a crew holds at the end is not waited for here
    for done, (n, result) in enumerate(each(executor, square, items(), 4), 1):
        assert result == n * n
        furthest = max(furthest, taken - done)
        if done == limit:
            break
    assert furthest <= room
    assert executor.most <= 7


def test_of_few_items_each_worker_gets_some():
    executor = Held()
    executor.room, sizes = 2, []

    def note(fn, /, *args):
        sizes.append(len(args[1]))
        future = Future()
        future.set_result(fn(*args))
        return future

    executor.submit = note
    for total, size in ((8, 1), (24, 3), (1000, 5), (None, 5)):
        sizes.clear()
        assert len(list(each(executor, square, range(total or 60), 9, total))) == (total or 60)
        assert sizes[0] == size


def test_nothing_is_handed_out_after_an_error():
    executor = Counting()
    with pytest.raises(ZeroDivisionError):
        list(each(executor, lambda n: 1 / n, iter([1, 2, 0, 4, 5]), 1))
    assert list(each(executor, square, [], 3)) == []


def test_room(processes):
    with pool(None, 3) as (_, room):
        assert room == 4
    with ThreadPoolExecutor(1) as own, pool(own, 3) as (executor, room):
        assert (executor, room) == (own, 6)
    with pool(processes, None) as (_, room):
        assert room == 2


# ---------------------------------------------------------------- workers that die


def die(n):
    """Kills the process that it runs in."""
    os.kill(os.getpid(), signal.SIGKILL)
    return n


def die_once(folder, n):
    """Kills its process at item 3, the first time."""
    mark = folder / "died"
    if n == 3 and not mark.exists():
        mark.touch()
        die(n)
    return n


def die_of_three(n):
    return die(n) if n == 3 else n


@pytest.mark.parametrize("kind", ["processes", "cluster"])
def test_a_death_costs_only_what_was_at_hand(kind, request, tmp_path):
    executor = request.getfixturevalue(kind)
    results = list(each(executor, partial(die_once, tmp_path), range(40), 2))
    assert sorted(results) == [(n, n) for n in range(40)]
    assert (tmp_path / "died").exists()


def test_what_kills_its_workers_is_told(processes):
    results = dict(each(processes, die_of_three, range(40), 2))
    assert results == {n: Lost(3) if n == 3 else n for n in range(40)}


def test_a_cluster_says_of_what_its_workers_died(cluster):
    from distributed import KilledWorker

    assert cluster.is_lost(KilledWorker("task", "worker", 3))
    assert not cluster.is_lost(ValueError())


def test_workers_that_all_die_end_the_run(processes, monkeypatch):
    monkeypatch.setattr("smearprep.pools._LOST_IN_A_ROW", 3)
    with pytest.raises(SmearprepError, match="die one after the other"):
        list(each(processes, die, range(100), 2))
    assert processes.submit(square, 3).result() == 9  # and are there again for the next one


def test_an_executor_of_the_caller_that_breaks(monkeypatch):
    class Broken(Executor):
        def submit(self, fn, /, *args, **kwargs):
            future = Future()
            future.set_exception(BrokenExecutor())
            return future

    with pytest.raises(SmearprepError, match="die one after the other"):
        list(each(Broken(), square, [1], 1))
    monkeypatch.setattr(Broken, "submit", lambda *_: (_ for _ in ()).throw(BrokenExecutor()))
    with pytest.raises(SmearprepError, match="die one after the other"):
        list(each(Broken(), square, [1], 1))


# ---------------------------------------------------------------- sets


def test_processes_make_the_same_bytes(raw, made, tmp_path, processes):
    prepare(TILES, [("folder", raw)], tmp_path / "set", executor=processes)
    assert tree(tmp_path / "set") == tree(made)


def test_by_the_command_line(raw, made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    how = ("--size", 20, "--stride", 10)
    report("tile", raw, "threads", *how, "--workers", 2)
    report("tile", raw, "set", *how, "--processes", 1)
    assert tree(tmp_path / "set") == tree(tmp_path / "threads")
    report("tile", raw, "planned", *how, "--dask", "tcp://nowhere:1", "--dry-run")  # nobody is needed


def test_a_cluster_makes_the_same_bytes_though_a_worker_is_killed(raw, made, tmp_path, cluster, monkeypatch):
    monkeypatch.setattr(type(cluster), "batch", 1)
    monkeypatch.chdir(tmp_path)  # the workers were started elsewhere
    killed = []

    def kill_one(done, total):
        if done and not killed:
            killed.extend(set(cluster._client.run(os.getpid).values()))
            os.kill(killed[0], signal.SIGKILL)

    prepare(TILES, [("folder", raw)], Path("set"), executor=cluster, progress=kill_one)
    assert killed
    assert tree(tmp_path / "set") == tree(made)


def test_an_image_that_kills_its_workers_is_left_out_and_told(raw, tmp_path, processes, monkeypatch):
    monkeypatch.setattr("smearprep.rendering.each", partial(deadly, "i2.png"))
    summary = prepare(TILES, [("folder", raw)], tmp_path / "set", executor=processes)
    assert kinds(summary) == {"unreadable": 1}
    told = summary.findings[0]
    assert told.file == "folder/i2.png" and "whoever reads it dies, 3 times" in told.what
    assert summary.counts["raw_images_used"] == 5


def deadly(name, executor, function, items, in_flight, total):
    """`each`, but one image kills who reads it."""
    return each(executor, partial(_read, name, function), items, in_flight)


def _read(name, function, job):
    return die(job) if job[0].path.name == name else function(job)


def test_a_worker_that_does_not_see_the_folder(raw, tmp_path, processes, monkeypatch):
    monkeypatch.setattr("smearprep.rendering.each", blind)
    with pytest.raises(OutputError, match=r"does not see this folder"):
        prepare(TILES, [("folder", raw)], tmp_path / "set", executor=processes)


def blind(executor, function, items, in_flight, total):
    """`each`, by workers on whose computer the output folder is not."""
    out, mark = function.args
    return each(executor, partial(function.func, out, mark / "not here"), items, in_flight)


# ---------------------------------------------------------------- who is not there


def test_one_kind_of_workers_at_a_time(raw, tmp_path):
    assert "give one of them" in fail("tile", raw, tmp_path / "set", "--workers", 1, "--processes", 1)
    with pytest.raises(RecipeError, match="0 processes"):
        Processes(0)


def test_no_address(raw, tmp_path):
    for address in ("localhost", "http://localhost:8786", "tcp://", "tcp://localhost:port"):
        assert "is no address of a Dask scheduler" in fail("tile", raw, tmp_path / "set", "--dask", address)


def test_nobody_answers(monkeypatch):
    def refuse(*_, **__):
        raise OSError("Timed out trying to connect")

    monkeypatch.setattr("distributed.Client", refuse)
    with pytest.raises(SmearprepError, match="no Dask scheduler answers there"):
        Cluster("tcp://127.0.0.1:9")


def test_dask_is_not_installed(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(SmearprepError, match=r'pip install "smearprep\[cluster\]"'):
        Cluster("tcp://127.0.0.1:9")


class Lonely:
    """A client of a scheduler that has no worker."""

    is_closed = False

    def get_executor(self, pure):
        return None

    def wait_for_workers(self, n, timeout):
        raise TimeoutError

    def close(self):
        self.is_closed = True


def test_no_worker_comes(monkeypatch):
    client = Lonely()
    monkeypatch.setattr("smearprep.executors._connect", lambda address: client)
    told = r"has had no worker for 60 s; start one with `dask worker tcp://h:1`\. What is done is kept"
    with pytest.raises(SmearprepError, match=told):
        Cluster("tcp://h:1")
    assert client.is_closed


def test_all_workers_go(cluster, monkeypatch):
    def gone(seconds):
        raise SmearprepError("no worker")

    monkeypatch.setattr(cluster, "_wait_for_a_worker", partial(gone, 60))
    cluster.look_after()  # they are there
    monkeypatch.setattr(cluster._client, "nthreads", dict)
    with pytest.raises(SmearprepError, match="no worker"):
        cluster.look_after()


def test_workers_of_another_version(scheduler, monkeypatch):
    monkeypatch.setattr("smearprep.executors.version", lambda _: "99")
    with pytest.raises(SmearprepError, match=r"has smearprep .*; install smearprep 99"):
        Cluster(scheduler)


def test_workers_without_smearprep(scheduler, monkeypatch):
    def missing(*_):
        future = Future()
        future.set_exception(ModuleNotFoundError("No module named 'smearprep'"))
        return future

    monkeypatch.setattr(Cluster, "submit", missing)
    with pytest.raises(SmearprepError, match=r"cannot import smearprep \(No module named"):
        Cluster(scheduler)


def test_tasks_that_are_cancelled_from_outside():
    class Gone(Held):
        def submit(self, fn, /, *args, **kwargs):
            future = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

        def look_after(self):
            raise SmearprepError("the scheduler is gone")

    with pytest.raises(SmearprepError, match="the scheduler is gone"):
        list(each(Gone(), square, range(3), 1))


def test_what_is_done_is_told_before_an_error():
    class Both(Counting):
        def submit(self, fn, /, *args, **kwargs):
            future = Future()
            try:
                future.set_result(fn(*args, **kwargs))
            except ZeroDivisionError as error:
                future.set_exception(error)
            return future

    told = []
    with pytest.raises(ZeroDivisionError):
        for n, _ in each(Both(), lambda n: 1 / n, [0, 1, 2], 3):
            told.append(n)
    assert sorted(told) == [1, 2]


def test_processes_end_with_their_parent(tmp_path):
    """Killed hard, a run leaves no process behind."""
    with ProcessPoolExecutor(1) as other:
        pid = other.submit(_hire_and_die, tmp_path / "pid")
        with pytest.raises(BrokenExecutor):
            pid.result(60)
    child = int((tmp_path / "pid").read_text())
    assert _ends(child)


def _hire_and_die(told):
    told.write_text(str(Processes(1).submit(os.getpid).result()))
    os.kill(os.getpid(), signal.SIGKILL)


def _ends(pid):
    """True when a process has gone, within a minute."""
    import time

    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False
