"""The job: outlines for the cells of a prepared set that have none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path

from smearprep.assist.made import is_ours
from smearprep.assist.manifests import assist_entry, cells_of
from smearprep.assist.parting import typical_areas
from smearprep.assist.sets import Known, SetImage, change, images_of, is_found
from smearprep.assist.sheets import Shown, check_sheet, draw_sheet
from smearprep.assist.telling import summary, told
from smearprep.assist.work import Finder, Outcome, Wishes, Work, outline_image
from smearprep.errors import DataError, RecipeError
from smearprep.findings import Finding, Summary
from smearprep.output_folder import MANIFEST
from smearprep.pools import Lost, each, pool
from smearprep.records import Cell
from smearprep.rendering import Progress
from smearprep.set_editing import SetFile, changing, new_manifest, open_set, replace_together


def assist(
    folder: Path,
    *,
    categories: Sequence[str] = (),
    part: bool = False,
    find: Sequence[str] = (),
    finder: Finder | None = None,
    redo: bool = False,
    dry_run: bool = False,
    strict: bool = False,
    workers: int | None = None,
    executor: Executor | None = None,
    preview: Path | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Make outlines for cells of a prepared set of which only a box or a point is known.

    The set's COCO files and its manifest are replaced, all of them or none. What is made is marked
    ("outline", "made_by", "score"), and what was known before is kept in the attribute "given". The same set
    gives the same bytes, whatever the number of workers and however often it is done.

    Args:
        folder: The set, with `annotations/instances_<subset>.json` and `images/<subset>/`.
        categories: Only cells of these; none: of all.
        part: Also part components, which were traced from a class mask, into single cells.
        find: Categories whose cells are looked for in images in which nobody has looked for them.
        finder: Finds their cells, for example a trained network; None: colour and shape.
        redo: Begin again from what was known before outlines were made here.
        dry_run: Tell what would be done; nothing is read but the annotations, nothing written.
        strict: Stop at the first problem (`findings.PROBLEMS`).
        workers: Threads (default: one a core).
        executor: Use this `concurrent.futures.Executor` instead; it is not shut down.
        preview: A PNG file: the least certain outlines of the set, and some others.
        progress: Told of images done, of all.

    Returns:
        The summary. An image that cannot be read is left as it was and named; so is a cell that could not be
        outlined.

    Raises:
        LayoutError: No prepared set.
        RecipeError: A category that the set does not have, or of which nobody knows how its cells look.
        DataError: A broken COCO file; with `strict`, the first problem.
        OutputError: The files cannot be written, or somebody else changes the set at the same time.
    """
    wishes = Wishes(tuple(dict.fromkeys(categories)), part, tuple(dict.fromkeys(find)), finder)
    if preview is not None:
        check_sheet(preview)
    with nullcontext(0) if dry_run else changing(folder, "assist") as highest_id:
        findings: list[Finding] = []
        files = open_set(folder, findings)
        _check_categories(folder, files, wishes)
        images = list(images_of(files, folder, redo))
        _stop_at_problem(findings, strict)
        work = _plan(images, wishes, redo)
        if dry_run:
            return summary(folder, work, [], findings, dry_run=True)
        with pool(executor, workers) as (workforce, most):
            outcomes = _all(work, workforce, most, strict, progress)
        findings += told(work, outcomes)
        if _apply(files, work, outcomes, redo, highest_id):
            _write(folder, files)
    if preview is not None:
        draw_sheet(preview, _shown(folder))
    return summary(folder, work, outcomes, findings)


def _check_categories(folder: Path, files: Sequence[SetFile], wishes: Wishes) -> None:
    known = list(dict.fromkeys(name for file in files for name in file.coco.categories))
    for name in wishes.categories:
        if name not in known:
            raise RecipeError(f"{folder}: has no category {name!r}. It has {', '.join(known) or 'none'}")


def _stop_at_problem(findings: Sequence[Finding], strict: bool) -> None:
    for finding in findings:
        if strict and finding.is_problem:
            raise DataError(finding.file, finding.what)


def _plan(images: Sequence[SetImage], wishes: Wishes, redo: bool) -> list[Work]:
    """What is to be done, image by image; images in which there is nothing to do are not among it."""
    areas = typical_areas([known.cell for image in images for known in image.cells]) if wishes.part else {}
    work = []
    for image in images:
        has = {known.cell.label for known in image.cells if is_found(known.cell)} if not redo else set()
        find = tuple(name for name in wishes.find if name not in image.annotated and name not in has)
        if find or any(wishes.wants(known.cell) for known in image.cells):
            work.append(Work(image, find, wishes, areas))
    return work


# ---------------------------------------------------------------- all images


def _all(
    work: Sequence[Work], executor: Executor, in_flight: int, strict: bool, progress: Progress | None
) -> list[Outcome]:
    """The outcome of each image, in the order of the work."""
    outcomes = {}
    for done, (one, result) in enumerate(each(executor, outline_image, work, in_flight, len(work)), 1):
        outcome = Outcome(error=f"{result.reason}; left as it is") if isinstance(result, Lost) else result
        if strict and outcome.error:
            raise DataError(one.image.name, outcome.error)
        outcomes[one.image.part, one.image.key] = outcome
        if progress:
            progress(done, len(work))
    return [outcomes[one.image.part, one.image.key] for one in work]


# ---------------------------------------------------------------- the set


def _apply(
    files: Sequence[SetFile], work: Sequence[Work], outcomes: Sequence[Outcome], redo: bool, highest_id: int
) -> bool:
    """Put all that was made into the files' data; False if nothing was."""
    changed: list[dict[int, tuple[Cell, ...]]] = [{} for _ in files]
    found: list[tuple[SetImage, Cell]] = []
    for one, outcome in zip(work, outcomes, strict=True):
        of_file = changed[one.image.part]
        if redo and not outcome.error:
            of_file |= {known.positions[0]: () for known in one.image.cells if _is_found_again(known, one)}
        for number, cells in outcome.cells.items():
            known = one.image.cells[number]
            if redo or cells != (known.cell,):
                of_file |= _in_place(known, cells)
        found += [(one.image, cell) for cell in outcome.found]
    change(files, changed, found, highest_id)
    return bool(found) or any(changed)


def _in_place(known: Known, cells: tuple[Cell, ...]) -> dict[int, tuple[Cell, ...]]:
    first, *others = known.positions
    return {first: cells, **dict.fromkeys(others, ())}


def _is_found_again(known: Known, work: Work) -> bool:
    """True of a cell that an earlier run has found, where it is looked for once more."""
    return is_found(known.cell) and known.cell.label in work.find


def _write(folder: Path, files: Sequence[SetFile]) -> None:
    for file in files:
        file.check_unchanged()
    new = {file.name: file.as_bytes() for file in files}
    digests = {name: sha256(data).hexdigest() for name, data in new.items()}
    manifest = new_manifest(folder, cells_of(files), digests, {"assist": assist_entry(files)})
    replace_together(folder, new if manifest is None else {**new, MANIFEST: manifest})


def _shown(folder: Path) -> Iterator[Shown]:
    """All outlines of the set that were made here."""
    for image in images_of(open_set(folder, []), folder, redo=False):
        for known in image.cells:
            if image.path is not None and is_ours(known.cell):
                yield Shown(image.path, image.size, known.cell)
