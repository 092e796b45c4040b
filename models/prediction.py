"""What a run says of images: masks, edges and cells, in files or counted at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote

import numpy as np

from smearprep.count_job import Countable, count
from smearprep.counting import Border, Method, Parameters
from smearprep.errors import LayoutError, RecipeError
from smearprep.findings import Finding, Summary
from smearprep.models.hardware import Hardware
from smearprep.models.looks import Predictor
from smearprep.models.recipes import SemanticRecipe
from smearprep.models.runs import Run, read_run, run_digest
from smearprep.models.wanted import find_images, read_images
from smearprep.output_folder import keep_apart
from smearprep.planning import file_stems
from smearprep.predictions import PredictionWriter

Progress = Callable[[int, int], None]


def predict(
    run_folder: Path,
    images: Sequence[Path],
    out: Path,
    *,
    weights: str = "best",
    tile: int | None = None,
    overlap: int | None = None,
    score: float | None = None,
    hardware: Hardware | None = None,
    strict: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Predict on images of any size, and write masks, edges and cells (`smearprep.predictions`).

    Args:
        run_folder: What `train` has written.
        images: Images, folders of images, or prepared sets.
        out: The folder to write; an earlier prediction folder is replaced.
        weights: "best" or "last".
        tile: Of networks that tell single cells: look at windows of so many px, as the set was cut, and put
            their cells together. None: at each image as a whole, resized as in training.
        overlap: Of two windows, px; more than the largest cell. None: half of them.
        score: Of networks that tell single cells: the least that a cell needs. None: 0.5.
        hardware: On what; None: what is there.
        strict: Stop at an image that cannot be read, instead of leaving it out.
        progress: Told of images done, of all.

    Returns:
        The summary, with the number of cells.

    Raises:
        LayoutError: No run, or no image.
        DataError: run.json or weights are damaged; with `strict`, an image.
        RecipeError: Windows or a score for a network that has none.
        OutputError: The folder holds something else, or cannot be written.
    """
    run = read_run(run_folder)
    keep_apart([path for path in images if path.is_dir()], out)
    wanted = find_images(images, run.categories)
    names = file_stems(image.source for image in wanted)
    predictor = predictor_of(run, weights, hardware or Hardware(), tile, overlap, score)
    findings: list[Finding] = []
    found = dict.fromkeys(run.categories, 0)
    done = 0
    with PredictionWriter(
        out, run.categories, run.network.name, run_digest(run.recipe, run.data),
        has_edge=predictor.has_edge, is_single=predictor.is_single, threshold=run.counting.threshold,
    ) as writer:  # fmt: skip
        for image, pixels in read_images(wanted, None if strict else findings, progress):
            look = predictor.look(pixels)
            cells, planes = look.cells(), look.planes
            writer.add(
                names[image.source], pixels, planes["mask"], planes.get("edge"), cells,
                source=image.source, truth=image.truth,
            )  # fmt: skip
            for cell in cells:
                found[cell.label] += 1
            done += 1
        if not done:
            raise LayoutError(f"none of the {len(wanted)} images could be read. First: {findings[0].what}")
    return Summary(
        command="predict",
        output=str(out),
        counts={"images": done, "cells": sum(found.values())},
        by_category=found,
        findings=tuple(findings),
        next_step=f"smearprep count {quote(str(out))} -o counts",
    )


def count_images(
    run_folder: Path,
    images: Sequence[Path],
    out: Path,
    *,
    weights: str = "best",
    tile: int | None = None,
    overlap: int | None = None,
    score: float | None = None,
    hardware: Hardware | None = None,
    methods: Sequence[Method] | None = None,
    parameters: Parameters | Path | None = None,
    border: Border = "all",
    category: str | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Count the cells that a run sees in images, without writing its masks; see `count_job.count`.

    Args:
        run_folder: What `train` has written.
        images: Images, folders of images, or prepared sets.
        out: The folder to write; an earlier count in it is replaced.
        weights: "best" or "last".
        tile: As in `predict`, as the next two.
        overlap: Of two windows.
        score: That a cell needs.
        hardware: On what; None: what is there.
        methods: How; None: all. Single cells are counted as they are.
        parameters: The figures, or a file of them; None: those of the run.
        border: Which cells at the border of an image count.
        category: Must be what the run has learned; None: its only one.
        progress: Told of images done, of all.

    Returns:
        The summary of `count`, with the images that could not be read.

    Raises:
        LayoutError, DataError, RecipeError, OutputError: As `predict` and `count_job.count`.
    """
    run = read_run(run_folder)
    counted = _category(run, category)
    keep_apart([path for path in images if path.is_dir()], out)
    wanted = find_images(images, [counted])
    names = file_stems(image.source for image in wanted)
    predictor = predictor_of(run, weights, hardware or Hardware(), tile, overlap, score)
    findings: list[Finding] = []

    def countable() -> Iterator[Countable]:
        for image, pixels in read_images(wanted, findings, progress):
            look = predictor.look(pixels)
            cells = None
            if predictor.is_single:
                cells = tuple(cell for cell in look.cells() if cell.label == counted)
            known = image.truth
            truth = None if known is None else np.array([c.bounds for c in known], np.float64).reshape(-1, 4)
            planes = look.planes
            yield Countable(
                names[image.source], image.path, planes["mask"], planes.get("edge"), truth, image.oriented,
                cells,
            )  # fmt: skip

    summary = count(
        countable(),
        out,
        methods=methods,
        parameters=parameters or run.counting,
        border=border,
        category=counted,
    )
    return replace(summary, findings=(*summary.findings, *findings))


def _category(run: Run, category: str | None) -> str:
    """What is counted.

    Raises:
        RecipeError: The run has not learned it, or several and none is named.
    """
    names = ", ".join(run.categories)
    if category is None and len(run.categories) > 1:
        raise RecipeError(
            f"{run.folder}: one category at a time is counted; name it with --category: {names}"
        )
    if category not in (None, *run.categories):
        raise RecipeError(f"{run.folder}: has learned {names}, not {category}")
    return category or run.category


def predictor_of(
    run: Run,
    weights: str,
    hardware: Hardware,
    tile: int | None = None,
    overlap: int | None = None,
    score: float | None = None,
) -> Predictor:
    """The network of a run, ready to look at images. For the arguments see `predict`.

    Raises:
        RecipeError: Windows that cannot be; windows or a score for a network that has none.
        DataError: The weights are damaged, or of another network.
    """
    if isinstance(run.recipe, SemanticRecipe):
        if (tile, overlap, score) != (None, None, None):
            raise RecipeError(
                f"{run.folder}: network {run.network.name} reads images of any size as they are, and its "
                "cells are regions of its mask; leave --tile, --overlap and --score out"
            )
        from smearprep.models.semantic.predicting import SemanticPredictor

        return SemanticPredictor(run, weights, hardware)
    from smearprep.models.instances.predicting import instance_predictor

    return instance_predictor(run, weights, hardware, tile, overlap, score)
