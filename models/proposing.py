"""A trained run proposes cells where nobody has looked for them: train, propose, correct, train."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smearprep.assist import assist
from smearprep.errors import RecipeError
from smearprep.findings import Summary
from smearprep.images import RGB
from smearprep.models.hardware import Hardware
from smearprep.models.prediction import predictor_of
from smearprep.models.runs import read_run
from smearprep.records import Cell


def propose(
    folder: Path,
    run_folder: Path,
    *,
    find: Sequence[str] = (),
    weights: str = "best",
    hardware: Hardware | None = None,
    **how: Any,
) -> Summary:
    """Do what `smearprep.assist.assist` does, and let a run find the cells of images in which nobody has.

    Args:
        folder: The prepared set; it is changed in place.
        run_folder: What `train` has written.
        find: Categories that are looked for; none: all that the run has learned.
        weights: "best" or "last".
        hardware: On what the network runs; None: what is there.
        how: All else that `assist` is told, but for workers: one image is looked at after the other.

    Raises:
        LayoutError, DataError, RecipeError, OutputError: As `assist` and `prediction.predict`.
    """
    run = read_run(run_folder)
    for name in find:
        if name not in run.categories:
            raise RecipeError(f"{run_folder}: has learned {', '.join(run.categories)}, not {name}")
    predictor = predictor_of(run, weights, hardware or Hardware())

    def finder(image: RGB) -> Sequence[Cell]:
        return predictor.look(image).cells()

    return assist(folder, find=tuple(find) or run.categories, finder=finder, workers=1, **how)
