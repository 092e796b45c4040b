"""Images of a prepared set with what a semantic network is to say of them, in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from smearprep import datasets
from smearprep.augmentation import equalise
from smearprep.datasets.loading import LoadOptions
from smearprep.errors import DataError, RecipeError
from smearprep.findings import Finding
from smearprep.images import RGB, decode, read_bytes
from smearprep.records import Cell, RawSet, Sample
from smearprep.targets import Target, rasterise

_BYTES_A_PIXEL = 8  # three colours and the target, and once more where chips are cut from


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """An image and its target.

    Args:
        source: What the set calls it.
        image: (H, W, 3) uint8 RGB.
        target: (H, W) uint8, bits of `smearprep.targets`.
        cells: Of the category, in px of the image.
        digest: SHA-256 of the image's file and its cells.
    """

    source: str
    image: RGB
    target: Target
    cells: tuple[Cell, ...]
    digest: str

    @property
    def is_drawn(self) -> bool:
        """True if somebody drew an outline in it: only then does it teach edges."""
        return any(cell.outline == "drawn" for cell in self.cells)


@dataclass(frozen=True)
class LabelledSet:
    """A prepared set, opened for one category.

    Args:
        folder: As the user gave it.
        category: What is looked for.
        samples: In which somebody looked for it, by subset.
        findings: What was left out.
    """

    folder: Path
    category: str
    samples: dict[str, tuple[Sample, ...]]
    findings: tuple[Finding, ...]


def open_labelled(folder: Path, category: str = "") -> LabelledSet:
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
    category = _category(folder, category, raw)
    findings = [finding for finding in raw.findings if finding.is_problem]
    chosen: dict[str, list[Sample]] = {}
    for sample in raw.samples:
        if category in sample.annotated:
            chosen.setdefault(sample.subset or "all", []).append(sample)
        else:
            what = f"nobody looked for {category} in this image; left out"
            findings.append(Finding("not_annotated", what, sample.source))
    if not chosen:
        raise RecipeError(f"{folder}: in none of its images has anybody looked for {category}")
    _need_outlines(folder, category, [sample for samples in chosen.values() for sample in samples])
    return LabelledSet(
        folder, category, {name: tuple(samples) for name, samples in chosen.items()}, tuple(findings)
    )


def _category(folder: Path, category: str, raw: RawSet) -> str:
    known = sorted({name for sample in raw.samples for name in sample.annotated} | set(raw.categories))
    if not category and len(known) == 1:
        return known[0]
    if category not in known:
        what = (
            f"has no category {category!r}"
            if category
            else "has several categories; name one with --category"
        )
        raise RecipeError(f"{folder}: {what}. It has {', '.join(known) or 'none'}")
    return category


def _need_outlines(folder: Path, category: str, samples: Sequence[Sample]) -> None:
    without = [
        (sample, cell.outline)
        for sample in samples
        for cell in sample.cells
        if cell.label == category and cell.outline in ("box", "point")
    ]
    if without:
        (first, outline), images = without[0], {sample.source for sample, _ in without}
        raise RecipeError(
            f"{folder}: of {len(without):,} {category} cells in {len(images):,} images only a {outline} is "
            f"known (first: {first.source}). A network that learns outlines needs them of every cell: "
            "prepare a set from masks or drawn outlines, or draw these and convert them"
        )


def load_labelled(
    opened: LabelledSet,
    subset: str,
    *,
    equalised: bool = True,
    progress: Callable[[int, int], None] | None = None,
    findings: list[Finding] | None = None,
) -> list[LabelledImage]:
    """Read the images of a subset and rasterise their cells.

    Args:
        opened: The set.
        subset: "train", "val", "test" or "all".
        equalised: Apply CLAHE (`augmentation.equalise`) to each image.
        progress: Told of images read, of all.
        findings: An image that cannot be read is named here and left out; None: it is an error.

    Raises:
        DataError: An image cannot be read and `findings` is None, or the subset does not fit into memory.
    """
    samples = opened.samples.get(subset, ())
    _check_memory(opened.folder, samples)
    out = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        jobs = [pool.submit(_load, sample, opened.category, equalised) for sample in samples]
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


def _load(sample: Sample, category: str, equalised: bool) -> LabelledImage:
    data = read_bytes(sample.path)
    image = decode(data, sample.path, sample.oriented)
    cells = tuple(cell for cell in sample.cells if cell.label == category)
    digest = sha256(data)
    for cell in cells:
        digest.update(cell.outline.encode() + cell.shape.wkb)
    target = rasterise(cells, sample.size)
    return LabelledImage(
        sample.source, equalise(image) if equalised else image, target, cells, digest.hexdigest()
    )


def _check_memory(folder: Path, samples: Sequence[Sample]) -> None:
    needed = sum(sample.size[0] * sample.size[1] for sample in samples) * _BYTES_A_PIXEL
    if not hasattr(os, "sysconf"):
        return
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there * 0.8:
        raise DataError(
            folder,
            f"its images take {needed / 2**30:.1f} GiB in memory, and this computer has {there / 2**30:.1f}: "
            "prepare a smaller set, for example with a larger stride",
        )


def digest_of(images: Iterator[LabelledImage] | Sequence[LabelledImage]) -> str:
    """One digest of all images and their cells, in their order."""
    return sha256("\n".join(f"{image.source} {image.digest}" for image in images).encode()).hexdigest()
