"""What was found in the data, and the one summary every command makes of its work."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Literal, get_args

Kind = Literal[
    "unreadable",  # an image or annotation file that cannot be used; left out
    "missing_image",  # an annotation whose image is not there, or is named outside its folder; left out
    "size_mismatch",  # the annotation states another image size than the image has; left out
    "corrupt",  # a prepared file that is not what its manifest says
    "leak",  # one smear, or one image, in two subsets
    "invalid",  # an entry that makes no sense (2-point polygon, NaN, no label); left out
    "zero_area",  # a cell without area; left out
    "repaired",  # a self-crossing outline, made valid; kept
    "clipped",  # a cell that reached beyond its image; kept, cut at the border
    "simplified",  # a cell that the written format cannot hold as it is; changed as the option says
    "outside",  # a cell wholly beyond its image; left out
    "duplicate",  # two cells that are nearly the same, or two files of one name; kept
    "unknown_label",  # a label that is no category of this set; left out
    "missing_annotation",  # an image with no annotation file; kept where that is allowed, as unknown
    "not_annotated",  # an image in which a wanted category was never looked for; left out by recipes
    "speck",  # a mask region below the minimum area; left out
    "damaged",  # a file that is not as its data set promises but can be used
    "note",  # worth knowing, nothing wrong
]
KINDS: tuple[str, ...] = get_args(Kind)

PROBLEMS: frozenset[str] = frozenset({"unreadable", "missing_image", "size_mismatch", "corrupt", "leak"})
"""Kinds that turn the exit status to 1: something the user gave or made is lost, wrong or leaking."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing worth telling about the data.

    Args:
        kind: One of `KINDS`.
        what: A sentence for the user: what was found and what was done about it.
        file: The file, as a path relative to the folder that was given (never absolute).
        id: What in that file: an annotation id, a polygon's index, a box.
    """

    kind: Kind
    what: str
    file: str = ""
    id: str = ""

    @property
    def is_problem(self) -> bool:
        """True if this finding turns the exit status to 1."""
        return self.kind in PROBLEMS

    def as_dict(self) -> dict[str, str]:
        """The finding as it stands in the machine-readable summary."""
        return {"file": self.file, "id": self.id, "kind": self.kind, "what": self.what}


@dataclass(frozen=True)
class Summary:
    """What a command did: printed as a table, or by `--json` as one object.

    Args:
        command: The verb, for example "prepare".
        output: What was written, as the user named it, or None.
        counts: Things counted: images, views, cells, ...
        by_category: Cells of each category.
        by_subset: Of each subset, things counted.
        findings: All findings, in the order in which they were made.
        next_step: A command line to run next, or "".
        tables: Further tables for people, title -> rows of equal keys.
    """

    command: str
    output: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    by_category: Mapping[str, int] = field(default_factory=dict)
    by_subset: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    next_step: str = ""
    tables: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)

    @property
    def has_problems(self) -> bool:
        """True if any finding turns the exit status to 1."""
        return any(finding.is_problem for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """The object that `--json` prints: counts, findings and tables, without the advice."""
        out: dict[str, Any] = {
            "command": self.command,
            "output": self.output,
            "counts": dict(self.counts),
            "by_category": dict(self.by_category),
            "by_subset": {name: dict(row) for name, row in self.by_subset.items()},
            "findings": [finding.as_dict() for finding in self.findings],
        }
        if self.tables:
            out["tables"] = {title: [dict(row) for row in rows] for title, rows in self.tables.items()}
        return out


def shown_name(path: PurePath | str) -> str:
    """A path (a text has `/` already) as outputs name it: in UTF-8 even if the file system's name is not."""
    name = path if isinstance(path, str) else path.as_posix()
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def count_kinds(findings: Iterable[Finding]) -> dict[str, int]:
    """How many findings there are of each kind, in the order of `KINDS`."""
    found = Counter(finding.kind for finding in findings)
    return {kind: found[kind] for kind in KINDS if found[kind]}  # type: ignore[index]
