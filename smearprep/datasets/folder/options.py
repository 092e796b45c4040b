"""What a recipe may say of a plain folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from smearprep import formats
from smearprep.datasets.files import check_options, choice, min_areas
from smearprep.errors import RecipeError
from smearprep.findings import Finding
from smearprep.formats.reading import ReadOptions

OPTIONS = (
    "annotations",  # a file or folder, or several; else all annotation files below the given folder
    "format",  # their format; else by content
    "annotated",  # categories looked for in every image that has an annotation, found or not
    "masks",  # a folder of masks of one label (option label), or {LABEL: FOLDER}
    "smear",  # "image": each is its own; "folder"; or a regular expression with one group on the path
    "exif",  # "applied" (images as shown) or "stored", where an annotation does not state its frame
    "label",  # what points, or masks of one class, show
    "classes",  # names of class numbers
    "colours",  # {LABEL: [R, G, B]} of colour-coded masks
    "min_area",  # {LABEL: px}
    "annotator",  # whose cells, where several people annotated one image; "all"
    "attribute",  # the one that holds a cell's class (VIA)
    "threshold",  # a mask's pixel above it is foreground
)


@dataclass(frozen=True)
class FolderOptions:
    """The options, checked.

    Args:
        read: For the format readers.
        oriented: The frame where an annotation does not state it.
        smear: "image", "folder" or a regular expression with one group.
        annotations: Files and folders to look into; none: below the given folder.
        format: Of the annotations, or None: by content.
        annotated: Categories looked for in every image that has an annotation.
        masks: (folder, label) pairs.
    """

    read: ReadOptions
    oriented: bool = True
    smear: str | re.Pattern[str] = "image"
    annotations: tuple[Path, ...] = ()
    format: str | None = None
    annotated: frozenset[str] = frozenset()
    masks: tuple[tuple[Path, str], ...] = ()

    def smear_of(self, name: str, findings: list[Finding]) -> str:
        """The smear of an image, by its path relative to the given folder."""
        if self.smear == "folder":
            return str(PurePosixPath(name).parent)
        if isinstance(self.smear, re.Pattern):
            match = self.smear.search(name)
            if match is not None and match[1]:
                return match[1]
            what = (
                f"its path does not fit the rule for smears, {self.smear.pattern!r}; taken as its own smear"
            )
            findings.append(Finding("note", what, name))
        return name


def parse_options(root: Path, extra: Mapping[str, Any]) -> FolderOptions:
    """Check what a recipe says.

    Args:
        root: The given folder; places are looked for in it first.
        extra: The recipe's `options:`.

    Raises:
        RecipeError: An unknown option, or a value that cannot be used.
    """
    check_options(extra, OPTIONS, "folder")
    if "format" in extra:
        choice(extra["format"], [name for name in formats.NAMES if name != "masks"], "format", "folder")
    label = _text(extra.get("label", "cell"), "label")
    threshold = extra.get("threshold", 127)
    if not isinstance(threshold, int) or isinstance(threshold, bool) or not 0 <= threshold <= 254:
        raise RecipeError(f"data set folder: threshold {threshold!r}: write a grey value of 0 to 254")
    read = ReadOptions(
        base=root,
        classes=_texts(extra.get("classes"), "classes"),
        label=label,
        colours=_colours(extra.get("colours")),
        threshold=threshold,
        min_area=min_areas(extra.get("min_area"), {}, "folder"),
        annotator=_text(extra["annotator"], "annotator") if "annotator" in extra else None,
        attribute=_text(extra["attribute"], "attribute") if "attribute" in extra else None,
    )
    return FolderOptions(
        read=read,
        oriented=choice(extra.get("exif", "applied"), ("applied", "stored"), "exif", "folder") == "applied",
        smear=_smear(extra.get("smear", "image")),
        annotations=tuple(
            _place(root, place, "annotations") for place in _texts(extra.get("annotations"), "annotations")
        ),
        format=extra.get("format"),
        annotated=frozenset(_texts(extra.get("annotated"), "annotated")),
        masks=_masks(root, extra.get("masks"), label),
    )


def _text(value: Any, option: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise RecipeError(f"data set folder: {option} {value!r}: a name was expected")
    return value


def _texts(value: Any, option: str) -> tuple[str, ...]:
    """None, one name, or a list of names."""
    values = () if value is None else value if isinstance(value, list | tuple) else (value,)
    return tuple(_text(entry, option) for entry in values)


def _place(root: Path, value: Any, option: str) -> Path:
    """A folder or file, as the recipe names it: in the given folder, or from where the command runs."""
    name = _text(value, option)
    for place in (root / name, Path(name)):
        if place.exists():
            return place
    raise RecipeError(f"data set folder: {option}: {name} is not there, neither in {root} nor by itself")


def _smear(value: Any) -> str | re.Pattern[str]:
    if value in ("image", "folder"):
        return str(value)
    try:
        pattern = re.compile(_text(value, "smear"))
    except re.error as error:
        raise RecipeError(f"data set folder: smear {value!r} is no regular expression: {error}") from None
    if pattern.groups != 1:
        raise RecipeError(
            f"data set folder: smear {value!r}: say image, folder, or a regular expression with one group "
            r"in parentheses, such as '(slide\d+)'"
        )
    return pattern


def _colours(value: Any) -> dict[str, tuple[int, int, int]]:
    if value is None:
        return {}
    ok = isinstance(value, Mapping) and all(
        isinstance(rgb, list | tuple)
        and len(rgb) == 3
        and all(isinstance(n, int) and 0 <= n <= 255 for n in rgb)
        for rgb in value.values()
    )
    if not ok:
        raise RecipeError(f"data set folder: colours {value!r}: write it as {{LABEL: [red, green, blue]}}")
    return {str(label): (rgb[0], rgb[1], rgb[2]) for label, rgb in value.items()}


def _masks(root: Path, value: Any, label: str) -> tuple[tuple[Path, str], ...]:
    if value is None:
        return ()
    pairs = value.items() if isinstance(value, Mapping) else [(label, value)]
    places = [(_place(root, place, "masks"), _text(name, "masks")) for name, place in pairs]
    for place, _ in places:
        if not place.is_dir():
            raise RecipeError(f"data set folder: masks: {place} is a file; give the folder of the masks")
        if place.resolve() == root.resolve():
            raise RecipeError("data set folder: masks: the masks must lie in a folder of their own")
    return tuple(places)
