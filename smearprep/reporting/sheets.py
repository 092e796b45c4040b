"""Small pictures for a report: images of the set with the outlines drawn, as data URIs."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from smearprep.cells import fit_regions
from smearprep.datasets.files import stated_frame
from smearprep.drawing import dotted, overlay
from smearprep.errors import DataError
from smearprep.formats.coco.reading import CocoFile
from smearprep.formats.reading import ReadOptions
from smearprep.images import RGB, encode, probe, read
from smearprep.records import ImageCells
from smearprep.reporting.numbers import evenly
from smearprep.reporting.reading import SetData, SetImage, annotation_file

_SIDE = 320  # px, the longer side of a thumbnail
_BOLD = 0.4  # px by which each outline is drawn to either side of its place
_MOST_BYTES = 40_000  # of a thumbnail; busier ones are compressed more
_QUALITIES = (82, 65, 45, 25, 10)
_A_SUBSET, _IN_ALL = 10, 40  # images shown


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture of one image.

    Args:
        name: The image's file, relative to the set.
        uri: The picture as a data URI.
        size: (width, height) of the picture in px.
        cells: How many cells of each category are drawn, in the set's order.
        absent: Categories that were looked for in it, and of which it shows no cell.
        unknown: Categories that were not looked for in it.
    """

    name: str
    uri: str
    size: tuple[int, int]
    cells: tuple[tuple[str, int], ...]
    absent: tuple[str, ...]
    unknown: tuple[str, ...]


def chosen(data: SetData, readable: Iterable[str]) -> list[tuple[str, list[SetImage]]]:
    """Images of each subset to be shown: evenly spaced over its file, the same every time."""
    known = set(readable)
    own = {name: [i for i in data.images if i.subset == name and i.name in known] for name in data.subsets}
    each = max(1, min(_A_SUBSET, _IN_ALL // max(1, len(own))))
    picked = [(name, [images[k] for k in evenly(len(images), each)]) for name, images in own.items()]
    return [(name, images) for name, images in picked if images][:_IN_ALL]


def thumbnails(images: Iterable[SetImage], prepared: Path, categories: Sequence[str]) -> dict[str, Thumbnail]:
    """Pictures of images, by their name; one whose pixels cannot be decoded is passed over.

    Args:
        images: What to show.
        prepared: The set's folder.
        categories: Those that were looked for in any image of the set, in its order.
    """
    found = {}
    by_subset: dict[str, dict[str, SetImage]] = {}
    for image in images:
        by_subset.setdefault(image.subset, {})[image.name] = image
    for subset, own in by_subset.items():
        file = CocoFile(annotation_file(prepared, subset), ReadOptions(base=prepared), [])
        for key, record in file.records.items():
            name = f"images/{subset}/{record['file_name']}"
            if name in own and name not in found:
                with suppress(DataError):
                    shown = file.image(key).as_image_cells()
                    found[name] = _thumbnail(own[name], shown, prepared / name, categories)
    return found


def _thumbnail(image: SetImage, shown: ImageCells, path: Path, categories: Sequence[str]) -> Thumbnail:
    """The picture of an image; its crowds are dotted, and not counted."""
    frame = stated_frame(probe(path), image.size, oriented=True)
    pixels = read(path, True if frame is None else frame)
    size = pixels.shape[1], pixels.shape[0]
    # Of an image of another size than its record states, nobody knows where its cells are.
    fitted = fit_regions(shown, size, image.name)[0]
    cells, crowds = (fitted.cells, fitted.crowds) if frame is not None else ((), ())
    small = _shrunk(pixels)
    factor = np.array([small.shape[1] / size[0], small.shape[0] / size[1]])
    shapes = np.array([cell.shape for cell in cells], dtype=object)
    for off in (-_BOLD, _BOLD):  # a line of one px is lost on so small a picture
        drawn = list(zip((cell.label for cell in cells), _moved(shapes, factor, off), strict=True))
        small = overlay(small, drawn, categories, legend=False)
    regions = _moved(np.array([crowd.shape for crowd in crowds], dtype=object), factor, 0)
    dots = [(crowd.label, dotted(region, 1)) for crowd, region in zip(crowds, regions, strict=True)]
    small = overlay(small, dots, categories, legend=False)
    counts = Counter(cell.label for cell in cells)
    by_category = tuple((name, counts[name]) for name in categories if counts[name])
    absent = tuple(name for name in categories if name in image.annotated and not counts[name])
    unknown = tuple(name for name in categories if name not in image.annotated)
    extent = small.shape[1], small.shape[0]
    return Thumbnail(image.name, _data_uri(small), extent, by_category, absent, unknown)


def _moved(shapes: NDArray[np.object_], factor: NDArray[np.float64], off: float) -> NDArray[np.object_]:
    return shapely.transform(shapes, lambda xy: xy * factor + off)


def _shrunk(image: RGB) -> RGB:
    """The image, shrunk so that its longer side is at most `_SIDE` px."""
    import cv2

    scale = min(1.0, _SIDE / max(image.shape[:2]))
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    if scale == 1:
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _data_uri(image: RGB) -> str:
    data = b""
    for quality in _QUALITIES:
        data = encode(image, "jpg", quality)
        if len(data) <= _MOST_BYTES:
            break
    return "data:image/jpeg;base64," + b64encode(data).decode("ascii")
