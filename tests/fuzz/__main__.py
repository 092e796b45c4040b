"""Damaged files through all that reads files.

    python -m tests.fuzz [TARGET ...] [--cases N] [--seed S] [--out FOLDER]

A TARGET is what reads a file, as `tests.fuzz.targets` names it; none: all. What comes out must be a result or
a SmearprepError. Anything else is told, and so is more than 30 s of a processor for one file; its file is laid
into FOLDER as TARGET-N. Not more than 8 GiB of memory are to be had. Exit status 1: something was found.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from types import FrameType

from tests.fuzz.fuzzing import Crash, Outcomes, Target, fuzz
from tests.fuzz.targets import TARGETS

MOST_SECONDS = 30
MOST_BYTES = 8 * 2**30


class TooSlowError(Exception):
    """A file takes too long."""


def limited(target: Target) -> Target:
    """The same, but it stops at a file that takes too long."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlowError(f"more than {MOST_SECONDS} s")

    def try_out(data: bytes) -> str:
        signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
        try:
            return target.try_out(data)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    signal.signal(signal.SIGPROF, stop)
    return Target(target.seeds, try_out)


def run(name: str, cases: int, seed: int, out: Path) -> int:
    """Fuzz a target and tell; how many files were found."""
    outcomes, places, begin = Outcomes(), set(), time.perf_counter()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as place:
        target = limited(TARGETS[name](Path(place)))
        found = 0
        for crash in fuzz(target, cases, random.Random(f"{name} {seed}"), outcomes):
            found += 1
            where = _where(crash)
            if where not in places:  # once each
                places.add(where)
                keep(crash, out / f"{name}-{len(places)}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{name}: {cases:,} files, {len(outcomes)} kinds of outcome, {found} wrong at {len(places)} places, "
        f"{time.perf_counter() - begin:.0f} s, {peak} MB",
        flush=True,
    )
    return found


def _where(crash: Crash) -> str:
    """The kind of an error and the line that raised it."""
    frame = traceback.extract_tb(crash.error.__traceback__)[-1]
    return f"{type(crash.error).__name__} {frame.filename}:{frame.lineno}"


def keep(crash: Crash, file: Path) -> None:
    """Lay a file down, and print what it did."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(crash.data)
    print(f"{file}:", *traceback.format_exception(crash.error)[-12:], flush=True)


def main() -> None:
    """Fuzz."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--cases", type=int, default=100_000, help="files a target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"), help="where files are laid")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.targets if name not in TARGETS]
    if unknown:
        parser.error(f"no target {unknown[0]!r}; there are {', '.join(TARGETS)}")
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    names = arguments.targets or list(TARGETS)
    found = sum(run(name, arguments.cases, arguments.seed, arguments.out) for name in names)
    sys.exit(found > 0)


if __name__ == "__main__":
    main()
