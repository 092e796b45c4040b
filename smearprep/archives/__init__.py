"""Downloaded archives: zip and tar, unpacked so that nothing in them can do harm."""

from __future__ import annotations

from smearprep.archives.job import Limits, unpack

__all__ = ["Limits", "unpack"]
