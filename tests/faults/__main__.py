"""Kill commands at random points and give them again, many times.

    python -m tests.faults [JOB ...] [--runs N] [--seed S] [--scratch FOLDER]

A JOB is one of `tests.faults.jobs`; none: all. In each run a command is killed (SIGKILL) up to three times
while it writes, alone or with all processes that it has started, and then runs to its end: all that lies in
its folder must then be the same bytes as if it had not been disturbed, its inputs among it, and no process
that it had started may be left. What is wrong is told, and the folder is kept. Exit status 1: something was
wrong.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.faults.jobs import JOBS, fresh
from tests.faults.kills import disturbed, undisturbed


def run(name: str, runs: int, seed: int, scratch: Path) -> int:
    """Disturb a job many times and tell; how many runs were wrong."""
    job, rng = JOBS[name], random.Random(f"{name} {seed}")
    given = scratch / name / "given"
    given.mkdir(parents=True)
    job.given(given)
    sound = undisturbed(job, fresh(given, scratch / name / "sound"))
    kills = wrong = 0
    for number in range(runs):
        folder = scratch / name / f"run{number}"
        found = disturbed(job, given, folder, sound, rng.randint(1, 3), rng)
        kills += found.kills
        if found.wrong:
            wrong += 1
            print(f"{folder}: {found.wrong}", flush=True)
        else:
            shutil.rmtree(folder)
    print(f"{name}: {runs} runs, {kills} kills while it wrote, {wrong} wrong", flush=True)
    return wrong


def main() -> None:
    """Disturb."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=f"of {', '.join(JOBS)}")
    parser.add_argument("--runs", type=int, default=100, help="of a job")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scratch", type=Path, help="where the commands run; best a RAM disk")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.jobs if name not in JOBS]
    if unknown:
        parser.error(f"no job {unknown[0]!r}; there are {', '.join(JOBS)}")
    scratch = Path(tempfile.mkdtemp(dir=arguments.scratch))
    wrong = [run(name, arguments.runs, arguments.seed, scratch) for name in arguments.jobs or JOBS]
    if not any(wrong):
        shutil.rmtree(scratch)
    sys.exit(any(wrong))


if __name__ == "__main__":
    main()
