"""The jobs that are killed: real commands that write something, on small data."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from smearprep.prepare import prepare
from tests.assist.making import write_raw
from tests.models import tiny
from tests.sets import COMMAND, EVEN, folder_recipe, write_folder

RECIPE = """
name: windows
sources:
  - dataset: folder
    tile: {size: 30, stride: 15}
unknown: keep
resize: 40
split: {ratio: "1:1:1"}
"""
TRAINING = """
network: tiny
category: RBC
loss: bce
batch: 4
chips: 16
samples_every: 2
phases:
  - {epochs: 3, learning_rate: 1e-2}
  - {epochs: 2, learning_rate: 1e-3}
"""
WITH_TINY = f"""
import sys

sys.path.append({str(Path(__file__).resolve().parents[2])!r})
from smearprep.cli import main
from smearprep.models import zoo
from tests.models.tiny import OWN

zoo.NETWORKS = {{**zoo.NETWORKS, **OWN}}
main()
"""
"""The command line, which knows a network that trains in a moment besides."""


@dataclass(frozen=True)
class Job:
    """A command.

    Args:
        given: Writes into an empty folder all that the command needs.
        command: The command line; run in that folder.
        output: What it writes there.
        inputs: What it must leave as it was.
        replaces: Given again after it has come to its end, it does not refuse.
    """

    given: Callable[[Path], object]
    command: tuple[str, ...]
    output: str
    inputs: tuple[str, ...]
    replaces: bool = True


def _raw(folder: Path) -> None:
    """Noise images with outlines, and a recipe."""
    write_folder(folder / "raw", images=12, size=(120, 90))
    (folder / "recipe.yaml").write_text(RECIPE)


def _boxes(folder: Path) -> None:
    """A prepared set of drawn smears of which only boxes are known."""
    write_raw(folder / "raw", 6)
    prepare(folder_recipe(EVEN), [(None, folder / "raw")], folder / "set", workers=1)


def _discs(folder: Path) -> None:
    """A set of whole images with outlines, and a recipe to train by."""
    tiny.write_set(folder / "set")
    (folder / "training.yaml").write_text(TRAINING)


def _smearprep(*arguments: str) -> tuple[str, ...]:
    return (str(COMMAND), *arguments)


def _train(*arguments: str) -> tuple[str, ...]:
    how = ("--device", "cpu", "--precision", "float32")
    return (sys.executable, "-c", WITH_TINY, "train", *arguments, *how)


_JOBS: Mapping[str, Job] = MappingProxyType(
    {
        "prepare": Job(
            _raw, _smearprep("prepare", "recipe.yaml", "set", "--raw", "raw"), "set", ("raw", "recipe.yaml")
        ),
        "assist": Job(_boxes, _smearprep("assist", "set"), "set", ("raw",)),
        "convert": Job(_raw, _smearprep("convert", "raw", "-o", "cells.json"), "cells.json", ("raw",)),
        "convert_to_files": Job(
            _raw,
            _smearprep("convert", "raw", "-o", "out", "--to", "labelme"),
            "out",
            ("raw",),
            replaces=False,
        ),
        "count": Job(_discs, _smearprep("count", "set", "-o", "counts"), "counts", ("set",)),
        "train": Job(_discs, _train("training.yaml", "set", "--run", "run"), "run", ("set", "training.yaml")),
    }
)


JOBS: Mapping[str, Job] = MappingProxyType(
    {
        **_JOBS,
        **{
            f"{name}_in_processes": replace(_JOBS[name], command=(*_JOBS[name].command, "--processes", "2"))
            for name in ("prepare", "assist", "count")
        },
    }
)


def fresh(given: Path, folder: Path) -> Path:
    """A copy of what a job needs, for one run."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(given, folder)
    return folder
