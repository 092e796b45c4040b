"""The images that somebody wants to be looked at: files, folders of them, prepared sets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from smearprep import datasets
from smearprep.datasets.files import is_image, relative, walk
from smearprep.errors import DataError, LayoutError
from smearprep.findings import Finding
from smearprep.images import RGB, read
from smearprep.records import Cell


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image to predict on.

    Args:
        path: Its file.
        source: What outputs call it.
        oriented: It is shown as its EXIF orientation says.
        truth: All cells of the wanted categories in it, or None: nobody looked for them, or told them apart.
    """

    path: Path
    source: str
    oriented: bool = True
    truth: tuple[Cell, ...] | None = None


def find_images(paths: Sequence[Path], categories: Collection[str]) -> list[Wanted]:
    """The images that are meant by paths, each once.

    Args:
        paths: Images, folders of images, or prepared sets.
        categories: Of prepared sets, the cells of these are taken along as truth.

    Raises:
        LayoutError: A path that is not there, or holds no image.
    """
    found: dict[Path, Wanted] = {}
    for path in paths:
        own = list(_in_folder(path, categories)) if path.is_dir() else [Wanted(path, path.name)]
        if not path.exists():
            raise LayoutError(f"{path}: is not there")
        if not own:
            raise LayoutError(f"{path}: holds no image")
        for wanted in own:
            found.setdefault(wanted.path.absolute(), wanted)
    if not found:
        raise LayoutError("name at least one image")
    return list(found.values())


def _in_folder(folder: Path, categories: Collection[str]) -> Iterator[Wanted]:
    if datasets.get("prepared").recognise(folder) is None:
        for path in walk(folder):
            if is_image(path):
                yield Wanted(path, relative(path, folder))
        return
    for sample in datasets.load(folder, name="prepared").samples:
        cells = tuple(cell for cell in sample.cells if cell.label in categories)
        crowded = any(crowd.label in categories for crowd in sample.crowds)
        known = sample.annotated.issuperset(categories) and not crowded
        yield Wanted(sample.path, relative(sample.path, folder), sample.oriented, cells if known else None)


def read_images(
    wanted: Sequence[Wanted],
    findings: list[Finding] | None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[Wanted, RGB]]:
    """Read images one by one; one that cannot be read is named and left out, or is an error.

    Args:
        wanted: The images.
        findings: Takes the names; None: stop at it.
        progress: Told of images done, of all.

    Raises:
        DataError: An image cannot be read, and `findings` is None.
    """
    for n, image in enumerate(wanted, 1):
        try:
            pixels = read(image.path, image.oriented)
        except DataError as error:
            if findings is None:
                raise
            findings.append(Finding("unreadable", f"{error.what}; left out", image.source))
        else:
            yield image, pixels
        if progress:
            progress(n, len(wanted))
