"""The state of a set that is edited: what is shown of it, and every edit checked, noted and applied.

Not for several threads at once; that is what `Session` is for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from smearprep.annotating.histories import History
from smearprep.annotating.patches import Changes, parse_patch
from smearprep.annotating.refusals import Conflict, EditError
from smearprep.annotating.views import ImageView
from smearprep.set_editing import MARKS, Edit, EditedImage, EditedSet, Pair

_LONGEST_NAME = 200  # of a category
_RECENT = 8  # images whose cells are kept as they are shown


class Editor:
    """A set, its journal read, what was not in its COCO files yet applied.

    Whoever makes one holds the set (`output_folder.hold_set`).

    Args:
        folder: The set.
        sign: Tells who edits, and when, for the journal.

    Attributes:
        held: The set.

    Raises:
        LayoutError, DataError, OutputError: As of `set_editing.EditedSet`.
    """

    def __init__(self, folder: Path, sign: Callable[[], tuple[str, str]]) -> None:
        self.held = EditedSet(folder)
        self._sign = sign
        self._histories = {key: History() for key in self.held.images}
        self._done: dict[str, tuple[str, int]] = {}  # id of an edit -> its image, and where its line is
        for line in self.held.replay():
            assert line.edit is not None
            self._note(line.edit, line.offset)
        self._views = {key: ImageView(image) for key, image in self.held.images.items()}
        self._recent: list[ImageView] = []

    def _note(self, edit: Edit, offset: int) -> None:
        self._done[edit.id] = edit.image, offset
        if edit.image in self._histories:
            self._histories[edit.image].add(edit, offset, self.held.edits)

    def _append(self, edit: Edit) -> None:
        self._note(edit, self.held.append(edit, *self._sign()))

    # ------------------------------------------------------------ looking

    def rows(self, since: int = -1) -> dict[str, Any]:
        """The categories, the number of edits, and the rows of the images.

        Args:
            since: Only of images that have changed since the set had so many edits. A number that it never
                had: of all.
        """
        is_known = 0 <= since <= self.held.edits
        keys = [k for k, h in self._histories.items() if not is_known or h.changed_at > since]
        names = list(self.held.categories)
        rows = [self._views[key].row(names) for key in keys]
        return {"categories": names, "revision": self.held.edits, "images": rows}

    def state(self, key: str) -> dict[str, Any]:
        """An image with its cells.

        Raises:
            EditError: The set has no such image.
        """
        view, history = self.view(key), self._histories[key]
        width, height = view.size or (0, 0)
        return {
            **view.named(),
            "width": width,
            "height": height,
            "revision": history.revision,
            "cells": list(view.cells().values()),
            **view.marks(),
            "undo": history.undo[-1].title if history.undo else None,
            "redo": history.redo[-1].title if history.redo else None,
        }

    def view(self, key: str) -> ImageView:
        """The view of an image, whose cells are asked for; the one asked longest ago forgets its own.

        Raises:
            EditError: The set has no such image.
        """
        self.image(key)
        view = self._views[key]
        if view in self._recent:
            self._recent.remove(view)
        self._recent.append(view)
        if len(self._recent) > _RECENT:
            self._recent.pop(0).forget()
        return view

    def image(self, key: str) -> EditedImage:
        """An image of the set.

        Raises:
            EditError: The set has no such image.
        """
        image = self.held.images.get(key)
        if image is None:
            raise EditError(f"{key}: the set has no such image")
        return image

    # ------------------------------------------------------------ editing

    def edit(self, key: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Change one image; see `Session.edit`."""
        asked = parse_patch(patch)
        if (answer := self._answered(key, asked.edit)) is not None:
            return answer
        self._check_revision(key, asked.revision)
        changes = self._changes(key)
        for name, value in asked.cells.items():
            changes.add(name, value)
        record = changes.record(asked.image, self._review(key))
        if changes.pairs or record != ({}, {}):
            self._append(Edit(asked.edit, key, "edit", asked.title, changes.pairs, record, changes.ids))
        return {**self.state(key), "ids": changes.ids}

    def _changes(self, key: str) -> Changes:
        view = self.view(key)
        if view.size is None:
            raise EditError(f"{key}: neither the set nor the image itself tells its size")
        shown = view.cells()
        return Changes(self.image(key), view.size, self.held.highest_id + 1, shown, view.known())

    def _review(self, key: str) -> Pair:
        """What changed in the record of an image when it was marked as reviewed."""
        step = self._histories[key].reviewed
        return ({}, {}) if step is None else self.held.journal.read(step.offset).record

    def step(self, key: str, edit: str, revision: int, kind: Literal["undo", "redo"]) -> dict[str, Any]:
        """Undo the last edit of an image, or do it again; see `Session.undo`."""
        asked = parse_patch({"edit": edit, "revision": revision})
        if (answer := self._answered(key, asked.edit)) is not None:
            return answer
        self._check_revision(key, asked.revision)
        history = self._histories[key]
        steps = history.undo if kind == "undo" else history.redo
        if not steps:
            raise EditError(f"{key}: nothing is left to {kind}")
        original = self.held.journal.read(steps[-1].offset)
        change = original.inverse() if kind == "undo" else replace(original, kind="redo")
        if not self._fits(change):
            what = f"{key}: another program has changed what was edited; it cannot be {kind}ne"
            raise Conflict(what, self.state(key))
        self._append(replace(change, id=asked.edit, ids={}))
        return {**self.state(key), "ids": {}}

    def _fits(self, change: Edit) -> bool:
        """True if an image is as it was before a change."""
        image = self.held.images[change.image]
        entries = {id_: image.entries.get(id_) for id_ in change.cells}
        if any((e and e.value) != change.cells[id_][0] for id_, e in entries.items()):
            return False
        if not all(image.file.can_hold(image, id_, after) for id_, (_, after) in change.cells.items()):
            return False
        before, after = change.record
        return all(image.record.get(k) == before.get(k) for k in {**before, **after} if k in MARKS)

    def _answered(self, key: str, edit: str) -> dict[str, Any] | None:
        """The answer to an edit that was done before and comes once more; None if it is a new one."""
        self.image(key)
        if edit not in self._done:
            return None
        own, offset = self._done[edit]
        if own != key:
            raise EditError(f"{key}: another edit has this id already")
        return {**self.state(key), "ids": dict(self.held.journal.read(offset).ids)}

    def _check_revision(self, key: str, revision: int) -> None:
        if revision != self._histories[key].revision:
            raise Conflict(f"{key}: was edited by somebody else in the meantime", self.state(key))

    def add_category(self, name: str) -> None:
        """Add a category; see `Session.add_category`."""
        name = name.strip()
        if not name or len(name) > _LONGEST_NAME or not name.isprintable():
            raise EditError(f"a category needs a name of 1 to {_LONGEST_NAME} letters, in one line")
        if name not in self.held.categories:
            self._append(Edit(f"category {name}", category=name))
