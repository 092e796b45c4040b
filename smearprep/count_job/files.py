"""The files of a count: a table, pictures, and the parameters as people write them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from shapely.geometry import Point

from smearprep.count_job.sources import Countable
from smearprep.counting import (
    Components,
    Found,
    Hough,
    Parameters,
    Watershed,
    Way,
    image_accuracy,
    labels_to_shapes,
)
from smearprep.drawing import overlay
from smearprep.errors import OutputError, RecipeError
from smearprep.images import encode, is_file, read, read_bytes, refuse_special, write_atomic
from smearprep.recipes import check_keys, validated
from smearprep.records import Shape
from smearprep.yamlfiles import BrokenYamlError, parse_yaml

TABLE = "counts.csv"
PICTURES = "overlay"
_COLUMNS = ("image", "category", "method", "count", "truth", "accuracy")
_HEAD = "# Figures to count cells by, found by `smearprep tune`. Give them to `smearprep count --parameters`."


# ---------------------------------------------------------------- the table


@dataclass(frozen=True)
class Row:
    """A count.

    Args:
        image: The image's name.
        method: How it was counted.
        count: Cells that were found.
        truth: Cells that are there, or None.
    """

    image: str
    method: Way
    count: int
    truth: int | None


def table(rows: Sequence[Row], category: str) -> bytes:
    """The rows as CSV: UTF-8, with a head; truth and accuracy (0..1) are empty where nobody knows them."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        accuracy = "" if row.truth is None else f"{image_accuracy(row.count, row.truth):.4f}"
        truth = "" if row.truth is None else row.truth
        writer.writerow([row.image, category, row.method, row.count, truth, accuracy])
    return text.getvalue().encode()


def holds_counts(folder: Path) -> bool:
    """True if `count` wrote the table in a folder."""
    head = ",".join(_COLUMNS).encode() + b"\n"
    return is_file(folder / TABLE) and read_bytes(folder / TABLE, len(head)) == head


# ---------------------------------------------------------------- pictures


def picture(image: Countable, found: Mapping[Way, Found]) -> bytes:
    """What each method counted, drawn over the image, with the totals in the corner: JPEG.

    Components and single cells are outlined, circles drawn, and the peaks of a watershed marked by crosses.

    Where the image itself is not at hand, it is drawn over the mask (white) with its edges (grey).
    """
    drawn = [(method, shape) for method, cells in found.items() for shape in _shapes(method, cells)]
    return encode(overlay(_ground(image), drawn, list(found)), "jpg", 90)


def _ground(image: Countable) -> Any:
    if image.picture is not None:
        pixels = read(image.picture, image.oriented)
        if pixels.shape[:2] == image.mask.shape:
            return pixels
    edge = np.zeros_like(image.mask) if image.edge is None else image.edge
    return np.repeat((image.mask - np.minimum(image.mask, edge) // 2)[..., None], 3, axis=2)


def _shapes(method: Way, found: Found) -> list[Shape]:
    if method == "components" and found.labels is not None:
        return list(labels_to_shapes(found.labels))
    points = [Point(xy) for xy in found.points]
    if found.shapes is not None:
        return list(found.shapes)
    if found.radii is None:
        return list(points)
    return [point.buffer(radius) for point, radius in zip(points, found.radii, strict=True)]


# ---------------------------------------------------------------- parameters


def parameters_to_yaml(parameters: Parameters, category: str) -> bytes:
    """Parameters as a file that `load_parameters` reads."""
    import yaml

    text = yaml.safe_dump({"category": category, **asdict(parameters)}, sort_keys=False, allow_unicode=True)
    return f"{_HEAD}\n{text}".encode()


def load_parameters(path: Path, category: str) -> Parameters:
    """Read parameters; what a file does not state is as in `counting.Parameters`.

    Args:
        path: A YAML file.
        category: What they are to be used for.

    Raises:
        DataError: The file is not there.
        RecipeError: Broken YAML, an unknown entry, a value that cannot be, or figures of another category.
    """
    where = str(path)
    try:
        data = parse_yaml(read_bytes(path).decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise RecipeError(f"{where}: is not a text file") from None
    except BrokenYamlError as error:
        raise RecipeError(f"{where}: {error}") from None
    if not isinstance(data, dict):
        raise RecipeError(f"{where}: parameters are `entry: value` lines; found {type(data).__name__}")
    meant = data.pop("category", category)
    if meant != category:
        raise RecipeError(f"{where}: has the figures of {meant}, not of {category}; tune them for {category}")
    try:
        return _checked(data, where)
    except RecipeError as error:  # of a figure that cannot be: its record does not know the file
        told = str(error)
        raise RecipeError(told if told.startswith(where) else f"{where}: {told}") from None


def _checked(data: Mapping[str, Any], where: str) -> Parameters:
    check_keys(data, Parameters, where)
    for name, record in (("components", Components), ("hough", Hough), ("watershed", Watershed)):
        if isinstance(data.get(name), Mapping):
            check_keys(data[name], record, f"{where}: {name}")
    return validated(Parameters, data, where)


def check_parameter_file(path: Path) -> None:
    """Refuse to put parameters in the place of anything else.

    Raises:
        OutputError: Something is there that `tune` did not write.
    """
    refuse_special(path)
    if is_file(path) and not read_bytes(path, len(_HEAD)).startswith(_HEAD.encode()):
        raise OutputError(f"{path}: is there and was not written by `smearprep tune`; choose another output")


def write_parameters(path: Path, parameters: Parameters, category: str) -> None:
    """Write a file of parameters.

    Raises:
        OutputError: It cannot be written.
    """
    write_atomic(path, parameters_to_yaml(parameters, category))
