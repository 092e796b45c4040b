"""Every measurement of speed and quality, one after the other.

    SMEARPREP_DATA=... python -m tests.bench [--peers PYTHON] [--scratch DIR] [--check | --quick] [NAME ...]
    python -m tests.bench --table

A NAME is one of the benches; none: all. Each runs in a process of its own, which should have the computer
to itself, and writes `tests/bench/results/NAME.json` and `.md` with hardware, versions and commit.

--peers names the Python of an environment with sahi 0.12, datumaro, labelme2coco and supervision; without
it, what is compared with them is left out. --check writes nothing there: it tells every ratio beside the
stored one, and ends with status 1 if one is worse by more than 15 %. --quick does as little as possible, to
see that all benches run. --table prints the README's table of what is stored.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.bench.measuring import RESULTS
from tests.bench.ratios import compared, table

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Bench:
    """A module `bench_NAME`.

    Args:
        quick: Its arguments for the smallest run.
        full: Its arguments for the usual run.
        peers: It takes --peers.
        scratch: It takes --scratch.
        module: Where its module has another name than the bench.
    """

    quick: tuple[str, ...]
    full: tuple[str, ...] = ()
    peers: bool = False
    scratch: bool = False
    module: str = ""


BENCHES: Mapping[str, Bench] = MappingProxyType(
    {
        "tiling": Bench(("--images", "2", "--repeats", "1"), peers=True, scratch=True),
        "convert": Bench(("--rounds", "1", "--polygons", "4000")),
        "labelme": Bench(("--rounds", "1", "--compared", "1000", "--polygons", "2000"), peers=True),
        "masks": Bench(("--images", "1", "--rounds", "1"), peers=True),
        "chips": Bench(("--rounds", "1")),
        "training": Bench(("--networks", "unet", "--rounds", "1", "--turn", "1")),
        "prediction": Bench(("--networks", "unet", "--size", "100x100", "--rounds", "1")),
        "evaluation": Bench(("--images", "2", "--cells", "20", "--rounds", "1")),
        "yolact": Bench(("--write", "--size", "160", "--batch", "1", "--rounds", "1"), ("--write",)),
        "assist": Bench(()),
        "annotate": Bench(()),
        "annotate_session": Bench(("--session",), ("--session",), module="annotate"),
        "editing": Bench(("--images", "20"), scratch=True),
        "scale": Bench(("--sizes", "20,40"), scratch=True),
    }
)


def command(name: str, arguments: argparse.Namespace, scratch: Path) -> list[str]:
    """The command line of a bench, which writes into a folder that is there."""
    bench = BENCHES[name]
    module = f"tests.bench.bench_{bench.module or name}"
    line = [sys.executable, "-m", module, *(bench.quick if arguments.quick else bench.full)]
    if bench.peers and arguments.peers:
        line += ["--peers", arguments.peers]
    return [*line, "--scratch", str(scratch)] if bench.scratch else line


def run(names: Sequence[str], arguments: argparse.Namespace, results: Path) -> list[str]:
    """Run benches that write to a folder; the names of those that failed."""
    environment = {**os.environ, "SMEARPREP_BENCH_RESULTS": str(results)}
    failed = []
    for name in names:
        print(f"== {name}", flush=True)
        with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
            line = command(name, arguments, Path(scratch))
            if subprocess.run(line, cwd=ROOT, env=environment, check=False).returncode:
                failed.append(name)
    return failed


def check(names: Sequence[str], arguments: argparse.Namespace, results: Path) -> list[str]:
    """Run benches and compare; what is wrong."""
    wrong = run(names, arguments, results)
    for told, is_worse in compared(RESULTS, results):
        print(told)
        wrong += [told] if is_worse else []
    return wrong


def main() -> None:
    """Measure, check or print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}")
    parser.add_argument("--peers", metavar="PYTHON")
    parser.add_argument("--scratch", metavar="DIR", help="where to write; best a RAM disk")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in BENCHES]
    if unknown:
        parser.error(f"no bench {unknown[0]!r}; there are {', '.join(BENCHES)}")
    if arguments.table:
        print(table(RESULTS))
        return
    names = arguments.names or list(BENCHES)
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as aside:
        job = check if arguments.check else run
        wrong = job(names, arguments, Path(aside) if arguments.check or arguments.quick else RESULTS)
    if wrong:
        sys.exit(f"{len(wrong)} wrong: {'; '.join(wrong)}")


if __name__ == "__main__":
    main()
