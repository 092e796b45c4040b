"""ALL-IDB1: photographs of smears of leukaemia patients and healthy people, and all that was added to it.

Which annotation counts, where a category has several in one image: red cells by the pathologists'
outlines, then by the class mask without its edge map; white cells and platelets by the class mask. The
experts' TIFF masks are used where an option asks for them. The blasts' centres of the official data set
are cells of a category of their own: a blast is a white cell, but a centre is no outline of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from smearprep import formats
from smearprep.cells import fit_to_image, relabel
from smearprep.datasets.all_idb1.photos import Photo, collect, misplaced, recognise
from smearprep.datasets.files import (
    check_options,
    choice,
    min_areas,
    read_headers,
    relative,
    size_text,
)
from smearprep.datasets.loading import DatasetInfo, LoadOptions
from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats.reading import ReadOptions
from smearprep.records import Cell, RawSet, Sample

__all__ = ["CATEGORIES", "INFO", "MIN_AREA", "OPTIONS", "load", "recognise"]

CATEGORIES = ("RBC", "WBC", "Platelets", "Blast")

INFO = DatasetInfo(
    name="all_idb1",
    title="ALL-IDB1",
    licence="on request; treat the images as not redistributable",
    where="https://homes.di.unimi.it/scotti/all (outlines: https://github.com/ToyahJade/DO-U-Net)",
    citation="Labati, Piuri, Scotti: ALL-IDB: the acute lymphoblastic leukemia image database (ICIP 2011)",
    categories=CATEGORIES,
    layouts=(
        "im/Im001_1.jpg with any of xyc/, masks/{wbc,plt,rbc,rbc_edge}/, markup/*.json, expert_masks/*.tif",
        "{wbc,rbc,plt}/{train,test}/{image,mask} (rbc also edge), with or without im/",
    ),
)

OPTIONS = ("rbc", "wbc", "min_area", "xyc_origin")
"""What recipes may say: `rbc: markup|mask|expert` and `wbc: mask|expert` name the annotation to take
first, `min_area: {RBC: 500}` the smallest region in px, `xyc_origin: 0|1` the first pixel's number."""

MIN_AREA = {"RBC": 500, "WBC": 1000, "Platelets": 30}
"""Regions of fewer px are specks of lossy compression. The 71 platelet masks have 591 regions below 20 px,
20 of 20 to 24, 3 of 25 to 29, 14 of 30 to 39, then more and more up to 137 of 200 to 249. Looked at on the
images, those of 20 to 29 px are slivers along cell borders but for a few; from 30 px on, round dots that
somebody marked are among them."""

_ORDER: dict[str, tuple[str, ...]] = {
    "RBC": ("markup", "mask"),
    "WBC": ("mask",),
    "Platelets": ("mask",),
    "Blast": ("points",),
}
_KINDS = {"Truck": "normal", "Tanker": "burr", "Trailer": "teardrop"}
"""The markup tool's labels are of its first use, on satellite images; all three are red blood cells. Which
form each stands for was seen on the images and is documented nowhere."""


@dataclass(frozen=True)
class _Settings:
    root: Path
    options: LoadOptions
    order: Mapping[str, tuple[str, ...]]
    min_area: Mapping[str, int]
    origin: int


def load(root: Path, options: LoadOptions) -> RawSet:
    """Read the images' headers, and the annotations of the wanted categories.

    Raises:
        RecipeError: Unknown or unusable option.
    """
    settings = _settings(root, options)
    findings: list[Finding] = []
    photos = collect(root, findings)
    headers = read_headers((p.image for p in photos.values() if p.image), root, findings)
    for stem, photo in photos.items():
        findings += misplaced(stem, photo, root)
    todo = [
        (stem, photo, headers[photo.image].size) for stem, photo in photos.items() if photo.image in headers
    ]
    with ThreadPoolExecutor(2) as pool:  # decoding masks is what takes the time, and runs beside Python
        read = pool.map(lambda item: _sample(item[0], item[1], item[2], settings), todo)
    samples = []
    for sample, found in read:
        samples.append(sample)
        findings += found
    samples = _with_subsets(samples, [photo for _, photo, _ in todo], options, findings)
    if samples:
        what = "the data set does not say which images are of one patient: each image counts as a smear"
        findings.append(Finding("note", what))
    layout = recognise(root) or INFO.layouts[0]
    return RawSet(
        INFO.name, layout, tuple(sorted(samples, key=lambda s: s.source)), CATEGORIES, tuple(findings)
    )


def _settings(root: Path, options: LoadOptions) -> _Settings:
    check_options(options.extra, OPTIONS, INFO.name)
    order = dict(_ORDER)
    for key, category, allowed in (
        ("rbc", "RBC", ("markup", "mask", "expert")),
        ("wbc", "WBC", ("mask", "expert")),
    ):
        if key in options.extra:
            first = choice(options.extra[key], allowed, key, INFO.name)
            order[category] = tuple(dict.fromkeys((first, *_ORDER[category])))
    origin = options.extra.get("xyc_origin", 0)
    choice(str(origin), ("0", "1"), "xyc_origin", INFO.name)
    areas = min_areas(options.extra.get("min_area"), MIN_AREA, INFO.name)
    for label in areas:
        choice(label, CATEGORIES, "min_area", INFO.name)
    return _Settings(root, options, order, areas, int(origin))


# ---------------------------------------------------------------- one image


def _sample(
    stem: str, photo: Photo, size: tuple[int, int], settings: _Settings
) -> tuple[Sample, list[Finding]]:
    """An image with the cells of every wanted category that was annotated in it."""
    assert photo.image is not None
    findings: list[Finding] = []
    cells: list[Cell] = []
    annotated = set()
    for category in CATEGORIES:
        if settings.options.wants(category):
            found = _category_cells(category, photo, size, settings, findings)
            if found is not None:
                annotated.add(category)
                cells += found
    diagnosis = {"_1": "ALL", "_0": "healthy"}.get(stem[-2:])
    sample = Sample(
        path=photo.image,
        source=f"{INFO.name}/{relative(photo.image, settings.root)}",
        size=size,
        smear=stem,
        cells=tuple(cells),
        annotated=frozenset(annotated),
        oriented=False,
        attributes={"diagnosis": diagnosis} if diagnosis else {},
    )
    return sample, findings


def _category_cells(
    category: str, photo: Photo, size: tuple[int, int], settings: _Settings, findings: list[Finding]
) -> tuple[Cell, ...] | None:
    """The cells by the first annotation that can be used; None: this category is unknown here."""
    readers: dict[str, Callable[..., tuple[Cell, ...]]] = {
        "markup": _read_markup,
        "points": _read_points,
        "mask": partial(_read_mask, edge=photo.slots.get((category, "edge"))),
        "expert": _read_mask,
    }
    for kind in settings.order[category]:
        path = photo.slots.get((category, kind))
        if path is None:
            continue
        file = relative(path, settings.root)
        try:
            cells = readers[kind](path, category, size, settings, findings)
        except _WrongSizeError as error:
            findings.append(Finding("size_mismatch", f"{error}; its {category} annotation is left out", file))
        except DataError as error:
            what = f"{error.what}; its {category} annotation is left out"
            findings.append(Finding("unreadable", what, relative(Path(error.file), settings.root)))
        else:
            fitted, found = fit_to_image(cells, size, file)
            findings += found
            return fitted
    return None


class _WrongSizeError(Exception):
    """An annotation that states another size than its image has."""

    def __init__(self, found: tuple[int, int], size: tuple[int, int]) -> None:
        super().__init__(f"is {size_text(found)} px, but the image is {size_text(size)}")


def _read_mask(
    path: Path,
    category: str,
    size: tuple[int, int],
    settings: _Settings,
    findings: list[Finding],
    edge: Path | None = None,
) -> tuple[Cell, ...]:
    from smearprep.formats.masks import mask_to_cells, read_mask

    found: list[Finding] = []  # of a mask that is left out in the end, nothing else is told
    mask = read_mask(path, file=relative(path, settings.root), findings=found)
    for part in (path, edge):
        if part is None:
            continue
        values = mask if part is path else read_mask(part, file=relative(part, settings.root), findings=found)
        if values.shape != size[::-1]:
            raise _WrongSizeError(values.shape[::-1], size)
        if part is edge:
            mask = mask & ~values
    findings += found
    area = settings.min_area.get(category, 1)
    return mask_to_cells(mask, category, area, relative(path, settings.root), findings)


def _read_markup(
    path: Path, category: str, size: tuple[int, int], settings: _Settings, findings: list[Finding]
) -> tuple[Cell, ...]:
    found: list[Finding] = []
    read = next(iter(formats.get("do_unet").read(path, ReadOptions(base=settings.root), found)))
    if read.size is not None and read.size != size:
        raise _WrongSizeError(read.size, size)
    findings += found
    file = relative(path, settings.root)
    if Path(read.file_name).stem != path.stem:
        what = f"names the image {read.file_name!r}; taken for {path.stem}, as the file's own name says"
        findings.append(Finding("damaged", what, file))
    cells = []
    for n, cell in enumerate(read.cells):
        if cell.label in (*_KINDS, category):
            kind = {"kind": _KINDS[cell.label]} if cell.label in _KINDS else {}
            cells.append(replace(cell, attributes={**cell.attributes, **kind}))
        else:
            what = f"label {cell.label!r} is none of {', '.join(_KINDS)}; left out"
            findings.append(Finding("unknown_label", what, file, str(n)))
    return relabel(cells, dict.fromkeys(_KINDS, category))


def _read_points(
    path: Path, category: str, size: tuple[int, int], settings: _Settings, findings: list[Finding]
) -> tuple[Cell, ...]:
    from smearprep.formats.xyc import read_points

    return read_points(path, category, relative(path, settings.root), findings, settings.origin)


# ---------------------------------------------------------------- the counting paper's subsets


def _with_subsets(
    samples: list[Sample], photos: list[Photo], options: LoadOptions, findings: list[Finding]
) -> list[Sample]:
    """Samples with the subset of the wanted classes, where these agree.

    The paper splits each class for itself, so that one image may train one class and test another.
    """
    out, unclear = [], 0
    for sample, photo in zip(samples, photos, strict=True):
        subsets: dict[str, Any] = {c: s for c, s in photo.subsets.items() if options.wants(c)}
        agreed = set(subsets.values())
        if not agreed:
            out.append(sample)
        elif len(agreed) == 1 and "" not in agreed:
            out.append(replace(sample, subset=agreed.pop()))
        else:
            unclear += 1
            out.append(sample)
    if unclear:
        what = (
            f"{unclear} images are in train for one class and in test for another (or in both for one): "
            "they have no official subset here; ask for one category to have them"
        )
        findings.append(Finding("note", what))
    return out
