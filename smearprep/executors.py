"""Other ways than threads to do the work: processes of this computer, or a Dask cluster."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from smearprep.errors import RecipeError, SmearprepError
from smearprep.pools import Crew, cores

_BATCH = 8  # images; at some 20 ms an image, handing out a task costs a hundredth of it
_NO_WORKER_FOR = 60.0  # s, after which a cluster without a worker is given up
_COUNTED_FOR = 2.0  # s: so long the number of a cluster's threads is taken for what it was


@contextmanager
def hire(
    workers: int | None = None, processes: int | None = None, dask: str | None = None
) -> Iterator[Executor]:
    """An executor for `prepare`, `one_step` or `assist`; it is shut down at the end.

    Args:
        workers: Threads; None: one a core, unless one of the others is given.
        processes: So many processes of this computer. A script that hires them keeps what it does behind
            `if __name__ == "__main__":`, for each of them reads the script again.
        dask: The address of a Dask scheduler, `tcp://HOST:PORT`. Its workers must see the raw folders and
            the output folder under the same paths, and have the same version of smearprep.

    Raises:
        RecipeError: More than one of the three is given, or an address that is none.
        SmearprepError: Dask is not installed, nobody answers at the address, or no worker comes.
    """
    if sum(choice is not None for choice in (workers, processes, dask)) > 1:
        raise RecipeError("workers (threads), processes and dask: give one of them")
    if dask is not None:
        executor: Executor = Cluster(dask)
    elif processes is not None:
        executor = Processes(processes)
    else:
        executor = ThreadPoolExecutor(workers or cores())
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


# ---------------------------------------------------------------- processes


class Processes(Crew):
    """Processes of this computer. Each is a pool of its own: if one dies, the others do not notice.

    Args:
        count: How many.
    """

    batch = _BATCH

    def __init__(self, count: int) -> None:
        if count < 1:
            raise RecipeError(f"{count} processes: give 1 or more")
        self._pools = [_one_process() for _ in range(count)]
        self._busy = [0] * count
        self._lock = threading.Lock()

    @property
    def room(self) -> int:
        """One task a process, so that it is known of what a process has died."""
        return len(self._pools)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hand a task to the process that has least to do, or to a new one in the place of a dead one."""
        with self._lock:
            n = min(range(len(self._pools)), key=self._busy.__getitem__)
            self._busy[n] += 1
        try:
            future = self._pools[n].submit(fn, *args, **kwargs)
        except BrokenProcessPool:
            self._pools[n].shutdown(wait=False)
            self._pools[n] = _one_process()
            future = self._pools[n].submit(fn, *args, **kwargs)
        future.add_done_callback(lambda _: self._done(n))
        return future

    def _done(self, n: int) -> None:
        with self._lock:
            self._busy[n] -= 1

    def is_lost(self, error: BaseException) -> bool:
        """True if the process died."""
        return isinstance(error, BrokenProcessPool)

    def look_after(self) -> None:
        """Nothing to do: a process that dies ends its task."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End all processes."""
        for one in self._pools:
            one.shutdown(wait=wait, cancel_futures=cancel_futures)


def _one_process() -> ProcessPoolExecutor:
    # Not a fork: a copy of a process that has threads may hang.
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_begin_process)


def _begin_process() -> None:
    """Ctrl-C goes to all processes of a terminal: the first one tells the others when to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A process whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


# ---------------------------------------------------------------- a cluster


class Cluster(Crew):
    """The workers of a Dask scheduler. Dask itself does again what a worker that died was at.

    Args:
        address: `tcp://HOST:PORT` of the scheduler.
        patience: How many s to wait for a first worker.

    Raises:
        RecipeError: No such address.
        SmearprepError: Dask is not installed, nobody answers, no worker comes, or none can do the work.
    """

    batch = _BATCH

    def __init__(self, address: str, patience: float = _NO_WORKER_FOR) -> None:
        self._address = address
        self._patience = patience
        self._client = _connect(address)
        self._executor = self._client.get_executor(pure=False)
        self._threads, self._counted = 0, 0.0
        try:
            self._wait_for_a_worker()
            self._try_a_worker()
        except BaseException:
            self._client.close()
            raise

    @property
    def room(self) -> int:
        """Two tasks a thread of the workers that are there now: one in hand, one on the way."""
        now = time.monotonic()
        if now - self._counted > _COUNTED_FOR:
            self._threads, self._counted = self._count(), now
        return 2 * max(self._threads, 1)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hand a task to the scheduler."""
        future: Future[Any] = self._executor.submit(fn, *args, **kwargs)
        return future

    def is_lost(self, error: BaseException) -> bool:
        """True if several workers in succession died of the task."""
        from distributed import KilledWorker

        return isinstance(error, KilledWorker)

    def look_after(self) -> None:
        """See that a worker is there, or comes within a minute."""
        if not self._count():
            self._wait_for_a_worker()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster; its scheduler and workers stay."""
        self._executor.shutdown(wait=wait and not cancel_futures)
        self._client.close()

    def _count(self) -> int:
        """How many threads the workers have."""
        try:
            return sum(self._client.nthreads().values())
        except OSError:
            raise SmearprepError(f"{self._address}: the Dask scheduler is gone; {_AGAIN}") from None

    def _wait_for_a_worker(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=self._patience)
        except TimeoutError:
            raise SmearprepError(
                f"{self._address}: the Dask scheduler has had no worker for {self._patience:g} s; start one "
                f"with `dask worker {self._address}`. {_AGAIN[0].upper()}{_AGAIN[1:]}"
            ) from None

    def _try_a_worker(self) -> None:
        """See that the workers have smearprep as it is here."""
        told = f"install smearprep {_own_version()} in the workers' environment"
        try:
            theirs = self.submit(_own_version).result()
        except ImportError as error:
            raise SmearprepError(
                f"{self._address}: a Dask worker cannot import smearprep ({error}); {told}"
            ) from None
        if theirs != _own_version():
            raise SmearprepError(f"{self._address}: a Dask worker has smearprep {theirs}; {told}")


_AGAIN = "what is done is kept: give the same command again"


def _own_version() -> str:
    """The version of smearprep in the process that is asked."""
    try:
        return version("smearprep")
    except PackageNotFoundError:
        return "unknown"


def _connect(address: str) -> Any:
    """A client of the scheduler at an address."""
    if not address.startswith(("tcp://", "tls://")):
        raise RecipeError(f"{address}: is no address of a Dask scheduler; write it as tcp://HOST:PORT")
    try:
        from distributed import Client
    except ImportError:
        raise SmearprepError(
            'Dask is not installed; install it with `pip install "smearprep[cluster]"`'
        ) from None
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters, we say ourselves
    try:
        client: Any = Client
        return client(address, timeout=10, set_as_default=False)
    except ValueError as error:
        raise RecipeError(f"{address}: is no address of a Dask scheduler ({error})") from None
    except OSError:
        raise SmearprepError(
            f"{address}: no Dask scheduler answers there; start one with `dask scheduler`"
        ) from None
