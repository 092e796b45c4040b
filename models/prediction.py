"""What a run says of images: masks, edges and cells, in files or counted at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
import torch

from smearprep import datasets
from smearprep.augmentation import equalise
from smearprep.count_job import Countable, count
from smearprep.counting import Border, Method, Parameters, Plane, instances, labels_to_cells
from smearprep.datasets.files import is_image, relative, walk
from smearprep.errors import DataError, LayoutError, RecipeError
from smearprep.findings import Finding, Summary
from smearprep.images import RGB, read
from smearprep.models.hardware import Hardware
from smearprep.models.runs import Run, load_network, read_run, run_digest
from smearprep.models.semantic.whole_image import predict_image
from smearprep.output_folder import keep_apart
from smearprep.planning import file_stems
from smearprep.predictions import PredictionWriter
from smearprep.records import Cell

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image to predict on.

    Args:
        path: Its file.
        source: What outputs call it.
        oriented: It is shown as its EXIF orientation says.
        truth: The cells of the run's category that are known to be in it, or None.
    """

    path: Path
    source: str
    oriented: bool = True
    truth: tuple[Cell, ...] | None = None


@dataclass(frozen=True, eq=False)
class Said:
    """What a run says of an image.

    Args:
        wanted: The image.
        name: Of its files, without suffix.
        image: (H, W, 3) uint8 RGB, as it was read.
        mask: (H, W) uint8, probability times 255.
        edge: The same, or None.
    """

    wanted: Wanted
    name: str
    image: RGB
    mask: Plane
    edge: Plane | None


def predict(
    run_folder: Path,
    images: Sequence[Path],
    out: Path,
    *,
    weights: str = "best",
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
        hardware: On what; None: what is there.
        strict: Stop at an image that cannot be read, instead of leaving it out.
        progress: Told of images done, of all.

    Returns:
        The summary, with the number of cells.

    Raises:
        LayoutError: No run, or no image.
        DataError: run.json or weights are damaged; with `strict`, an image.
        OutputError: The folder holds something else, or cannot be written.
    """
    run = read_run(run_folder)
    keep_apart([path for path in images if path.is_dir()], out)
    wanted = find_images(images, run.category)
    findings: list[Finding] = []
    parameters = run.counting
    made_by = f"smearprep {run.network.name}"
    cells_in_all = done = 0
    has_edge = "edge" in run.network.heads
    digest = run_digest(run.recipe, run.data)
    with PredictionWriter(
        out, run.category, run.network.name, digest, has_edge=has_edge, threshold=parameters.threshold
    ) as writer:
        for said in _says(run, wanted, weights, hardware, None if strict else findings, progress):
            labels = instances(said.mask, said.edge, parameters)
            cells = labels_to_cells(labels, said.mask, run.category, made_by)
            name, source = said.name, said.wanted.source
            writer.add(name, said.image, said.mask, said.edge, cells, source=source, truth=said.wanted.truth)
            cells_in_all += len(cells)
            done += 1
        if not done:
            raise LayoutError(f"none of the {len(wanted)} images could be read. First: {findings[0].what}")
    return Summary(
        command="predict",
        output=str(out),
        counts={"images": done, "cells": cells_in_all},
        by_category={run.category: cells_in_all},
        findings=tuple(findings),
        next_step=f"smearprep count {quote(str(out))} -o counts",
    )


def count_images(
    run_folder: Path,
    images: Sequence[Path],
    out: Path,
    *,
    weights: str = "best",
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
        hardware: On what; None: what is there.
        methods: How; None: all.
        parameters: The figures, or a file of them; None: those of the run.
        border: Which cells at the border of an image count.
        category: Must be what the run has learned; None: that.
        progress: Told of images done, of all.

    Returns:
        The summary of `count`, with the images that could not be read.

    Raises:
        LayoutError, DataError, RecipeError, OutputError: As `predict` and `count_job.count`.
    """
    run = read_run(run_folder)
    if category not in (None, run.category):
        raise RecipeError(f"{run_folder}: has learned {run.category}, not {category}")
    keep_apart([path for path in images if path.is_dir()], out)
    wanted = find_images(images, run.category)
    findings: list[Finding] = []

    def countable() -> Iterator[Countable]:
        for said in _says(run, wanted, weights, hardware, findings, progress):
            truth = said.wanted.truth
            boxes = None if truth is None else np.array([c.bounds for c in truth], np.float64).reshape(-1, 4)
            yield Countable(said.name, said.wanted.path, said.mask, said.edge, boxes, said.wanted.oriented)

    how: dict[str, Any] = {} if methods is None else {"methods": methods}
    summary = count(
        countable(),
        out,
        parameters=parameters or run.counting,
        border=border,
        category=run.category,
        **how,
    )
    return replace(summary, findings=(*summary.findings, *findings))


def find_images(paths: Sequence[Path], category: str) -> list[Wanted]:
    """The images that are meant by paths, each once.

    Args:
        paths: Images, folders of images, or prepared sets.
        category: Of prepared sets, the cells of this category are taken along as truth.

    Raises:
        LayoutError: A path that is not there, or holds no image.
    """
    found: dict[Path, Wanted] = {}
    for path in paths:
        own = list(_in_folder(path, category)) if path.is_dir() else [Wanted(path, path.name)]
        if not path.exists():
            raise LayoutError(f"{path}: is not there")
        if not own:
            raise LayoutError(f"{path}: holds no image")
        for wanted in own:
            found.setdefault(wanted.path.absolute(), wanted)
    if not found:
        raise LayoutError("name at least one image")
    return list(found.values())


def _in_folder(folder: Path, category: str) -> Iterator[Wanted]:
    if datasets.get("prepared").recognise(folder) is None:
        for path in walk(folder):
            if is_image(path):
                yield Wanted(path, relative(path, folder))
        return
    for sample in datasets.load(folder, name="prepared").samples:
        cells = tuple(cell for cell in sample.cells if cell.label == category)
        known = category in sample.annotated
        yield Wanted(sample.path, relative(sample.path, folder), sample.oriented, cells if known else None)


def _says(
    run: Run,
    wanted: Sequence[Wanted],
    weights: str,
    hardware: Hardware | None,
    findings: list[Finding] | None,
    progress: Progress | None,
) -> Iterator[Said]:
    """What the run says of each image; one that cannot be read is named and left out, or is an error."""
    hardware = hardware or Hardware()
    network = load_network(run, weights).to(hardware.kind, memory_format=torch.channels_last)  # type: ignore[call-overload]
    names = file_stems(image.source for image in wanted)
    for n, image in enumerate(wanted, 1):
        try:
            pixels = read(image.path, image.oriented)
        except DataError as error:
            if findings is None:
                raise
            findings.append(Finding("unreadable", f"{error.what}; left out", image.source))
        else:
            shown = equalise(pixels) if run.recipe.equalise else pixels
            planes = predict_image(
                network, run.network, shown, device=torch.device(hardware.kind), precision=hardware.autocast,
                as_uint8=True,
            )  # fmt: skip
            by_head = dict(zip(run.network.heads, planes, strict=True))
            yield Said(image, names[image.source], pixels, by_head["mask"], by_head.get("edge"))
        if progress:
            progress(n, len(wanted))
