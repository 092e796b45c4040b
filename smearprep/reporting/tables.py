"""The tables of a report: words for people, and a number to sort by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smearprep import datasets
from smearprep.errors import RecipeError
from smearprep.findings import Finding, count_kinds
from smearprep.leaks import AuditedImage, LeakAudit, in_order, percent
from smearprep.reporting.looks import FEW, Group, Look, Spread
from smearprep.reporting.numbers import Numbers, balance, quantiles

MOST_ROWS = 1000
"""Longer tables are cut: the page says so, and `--json` has all of it."""
_LONGEST = 400  # letters of one entry


@dataclass(frozen=True, slots=True)
class Entry:
    """One place in a table.

    Args:
        text: What is shown.
        key: What it is sorted by: a number, NaN for one that is not known, or None for the text.
        colour: A CSS colour for a swatch before the text, or "".
        is_word: Whether it is a word, in an order of its own, and no number.
    """

    text: str
    key: float | None = None
    colour: str = ""
    is_word: bool = False

    @property
    def order(self) -> str:
        """What it is sorted by, as the page holds it; "" for the text, or for a number that is not known."""
        return "" if self.key is None or math.isnan(self.key) else str(self.key)


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Args:
        caption: What it shows.
        head: Its columns; none for a list of names and values.
        rows: An entry a column each; the first one names the row.
        left_out: How many rows there would be more.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Entry, ...], ...]
    left_out: int = 0

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Of each column, whether it holds numbers."""
        return tuple(
            all(entry.key is not None and not entry.is_word for entry in column)
            for column in zip(*self.rows, strict=True)
        )


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Entry]]) -> Table:
    found = [tuple(row) for row in rows]
    return Table(caption, tuple(head), tuple(found[:MOST_ROWS]), max(0, len(found) - MOST_ROWS))


def _text(value: object) -> Entry:
    text = str(value)
    return Entry(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")


def _count(value: int) -> Entry:
    return Entry(f"{value:,}", value)


def _number(value: float, digits: int = 1) -> Entry:
    return Entry(f"{value:,.{digits}f}", value)


def _share(value: float) -> Entry:
    return Entry(percent(value), value)


def _subsets(names: Iterable[str]) -> dict[str, Entry]:
    """Entries of subsets, sorted in their usual order and not by name."""
    return {
        name: Entry(_text(name).text, rank, is_word=True) for rank, name in enumerate(in_order(set(names)))
    }


# ---------------------------------------------------------------- cells


def counts(numbers: Numbers) -> Table:
    """Cells of each category and subset, by how their outline is known, and where they were looked for."""
    images = sum(numbers.images.values())
    several = len(numbers.subsets) > 1
    head = ["category", "cells", *(numbers.subsets if several else ()), "different cells"]
    head += [*numbers.outlines, "looked for in"]
    rows = []
    for category in numbers.categories:
        looked = category.searched
        by_subset = [_count(category.cells.get(name, 0)) for name in numbers.subsets] if several else []
        outlines = [_count(category.outlines.get(kind, 0)) for kind in numbers.outlines]
        words = "every image" if looked == images else f"{looked:,} of {images:,} images"
        rows.append(
            [_text(category.name), _count(category.total), *by_subset, _count(category.whole), *outlines]
            + [Entry(words, looked)]
        )
    return _table("Cells of each category", head, rows)


def shares(numbers: Numbers) -> Table:
    """What is shared out between the subsets, counted and in percent."""
    rows = []
    for name, row, total in balance(numbers):
        entries = [_text(name)]
        for subset in numbers.subsets:
            own = row.get(subset, 0)
            entries += [_count(own), _share(own / total if total else 0.0)]
        rows.append(entries)
    head = [column for name in numbers.subsets for column in (name, f"{name}, %")]
    return _table("What each subset has of the whole", ["what", *head], rows)


def sizes(numbers: Numbers, unit: str, per_px: float) -> Table:
    """Diameters of each category, in a unit of which a raw px has so many."""
    rows = [
        [
            _text(category.name),
            _count(len(category.diameters)),
            _count(category.cut),
            *(_number(value * per_px, 1 if unit == "px" else 2) for value in quantiles(category.diameters)),
        ]
        for category in numbers.categories
        if len(category.diameters)
    ]
    head = (
        "category",
        "measured",
        "cut, not measured",
        "smallest",
        "5 % below",
        "median",
        "95 % below",
        "largest",
    )
    return _table(f"Diameters, {unit}", head, rows)


# ---------------------------------------------------------------- looks


def css(colour: tuple[float, float, float]) -> str:
    """A colour, (red, green, blue) of 0..255, as style sheets write it."""
    red, green, blue = map(round, colour)
    return f"rgb({red} {green} {blue})"


def _look(look: Look) -> list[Entry]:
    red, green, blue = map(round, look.colour)
    return [
        Entry(f"{red} {green} {blue}", look.brightness, css(look.colour)),
        _number(look.brightness),
        _number(100 * look.saturation),
        *(_number(value, 3) for value in look.density),
    ]


_LOOK = ("mean colour", "brightness", "saturation, %", "OD red", "OD green", "OD blue")


def smears(groups: Sequence[Group], of: str) -> Table:
    """How each smear looks."""
    subset = _subsets(g.subset for g in groups)
    rows = [[_text(g.smear), subset[g.subset], _count(g.images), *_look(g.look)] for g in groups]
    return _table(f"Each {of}", [of, "subset", "images", *_LOOK], rows)


def subset_looks(spreads: Sequence[Spread], of: str) -> Table:
    """How the smears of each subset look, and how far that is from the first subset."""
    subset = _subsets(spread.subset for spread in spreads)
    rows = [[subset[s.subset], _count(s.smears), *_look(s.look), _shift(s, s is spreads[0])] for s in spreads]
    return _table(f"Mean over the {of}s of each subset", ["subset", f"{of}s", *_LOOK, "shift, SD"], rows)


def _shift(spread: Spread, is_first: bool) -> Entry:
    """How far a subset's brightness lies from that of the first one, or why nobody can tell."""
    if spread.shift:
        return Entry(f"{spread.shift[0]:+.2f}", spread.shift[0])
    if is_first:
        return Entry("reference", math.nan)
    return Entry("too few" if spread.smears < FEW else "not known", math.nan)


# ---------------------------------------------------------------- leaks and findings


def overlaps(audit: LeakAudit) -> Table:
    """How much of each subset's px another one knows."""
    subset = _subsets(audit.subsets)
    rows = [
        [subset[o.subset], subset[o.other], _share(o.share), _count(o.leaked), _count(o.pixels)]
        for o in audit.overlaps
    ]
    head = ("of the px in", "lie also in", "share", "px in both", "px in all")
    return _table("Windows that overlap, in px of the raw images", head, rows)


def shared(audit: LeakAudit) -> Table:
    """Smears and raw images in two subsets."""
    names = {"smear": "smears", "raw": "raw images"}
    rows = [
        [
            _text(f"{names[s.what]} of {s.subset} also in {s.other}"),
            _count(len(s.names)),
            _count(s.images),
            _share(s.images / s.of_images),
        ]
        for s in audit.shared
    ]
    head = ("what", "how many", "images of theirs", "share of the subset's images")
    return _table("Smears and raw images in two subsets", head, rows)


def near(audit: LeakAudit) -> Table:
    """Images in two subsets that show nearly the same."""
    rows = [[_text(p.first), _text(p.second), _count(p.distance)] for p in audit.near]
    table = _table("All such pairs", ("image", "and image", "bits that differ, of 255"), rows)
    return Table(table.caption, table.head, table.rows, audit.near_pairs - len(table.rows))


_PROBLEM, _DETAIL, _NOTE = (
    Entry(name, rank, is_word=True) for rank, name in enumerate(("problem", "detail", "note"))
)


def findings(found: Sequence[Finding], details: Sequence[Finding] = ()) -> Table:
    """All findings: problems first, then the details of leaks that are among them, then notes."""
    levels = [(_PROBLEM, f) for f in found if f.is_problem]
    levels += [(_DETAIL, f) for f in details]
    levels += [(_NOTE, f) for f in found if not f.is_problem]
    rows = [
        [level, Entry(f.kind.replace("_", " ")), _text(f.what), _text(f.file), _text(f.id)]
        for level, f in levels
    ]
    return _table("All findings", ("level", "kind", "what was found", "file", "which"), rows)


def prepared(found: Sequence[Finding]) -> Table:
    """Findings of the preparation: of each kind how many, and the first of them."""
    rows = []
    for kind, number in count_kinds(found).items():
        first = next(finding for finding in found if finding.kind == kind)
        level = _PROBLEM if first.is_problem else _NOTE
        rows.append(
            [Entry(kind.replace("_", " ")), _count(number), level, _text(first.what), _text(first.file)]
        )
    return _table("By kind", ("kind", "how many", "level", "the first of them", "file"), rows)


# ---------------------------------------------------------------- where it comes from


def title(dataset: str) -> str:
    """What a raw data set is called, by its name in the set."""
    try:
        return datasets.get(dataset).INFO.title
    except RecipeError:
        return dataset or "not stated"


def sources(images: Iterable[AuditedImage]) -> Table:
    """The raw data sets that images come from, with their terms."""
    counted: dict[str, set[str]] = {}
    for image in images:
        counted.setdefault(image.dataset, set()).add(image.raw)
    rows = []
    for name, own in sorted(counted.items()):
        try:
            info = datasets.get(name).INFO
        except RecipeError:
            rows.append([_text(title(name)), _count(len(own)), *([Entry("not stated")] * 3)])
        else:
            where, paper = _text(info.where), _text(info.citation or "-")
            rows.append([_text(info.title), _count(len(own)), _text(info.licence), where, paper])
    return _table("Raw data sets", ("data set", "raw images", "terms", "where to get it", "paper"), rows)


def facts(rows: Mapping[str, Any], caption: str) -> Table:
    """Names and values."""
    return _table(caption, (), [[_text(key), _text(value)] for key, value in rows.items()])
