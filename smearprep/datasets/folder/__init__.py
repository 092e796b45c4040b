"""A plain folder: any images, and annotations in any format that is read, beside them or elsewhere.

What is an image: every image file at any depth, but for hidden files, folders that smearprep wrote, and
masks. Masks are the files below a folder called masks (or mask, edge, gt, ...) and `x_mask.png` beside
`x.png`: these are never taken for images, and are read only where the option `masks` says what they show.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from smearprep import formats
from smearprep.cells import fit_regions
from smearprep.datasets.files import is_image, read_headers, relative, size_text, stated_frame, walk
from smearprep.datasets.folder.matching import Claim, ImageIndex, claim, settle
from smearprep.datasets.folder.options import OPTIONS, FolderOptions, parse_options
from smearprep.datasets.loading import DatasetInfo, LoadOptions
from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.images import Header, is_file
from smearprep.records import Cell, ImageCells, RawSet, Sample

__all__ = ["INFO", "OPTIONS", "load", "recognise"]

INFO = DatasetInfo(
    name="folder",
    title="a plain folder of images",
    licence="yours",
    where="",
    citation="",
    categories=(),
    layouts=("any images (jpg, png, tif, bmp, webp) at any depth, annotations beside them or elsewhere",),
)

_MASK_FOLDERS = frozenset(
    {"mask", "masks", "edge", "edges", "gt", "ground_truth", "ground truth", "segmentationclass"}
    | {"segmentationobject"}
)
_MASK_ENDINGS = ("_mask", "-mask", "_edge", "_seg")
_NO_ANNOTATIONS = frozenset({"classes.txt", "manifest.json", "requirements.txt"})


@dataclass(frozen=True)
class _Task:
    """An annotation file to read; its format, and for masks what they show."""

    path: Path
    format: str
    label: str | None = None


def recognise(root: Path) -> str | None:
    """The layout, if there is any image."""
    for path in walk(root, _is_output):
        if is_image(path) and not _in_mask_folder(path, root):
            return "any images, and annotations beside them"
    return None


def load(root: Path, options: LoadOptions) -> RawSet:
    """Read the images' headers and the annotations.

    Raises:
        RecipeError: Unknown or unusable option.
    """
    settings = parse_options(root, options.extra)
    findings: list[Finding] = []
    files = walk(root, _is_output)
    images = _images(files, root, settings, findings)
    headers = read_headers(images, root, findings)
    index = ImageIndex(images, root)
    tasks = _tasks(files, root, settings, index, findings)
    claims: dict[Path, list[Claim]] = defaultdict(list)
    for task, found, told in _read_all(tasks, settings, index):
        findings += told
        for cells in found:
            one = claim(index, cells, task.path, settings.read.name(task.path), root, findings)
            if one is not None:
                claims[one.image].append(one)
    samples = [
        _sample(path, header, claims.get(path, []), root, settings, options, findings)
        for path, header in headers.items()
    ]
    labels = {name for s in samples for name in (*s.annotated, *(cell.label for cell in s.cells))}
    categories = [name for name in settings.read.classes if options.wants(name)]
    categories += sorted(labels - set(categories))
    ordered = tuple(sorted(samples, key=lambda s: s.source))
    return RawSet(INFO.name, _layout(ordered, tasks), ordered, tuple(categories), tuple(findings))


def _layout(samples: tuple[Sample, ...], tasks: list[_Task]) -> str:
    counted = Counter(task.format for task in tasks)
    found = ", ".join(f"{name} ({count} files)" for name, count in sorted(counted.items()))
    return f"{len(samples)} images; annotations: {found or 'none'}"


# ---------------------------------------------------------------- which files there are


def _is_output(folder: Path) -> bool:
    """True for a set that smearprep wrote, or has begun to write."""
    if (folder / ".smearprep").is_dir():
        return True
    return (folder / "manifest.json").is_file() and (folder / "annotations").is_dir()


def _in_mask_folder(path: Path, root: Path) -> bool:
    return any(part.lower() in _MASK_FOLDERS for part in relative(path, root).split("/")[:-1])


def _images(files: list[Path], root: Path, settings: FolderOptions, findings: list[Finding]) -> list[Path]:
    """The image files that are no masks."""
    given = [folder for folder, _ in settings.masks]
    found = [p for p in files if is_image(p) and not any(p.is_relative_to(folder) for folder in given)]
    stems = {(path.parent, path.stem) for path in found}
    images, masks = [], Counter[str]()
    for path in found:
        plain = [
            (path.parent, path.stem.removesuffix(end)) for end in _MASK_ENDINGS if path.stem.endswith(end)
        ]
        if _in_mask_folder(path, root) or any(stem in stems for stem in plain):
            masks[relative(path.parent, root)] += 1
        else:
            images.append(path)
    for folder, count in masks.items():
        what = (
            f"{count} files are masks by their place or name and are not read; the option masks: "
            "{LABEL: FOLDER} says what they show"
        )
        findings.append(Finding("note", what, folder))
    return images


def _tasks(
    files: list[Path], root: Path, settings: FolderOptions, index: ImageIndex, findings: list[Finding]
) -> list[_Task]:
    """The annotation files, each with its format."""
    asked = [p for place in settings.annotations for p in (walk(place) if place.is_dir() else [place])]
    tasks: list[_Task] = []
    blank: list[Path] = []
    for path in asked or files:
        is_named = path in settings.annotations
        is_candidate = is_named or path.suffix.lower() in formats.SUFFIXES
        if not is_candidate or path.name in _NO_ANNOTATIONS:
            continue
        try:
            tasks.append(_Task(path, settings.format or formats.recognise(path)))
        except DataError as error:
            is_empty = is_file(path) and path.stat().st_size == 0  # such as a full disk leaves behind
            if is_empty and path.suffix.lower() == ".txt":
                blank.append(path)
            elif asked or is_empty or index.stems(path.stem):
                findings.append(Finding("unreadable", f"{error.what}; left out", settings.read.name(path)))
            else:
                what = "belongs to no image by its name and is in no annotation format; left alone"
                findings.append(Finding("note", what, settings.read.name(path)))
    # An empty file among YOLO labels is a YOLO label without cells.
    yolo = {task.path.parent for task in tasks if task.format == "yolo"}
    tasks += [_Task(path, "yolo") for path in blank if path.parent in yolo]
    tasks.sort(key=lambda task: task.path)
    for folder, label in settings.masks:
        tasks += [_Task(path, "masks", label) for path in walk(folder) if is_image(path)]
    return tasks


# ---------------------------------------------------------------- annotations


def _read_all(
    tasks: list[_Task], settings: FolderOptions, index: ImageIndex
) -> Iterator[tuple[_Task, list[ImageCells], list[Finding]]]:
    with ThreadPoolExecutor(2) as pool:  # decoding masks and reading files run beside Python
        yield from pool.map(lambda task: (task, *_read(task, settings, index)), tasks)


def _read(task: _Task, settings: FolderOptions, index: ImageIndex) -> tuple[list[ImageCells], list[Finding]]:
    """What an annotation file says; a file that cannot be used says nothing but a finding."""
    findings: list[Finding] = []
    options = settings.read
    if task.label is not None:
        options = replace(options, label=task.label)
    own = index.stems(task.path.stem)
    if len(own) == 1:
        options = replace(options, images=own[0].parent)
    found: list[ImageCells] = []
    try:
        found = list(formats.read(task.path, options, findings, task.format))
    except DataError as error:
        findings.append(Finding("unreadable", f"{error.what}; left out", options.name(task.path)))
    if task.format == "masks":
        found = [replace(cells, file_name=_unmasked(cells.file_name, index)) for cells in found]
    return found, findings


def _unmasked(stem: str, index: ImageIndex) -> str:
    """`x` for the mask `x_mask`, unless there is an image of the full name."""
    for ending in _MASK_ENDINGS:
        if stem.endswith(ending) and not index.stems(stem):
            return stem.removesuffix(ending)
    return stem


def _sample(
    path: Path,
    header: Header,
    claims: list[Claim],
    root: Path,
    settings: FolderOptions,
    options: LoadOptions,
    findings: list[Finding],
) -> Sample:
    """An image with what its annotations say, in the frame that they state."""
    name = relative(path, root)
    if not claims:
        what = "no annotation belongs to it; kept as an image of which nothing is known"
        findings.append(Finding("missing_annotation", what, name))
    cells: list[Cell] = []
    crowds: list[Cell] = []
    annotated: set[str] = set()
    oriented = None
    for held in settle(claims, findings) if claims else []:
        frame = stated_frame(header, held.cells.size, settings.oriented if oriented is None else oriented)
        if frame is None or frame != (frame if oriented is None else oriented):
            findings.append(_wrong_size(held, header, settings, name))
            continue
        oriented = frame
        fitted, found = fit_regions(held.cells, header.oriented_size(frame), held.file)
        findings += found
        cells += fitted.cells
        crowds += fitted.crowds
        annotated |= held.cells.annotated | settings.annotated
    frame = settings.oriented if oriented is None else oriented
    return Sample(
        path=path,
        source=f"{INFO.name}/{name}",
        size=header.oriented_size(frame),
        smear=settings.smear_of(name, findings),
        cells=tuple(cell for cell in cells if options.wants(cell.label)),
        annotated=frozenset(label for label in annotated if options.wants(label)),
        oriented=frame,
        crowds=tuple(crowd for crowd in crowds if options.wants(crowd.label)),
    )


def _wrong_size(held: Claim, header: Header, settings: FolderOptions, name: str) -> Finding:
    assert held.cells.size is not None
    what = (
        f"states {size_text(held.cells.size)} px, but the image is "
        f"{size_text(header.oriented_size(settings.oriented))}; left out"
    )
    return Finding("size_mismatch", what, held.file, name)
