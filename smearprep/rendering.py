"""Plan -> image files: each source image is decoded once; a run that was killed goes on.

A source's work is described by a `RenderTask`; what it wrote is a `Rendered`. Finished work is noted in a
journal beside the images, so that a second run writes only what is missing or is not what it should be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from functools import partial
from hashlib import sha256
from itertools import groupby
from pathlib import Path

import orjson

from smearprep.errors import DataError, OutputError
from smearprep.images import ImageFormat, decode, encode, probe, read_bytes, show, write_atomic
from smearprep.pools import Crew, Lost, each
from smearprep.recipes import ImageFiles
from smearprep.records import Plan, PlannedView, View

Progress = Callable[[int, int], None]
"""Called with how much is done, of how much."""


@dataclass(frozen=True, slots=True)
class RenderTask:
    """All views of one source image.

    Args:
        path: The source image.
        source: What outputs call it.
        oriented: Whether its EXIF orientation is applied.
        size: (width, height) in px that the plan was made for.
        views: Output path relative to the set, and View.
        format: "jpg" or "png".
        quality: Of jpg.
    """

    path: Path
    source: str
    oriented: bool
    size: tuple[int, int]
    views: tuple[tuple[str, View], ...]
    format: ImageFormat
    quality: int

    @property
    def key(self) -> str:
        """A digest of what is to be done, without where the source lies on this machine."""
        views = [(name, view.window, view.size) for name, view in self.views]
        parts = (self.source, self.oriented, self.size, views, self.format, self.quality)
        return sha256(orjson.dumps(parts)).hexdigest()


@dataclass(frozen=True, slots=True)
class Rendered:
    """What became of a task.

    Args:
        key: The task's.
        source: The task's.
        sha256: Digest of the source file.
        outputs: Output path -> digest; empty if the source could not be used.
        error: Why not, or "".
    """

    key: str
    source: str
    sha256: str
    outputs: Mapping[str, str]
    error: str = ""

    def fits(self, task: RenderTask) -> bool:
        """True if this can be what became of a task: what a run noted may have been damaged since."""
        own = (self.key, self.source, self.error) == (task.key, task.source, "")
        return own and self.outputs.keys() == {name for name, _ in task.views}


def image_path(planned: PlannedView, files: ImageFiles) -> str:
    """Where an image of a prepared set lies, relative to the set."""
    return f"images/{planned.subset}/{planned.name}.{files.format_of(planned.sample.path)}"


def tasks(plan: Plan, files: ImageFiles) -> Iterator[RenderTask]:
    """One task a source image, in the plan's order."""
    for _, group in groupby(plan.views, key=lambda planned: planned.sample.source):
        views = list(group)
        sample = views[0].sample
        outputs = tuple((image_path(planned, files), planned.view) for planned in views)
        format = files.format_of(sample.path)
        yield RenderTask(
            sample.path, sample.source, sample.oriented, sample.size, outputs, format, files.quality
        )


def render(
    work: Sequence[RenderTask],
    out: Path,
    executor: Executor,
    journal: Path,
    known: Mapping[str, Rendered],
    in_flight: int = 4,
    strict: bool = False,
    progress: Progress | None = None,
) -> list[Rendered]:
    """Do all tasks on an executor.

    Args:
        work: The tasks.
        out: The prepared set's folder.
        executor: Threads, processes, a cluster: any `concurrent.futures.Executor`.
        journal: A file to which each finished task is appended.
        known: What earlier runs finished, by task key (see `read_journal`).
        in_flight: How many tasks are handed out at a time, so that memory stays flat (`pools.each`).
        strict: Stop at the first source that cannot be used.
        progress: Told of images done, of all.

    Returns:
        One result a task, in the tasks' order whatever the executor did.

    Raises:
        OutputError: The output folder cannot be written.
        DataError: With `strict`, a source that cannot be used.
    """
    results: dict[str, Rendered] = {}
    total, done = sum(len(task.views) for task in work), 0
    size = {task.source: len(task.views) for task in work}
    if progress:
        progress(0, total)
    _make_folder(journal.parent)
    is_elsewhere = isinstance(executor, Crew)  # a worker that may have been started in another folder
    worker = partial(_render_one, out.absolute() if is_elsewhere else out, journal.parent.absolute())
    jobs = ((_absolute(t) if is_elsewhere else t, known.get(t.key)) for t in work)
    for (task, _), outcome in each(executor, worker, jobs, in_flight, len(work)):
        result = _unusable(task, out, outcome.reason) if isinstance(outcome, Lost) else outcome
        if strict and result.error:
            raise DataError(result.source, result.error)
        results[result.source] = result
        if not result.error and result != known.get(result.key):
            _note(journal, result)
        done += size[result.source]
        if progress:
            progress(done, total)
    return [results[task.source] for task in work]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from None


def _note(journal: Path, result: Rendered) -> None:
    """Append a finished task to the journal."""
    try:
        with journal.open("ab") as file:
            file.write(orjson.dumps(asdict(result), option=orjson.OPT_APPEND_NEWLINE))
    except OSError as error:
        raise OutputError(f"{journal}: cannot be written ({error.strerror or error})") from None


def _absolute(task: RenderTask) -> RenderTask:
    return replace(task, path=task.path.absolute())


def _render_one(out: Path, mark: Path, job: tuple[RenderTask, Rendered | None]) -> Rendered:
    """`render_source`, wherever the worker is.

    Args:
        out: The prepared set's folder.
        mark: A folder that is there: a worker that does not see it would write to a disk of its own.
        job: What to write, and what is known of it.
    """
    if not mark.is_dir():
        raise OutputError(
            f"{out}: the worker that was to write there does not see this folder; give folders that all "
            "workers have under one path"
        )
    return render_source(job[0], out, job[1])


def _unusable(task: RenderTask, out: Path, why: str) -> Rendered:
    for name, _ in task.views:  # what an earlier run made of it, when it could still be read
        (out / name).unlink(missing_ok=True)
    return Rendered(task.key, task.source, "", {}, why)


def render_source(task: RenderTask, out: Path, earlier: Rendered | None = None) -> Rendered:
    """Write all views of one source image: one read, one decode.

    Args:
        task: What to write.
        out: The prepared set's folder.
        earlier: What an earlier run noted; if source and outputs still have these digests, nothing is
            written.

    Returns:
        The digests; or the reason why the source cannot be used, which is not an error of the run.

    Raises:
        OutputError: An output cannot be written.
    """
    try:
        data = read_bytes(task.path)
        digest = sha256(data).hexdigest()
        if earlier and earlier.fits(task) and earlier.sha256 == digest and _is_there(out, earlier.outputs):
            return earlier
        return Rendered(task.key, task.source, digest, _write_views(task, data, out))
    except DataError as error:
        return _unusable(task, out, error.what)


def _write_views(task: RenderTask, data: bytes, out: Path) -> dict[str, str]:
    header = probe(task.path, data)
    if header.oriented_size(task.oriented) != task.size:
        raise DataError(
            task.path, f"was {task.size[0]}x{task.size[1]} px when the plan was made; it has changed"
        )
    image = decode(data, task.path, task.oriented, "BGR")
    plain = header.mode == "RGB" and header.orientation == 1 and not header.is_deep
    same_format = {"JPEG": "jpg", "PNG": "png"}.get(header.format) == task.format
    outputs = {}
    for name, view in task.views:
        whole = view == View((0, 0, *task.size), task.size)
        # An untouched image of the right kind is copied byte for byte: nothing is lost to a second encoding.
        copied = whole and plain and same_format
        encoded = data if copied else encode(show(image, view), task.format, task.quality, "BGR")
        write_atomic(out / name, encoded, shared=True)
        outputs[name] = sha256(encoded).hexdigest()
    return outputs


def _is_there(out: Path, outputs: Mapping[str, str]) -> bool:
    try:
        return all(
            sha256((out / name).read_bytes()).hexdigest() == digest for name, digest in outputs.items()
        )
    except OSError:
        return False


def read_journal(journal: Path) -> dict[str, Rendered]:
    """What earlier, perhaps killed, runs finished: task key -> result. A damaged line is passed over."""
    out: dict[str, Rendered] = {}
    if not journal.is_file():
        return out
    for line in journal.read_bytes().splitlines():
        try:
            values = orjson.loads(line)
            if isinstance(values["key"], str) and isinstance(values["outputs"], dict):
                out[values["key"]] = Rendered(**values)
        except (orjson.JSONDecodeError, TypeError, KeyError):
            continue
    return out
