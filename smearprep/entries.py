"""Single entries as the command line has them: text -> checked values, by the same rules as in a recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smearprep.errors import RecipeError
from smearprep.recipes import ImageFiles, expand_pad, expand_split, expand_tile, pair, validated
from smearprep.splitting import Split
from smearprep.tiling import Pad, Tile


def parse_tile(data: Mapping[str, Any]) -> Tile:
    """A `tile:` entry; a stride of None is half the size.

    Raises:
        RecipeError: A value of the wrong kind. So do the next ones.
    """
    return validated(Tile, dict(expand_tile(data)), "tile")


def parse_pad(data: Mapping[str, Any]) -> Pad:
    """A `pad:` entry."""
    return validated(Pad, expand_pad(data), "pad")


def parse_split(data: Mapping[str, Any]) -> Split:
    """A `split:` entry."""
    return validated(Split, expand_split(data), "split")


def parse_images(data: Mapping[str, Any]) -> ImageFiles:
    """An `images:` entry."""
    return validated(ImageFiles, data, "images")


def parse_size(value: Any) -> tuple[int, int]:
    """512, "512" or "640x480" as (width, height) in px."""
    return validated(_Size, {"size": pair(value)}, "size").size


@dataclass(frozen=True)
class _Size:
    size: tuple[int, int]


@dataclass(frozen=True)
class _Colours:
    colours: dict[str, tuple[int, int, int]]


def parse_colours(entries: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """`["nucleus=0,255,255"]` as a dict of (R, G, B)."""
    values = {label: text.split(",") for label, text in _pairs(entries, "colour", "LABEL=R,G,B")}
    colours = validated(_Colours, {"colours": values}, "colour").colours
    if any(not 0 <= value <= 255 for colour in colours.values() for value in colour):
        raise RecipeError(f"colour {', '.join(entries)}: each of R, G and B lies between 0 and 255")
    return colours


@dataclass(frozen=True)
class _Areas:
    areas: dict[str, int]


def parse_areas(entries: Sequence[str]) -> dict[str, int]:
    """`["WBC=1000"]` as a dict of px."""
    values = dict(_pairs(entries, "min area", "LABEL=PX"))
    areas = validated(_Areas, {"areas": values}, "min area").areas
    if any(area < 0 for area in areas.values()):
        raise RecipeError(f"min area {', '.join(entries)}: give px, 0 or more")
    return areas


def _pairs(entries: Sequence[str], what: str, form: str) -> Iterator[tuple[str, str]]:
    for entry in entries:
        key, sign, value = entry.partition("=")
        if not (key.strip() and sign):
            raise RecipeError(f"{what} {entry!r}: write it as {form}")
        yield key.strip(), value.strip()


def parse_entries(entries: Sequence[str]) -> dict[str, Any]:
    """`["exif=stored", "min_area={WBC: 900}"]` as a dict; the values are YAML.

    Raises:
        RecipeError: An entry without `=`, or broken YAML.
    """
    out: dict[str, Any] = {}
    for key, value in _pairs(entries, "option", "KEY=VALUE"):
        from smearprep.yamlfiles import BrokenYamlError, parse_yaml

        try:
            out[key] = parse_yaml(value)
        except BrokenYamlError as error:
            raise RecipeError(f"option {key}={value}: {error}") from None
    return out
