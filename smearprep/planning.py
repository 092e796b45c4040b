"""Recipe + raw sets -> Plan: which views there are, what they are called, which subset each goes to."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import PurePosixPath

from smearprep.cells import relabel, relabel_names
from smearprep.errors import RecipeError
from smearprep.findings import Finding
from smearprep.recipes import Recipe, Source
from smearprep.records import Plan, PlannedView, RawSet, Sample, View, ViewCell
from smearprep.splitting import NO_CELL, Split, Unit, assign
from smearprep.tiling import show_cells, show_crowds

UNSPLIT = "all"
"""The one subset of a set that is not split."""

_LONGEST_STEM = 100  # of 255 bytes that file systems allow a name


@dataclass(frozen=True, slots=True)
class _Shown:
    """A view before it has a name and a subset."""

    dataset: str
    sample: Sample
    view: View
    cells: tuple[ViewCell, ...]


def plan(recipe: Recipe, raw: Sequence[tuple[Source, RawSet]]) -> Plan:
    """Plan a prepared set: geometry only, no pixel is read.

    Args:
        recipe: What to do.
        raw: Of each source of the recipe, its raw set.

    Returns:
        The plan; its findings begin with those of the raw sets.

    Raises:
        RecipeError: A category that no data set has, two raw folders with the same images, or too few
            smears to fill the subsets.
    """
    categories = _categories(recipe, raw)
    findings: list[Finding] = []
    shown: list[_Shown] = []
    for source, raw_set in raw:
        findings += (_located(finding, raw_set.dataset) for finding in raw_set.findings)
        shaping = recipe.shaping(source)
        for sample in _chosen(recipe, source, raw_set, categories, findings):
            shown += [_Shown(raw_set.dataset, sample, *seen) for seen in show_cells(sample, shaping)]
    names = file_stems(dict.fromkeys(s.sample.source for s in shown))
    subsets = _subsets(recipe.split, shown, findings)
    windows = Counter(s.sample.source for s in shown)
    views, taken = [], set[str]()
    for s, subset in zip(shown, subsets, strict=True):
        name = names[s.sample.source]
        if windows[s.sample.source] > 1 or not _shows_all(s):
            name += f"_x{s.view.window[0]:04d}_y{s.view.window[1]:04d}"
        if name.casefold() in taken:  # an image that is itself called like a window of another one
            name = f"{name}-{_mark(s.sample.source)}"
        taken.add(name.casefold())
        crowds = show_crowds(s.sample, s.view)
        views.append(PlannedView(s.sample, s.view, name, subset, s.cells, crowds))
    return Plan(tuple(views), categories, tuple(findings))


def _categories(recipe: Recipe, raw: Sequence[tuple[Source, RawSet]]) -> tuple[str, ...]:
    """The recipe's categories, or all of its data sets in their order; each must exist."""
    known = {source.labels.get(name, name): None for source, raw_set in raw for name in raw_set.categories}
    wanted = recipe.categories or tuple(known)
    kept = [name for source in recipe.sources if source.tile for name in source.tile.keep_categories]
    for name in kept:
        if name in known and name not in wanted:
            raise RecipeError(f"recipe {recipe.name}: keep_categories: {name} is none of its categories")
    for name in (*recipe.categories, *kept):
        if name not in known:
            raise RecipeError(
                f"recipe {recipe.name}: category {name!r} is in none of its data sets; there are "
                f"{', '.join(known) or 'none'}"
            )
    return wanted


def _chosen(
    recipe: Recipe, source: Source, raw_set: RawSet, categories: tuple[str, ...], findings: list[Finding]
) -> Iterator[Sample]:
    """The samples of a raw set that the recipe takes, with mapped labels and only its categories."""
    wanted = set(categories)
    due = wanted & {source.labels.get(name, name) for name in raw_set.categories}
    for sample in raw_set.samples:
        annotated = relabel_names(sample.annotated, source.labels, frozenset(raw_set.categories))
        missing = sorted(due - annotated)
        if missing and recipe.unknown == "leave_out":
            what = f"nobody looked for {', '.join(missing)} in this image; left out"
            findings.append(Finding("not_annotated", what, sample.source))
            continue
        cells, crowds = (
            tuple(one for one in relabel(regions, source.labels) if one.label in wanted)
            for regions in (sample.cells, sample.crowds)
        )
        smear = sample.smear
        if raw_set.dataset != "prepared":  # two data sets may number their smears alike
            smear = f"{raw_set.dataset}/{smear}"
        yield replace(sample, smear=smear, cells=cells, crowds=crowds, annotated=annotated & wanted)


def _located(finding: Finding, dataset: str) -> Finding:
    """A raw set's finding with the data set's name before the file, as in `Sample.source`."""
    if finding.file == dataset or finding.file.startswith(f"{dataset}/"):
        return finding
    return replace(finding, file=f"{dataset}/{finding.file}".rstrip("/"))


def file_stems(sources: Iterable[str]) -> dict[str, str]:
    """A file name stem for each source, in plain ASCII; two of one stem get a mark of their source."""
    stems: dict[str, set[str]] = defaultdict(set)
    for source in sources:
        stem = re.sub(r"[^A-Za-z0-9.-]+", "_", PurePosixPath(source).stem)
        stem = stem[:_LONGEST_STEM].strip("_.-") or "image"
        stems[stem].add(source)
    alike = Counter(stem.casefold() for stem in stems for _ in stems[stem])
    return {
        source: stem if alike[stem.casefold()] == 1 else f"{stem}-{_mark(source)}"
        for stem, sources in stems.items()
        for source in sources
    }


def _mark(source: str) -> str:
    return sha256(source.encode()).hexdigest()[:8]


def _shows_all(shown: _Shown) -> bool:
    x, y, w, h = shown.view.window
    width, height = shown.sample.size
    return x <= 0 and y <= 0 and x + w >= width and y + h >= height


def _subsets(split: Split | None, shown: Sequence[_Shown], findings: list[Finding]) -> list[str]:
    """The subset of each view. Every data set is split on its own, so that each has its shares."""
    if split is None:
        return [UNSPLIT] * len(shown)
    official = _official(shown, findings) if split.official else {}
    keys = [
        (s.dataset, s.sample.smear if split.by == "smear" else f"{s.sample.source} {s.view.window}")
        for s in shown
    ]
    sizes = Counter(keys)
    cells: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    showing: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    fixed: dict[tuple[str, str], str | None] = {}
    for key, s in zip(keys, shown, strict=True):
        cells[key].update(c.cell.label for c in s.cells)
        showing[key].update(dict.fromkeys((c.cell.label for c in s.cells), 1) or {NO_CELL: 1})
        fixed[key] = official.get(s.sample.source)
    chosen: dict[tuple[str, str], str] = {}
    for dataset in dict.fromkeys(s.dataset for s in shown):
        units = [
            Unit(key[1], sizes[key], cells[key], fixed[key], showing[key])
            for key in sizes
            if key[0] == dataset
        ]
        chosen |= {(dataset, key): subset for key, subset in assign(units, split).items()}
    return [official.get(s.sample.source) or chosen[key] for key, s in zip(keys, shown, strict=True)]


def _official(shown: Sequence[_Shown], findings: list[Finding]) -> dict[str, str]:
    """Source -> official subset.

    An image without one, of a smear that has one, follows its smear: nothing leaks. A smear that the
    data set itself divides stays divided, for these are its official subsets; a finding says so.
    """
    samples = {s.sample.source: s.sample for s in shown}
    of_smear: dict[str, set[str]] = defaultdict(set)
    for sample in samples.values():
        if sample.subset is not None:
            of_smear[sample.smear].add(sample.subset)
    out: dict[str, str] = {}
    followers: Counter[str] = Counter()
    for source, sample in samples.items():
        own = sorted(of_smear.get(sample.smear, ()))
        if own:
            out[source] = sample.subset or own[-1]
            followers[sample.smear] += sample.subset is None
    for smear, subsets in sorted(of_smear.items()):
        if len(subsets) > 1:
            what = f"the official subsets divide this smear between {' and '.join(sorted(subsets))}"
            findings.append(Finding("leak", f"{what}; kept (official: false splits anew)", smear))
        elif followers[smear]:
            what = f"{followers[smear]} more images of this smear follow it to {min(subsets)}"
            findings.append(Finding("note", f"the data set names its subset; {what}", smear))
    return out
