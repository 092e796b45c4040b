"""What was edited in an image, as its journal tells it: what can be undone, and done again."""

from __future__ import annotations

from dataclasses import dataclass, field

from smearprep.errors import DataError
from smearprep.set_editing import Edit


@dataclass(frozen=True, slots=True)
class Step:
    """An edit.

    Args:
        offset: Where its line begins in the journal, in bytes.
        title: In words.
    """

    offset: int
    title: str


@dataclass
class History:
    """The edits of one image.

    Args:
        revision: How many there were, also those that undid another one.
        changed_at: How many edits the whole set had with the last one of them.
        undo: Edits that can be undone, the last one last.
        redo: Edits that can be done again, likewise.
        reviewed: The edit that marked the image as reviewed the last time, or None.
    """

    revision: int = 0
    changed_at: int = 0
    undo: list[Step] = field(default_factory=list)
    redo: list[Step] = field(default_factory=list)
    reviewed: Step | None = None

    def add(self, edit: Edit, offset: int, number: int) -> None:
        """Take note of an edit of the image.

        Args:
            edit: The edit.
            offset: Where its line begins in the journal, in bytes.
            number: How many edits the whole set has with it.

        Raises:
            DataError: It undoes something, but nothing is there to be undone.
        """
        self.revision += 1
        self.changed_at = number
        step = Step(offset, edit.title)
        if edit.kind == "edit":
            self.undo.append(step)
            self.redo.clear()
        else:
            source, target = (self.undo, self.redo) if edit.kind == "undo" else (self.redo, self.undo)
            if not source:
                raise DataError(edit.image, f"the journal has an {edit.kind} of an edit that is not in it")
            target.append(source.pop())
        if edit.record[1].get("reviewed") and not edit.record[0].get("reviewed"):
            self.reviewed = step
