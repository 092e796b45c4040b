"""Prepared sets, opened for what a network learns: which images count, and their pixels in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Protocol, TypeVar

from smearprep import datasets
from smearprep.datasets.loading import LoadOptions
from smearprep.errors import DataError, RecipeError
from smearprep.findings import Finding
from smearprep.images import RGB, decode, read_bytes
from smearprep.pools import cores
from smearprep.records import RawSet, Sample

T = TypeVar("T")
Make = Callable[[Sample, RGB, str], T]
"""What is made of an image: of its sample, with the cells and crowds of the opened categories alone, its
(H, W, 3) uint8 RGB px, and the SHA-256 of its file and those cells and crowds."""


@dataclass(frozen=True)
class OpenedSet:
    """A prepared set, opened for some categories.

    Args:
        folder: As the user gave it.
        categories: What is looked for.
        samples: In which somebody looked for all of them, by subset.
        findings: What was left out.
    """

    folder: Path
    categories: tuple[str, ...]
    samples: dict[str, tuple[Sample, ...]]
    findings: tuple[Finding, ...]

    @property
    def category(self) -> str:
        """The only category, or the first."""
        return self.categories[0]


def open_for_one(folder: Path, category: str = "") -> OpenedSet:
    """Open a prepared set for one category; no pixel is read.

    Args:
        folder: The set.
        category: Its name; "" takes the set's only one.

    Raises:
        LayoutError: No prepared set.
        RecipeError: The set does not have the category, has several and none was named, or has of some cells
            only boxes or points.
    """
    raw = datasets.load(folder, LoadOptions(), name="prepared")
    known = _known(raw)
    if not category and len(known) != 1:
        listed = ", ".join(known) or "none"
        raise RecipeError(
            f"{folder}: has several categories; name one with --category. It has {listed}"
            if known
            else f"{folder}: has no category"
        )
    return _opened(folder, raw, (category or known[0],))


def open_for_many(folder: Path, categories: Sequence[str] = ()) -> OpenedSet:
    """Open a prepared set for several categories; no pixel is read.

    Args:
        folder: The set.
        categories: Their names; none: all of the set.

    Raises:
        LayoutError: No prepared set.
        RecipeError: The set does not have a category, or has of some cells only boxes or points.
    """
    raw = datasets.load(folder, LoadOptions(), name="prepared")
    wanted = tuple(categories) or _known(raw)
    if not wanted:
        raise RecipeError(f"{folder}: has no category")
    return _opened(folder, raw, wanted)


def _known(raw: RawSet) -> tuple[str, ...]:
    """All categories of a set, in its order, then those that only images name."""
    named = sorted({name for sample in raw.samples for name in sample.annotated} - set(raw.categories))
    return (*raw.categories, *named)


def _opened(folder: Path, raw: RawSet, categories: tuple[str, ...]) -> OpenedSet:
    known = _known(raw)
    for category in categories:
        if category not in known:
            raise RecipeError(f"{folder}: has no category {category!r}. It has {', '.join(known) or 'none'}")
    findings = [finding for finding in raw.findings if finding.is_problem]
    chosen: dict[str, list[Sample]] = {}
    for sample in raw.samples:
        missing = [name for name in categories if name not in sample.annotated]
        if not missing:
            chosen.setdefault(sample.subset or "all", []).append(sample)
        else:
            what = f"nobody looked for {' and '.join(missing)} in this image; left out"
            findings.append(Finding("not_annotated", what, sample.source))
    if not chosen:
        raise RecipeError(
            f"{folder}: in none of its images has anybody looked for {' and '.join(categories)}"
        )
    _need_outlines(folder, categories, [sample for samples in chosen.values() for sample in samples])
    return OpenedSet(
        folder, categories, {name: tuple(samples) for name, samples in chosen.items()}, tuple(findings)
    )


def _need_outlines(folder: Path, categories: Sequence[str], samples: Sequence[Sample]) -> None:
    without = [
        (sample, cell)
        for sample in samples
        for cell in sample.cells
        if cell.label in categories and cell.outline in ("box", "point")
    ]
    if without:
        (first, cell), images = without[0], {sample.source for sample, _ in without}
        raise RecipeError(
            f"{folder}: of {len(without):,} {cell.label} cells in {len(images):,} images only a "
            f"{cell.outline} is known (first: {first.source}). A network that learns outlines needs them of "
            f"every cell: `smearprep assist {folder}` makes them, or draw them and convert them"
        )


def load_images(
    opened: OpenedSet,
    subset: str,
    make: Make[T],
    *,
    bytes_a_pixel: int,
    progress: Callable[[int, int], None] | None = None,
    findings: list[Finding] | None = None,
) -> list[T]:
    """Read the images of a subset, on all cores.

    Args:
        opened: The set.
        subset: "train", "val", "test" or "all".
        make: What is kept of each image.
        bytes_a_pixel: That it takes in memory.
        progress: Told of images read, of all.
        findings: An image that cannot be read is named here and left out; None: it is an error.

    Raises:
        DataError: An image cannot be read and `findings` is None, or the subset does not fit into memory.
    """
    samples = opened.samples.get(subset, ())
    _check_memory(opened.folder, samples, bytes_a_pixel)
    out = []
    with ThreadPoolExecutor(cores()) as threads:
        jobs = [threads.submit(_load, sample, opened.categories, make) for sample in samples]
        for n, (sample, job) in enumerate(zip(samples, jobs, strict=True), 1):
            try:
                out.append(job.result())
            except DataError as error:
                if findings is None:
                    raise
                findings.append(Finding("unreadable", f"{error.what}; left out", sample.source))
            if progress:
                progress(n, len(samples))
    return out


def _load(sample: Sample, categories: tuple[str, ...], make: Make[T]) -> T:
    data = read_bytes(sample.path)
    image = decode(data, sample.path, sample.oriented)
    cells, crowds = (
        tuple(one for one in regions if one.label in categories) for regions in (sample.cells, sample.crowds)
    )
    digest = sha256(data)
    for cell in cells:
        digest.update(f"{cell.label}\n{cell.outline}\n".encode() + cell.shape.wkb)
    for crowd in crowds:
        digest.update(f"{crowd.label}\ncrowd\n".encode() + crowd.shape.wkb)
    return make(replace(sample, cells=cells, crowds=crowds), image, digest.hexdigest())


def _check_memory(folder: Path, samples: Sequence[Sample], bytes_a_pixel: int) -> None:
    needed = sum(sample.size[0] * sample.size[1] for sample in samples) * bytes_a_pixel
    if not hasattr(os, "sysconf"):
        return
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there * 0.8:
        raise DataError(
            folder,
            f"its images take {needed / 2**30:.1f} GiB in memory, and this computer has {there / 2**30:.1f}: "
            "prepare a smaller set, for example with a larger stride",
        )


class Digested(Protocol):
    """An image that knows where it is from and what is in it."""

    @property
    def source(self) -> str:
        """What the set calls it."""

    @property
    def digest(self) -> str:
        """SHA-256 of its file and its cells."""


def digest_of(images: Sequence[Digested]) -> str:
    """One digest of images and their cells, in their order."""
    return sha256("\n".join(f"{image.source} {image.digest}" for image in images).encode()).hexdigest()
