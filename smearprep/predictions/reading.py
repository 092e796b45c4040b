"""Read a prediction folder; what is wrong in it is told with the file's name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from smearprep import formats
from smearprep.counting import Plane
from smearprep.errors import DataError
from smearprep.formats.reading import ReadOptions, image_size, stays_inside
from smearprep.images import check_complete, probe, read_bytes
from smearprep.jsonfiles import read_json
from smearprep.predictions.records import FORMAT, INDEX, PredictedImage, Prediction, PredictionIndex
from smearprep.records import Cell


def is_prediction_folder(folder: Path) -> bool:
    """True if a folder has an index of predictions, whatever is in it."""
    return (folder / INDEX).is_file()


def read_index(folder: Path) -> PredictionIndex:
    """What a prediction folder says of itself.

    Raises:
        DataError: No index, a broken one, or one that names files outside the folder.
    """
    path = folder / INDEX
    data = read_json(path)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise DataError(
            path, "is no index of predictions; give a folder that `smearprep predict` has written"
        )
    names, rows = data.get("categories"), data.get("images")
    words = [data.get(key) for key in ("network", "run")]
    if (
        not isinstance(names, list)
        or not names
        or not all(isinstance(word, str) for word in [*names, *words])
    ):
        raise DataError(path, "lacks its categories, network or run; predict again")
    if not isinstance(rows, list):
        raise DataError(path, "lacks its images; predict again")
    return PredictionIndex(
        tuple(names), str(words[0]), str(words[1]), data.get("has_edge") is True,
        data.get("is_single") is True, tuple(_image(path, row) for row in rows),
    )  # fmt: skip


def _image(path: Path, row: Any) -> PredictedImage:
    data = row if isinstance(row, dict) else {}
    name, source = data.get("name"), data.get("source")
    size = image_size(data.get("width"), data.get("height"))
    if not stays_inside(name) or not isinstance(source, str) or size is None:
        raise DataError(
            path, f"the image {name!r} has no name in this folder, no source or no size; predict again"
        )
    told = data.get("truth")
    if told is None:
        return PredictedImage(str(name), source, size)
    try:
        boxes = {str(key): np.array(value, np.float64).reshape(-1, 4) for key, value in told.items()}
    except (AttributeError, TypeError, ValueError):
        raise DataError(path, f"the true cells of the image {name!r} are no boxes; predict again") from None
    truth = {key: tuple((a, b, c, d) for a, b, c, d in rows.tolist()) for key, rows in boxes.items()}
    return PredictedImage(str(name), source, size, truth)


def read_predictions(folder: Path, category: str | None = None) -> Iterator[Prediction]:
    """The predictions of a folder, image by image.

    Args:
        folder: The folder.
        category: Of which cells and truth are wanted; None: the first.

    Raises:
        DataError: The index or the cells are broken; a PNG is missing, broken, not of 8 bits, or not of the
            stated size.
    """
    index = read_index(folder)
    category = category or index.categories[0]
    cells = _read_cells(folder, category) if index.is_single else None
    for image in index.images:
        mask = _read_plane(folder, "mask", image)
        edge = _read_plane(folder, "edge", image) if index.has_edge else None
        boxes = None if image.truth is None else image.truth.get(category, ())
        truth = None if boxes is None else np.array(boxes, np.float64).reshape(-1, 4)
        found = None if cells is None else cells.get(image.source, ())
        yield Prediction(image.name, mask, edge, found, truth)


def _read_cells(folder: Path, category: str) -> dict[str, tuple[Cell, ...]]:
    """The cells of a category by the image's source."""
    images = formats.get("coco").read(folder / "cells.json", ReadOptions(base=folder), [])
    return {i.file_name: tuple(cell for cell in i.cells if cell.label == category) for i in images}


def _read_plane(folder: Path, part: str, image: PredictedImage) -> Plane:
    import cv2

    path = folder / part / f"{image.name}.png"
    data = read_bytes(path)
    header = probe(path, data)  # before it is decoded: what states any size asks for that much memory
    check_complete(data, header, path)
    if header.mode != "L" or header.size != image.size:
        found, stated = (f"{width}x{height}" for width, height in (header.size, image.size))
        raise DataError(
            path, f"is {found} px, {header.mode}; one grey channel of 8 bits, {stated} px is needed"
        )
    plane: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if plane is None or plane.shape[::-1] != image.size:
        raise DataError(path, "its pixels cannot be decoded; predict again")
    return np.asarray(plane, np.uint8)
