"""What is shown of an image: its row in the list, its cells. Made once, and again only of what was edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from smearprep.annotating.cells import cell_to_json, entries_to_cells
from smearprep.errors import DataError
from smearprep.formats.reading import image_size
from smearprep.images import probe
from smearprep.records import Cell
from smearprep.set_editing import EditedImage


@dataclass(frozen=True, slots=True)
class _Shown:
    """A cell as it is shown, and the annotation of which it was made."""

    line: bytes
    cell: Cell | None
    value: dict[str, Any] | None


class ImageView:
    """What is shown of an image.

    Args:
        image: The image; it changes.
    """

    def __init__(self, image: EditedImage) -> None:
        self._image = image
        self._kept: dict[int, _Shown] = {}

    @cached_property
    def size(self) -> tuple[int, int] | None:
        """(width, height) in px as the set states it, else of the file; None if nobody tells."""
        record, path = self._image.record, self._image.path
        stated = image_size(record.get("width"), record.get("height"))
        if stated is not None or path is None:
            return stated
        try:
            return probe(path).oriented_size(False)
        except DataError:
            return None

    def named(self) -> dict[str, Any]:
        """The image's key, name and subset."""
        image = self._image
        return {"key": image.key, "name": str(image.record["file_name"]), "subset": image.file.file.subset}

    def marks(self) -> dict[str, Any]:
        """What people think of the image."""
        record = self._image.record
        note = record.get("note")
        return {
            "reviewed": record.get("reviewed") is True,
            "flagged": record.get("flagged") is True,
            "note": note if isinstance(note, str) else "",
        }

    def row(self, categories: Sequence[str]) -> dict[str, Any]:
        """The image in the list of all.

        Args:
            categories: Of the set, in order.
        """
        width, height = self.size or (0, 0)
        own = [entry for entry in self._image.entries.values() if not entry.is_crowd]
        labels = {entry.label for entry in own}
        scores = [entry.score for entry in own if entry.is_unreviewed and entry.score is not None]
        return {
            **self.named(),
            "width": width,
            "height": height,
            "cells": len(own),
            "unreviewed": sum(entry.is_unreviewed for entry in own),
            "lowest_score": min(scores, default=None),
            "categories": [name for name in categories if name in labels],
            **self.marks(),
            "missing": self._image.path is None,
        }

    # ------------------------------------------------------------ cells

    def cells(self) -> dict[int, dict[str, Any]]:
        """Id -> cell as JSON, by id; crowds too. Those whose shape is none are left out."""
        return {id_: shown.value for id_, shown in self._shown().items() if shown.value is not None}

    def known(self) -> dict[int, Cell]:
        """Id -> cell or crowd."""
        return {id_: shown.cell for id_, shown in self._shown().items() if shown.cell is not None}

    def forget(self) -> None:
        """Free the memory that the cells take."""
        self._kept = {}

    def _shown(self) -> dict[int, _Shown]:
        entries = dict(sorted(self._image.entries.items()))
        new = {
            id_: entry
            for id_, entry in entries.items()
            if (shown := self._kept.get(id_)) is None or shown.line is not entry.line
        }
        cells = entries_to_cells([e.value for e in new.values()], self._image.file.names, self.size)
        for (id_, entry), cell in zip(new.items(), cells, strict=True):
            value = None if cell is None else {"id": id_, **cell_to_json(cell, entry.is_crowd)}
            self._kept[id_] = _Shown(entry.line, cell, value)
        self._kept = {id_: self._kept[id_] for id_ in entries}
        return self._kept
