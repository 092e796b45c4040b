"""Drawing and correcting cells in a prepared set: what the page of `smearprep annotate` does, in Python."""

from __future__ import annotations

from smearprep.annotating.making import made_into_set
from smearprep.annotating.refusals import Conflict, EditError
from smearprep.annotating.session import Session

__all__ = ["Conflict", "EditError", "Session", "made_into_set"]
