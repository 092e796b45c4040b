"""Commands that need torch: train, evaluate, predict."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smearprep.cli import arguments as args
from smearprep.cli.output import Json, Progress, run, write_out

if TYPE_CHECKING:
    from smearprep.findings import Summary
    from smearprep.models.hardware import Hardware

Set = Annotated[Path, typer.Argument(metavar="SET", help="A prepared set.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The folder that `train` has written.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Precision = Annotated[str, typer.Option(help="auto, bf16 or float32.")]
Weights = Annotated[str, typer.Option(help="best or last.")]


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="NETWORK or RECIPE", help="A network, a training recipe, or a YAML file.")
    ],
    folder: Annotated[Path | None, typer.Argument(metavar="SET", help="A prepared set.")] = None,
    run_folder: Annotated[
        Path | None,
        typer.Option("--run", metavar="RUN", help="The folder to write; given again, goes on."),
    ] = None,
    category: Annotated[str | None, typer.Option(help="What to learn; default: the set's only one.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Of every phase; default: the recipe's.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Chips a step.")] = None,
    chips: Annotated[int | None, typer.Option(min=1, help="Chips an epoch.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of weights and chips.")] = None,
    device: Device = "auto",
    devices: Annotated[int, typer.Option(min=1, help="How many of them.")] = 1,
    precision: Precision = "auto",
    compile_: Annotated[
        bool, typer.Option("--compile", help="Compile the network first: slower start, faster steps.")
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="Print the recipe, to be copied and changed.")] = False,
    strict: args.Strict = False,
    force: Annotated[bool, typer.Option("--force", help="Replace another run that is in RUN.")] = False,
    as_json: Json = False,
) -> None:
    """Train a network on a prepared set."""
    if show:
        _show(recipe)
        return
    if folder is None:
        raise typer.BadParameter("name the prepared set to learn from", param_hint="SET")
    if run_folder is None:
        raise typer.BadParameter("name the folder to write", param_hint="--run")

    def job(progress: Progress) -> Summary:
        need_torch()
        from smearprep.models.recipes import changed, load_training
        from smearprep.models.training import train as call

        wanted = changed(
            load_training(recipe), epochs=epochs, category=category, batch=batch, chips=chips, seed=seed
        )
        return call(
            wanted, folder, run_folder, hardware=_hardware(device, precision, devices, compile_),
            force=force, strict=strict, progress=progress,
        )  # fmt: skip

    run(job, as_json)


def _show(recipe: str) -> None:
    from smearprep.errors import RecipeError

    need_torch()
    from smearprep.models.recipes import training_text

    try:
        write_out(training_text(recipe))
    except RecipeError as error:
        sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(2) from None


def evaluate(
    run_folder: RunFolder,
    folder: Set,
    subset: Annotated[str | None, typer.Option(help="train, val or test; default: test, else val.")] = None,
    weights: Weights = "best",
    device: Device = "auto",
    precision: Precision = "auto",
    as_json: Json = False,
) -> None:
    """Measure a trained network on a prepared set, as the papers do."""

    def job(progress: Progress) -> Summary:
        need_torch()
        from smearprep.models.evaluation import evaluate as call

        return call(
            run_folder, folder, subset=subset, weights=weights, hardware=_hardware(device, precision),
            progress=progress,
        )  # fmt: skip

    run(job, as_json)


def predict(
    run_folder: RunFolder,
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGES", help="Images, folders of them, or a set.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write.")],
    weights: Weights = "best",
    device: Device = "auto",
    precision: Precision = "auto",
    strict: args.Strict = False,
    as_json: Json = False,
) -> None:
    """Say of images where cells are: masks, edges, and outlines that QuPath and other programs open."""

    def job(progress: Progress) -> Summary:
        need_torch()
        from smearprep.models.prediction import predict as call

        return call(
            run_folder, images, out, weights=weights, hardware=_hardware(device, precision), strict=strict,
            progress=progress,
        )  # fmt: skip

    run(job, as_json)


def _hardware(device: str, precision: str, devices: int = 1, compiled: bool = False) -> Hardware:
    from smearprep.models.hardware import Hardware
    from smearprep.recipes import validated

    values: dict[str, Any] = {
        "device": device,
        "precision": precision,
        "devices": devices,
        "compile": compiled,
    }
    return validated(Hardware, values, "options")


def missing_for_training() -> list[str]:
    """The libraries for training that are not installed."""
    from importlib.util import find_spec

    names = ("torch", "lightning", "safetensors", "matplotlib")
    return [name for name in names if find_spec(name) is None]


def need_torch() -> None:
    """Refuse a command whose libraries are not installed.

    Raises:
        SmearprepError: Some are missing; the message says how to install them.
    """
    from smearprep.errors import SmearprepError

    missing = missing_for_training()
    if missing:
        raise SmearprepError(
            f"this command needs {', '.join(missing)}, which is not installed; install smearprep with its "
            'part for training: pip install "smearprep[train]"'
        )


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    for command in (train, evaluate, predict):
        app.command()(command)
