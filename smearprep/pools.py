"""Who does many pieces of work at a time: threads, or whatever executor the caller has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager


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
        yield executor, 2 * count
        return
    own = ThreadPoolExecutor(count)
    try:
        yield own, count + 1
    finally:
        own.shutdown(wait=True, cancel_futures=True)
