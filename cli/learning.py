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
TileSize = Annotated[
    int | None,
    typer.Option(
        "--tile", min=32, metavar="PX",
        help="Look at windows of so many px, as the set was cut. Networks of the YOLACT family only.",
    ),
]  # fmt: skip
Overlap = Annotated[
    int | None, typer.Option(min=0, metavar="PX", help="Of two windows; default: half of them.")
]
Score = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="That a cell needs; default 0.5. The YOLACT family only."),
]


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
    batch: Annotated[int | None, typer.Option(min=1, help="Chips or images a step.")] = None,
    chips: Annotated[
        int | None, typer.Option(min=1, help="Chips an epoch, of networks that learn from chips.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=64, help="Px to which images are resized, of the YOLACT family.")
    ] = None,
    backbone: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Weights (safetensors) that the backbone begins with, of the YOLACT family."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of weights, and of what is random.")] = None,
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
            load_training(recipe), epochs=epochs, category=category, batch=batch, chips=chips, size=size,
            seed=seed,
        )  # fmt: skip
        return call(
            wanted, folder, run_folder, hardware=_hardware(device, precision, devices, compile_),
            force=force, strict=strict, backbone=backbone, progress=progress,
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
    tile: TileSize = None,
    overlap: Overlap = None,
    score: Score = None,
    device: Device = "auto",
    precision: Precision = "auto",
    strict: args.Strict = False,
    as_json: Json = False,
) -> None:
    """Say of images where cells are: masks, edges, and outlines that QuPath and labelme open."""

    def job(progress: Progress) -> Summary:
        need_torch()
        from smearprep.models.prediction import predict as call

        return call(
            run_folder, images, out, weights=weights, tile=tile, overlap=overlap, score=score,
            hardware=_hardware(device, precision), strict=strict, progress=progress,
        )  # fmt: skip

    run(job, as_json)


def ablate(
    folder: Set,
    recipes: Annotated[
        list[str],
        typer.Argument(
            metavar="ROWS", help="Training recipes, or lists of them: `yolact-cis`, or YAML files."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write; given again, goes on.")],
    subset: Annotated[str | None, typer.Option(help="train, val or test; default: test, else val.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Of every row; default: the recipes'.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Chips or images a step.")] = None,
    size: Annotated[
        int | None, typer.Option(min=64, help="Px to which images are resized, of the YOLACT family.")
    ] = None,
    device: Device = "auto",
    devices: Annotated[int, typer.Option(min=1, help="How many of them.")] = 1,
    precision: Precision = "auto",
    compile_: Annotated[
        bool, typer.Option("--compile", help="Compile the networks first: slower start, faster steps.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace other runs that are in OUT.")] = False,
    as_json: Json = False,
) -> None:
    """Train and measure many recipes, and write one table."""

    def job(progress: Progress) -> Summary:
        need_torch()
        from smearprep.models.ablation import ablate as call
        from smearprep.models.ablation import load_rows

        return call(
            load_rows(recipes, epochs=epochs, batch=batch, size=size), folder, out, subset=subset,
            hardware=_hardware(device, precision, devices, compile_), force=force, progress=progress,
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
    for command in (train, evaluate, predict, ablate):
        app.command()(command)
