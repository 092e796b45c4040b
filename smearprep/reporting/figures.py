"""The figures of a report. Subsets differ by colour and pattern or marker, categories by their place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from smearprep.leaks import Overlap, percent
from smearprep.reporting.looks import Group
from smearprep.reporting.numbers import Category, Numbers, balance, evenly
from smearprep.reporting.svg import CARD, INK, SMALL, SOFT, category_colour, draw, shown, subset_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 4.5  # inches: 324 units of the SVG, in which letters have 10.5
MOST_ROWS = 12
"""So many categories are drawn, those with the most cells; the tables have all."""
MOST_DOTS = 600
"""So many smears are drawn, evenly spaced."""

# Five of each to four colours: only the 21st subset looks like the first one.
_PATTERNS = ("", "////", "....", "xx", "--")
_MARKERS = ("o", "D", "^", "s", "v")
_BINS = 30


def _figure(rows: float) -> tuple[Figure, Axes]:
    """A figure of the page's width with room for so many rows of bars."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 0.9 + 0.3 * rows), layout="constrained")
    return figure, figure.subplots()


def _largest(categories: Sequence[Category], most: int = MOST_ROWS) -> list[tuple[int, Category]]:
    """The categories with the most cells, with their numbers, in the set's order."""
    order = sorted(enumerate(categories), key=lambda item: (-item[1].total, item[0]))
    return sorted(order[:most], key=lambda item: item[0])


def counts(numbers: Numbers) -> str:
    """Cells of each category in each subset, as bars side by side."""
    most = max(3, 3 * MOST_ROWS // max(3, len(numbers.subsets)))
    chosen = [category for _, category in _largest(numbers.looked_for, most)]
    return draw("counts", "Bars: cells of each category in each subset", lambda: _counts(numbers, chosen))


def _counts(numbers: Numbers, chosen: Sequence[Category]) -> Figure:
    several = len(numbers.subsets)
    figure, axes = _figure(len(chosen) * max(1, several * 0.7))
    high = 0.8 / several
    for n, subset in enumerate(numbers.subsets):
        place = np.arange(len(chosen)) - 0.4 + (n + 0.5) * high
        values = [category.cells.get(subset, 0) for category in chosen]
        bars = axes.barh(place, values, high * 0.9, label=shown(subset), **_look(n))
        axes.bar_label(bars, [f"{value:,}" for value in values], padding=3, fontsize=SMALL, color=INK)
    axes.set_yticks(range(len(chosen)), [shown(category.name) for category in chosen])
    axes.invert_yaxis()
    axes.margins(x=0.16)
    axes.set_xlabel("cells")
    _finish(axes, several)
    return figure


def _look(number: int) -> dict[str, Any]:
    """How the bars of the n-th subset look."""
    return {
        "color": subset_colour(number),
        "hatch": _PATTERNS[number % len(_PATTERNS)],
        "edgecolor": INK,
        "linewidth": 0.7,
    }


def _finish(axes: Axes, several: int) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    if several > 1:
        _legend(axes.figure, several)


def _legend(figure: Any, several: int) -> None:
    """A legend of the subsets above the figure; its first axes show all of them."""
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=min(several, 4),
        columnspacing=1.2,
        handlelength=1.6,
    )


def shares(numbers: Numbers) -> str:
    """How images, smears and cells are shared out between the subsets."""
    # Smears that lie in several subsets are no shares of a whole.
    rows = [(name, row) for name, row, total in balance(numbers) if sum(row.values()) == total > 0]
    rows = rows[: MOST_ROWS + 3]
    title = "Stacked bars: share of each subset in images, smears and cells"
    return draw("shares", title, lambda: _shares(numbers.subsets, rows))


def _shares(subsets: Sequence[str], rows: Sequence[tuple[str, Mapping[str, int]]]) -> Figure:
    figure, axes = _figure(len(rows))
    left = np.zeros(len(rows))
    totals = np.array([sum(row.values()) for _, row in rows], float)
    for n, subset in enumerate(subsets):
        part = np.array([row.get(subset, 0) for _, row in rows]) / totals
        bars = axes.barh(range(len(rows)), 100 * part, 0.75, left=100 * left, label=shown(subset), **_look(n))
        texts = [f"{100 * share:.0f}" if share >= 0.06 else "" for share in part]
        for text in axes.bar_label(bars, texts, label_type="center", fontsize=SMALL, color=INK):
            text.set_bbox({"boxstyle": "round,pad=0.15", "facecolor": CARD, "edgecolor": "none"})
            text.set_visible(bool(text.get_text()))
        left += part
    axes.set_yticks(range(len(rows)), [shown(name) for name, _ in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("share, %")
    _finish(axes, len(subsets))
    return figure


def sizes(numbers: Numbers, um_per_px: float | None) -> str:
    """How large the cells of each category are: a histogram each, above one axis."""
    known = [(n, category) for n, category in _largest(numbers.looked_for) if len(category.diameters)]
    return draw("sizes", "Histograms: cell diameters of each category", lambda: _sizes(known, um_per_px))


def _sizes(known: Sequence[tuple[int, Category]], um_per_px: float | None) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 0.8 + 0.75 * len(known)), layout="constrained")
    grid = figure.subplots(len(known), 1, sharex=True, squeeze=False)[:, 0]
    # One cell of three times the size would press all others together; the table has the largest.
    highest = max(float(np.quantile(category.diameters, 0.995)) for _, category in known) * 1.1
    for axes, (n, category) in zip(grid, known, strict=True):
        middle = float(np.median(category.diameters))
        axes.hist(
            category.diameters,
            bins=np.linspace(0, highest, 2 * _BINS),
            color=category_colour(n),
            edgecolor=INK,
            linewidth=0.4,
        )
        axes.axvline(middle, color=INK, linewidth=1.2, linestyle="--")
        told = f"{middle:.0f} px" + (f" = {middle * um_per_px:.1f} µm" if um_per_px else "")
        axes.set_title(f"{shown(category.name)}: half are below {told}", loc="left", fontsize=SMALL)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlim(0, highest)
    grid[-1].set_xlabel("diameter in the raw image, px")
    if um_per_px:
        from matplotlib.ticker import MaxNLocator

        grid[-1].xaxis.set_major_locator(MaxNLocator(5))  # the lower line of a label is wide
        grid[-1].xaxis.set_major_formatter(lambda px, _: f"{px:.0f}\n{px * um_per_px:.3g} µm")
    return figure


def per_image(numbers: Numbers) -> str:
    """How many images have how many cells of each category, where it was looked for: a histogram each."""
    chosen = [category for _, category in _largest(numbers.looked_for) if category.searched]
    title = "Stacked histograms: cells an image of each category, in the images in which it was looked for"
    return draw("per-image", title, lambda: _per_image(numbers.subsets, chosen))


def _per_image(subsets: Sequence[str], chosen: Sequence[Category]) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(WIDTH, 0.8 + 1.05 * len(chosen)), layout="constrained")
    grid = figure.subplots(len(chosen), 1, squeeze=False)[:, 0]
    for axes, category in zip(grid, chosen, strict=True):
        values = np.concatenate([category.per_image[subset] for subset in subsets])
        step = max(1, -(-int(values.max() + 1) // _BINS))
        edges = np.arange(0, values.max() + 1 + step, step) - 0.5
        below = np.zeros(len(edges) - 1)
        for n, subset in enumerate(subsets):
            top = below + np.histogram(category.per_image[subset], edges)[0]
            axes.stairs(top, edges, baseline=below, fill=True, label=shown(subset), **_look(n))
            below = top
        average, empty = f"{values.mean():.1f} on average", f"{int((values == 0).sum()):,} of {len(values):,}"
        axes.set_title(f"{shown(category.name, 16)}: {average}, none in {empty}", loc="left", fontsize=SMALL)
        axes.set_ylim(0, 1.05 * below.max())
        axes.yaxis.set_major_locator(MaxNLocator(2, integer=True))
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    grid[-1].set_xlabel("cells an image")
    figure.supylabel("images", fontsize=10.5)
    if len(subsets) > 1:
        _legend(figure, len(subsets))
    return figure


def stain(groups: Sequence[Group], subsets: Sequence[str], of: str) -> str:
    """Brightness and saturation of each smear, a marker a subset."""
    picked = [groups[k] for k in evenly(len(groups), MOST_DOTS)]
    title = f"Scatter plot: brightness and saturation of each {of}"
    return draw("stain", title, lambda: _stain(picked, subsets))


def _stain(groups: Sequence[Group], subsets: Sequence[str]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
    axes = figure.subplots()
    for n, subset in enumerate(subsets):
        own = [group.look for group in groups if group.subset == subset]
        if own:
            axes.plot(
                [look.brightness for look in own],
                [100 * look.saturation for look in own],
                linestyle="none",
                marker=_MARKERS[n % len(_MARKERS)],
                markersize=5.5,
                markerfacecolor=subset_colour(n),
                markeredgecolor=INK,
                markeredgewidth=0.5,
                alpha=0.8,
                label=shown(subset),
            )
    axes.set_xlabel("brightness, grey levels 0-255")
    axes.set_ylabel("saturation, %")
    axes.grid(axis="both")
    _legend(figure, len(subsets))
    return figure


def overlaps(found: Iterable[Overlap]) -> str:
    """How much of the px of one subset lies in windows of another."""
    rows = list(found)[:MOST_ROWS]
    title = "Bars: share of the px of one subset that another one knows"
    return draw("overlaps", title, lambda: _overlaps(rows))


def _overlaps(rows: Sequence[Overlap]) -> Figure:
    figure, axes = _figure(len(rows))
    place = range(len(rows))
    axes.barh(place, [100] * len(rows), 0.7, color="none", edgecolor=SOFT, linewidth=0.7)
    axes.barh(
        place, [100 * row.share for row in rows], 0.7, color=category_colour(4), hatch="//", edgecolor=INK
    )
    for n, row in enumerate(rows):  # beyond the frame of the whole, whatever the share is
        axes.text(104, n, percent(row.share), va="center", fontsize=SMALL)
    axes.set_yticks(place, [shown(f"{row.subset} px known to {row.other}", 40) for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("share of px, %")
    _finish(axes, 1)
    axes.set_xticks(range(0, 101, 25))
    axes.set_xlim(0, 101)
    return figure
