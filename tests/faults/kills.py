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

from tests.faults.jobs import Job, fresh
from tests.sets import tree

TRIES = 6
REFUSED = 2
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


def undisturbed(job: Job, folder: Path) -> Sound:
    """Run a command to its end."""
    status, changes = watch(job, folder, None)
    return Sound(status, tree(folder), changes)


def watch(job: Job, folder: Path, most: int | None) -> tuple[int, int]:
    """Run a command, and kill it as soon as its output was seen to change so many times; None: never.

    Returns:
        The exit status (-9: killed), and how many changes were seen.
    """
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(job.command, cwd=folder, **quiet) as process:
        seen, changes = listing(folder, job.inputs), 0
        while process.poll() is None:
            now = listing(folder, job.inputs)
            changes, seen = changes + (now != seen), now
            if changes == most:
                process.send_signal(signal.SIGKILL)
                most = None
            time.sleep(0.0005)  # the command needs the processor
    return process.returncode, changes


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


def kill(job: Job, folder: Path, changes: int, rng: random.Random) -> bool:
    """Kill a command while it writes: False if it always came to its end sooner."""
    at = rng.randint(1, max(1, changes))
    for _ in range(TRIES):
        status, seen = watch(job, folder, at)
        if status == -signal.SIGKILL:
            return True
        at = rng.randint(1, max(1, seen))  # it went on from where it was, or all went by too fast
    return False


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
    while struck < kills and kill(job, folder, sound.changes, rng):
        struck += 1
    status, _ = watch(job, folder, None)
    may_refuse = not job.replaces and status == REFUSED
    if status != sound.status and not may_refuse:
        return Disturbed(struck, f"exit status {status}, not {sound.status}")
    return Disturbed(struck, difference(tree(folder), sound.result))


def difference(found: Mapping[str, bytes | None], due: Mapping[str, bytes | None]) -> str:
    """In what two folders differ, or ""."""
    names = sorted(name for name in {**found, **due} if found.get(name, ...) != due.get(name, ...))
    told = [
        f"{name} is {'left over' if name not in due else 'missing' if name not in found else 'another'}"
        for name in names
    ]
    return "; ".join(told[:5]) + (f"; {len(told) - 5} more" if len(told) > 5 else "")
