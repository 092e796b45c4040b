"""Write a prediction folder."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from smearprep.counting import Plane, check_planes, inside
from smearprep.drawing import overlay
from smearprep.errors import DataError, OutputError
from smearprep.formats import labelme
from smearprep.formats.coco import CocoWriter
from smearprep.formats.labelme.writing import image_to_bytes
from smearprep.formats.qupath.writing import image_to_geojson
from smearprep.formats.reading import stays_inside
from smearprep.formats.writing import WriteOptions, fit_to_format
from smearprep.images import RGB, encode, write_atomic
from smearprep.jsonfiles import write_json
from smearprep.predictions.folders import replaced_folder
from smearprep.predictions.reading import is_prediction_folder, read_index
from smearprep.predictions.records import FORMAT, INDEX, PredictedImage
from smearprep.records import Cell, ImageCells

_PARTS = frozenset({INDEX, "mask", "edge", "separated", "cells.json", "geojson", "labelme", "overlay"})
_QUALITY = 95  # of the JPEG in a labelme file: outlines are corrected on it


class PredictionWriter:
    """Writes a prediction folder: a context manager.

    The folder is there, whole, after a clean exit; after an exception it is as it was. An earlier prediction
    folder is replaced.

    Args:
        out: The folder.
        categories: What is predicted.
        network: Name of the network.
        run: Digest of the run that trained it.
        has_edge: There are edge maps.
        is_single: The network tells single cells; mask and edges are drawn from them.
        threshold: Of a probability, for the separated masks.

    Raises:
        OutputError: The folder holds something else, or cannot be written (on entering, adding or leaving).
    """

    def __init__(
        self,
        out: Path,
        categories: Sequence[str],
        network: str,
        run: str,
        *,
        has_edge: bool,
        is_single: bool = False,
        threshold: float = 0.5,
    ) -> None:
        self._out = out
        self._head = {
            "format": FORMAT, "categories": list(categories), "network": network, "run": run,
            "has_edge": has_edge, "is_single": is_single,
        }  # fmt: skip
        self._categories, self._has_edge, self._threshold = tuple(categories), has_edge, threshold
        self._images: list[PredictedImage] = []
        self._names: set[str] = set()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._part = stack.enter_context(replaced_folder(self._out, _PARTS, _is_prediction))
            self._coco = stack.enter_context(CocoWriter(self._part / "cells.json", self._categories))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            images = [_record(image) for image in self._images]
            with self._stack:
                write_json(self._part / INDEX, {**self._head, "images": images}, True)
        else:
            self._stack.__exit__(kind, error, trace)

    def add(
        self,
        name: str,
        image: RGB,
        mask: Plane,
        edge: Plane | None,
        cells: Sequence[Cell],
        *,
        source: str,
        truth: Sequence[Cell] | None = None,
    ) -> None:
        """Write all files of one image.

        Args:
            name: Of its files, without suffix; may have folders, with `/`.
            image: (H, W, 3) uint8 RGB.
            mask: (H, W) uint8, probability times 255.
            edge: (H, W) uint8, where there are edge maps; else None.
            cells: What was found, in px of the image.
            source: The image file, relative to what was predicted on, with `/`.
            truth: The cells that are known to be in the image; None: nobody knows.

        Raises:
            OutputError: Another image has the name, or it leads out of the folder.
            GeometryError: The planes are not of the image's size.
        """
        self._take(name)
        check_planes(mask, edge)
        size = mask.shape[1], mask.shape[0]
        if image.shape[:2] != mask.shape or (edge is not None) != self._has_edge:
            raise OutputError(f"{name}: its mask and edge map do not fit the image, or the network")
        planes = {"mask": mask, "separated": np.uint8(255) * inside(mask, edge, self._threshold)}
        for folder, plane in ({**planes, "edge": edge} if edge is not None else planes).items():
            write_atomic(self._part / folder / f"{name}.png", _png(plane))
        drawn = encode(overlay(image, cells, self._categories), "png")
        write_atomic(self._part / "overlay" / f"{name}.png", drawn)
        known = ImageCells(source, size, tuple(cells), "", frozenset(self._categories))
        write_atomic(self._part / "geojson" / f"{name}.geojson", image_to_geojson(known))
        held = fit_to_format(known, labelme.HOLDS, WriteOptions(), [])
        with_image = image_to_bytes(held, encode(image, "jpg", _QUALITY))
        write_atomic(self._part / "labelme" / f"{name}.json", with_image)
        id_ = self._coco.add_image(source, size, known.annotated)
        self._coco.add_records(id_, size, cells)
        boxes = None if truth is None else {name: _boxes(truth, name) for name in self._categories}
        self._images.append(PredictedImage(name, source, size, boxes))

    def _take(self, name: str) -> None:
        if not stays_inside(name):
            raise OutputError(f"{self._out}: {name!r} is no name for the files of an image")
        if name.casefold() in self._names:  # some file systems do not tell A from a
            raise OutputError(f"{self._out}: two images have the name {name!r}; predict on them one by one")
        self._names.add(name.casefold())


def _boxes(cells: Sequence[Cell], category: str) -> tuple[tuple[float, float, float, float], ...]:
    return tuple(cell.bounds for cell in cells if cell.label == category)


def _record(image: PredictedImage) -> dict[str, Any]:
    record = {"name": image.name, "source": image.source, "width": image.size[0], "height": image.size[1]}
    return record if image.truth is None else {**record, "truth": image.truth}


def _png(plane: Plane) -> bytes:
    import cv2

    done, buffer = cv2.imencode(".png", plane, [cv2.IMWRITE_PNG_COMPRESSION, 4])
    assert done  # (H, W) uint8 can always be written
    return buffer.tobytes()


def _is_prediction(folder: Path) -> bool:
    try:
        return is_prediction_folder(folder) and bool(read_index(folder))
    except DataError:
        return False
