"""Label Studio exports: tasks, who annotated them, and what the image of a task is called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats.label_studio.regions import (
    Region,
    Sheet,
    gather,
    is_score,
    labels_of,
    regions_to_drawn,
    stated_size,
)
from smearprep.formats.outlines import Drawn, drawn_to_cells
from smearprep.formats.reading import ReadOptions, image_name
from smearprep.images import SUFFIXES
from smearprep.jsonfiles import read_json
from smearprep.records import ImageCells

_OWN_KEY = re.compile(rb'"(from_name|to_name|completed_by|was_cancelled|total_annotations|inner_id)"\s*:')
_IN_LISTS = re.compile(rb'"(original_width|original_height|annotation_id)"\s*:')
_DATA = re.compile(rb'"data"\s*:\s*\{')
_RESULTS = re.compile(rb'"(annotations|predictions|completions)"\s*:\s*\[')
_SHORT = ("annotation_id", "annotator", "lead_time")  # keys of a short export's (JSON-MIN) tasks
_EVERYBODY = "all"
_ADDRESSED = re.compile(r"[?&](?:d|filepath)=([^&#]*)")
_UPLOADED = re.compile(r"(?:^|/)upload/")
_HASH = re.compile(r"[0-9a-f]{8}-(?=.)")


def sniff(path: Path, head: bytes) -> bool:
    """True if it is JSON with keys that only Label Studio uses, or with `data` and annotations of a task."""
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if first == b"[" and _IN_LISTS.search(head):  # in an object, COCO's images might have them as well
        return True
    is_own = _OWN_KEY.search(head) or (_DATA.search(head) and _RESULTS.search(head))
    return first in (b"[", b"{") and bool(is_own)


def read(path: Path, options: ReadOptions, findings: list[Finding]) -> Iterator[ImageCells]:
    """The images of a file, one a task; findings say "region ID of IMAGE".

    Of a task with several annotations, `options.annotator` says whose is read: somebody's e-mail address,
    name or number; "all"; or None for the one marked as ground truth, else the first. Predictions are read
    of tasks without any annotation. Left out and named: regions on turned images, tasks without an image.
    The labels that were looked for are those that occur in the file; none of an image nobody annotated.

    Args:
        path: The file.
        options: `base`, `annotator`, and `threshold` for brushes.
        findings: What is wrong is appended.

    Raises:
        DataError: Not there, not JSON, no Label Studio export or a short one, or nobody of that name.
    """
    file, tasks = options.name(path), _tasks(read_json(path), path)
    work = [_work_on(task, options.annotator) for task in tasks]
    findings += _remarks(tasks, work, options.annotator, path, file)
    labels = frozenset(label for task in tasks for label in _labels_in(task))
    seen: set[str] = set()
    for n, (task, pieces) in enumerate(zip(tasks, work, strict=True)):
        stated = task.get("id")
        told = f"image of task {stated if isinstance(stated, str | int) else f'at position {n}'}"
        regions = [gather(piece.results) for piece in pieces]
        target = next((r.entry.get("to_name") for group in regions for r in group if r.entry), None)
        name = _image_name(task.get("data"), target, path)
        if name is None:
            lost = sum(map(len, regions))
            what = f"the task names no image; left out with its {lost} regions"
            findings.append(Finding("missing_image", what, file, told))
            continue
        if name in seen:
            what = f"the file lists {name} more than once; all of them are kept"
            findings.append(Finding("duplicate", what, file, told))
        seen.add(name)
        sheet = Sheet(file, name, target, _size(regions, target), options.threshold)
        drawn: list[Drawn] = []
        for piece, group in zip(pieces, regions, strict=True):
            drawn += regions_to_drawn(group, sheet, findings, piece.told, piece.is_made)
        cells = drawn_to_cells(drawn, file, findings)
        yield ImageCells(name, sheet.size, cells, str(path), labels if pieces else frozenset())


def _tasks(data: Any, path: Path) -> list[Mapping[str, Any]]:
    """The tasks of a file.

    Raises:
        DataError: There are none.
    """
    stated = data if isinstance(data, list) else [data]
    tasks = [_as_task(entry) for entry in stated if isinstance(entry, dict)]
    if not any(isinstance(task.get("data"), dict) for task in tasks):
        if any(key in task for task in tasks for key in _SHORT):
            what = "is Label Studio's short export (JSON-MIN), which leaves out too much; export it as JSON"
            raise DataError(path, what)
        raise DataError(path, 'is no Label Studio export: no entry of it is a task with "data"')
    return tasks


def _as_task(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """A task; of an annotation that is stored in a file of its own, the task inside it."""
    if isinstance(entry.get("task"), dict) and "result" in entry:
        return {**entry["task"], "annotations": [entry]}
    return entry


def _size(regions: Sequence[Sequence[Region]], target: Any) -> tuple[int, int] | None:
    """(width, height) in px as the first region on the image states it, or None."""
    entries = [region.entry for group in regions for region in group if region.entry]
    sizes = (stated_size(entry) for entry in entries if entry.get("to_name") == target)
    return next((size for size in sizes if size is not None), None)


# ---------------------------------------------------------------- whose work is read


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one person, or one model, made of a task.

    Args:
        results: The results, unchecked.
        told: Attributes of all its cells.
        is_made: It is a model's.
    """

    results: Sequence[Any]
    told: Mapping[str, Any]
    is_made: bool = False


def _work_on(task: Mapping[str, Any], annotator: str | None) -> list[_Piece]:
    """The annotations of a task that are read, or its prediction where nobody has annotated it."""
    finished = _annotations(task)
    if annotator == _EVERYBODY:
        chosen = [_Piece(one["result"], {"annotator": _names(one)[0]}) for one in finished]
    elif annotator is not None:
        wanted = annotator.casefold()
        by_them = [one for one in finished if wanted in map(str.casefold, _names(one))]
        chosen = [_Piece(one["result"], {}) for one in by_them[:1]]
    else:
        best = [one for one in finished if one.get("ground_truth") is True] or finished
        chosen = [_Piece(one["result"], {}) for one in best[:1]]
    if chosen or task.get("annotations") or task.get("completions"):
        return chosen
    predictions = task.get("predictions")
    for one in predictions if isinstance(predictions, list) else []:
        if isinstance(one, dict) and isinstance(one.get("result"), list) and one["result"]:
            model = one.get("model_version")
            told = {"made_by": model if isinstance(model, str) and model.strip() else "unnamed model"}
            return [_Piece(one["result"], told | _score(one), is_made=True)]
    return []


def _score(prediction: Mapping[str, Any]) -> dict[str, Any]:
    return {"score": prediction["score"]} if is_score(prediction.get("score")) else {}


def _annotations(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The annotations of a task that their annotators finished."""
    stated = task.get("annotations", task.get("completions"))
    return [
        one
        for one in (stated if isinstance(stated, list) else [])
        if isinstance(one, dict)
        and isinstance(one.get("result"), list)
        and not (one.get("was_cancelled") or one.get("skipped"))
    ]


def _names(annotation: Mapping[str, Any]) -> list[str]:
    """What an annotator can be called by, the best first; never empty."""
    who = annotation.get("completed_by")
    stated = [who.get(key) for key in ("email", "username", "id")] if isinstance(who, dict) else [who]
    names = [str(name).strip() for name in stated if isinstance(name, str | int)]
    return [name for name in names if name] or ["unknown"]


def _remarks(
    tasks: Sequence[Mapping[str, Any]],
    work: Sequence[Sequence[_Piece]],
    annotator: str | None,
    path: Path,
    file: str,
) -> list[Finding]:
    """What is worth knowing of whose work is read.

    Raises:
        DataError: The annotator who is asked for is nowhere in the file.
    """
    finished = [_annotations(task) for task in tasks]
    people = {_names(one)[0] for group in finished for one in group}
    listed = ", ".join(sorted(people)[:20])
    remarks = []
    if annotator not in (None, _EVERYBODY) and people:
        if not any(piece for pieces in work for piece in pieces if not piece.is_made):
            raise DataError(path, f"nobody is called {annotator!r} in it; there are: {listed}")
        without = sum(bool(group) and not pieces for group, pieces in zip(finished, work, strict=True))
        if without:
            what = f"{annotator} annotated none of {without} images that others did; taken as not annotated"
            remarks.append(what)
    several = sum(len(group) > 1 for group in finished)
    if annotator is None and several:
        remarks.append(
            f"{several} images have several annotations (by {listed}); the ground truth is read, else the "
            f"first one: name somebody by --annotator, or {_EVERYBODY!r}"
        )
    made = sum(piece.is_made for pieces in work for piece in pieces)
    if made:
        remarks.append(f"{made} images have predictions of a model only; read, with outline 'made'")
    return [Finding("note", what, file) for what in remarks]


def _labels_in(task: Mapping[str, Any]) -> Iterator[str]:
    """The labels in all annotations and predictions of a task."""
    for key in ("annotations", "completions", "predictions"):
        stated = task.get(key)
        for one in stated if isinstance(stated, list) else []:
            results = one.get("result") if isinstance(one, dict) else None
            for entry in results if isinstance(results, list) else []:
                if isinstance(entry, dict) and isinstance(entry.get("value"), dict):
                    yield from (label for label in labels_of(entry["value"]) if label.strip())


# ---------------------------------------------------------------- the image's name


def _image_name(data: Any, target: Any, path: Path) -> str | None:
    """The image of a task, by what its `data` says; None where that names no image.

    Args:
        data: Of the task: names under keys of the user's choice.
        target: The `to_name` of its regions, often the key as well.
        path: The annotation file.
    """
    stated = data if isinstance(data, dict) else {}
    usual = [stated.get(key) for key in (target, "image") if isinstance(key, str)]
    likely = [_plain_name(value) for value in usual if isinstance(value, str)]
    others = [_plain_name(value) for value in stated.values() if isinstance(value, str)]
    images = [name for name in (*likely, *others) if PurePosixPath(name).suffix.lower() in SUFFIXES]
    found = next((name for name in (*images, *likely) if name), None)
    return None if found is None else image_name(found, path)


def _plain_name(stated: str) -> str:
    """The name or path of an image in an address; "" of an image that is embedded."""
    if stated.startswith("data:"):
        return ""
    addressed = _ADDRESSED.search(stated)
    if addressed:
        stated = addressed[1]
    elif "://" in stated:
        stated = re.split("[?#]", stated)[0].rpartition("/")[2]
    stated = unquote(stated.partition("?")[0])
    if _UPLOADED.search(stated):
        stated = _HASH.sub("", stated.rpartition("/")[2], count=1)
    return stated
