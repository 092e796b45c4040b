"""What all parts of Raabin-WBC share: names, options, and how a file name tells its film."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smearprep.datasets.files import check_options, choice
from smearprep.datasets.loading import LoadOptions
from smearprep.errors import RecipeError
from smearprep.findings import Finding
from smearprep.images import read_bytes

NAME = "raabin"
PARTS = ("cropped", "fields", "ground_truth", "yolo")
CLASSES = ("Neutrophil", "Lymphocyte", "Monocyte", "Eosinophil", "Basophil")
"""Classes of the crops and of the ground truth: folder names."""
KINDS = (
    *("Neutrophil", "Small Lymph", "Large Lymph", "Monocyte", "Eosinophil", "Basophil"),
    *("Band", "Meta", "NRBC", "Megakar"),
)
"""Cells as the experts call them in the fields."""
NO_CELLS = ("Artifact", "Burst")
UNDECIDED = ("Unknn", "Not centered")
NUCLEUS = "Nucleus"
LEVELS = {"background": 0, "cytoplasm": 128, "nucleus": 255}

_OPTIONS = ("parts", "experts", "keep", "frame", "levels", "test_list")
_FILM = re.compile(r"\d+(-\d+)+")


@dataclass(frozen=True)
class Settings:
    """The options of this data set, checked.

    Args:
        parts: Which of `PARTS` are read, if they are there.
        experts: Which of the two experts' labels counts in the fields. "any": both agree, or one alone
            labelled; "both": both agree; "first", "second": that one.
        keep: Labels besides `KINDS` that are kept as cells: "Burst", "Artifact".
        frame: Frame of the fields' boxes: "stored" (un-rotated pixel grid) or "shown" (after EXIF).
        levels: Grey levels of the ground truth: background, cytoplasm, nucleus.
        test: Names (of ground truth) of the official test set: stems, or class/stem.
    """

    parts: tuple[str, ...] = PARTS
    experts: str = "any"
    keep: tuple[str, ...] = ()
    frame: str = "stored"
    levels: Mapping[str, int] = field(default_factory=lambda: LEVELS)
    test: frozenset[str] = frozenset()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Labels that are cells in the fields."""
        return KINDS + self.keep


@dataclass(frozen=True)
class Job:
    """One reading of one folder.

    Args:
        root: The folder as it was given.
        options: What is asked for.
        settings: The data set's own options.
        findings: Added to while reading.
    """

    root: Path
    options: LoadOptions
    settings: Settings
    findings: list[Finding]


def read_settings(root: Path, extra: Mapping[str, Any]) -> Settings:
    """The options of a recipe.

    Raises:
        RecipeError: An unknown option, or a value that cannot be used.
        DataError: The list of test names cannot be read.
    """
    check_options(extra, _OPTIONS, NAME)
    levels = {**LEVELS, **_levels(extra.get("levels", {}))}
    if len(set(levels.values())) < 3:
        raise RecipeError(f"data set {NAME}: levels: the three grey levels must differ, found {levels}")
    return Settings(
        parts=_words(extra.get("parts", PARTS), PARTS, "parts"),
        experts=choice(extra.get("experts", "any"), ("any", "both", "first", "second"), "experts", NAME),
        keep=_words(extra.get("keep", ()), NO_CELLS, "keep"),
        frame=choice(extra.get("frame", "stored"), ("stored", "shown"), "frame", NAME),
        levels=levels,
        test=_test_names(root, extra.get("test_list")),
    )


def _words(given: Any, allowed: tuple[str, ...], option: str) -> tuple[str, ...]:
    words = [given] if isinstance(given, str) else given
    if not isinstance(words, list | tuple):
        raise RecipeError(f"data set {NAME}: {option}: {given!r} is no list of {', '.join(allowed)}")
    return tuple(choice(word, allowed, option, NAME) for word in words)


def _levels(given: Any) -> dict[str, int]:
    if not isinstance(given, Mapping) or not all(
        key in LEVELS and type(value) is int and 0 <= value <= 255 for key, value in given.items()
    ):
        raise RecipeError(
            f"data set {NAME}: levels: {given!r}: write {{background: 0, cytoplasm: 128, nucleus: 255}}"
        )
    return dict(given)


def _test_names(root: Path, given: Any) -> frozenset[str]:
    """The names in the file that `test_list` gives, one a line, without suffix."""
    if given is None:
        return frozenset()
    if not isinstance(given, str):
        raise RecipeError(f"data set {NAME}: test_list: {given!r} is no path of a text file")
    lines = read_bytes(root / given).decode("utf-8-sig", "replace").replace("\\", "/").splitlines()
    return frozenset(Path(line.strip()).with_suffix("").as_posix() for line in lines if line.strip())


def film_of(stem: str) -> str | None:
    """The film (smear) in a name such as 95-5-4-1_45_1, or None."""
    film = stem.partition("_")[0]
    return film if _FILM.fullmatch(film) else None
