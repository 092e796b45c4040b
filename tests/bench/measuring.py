"""How the benches measure: each job in a process of its own, on stated cores, wall time and peak memory."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("numpy", "opencv-python-headless", "shapely", "orjson", "pycocotools", "torch")
RESULTS = Path(os.environ.get("SMEARPREP_BENCH_RESULTS") or Path(__file__).parent / "results")
"""Where figures are stored; `python -m tests.bench --check` names another folder."""


@dataclass(frozen=True)
class Measured:
    """Least wall time in s, and largest peak of resident memory in MB, of a job's runs.

    Least: what else the machine does only ever adds to a time.
    """

    seconds: float
    peak_mb: float
    output: str


def measure(
    command: Sequence[str], cores: Sequence[int], repeats: int = 3, before: Callable[[], None] | None = None
) -> Measured:
    """Run a command `repeats` times on the given cores.

    Raises:
        RuntimeError: It failed; with its output.
    """
    return measure_beside([command], cores, repeats, before)[0]


def measure_beside(
    commands: Sequence[Sequence[str]],
    cores: Sequence[int],
    repeats: int = 3,
    before: Callable[[], None] | None = None,
) -> list[Measured]:
    """Run commands in turn, `repeats` times round, so that a slow hour of the machine is slow for all.

    Raises:
        RuntimeError: One failed; with its output.
    """
    runs: list[list[Measured]] = [[] for _ in commands]
    for _ in range(repeats):
        for own, command in zip(runs, commands, strict=True):
            if before:
                before()
            own.append(_run(command, cores))
    return [
        Measured(min(run.seconds for run in own), max(run.peak_mb for run in own), own[-1].output)
        for own in runs
    ]


def _run(command: Sequence[str], cores: Sequence[int]) -> Measured:
    # With compiled modules, as an installed package has them.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    os.sync()  # what the last run left to be written is not to slow this one
    with tempfile.TemporaryFile("w+") as messages:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=messages,
            text=True,
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, set(cores)),
        )
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        messages.seek(0)
        if process.returncode not in (0, 1):  # 1: the data has problems
            raise RuntimeError(f"{command}: exit status {process.returncode}\n{messages.read()[-2000:]}")
    return Measured(seconds, usage.ru_maxrss / 1024, output)


def in_turns(jobs: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Least seconds of each job in this process; they take turns, after a first round that warms up."""
    times: list[list[float]] = [[] for _ in jobs]
    for _ in range(rounds + 1):
        for own, job in zip(times, jobs, strict=True):
            start = time.perf_counter()
            job()
            own.append(time.perf_counter() - start)
    return [min(own[1:]) for own in times]


def peer_versions(python: str, *packages: str) -> dict[str, str]:
    """The versions of other programs in the environment of a Python.

    Raises:
        CalledProcessError: One is not installed there.
    """
    asked = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    told = subprocess.run([python, "-c", asked, *packages], capture_output=True, text=True, check=True)
    return dict(zip(packages, told.stdout.split(), strict=True))


def smearprep(*arguments: str) -> list[str]:
    """The command line of this environment."""
    return [sys.executable, "-P", "-c", "from smearprep.cli import main; main()", *arguments]


def hardware() -> dict[str, str]:
    """What the figures were measured on: no host name."""
    with Path("/proc/cpuinfo").open() as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "?")
    here = Path(__file__).parent
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, check=False
    )
    return {
        "cpu": model,
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
        "commit": commit.stdout.strip(),
    }


def raw_data() -> Path:
    """The folder of raw data that the environment names.

    Raises:
        SystemExit: It names none.
    """
    named = os.environ.get("SMEARPREP_DATA")
    if not named or not Path(named).is_dir():
        raise SystemExit("SMEARPREP_DATA must name the folder in which ALL_IDB1, BCCD and the others lie")
    return Path(named).resolve()


def store(
    name: str,
    rows: Sequence[dict[str, object]],
    results: Path = RESULTS,
    peers: Mapping[str, str] | None = None,
) -> None:
    """Print rows as Markdown, and write them with the hardware to <results>/<name>.{json,md}.

    Args:
        name: Of the bench.
        rows: Their keys are the columns.
        results: The folder.
        peers: Versions of the programs that were compared with.
    """
    keys = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(keys) + " |", "|" + "---|" * len(keys)]
    lines += ["| " + " | ".join(str(row.get(key, "")) for key in keys) + " |" for row in rows]
    table = "\n".join(lines)
    print(table)
    where = {**hardware(), **(peers or {})}
    results.mkdir(parents=True, exist_ok=True)
    (results / f"{name}.json").write_text(
        json.dumps({"hardware": where, "rows": list(rows)}, indent=2) + "\n"
    )
    told = ", ".join(f"{key} {value}" for key, value in where.items())
    (results / f"{name}.md").write_text(f"# {name}\n\n{told}\n\n{table}\n")
