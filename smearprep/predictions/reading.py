"""Read a prediction folder; what is wrong in it is told with the file's name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from smearprep.counting import Plane
from smearprep.errors import DataError
from smearprep.formats.reading import image_size, stays_inside
from smearprep.images import read_bytes
from smearprep.jsonfiles import read_json
from smearprep.predictions.records import FORMAT, INDEX, PredictedImage, Prediction, PredictionIndex


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
    words = [data.get(key) for key in ("category", "network", "run")]
    rows = data.get("images")
    if not all(isinstance(word, str) for word in words) or not isinstance(rows, list) or not words[0]:
        raise DataError(path, "lacks its category, network, run or images; predict again")
    images = tuple(_image(path, row) for row in rows)
    return PredictionIndex(str(words[0]), str(words[1]), str(words[2]), data.get("has_edge") is True, images)


def _image(path: Path, row: Any) -> PredictedImage:
    data = row if isinstance(row, dict) else {}
    name, source = data.get("name"), data.get("source")
    size = image_size(data.get("width"), data.get("height"))
    if not stays_inside(name) or not isinstance(source, str) or size is None:
        raise DataError(
            path, f"the image {name!r} has no name in this folder, no source or no size; predict again"
        )
    if data.get("truth") is None:
        return PredictedImage(str(name), source, size)
    try:
        boxes = np.array(data["truth"], np.float64).reshape(-1, 4)
    except (TypeError, ValueError):
        raise DataError(path, f"the true cells of the image {name!r} are no boxes; predict again") from None
    return PredictedImage(str(name), source, size, tuple((a, b, c, d) for a, b, c, d in boxes.tolist()))


def read_predictions(folder: Path) -> Iterator[Prediction]:
    """The predictions of a folder, image by image.

    Raises:
        DataError: The index is broken; a PNG is missing, broken, not of 8 bits, or not of the stated size.
    """
    index = read_index(folder)
    for image in index.images:
        mask = _read_plane(folder, "mask", image)
        edge = _read_plane(folder, "edge", image) if index.has_edge else None
        truth = None if image.truth is None else np.array(image.truth, np.float64).reshape(-1, 4)
        yield Prediction(image.name, mask, edge, truth)


def _read_plane(folder: Path, part: str, image: PredictedImage) -> Plane:
    import cv2

    path = folder / part / f"{image.name}.png"
    data = np.frombuffer(read_bytes(path), np.uint8)
    plane: Any = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if len(data) else None
    if plane is None:
        raise DataError(path, "is no image that can be read; predict again")
    if plane.ndim != 2 or plane.dtype != np.uint8 or plane.shape[::-1] != image.size:
        found, stated = "x".join(map(str, plane.shape[1::-1])), f"{image.size[0]}x{image.size[1]}"
        raise DataError(
            path, f"is {found} px, {plane.dtype}; one grey channel of 8 bits, {stated} px is needed"
        )
    return np.asarray(plane, np.uint8)
