"""A Dask scheduler and its workers, as a laboratory starts them: processes of their own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

_PROJECT = Path(__file__).parent.parent
_STARTS_WITHIN = 120.0  # s, on a computer that is busy with other tests


@contextmanager
def dask_cluster(workers: int, folder: Path) -> Iterator[str]:
    """The address of a scheduler with so many workers, of one thread each; one that is killed comes again.

    Args:
        workers: How many.
        folder: Where they write what they tell, and their scratch files.
    """
    contact = folder / "scheduler.json"
    both = ("--scheduler-file", contact, "--no-dashboard")
    each = ("--nworkers", workers, "--nthreads", 1, "--local-directory", folder)
    with ExitStack() as running:
        scheduler = running.enter_context(_started(folder, "scheduler", "--port", 0, *both))
        running.enter_context(_started(folder, "worker", *both, *each))
        yield _address(contact, scheduler, folder / "scheduler.log")


@contextmanager
def _started(folder: Path, role: str, *options: object) -> Iterator[subprocess.Popen[bytes]]:
    """`dask scheduler` or `dask worker`, ended at the end."""
    command = [sys.executable, "-m", "dask", role, *map(str, options)]
    there = {**os.environ, "PYTHONPATH": str(_PROJECT)}  # what tests hand out is looked up in `tests`
    with (folder / f"{role}.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=there
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address(contact: Path, scheduler: subprocess.Popen[bytes], log: Path) -> str:
    """What the scheduler says of itself, as soon as it does."""
    end = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < end and scheduler.poll() is None:
        try:
            return str(json.loads(contact.read_text())["address"])
        except (FileNotFoundError, json.JSONDecodeError):
            time.sleep(0.05)
    raise RuntimeError(f"the Dask scheduler did not start: {log.read_text()}")
