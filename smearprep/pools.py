"""Who does many pieces of work at a time: threads, or whatever executor the caller has."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from smearprep.errors import SmearprepError

T = TypeVar("T")
R = TypeVar("R")

_TRIES = 3  # of one item; a worker may also have died of something else
_LOST_IN_A_ROW = 25  # so many tasks lost, and none done between: it is not the items
_PATIENCE = 5.0  # s without a result, after which a crew looks after its workers


class Crew(Executor):
    """An executor of whose workers some may die while the others go on; those that died are replaced."""

    batch: int = 1
    """So many items make one task: what it costs to hand a task out is then small beside the work."""

    @property
    @abstractmethod
    def room(self) -> int:
        """How many tasks it should hold at a time."""

    @abstractmethod
    def is_lost(self, error: BaseException) -> bool:
        """True if a task failed for its worker's sake, and not for its own."""

    @abstractmethod
    def look_after(self) -> None:
        """Called while nothing comes back.

        Raises:
            SmearprepError: Nobody is there to do the work.
        """


@dataclass(frozen=True, slots=True)
class Lost:
    """Stands for the result of an item of which each worker has died that was given it.

    Args:
        tries: How many workers.
    """

    tries: int

    @property
    def reason(self) -> str:
        """What a person is told."""
        died = f"whoever reads it dies, {self.tries} times so far"
        return f"{died}; is it damaged, or too large for the memory?"


def cores() -> int:
    """The cores that this process may use; on a shared computer they are fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def pool(executor: Executor | None, workers: int | None) -> Iterator[tuple[Executor, int]]:
    """An executor, and how many tasks it should hold at a time.

    Threads suffice: decoding, resizing and encoding release Python's lock.

    Args:
        executor: The caller's; it is not shut down. None: threads.
        workers: How many of them; None: one a core.
    """
    count = workers or cores()
    if executor is not None:
        yield executor, executor.room if isinstance(executor, Crew) else 2 * count
        return
    own = ThreadPoolExecutor(count)
    try:
        yield own, count + 1
    finally:
        own.shutdown(wait=True, cancel_futures=True)


# ---------------------------------------------------------------- many items


def each(
    executor: Executor,
    function: Callable[[T], R],
    items: Iterable[T],
    in_flight: int,
    total: int | None = None,
) -> Iterator[tuple[T, R | Lost]]:
    """Call a function with every item; results as they come.

    Only as many items are taken as are under way, so that memory stays flat however many there are. If the
    worker of a crew dies, what it was at is done again, item by item. After an error, and if the caller
    stops, nothing more is handed out.

    Args:
        executor: Threads, processes, a cluster; items go to a crew in batches.
        function: What is done with an item; other processes must be able to import it.
        items: Of any number.
        in_flight: How many tasks are out at a time, where the executor is no crew.
        total: How many items there are, if that is known: of few, each worker gets some.

    Yields:
        (item, result), or (item, Lost) if several workers died of it.

    Raises:
        SmearprepError: All workers are gone.
        Exception: Whatever the function raises.
    """
    crew = executor if isinstance(executor, Crew) else None
    queue = _Queue(items, _batch(crew, total))
    pending: dict[Future[list[R]], _Task[T]] = {}
    lost_in_a_row = 0
    try:
        while True:
            for task in queue.take((crew.room if crew else in_flight) - len(pending)):
                pending[_submit(executor, function, task)] = task
            if not pending:
                return
            finished, _ = wait(pending, _PATIENCE if crew else None, FIRST_COMPLETED)
            if crew and not finished:
                crew.look_after()
            for future in sorted(finished, key=_has_failed):  # what is done is not lost by an error
                task = pending.pop(future)
                results = _results(future, crew)
                lost_in_a_row = 0 if results is not None else lost_in_a_row + 1
                if lost_in_a_row > _LOST_IN_A_ROW:
                    raise SmearprepError(_NO_WORKER_LIVES)
                yield from zip(task.items, results, strict=True) if results is not None else queue.again(task)
    finally:
        for future in pending:
            future.cancel()


_NO_WORKER_LIVES = (
    "the processes that do the work die one after the other: is there enough memory? "
    "Try fewer of them; what is done is kept"
)


def _batch(crew: Crew | None, total: int | None) -> int:
    """How many items make one task: at least four tasks for each that there is room for."""
    if crew is None or total is None:
        return crew.batch if crew else 1
    return min(crew.batch, max(total // (4 * crew.room), 1))


@dataclass(frozen=True, slots=True)
class _Task(Generic[T]):
    """Some items, and how often they have been tried."""

    items: Sequence[T]
    tries: int = 0


class _Queue(Generic[T]):
    """What is still to be done: first what was lost, then what is new."""

    def __init__(self, items: Iterable[T], batch: int) -> None:
        self._new = iter(items)
        self._batch = batch
        self._lost: deque[_Task[T]] = deque()

    def take(self, most: int) -> Iterator[_Task[T]]:
        """The next tasks."""
        for _ in range(most):
            if self._lost:
                yield self._lost.popleft()
            elif items := list(islice(self._new, self._batch)):
                yield _Task(items)

    def again(self, task: _Task[T]) -> Iterator[tuple[T, Lost]]:
        """Queue a lost task's items again, one by one; yields those that have been tried often enough."""
        tries = task.tries + 1
        for item in task.items:
            if tries < _TRIES:
                self._lost.append(_Task([item], tries))
            else:
                yield item, Lost(tries)


def _submit(executor: Executor, function: Callable[[T], R], task: _Task[T]) -> Future[list[R]]:
    try:
        return executor.submit(_call, function, task.items)
    except BrokenExecutor:
        raise SmearprepError(_NO_WORKER_LIVES) from None


def _call(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    return [function(item) for item in items]


def _has_failed(future: Future[list[R]]) -> bool:
    return future.cancelled() or future.exception() is not None


def _results(future: Future[list[R]], crew: Crew | None) -> list[R] | None:
    """A task's results; None if its worker died and another one can be given it."""
    try:
        return future.result()
    except Exception as error:
        if crew and crew.is_lost(error):
            return None
        if isinstance(error, CancelledError | BrokenExecutor):
            if crew:
                crew.look_after()
            raise SmearprepError(_NO_WORKER_LIVES) from None
        raise
