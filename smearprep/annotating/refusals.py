"""Edits that are not done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smearprep.errors import SmearprepError


class EditError(SmearprepError):
    """What is asked cannot be done: no such image, cell or category, or an outline that is none."""


class Conflict(SmearprepError):  # noqa: N818 - it says what happened
    """The image is no longer as it was when the edit was made; nothing was changed.

    Args:
        what: What happened, for the person who edits.
        state: The image as it is now, as `Session.image` tells it.
    """

    def __init__(self, what: str, state: Mapping[str, Any]) -> None:
        super().__init__(what)
        self.state = state

    def __reduce__(self) -> tuple[type[Conflict], tuple[str, Mapping[str, Any]]]:
        """Survive the trip back from a worker process."""
        return type(self), (str(self), self.state)
