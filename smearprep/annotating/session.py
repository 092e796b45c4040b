"""A set while people edit it: every change is on the disk before it is answered, and can be undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Any, Self

from smearprep.annotating.editor import Editor
from smearprep.annotating.outlining import Outliner, place_to_cell
from smearprep.annotating.refusals import EditError
from smearprep.errors import OutputError
from smearprep.findings import shown_name
from smearprep.output_folder import hold_set
from smearprep.set_editing import coco_paths


def _utc() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class Session:
    """A prepared set that is edited by one or several people at the same time.

    What was edited is in `edits.jsonl` in the set at once, and comes from there into its COCO files and its
    manifest by `fold`; after a crash at any moment the next session goes on with all that was answered. All
    methods may be called from several threads. What they return is JSON, to be looked at, not to be changed.

    A cell is {"id": 12, "category": "WBC", "outline": "drawn" | "made" | "component" | "box" | "point",
    "parts": [{"outer": [[x, y], ...], "holes": [...]}, ...] (none of boxes and points), "box": [x, y, w, h],
    "point": [x, y] or None, "score": 0..1 or None, "made_by": ..., "accepted": ..., "crowd": ...};
    coordinates in px of the image, pixel (i, j) covers [i, i+1) x [j, j+1).

    Args:
        folder: The set.
        who: Who edits, for the journal.
        now: Tells the time for the journal, as text.

    Raises:
        LayoutError: No prepared set.
        DataError: A broken COCO file or journal.
        OutputError: Somebody else changes the set, or it cannot be written.
    """

    def __init__(self, folder: Path, who: str = "", now: Callable[[], str] = _utc) -> None:
        coco_paths(folder)
        self._who = who.encode("utf-8", "replace").decode()  # a system's name of a user may be no text
        self._now = now
        self._lock, self._folding = RLock(), RLock()
        self._outliner = Outliner()
        with ExitStack() as stack:
            stack.enter_context(hold_set(folder, "annotate"))
            self._editor = Editor(folder, lambda: (self._who, self._now()))
            self._editor.held.fold()
            self._stack = stack.pop_all()
            self._is_open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------ looking

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories of the set, in order."""
        with self._lock:
            return self._editor.held.categories

    def overview(self) -> dict[str, Any]:
        """The set: its name, categories, how many edits it has ("revision"), and a row of each image."""
        with self._lock:
            name = shown_name(Path(self._editor.held.root.resolve().name))
            return {"name": name, **self._editor.rows()}

    def changed_since(self, revision: int) -> dict[str, Any]:
        """What has changed since the set had so many edits: as `overview`, with the rows of these images."""
        with self._lock:
            return self._editor.rows(max(revision, 0))

    def image(self, key: str) -> dict[str, Any]:
        """An image with its cells, and what was edited last in it ("undo") or undone ("redo"), in words.

        Raises:
            EditError: The set has no such image.
        """
        with self._lock:
            return self._editor.state(key)

    def path_of(self, key: str) -> Path:
        """The file of an image.

        Raises:
            EditError: The set has no such image, or its file is not there.
        """
        with self._lock:
            path = self._editor.image(key).path
        if path is None:
            raise EditError(f"{key}: the image is not there")
        return path

    # ------------------------------------------------------------ editing

    def edit(self, key: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Change one image.

        Args:
            key: Of the image.
            patch: "edit": an id that no other edit has (the same one again is done once); "revision" of the
                image that it is based on; "title": in words what it does; "cells": {id: cell, or None that is
                to be deleted}, new ones as "new-..."; "image": {"reviewed", "flagged", "note"} as far as they
                change.

        Returns:
            The image after it, as of `image`, with "ids": "new-..." -> id.

        Raises:
            EditError: It cannot be done.
            Conflict: The image has been edited since that revision.
            OutputError: It cannot be written. Nothing is changed; it can be sent again.
        """
        with self._lock:
            self._check_open()
            return self._editor.edit(key, patch)

    def undo(self, key: str, edit: str, revision: int) -> dict[str, Any]:
        """Undo the last edit of an image that is not undone yet, by whomever and whenever it was made.

        Args:
            key: Of the image.
            edit: An id that no other edit has.
            revision: Of the image that it is based on.

        Returns:
            As `edit`.

        Raises:
            Conflict: The image has been edited since, or is no longer as that edit left it.
            EditError, OutputError: As `edit`; or there is nothing to be undone.
        """
        with self._lock:
            self._check_open()
            return self._editor.step(key, edit, revision, "undo")

    def redo(self, key: str, edit: str, revision: int) -> dict[str, Any]:
        """Do the edit again that was undone last; see `undo`."""
        with self._lock:
            self._check_open()
            return self._editor.step(key, edit, revision, "redo")

    def add_category(self, name: str) -> dict[str, Any]:
        """Add a category that nobody has looked for yet in any image; one that is there stays as it is.

        Returns:
            The set, as of `overview`.

        Raises:
            EditError: It is no name.
            OutputError: It cannot be written.
        """
        with self._lock:
            self._check_open()
            self._editor.add_category(name)
            return self.overview()

    def _check_open(self) -> None:
        if not self._is_open:  # others may change the set now
            raise OutputError(f"{self._editor.held.root}: is not open any more; nothing was changed")

    # ------------------------------------------------------------ outlining

    def outline(
        self,
        key: str,
        category: str,
        box: Sequence[float] | None = None,
        point: Sequence[float] | None = None,
    ) -> dict[str, Any]:
        """The outline of one cell that somebody has put a box on, or a point. Nothing is changed.

        Args:
            key: Of the image.
            category: Of the cell.
            box: [x, y, w, h] in px, or
            point: [x, y] in px.

        Returns:
            {"cell": a cell without an id, or None, "why": there is none}.

        Raises:
            EditError: No such image or category, or a place that is none in the image.
            DataError: The image cannot be read.
        """
        with self._lock:
            path, view = self.path_of(key), self._editor.view(key)
            if category not in self._editor.held.categories:
                raise EditError(f"the set has no category {category!r}")
            cell = place_to_cell(category, box, point, view.size or (0, 0))
            entries = self._editor.image(key).entries
            known = [other for id_, other in view.known().items() if not entries[id_].is_crowd]
        return self._outliner.outline(path, view.size, cell, known)

    # ------------------------------------------------------------ the end

    def fold(self) -> None:
        """Write what was edited into the COCO files and the manifest, all of them or none.

        Raises:
            OutputError: It cannot be written. Nothing is lost: it is in the journal.
        """
        with self._folding:  # one at a time; edits go on while the files are written
            with self._lock:
                fold = self._editor.held.begin_fold() if self._is_open else None
            if fold is None:
                return
            try:
                self._editor.held.write_fold(fold)
            except BaseException:
                with self._lock:
                    self._editor.held.end_fold(fold, is_written=False)
                raise
            with self._lock:
                self._editor.held.end_fold(fold, is_written=True)

    def close(self) -> None:
        """Fold, and let others change the set; once more does nothing.

        Raises:
            OutputError: As of `fold`.
        """
        with self._folding, self._lock:
            if not self._is_open:
                return
            self._is_open = False
            with self._stack:
                self._editor.held.fold()
