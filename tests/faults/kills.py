"""Commands that are killed at random points and given again: what comes out must not tell of it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.faults.jobs import Job, fresh
from tests.sets import tree

TRIES = 6
REFUSED = 2
PATIENCE = 60.0  # s, in which processes must end whose parent was killed
Listing = frozenset[tuple[str, int]]


@dataclass(frozen=True)
class Sound:
    """What a command does that nobody disturbs.

    Args:
        status: Its exit status.
        result: All that lies in its folder then: path -> bytes.
        changes: So many times its output was seen to change.
    """

    status: int
    result: Mapping[str, bytes | None]
    changes: int


class Watched(NamedTuple):
    """What became of a command that was run once.

    Args:
        status: Its exit status (-9: killed).
        changes: So many times its output was seen to change.
        left: So many processes that it had started did not end by themselves.
    """

    status: int
    changes: int
    left: int


def undisturbed(job: Job, folder: Path) -> Sound:
    """Run a command to its end."""
    status, changes, _ = watch(job, folder, None)
    return Sound(status, tree(folder), changes)


def watch(job: Job, folder: Path, most: int | None, alone: bool = False) -> Watched:
    """Run a command, and kill it as soon as its output was seen to change so many times; None: never.

    Args:
        job: The command.
        folder: Where it runs.
        most: When it is killed.
        alone: Kill the command alone, not the processes that it has started: they must end by themselves.
    """
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    # A session of its own: all its processes can be killed, and found, by its number.
    with subprocess.Popen(job.command, cwd=folder, start_new_session=True, **quiet) as process:
        seen, changes = listing(folder, job.inputs), 0
        while process.poll() is None:
            now = listing(folder, job.inputs)
            changes, seen = changes + (now != seen), now
            if changes == most:
                kill_one = os.kill if alone else os.killpg
                kill_one(process.pid, signal.SIGKILL)
                most = None
            time.sleep(0.0005)  # the command needs the processor
    return Watched(process.returncode, changes, left_of(process.pid))


def left_of(session: int, patience: float = PATIENCE) -> int:
    """How many processes of a session are still there, if they do not end within so many s."""
    end = time.monotonic() + patience
    while alive := sum(_is_alive_in(session, stat) for stat in Path("/proc").glob("[0-9]*/stat")):
        if time.monotonic() > end:
            return alive
        time.sleep(0.01)
    return 0


def _is_alive_in(session: int, stat: Path) -> bool:
    """True of a process of a session, unless it has ended and only its number is left."""
    try:
        state, _, _, its, *_ = stat.read_text().rpartition(")")[2].split()
    except OSError:  # it is gone meanwhile
        return False
    return int(its) == session and state not in ("Z", "X")


def listing(folder: Path, inputs: Collection[str]) -> Listing:
    """The files of a folder and their sizes, without the inputs."""
    found: set[tuple[str, int]] = set()
    folders = [entry.path for entry in os.scandir(folder) if entry.name not in inputs]
    while folders:
        path = folders.pop()
        try:
            if Path(path).is_dir():
                folders += [entry.path for entry in os.scandir(path)]
            found.add((path, Path(path).stat().st_size))
        except OSError:  # it is gone again
            continue
    return frozenset(found)


def kill(job: Job, folder: Path, changes: int, rng: random.Random) -> Watched:
    """Kill a command while it writes, itself or it and all its processes; it may always end sooner."""
    at = rng.randint(1, max(1, changes))
    for _ in range(TRIES):
        found = watch(job, folder, at, alone=rng.random() < 0.5)
        if found.status == -signal.SIGKILL:
            return found
        at = rng.randint(1, max(1, found.changes))  # it went on from where it was, or went by too fast
    return found


@dataclass(frozen=True)
class Disturbed:
    """What became of a command that was killed and given again.

    Args:
        kills: So many struck.
        wrong: What is not as it should be; nothing: "".
    """

    kills: int
    wrong: str


def disturbed(job: Job, given: Path, folder: Path, sound: Sound, kills: int, rng: random.Random) -> Disturbed:
    """Kill a command some times, and then run it to its end.

    Args:
        job: The command.
        given: What it needs.
        folder: Where it runs; replaced.
        sound: What should come out.
        kills: How many; after one that does not strike, no further is tried.
        rng: Where.
    """
    fresh(given, folder)
    struck = 0
    while struck < kills:
        killed = kill(job, folder, sound.changes, rng)
        if killed.left:
            return Disturbed(struck, f"{killed.left} processes did not end after it was killed")
        if killed.status != -signal.SIGKILL:
            break
        struck += 1
    last = watch(job, folder, None)
    if last.left:
        return Disturbed(struck, f"{last.left} processes did not end with it")
    may_refuse = not job.replaces and last.status == REFUSED
    if last.status != sound.status and not may_refuse:
        return Disturbed(struck, f"exit status {last.status}, not {sound.status}")
    return Disturbed(struck, difference(tree(folder), sound.result))


def difference(found: Mapping[str, bytes | None], due: Mapping[str, bytes | None]) -> str:
    """In what two folders differ, or ""."""
    names = sorted(name for name in {**found, **due} if found.get(name, ...) != due.get(name, ...))
    told = [
        f"{name} is {'left over' if name not in due else 'missing' if name not in found else 'another'}"
        for name in names
    ]
    return "; ".join(told[:5]) + (f"; {len(told) - 5} more" if len(told) > 5 else "")
