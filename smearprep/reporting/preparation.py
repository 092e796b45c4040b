"""What a manifest says of the preparation: raw images left out, and what was found in the raw data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smearprep.findings import KINDS, Finding


@dataclass(frozen=True, slots=True)
class Preparation:
    """How a set came from its raw data.

    Args:
        raw_images: Raw images that could have been used.
        used: Those of which the set shows something.
        findings: What was found in the raw data.
    """

    raw_images: int = 0
    used: int = 0
    findings: tuple[Finding, ...] = ()

    @property
    def left_out(self) -> int:
        """How many raw images the set shows nothing of."""
        return max(0, self.raw_images - self.used)

    def why_left_out(self) -> str:
        """Why raw images were left out, in words, at least one."""
        unlooked = len({finding.file for finding in self.findings if finding.kind == "not_annotated"})
        unlooked = min(unlooked, self.left_out)
        rest = self.left_out - unlooked
        if not rest:
            return "nobody looked in them for what the set is about"
        if not unlooked:
            return "no window was kept"
        return f"in {unlooked:,} nobody looked for what the set is about, of {rest:,} no window was kept"

    def told(self) -> str:
        """What was left out and why, in a sentence; "" for nothing."""
        were = "was" if self.left_out == 1 else "were"
        what = f"{self.left_out:,} of {self.raw_images:,} raw images {were} left out: {self.why_left_out()}."
        return what if self.left_out else ""


def preparation(manifest: Mapping[str, Any]) -> Preparation:
    """What a manifest says of the preparation; what makes no sense in it is passed over."""
    counts, rows = manifest.get("counts"), manifest.get("findings")
    counts = counts if isinstance(counts, Mapping) else {}
    return Preparation(
        _whole(counts.get("raw_images")),
        _whole(counts.get("raw_images_used")),
        tuple(
            Finding(row["kind"], str(row.get("what", "")), str(row.get("file", "")), str(row.get("id", "")))
            for row in (rows if isinstance(rows, list) else ())
            if isinstance(row, dict) and row.get("kind") in KINDS
        ),
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
