"""A matplotlib figure as inline SVG whose colours are the page's, so that it follows light and dark."""

from __future__ import annotations

import io
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, SOFT, GRID, CARD = "#010101", "#020202", "#030303", "#040404"
"""Stand-ins for the page's colours: text, secondary text, grid lines, and the paper a figure lies on."""

SMALL = 9.5
"""Size of secondary letters; the others have 10.5."""

_SUBSETS, _CATEGORIES = 4, 8  # colours of the page for either
_LONGEST = 28  # letters of a name in a figure; the tables have all of them
_SALT = "smearprep"  # of the ids in the SVG
_STYLE: Any = {  # of a type that differs between versions of matplotlib
    "svg.fonttype": "none",  # letters stay letters: they can be searched, and have the page's font
    "svg.hashsalt": _SALT,
    "text.parse_math": False,  # a label may hold a $
    "font.size": 10.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "axes.facecolor": "none",
    "axes.grid.axis": "x",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "grid.color": GRID,
    "hatch.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": SMALL,
    "xtick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.color": SOFT,
    "ytick.labelcolor": INK,
}


def subset_colour(number: int) -> str:
    """A stand-in for the page's colour of the n-th subset."""
    return f"#0a00{number % _SUBSETS:02x}"


def category_colour(number: int) -> str:
    """A stand-in for the page's colour of the n-th category."""
    return f"#0b00{number % _CATEGORIES:02x}"


_VARIABLES = {
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    GRID: "var(--grid)",
    CARD: "var(--card)",
    **{subset_colour(n): f"var(--s{n})" for n in range(_SUBSETS)},
    **{category_colour(n): f"var(--c{n})" for n in range(_CATEGORIES)},
}
_COLOUR = re.compile("|".join(_VARIABLES))
_FONT = re.compile(r"font: (?:[a-z0-9 ]+ )?([\d.]+)px [^;]*")
_LINK = "{http://www.w3.org/1999/xlink}href"


def shown(text: str, longest: int = _LONGEST) -> str:
    """A name as figures show it: one line, no control characters, cut where it is too long."""
    plain = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Cn") else c for c in text)
    plain = " ".join(plain.split()) or "(no name)"
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def draw(name: str, title: str, make: Callable[[], Figure]) -> str:
    """Draw a figure in our style, whatever the user's own is, and leave no trace in matplotlib's settings.

    Args:
        name: Unique on the page: begins the ids in the SVG.
        title: What the figure shows, for those who cannot see it.
        make: Draws it.

    Returns:
        An <svg> element, without width and height: as wide as its place on the page.
    """
    with _our_style(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that matplotlib's font lacks: the browser's will have them
        buffer = io.BytesIO()
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
        make().savefig(buffer, format="svg", metadata=nothing)
    return _inlined(buffer.getvalue(), name, title)


@contextmanager
def _our_style() -> Iterator[None]:
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def _inlined(svg: bytes, name: str, title: str) -> str:
    """An SVG file as an element of the page: no header, no style sheet, ids that only it has."""
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.rpartition("}")[2] in ("metadata", "style"):
                parent.remove(child)
    used = set(re.findall(rb'(?:href="#|url\(#)([^")]+)', svg))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        _rename(element, name, used)
        # A variable has a value only within a style.
        plain = [f"{key}: {element.attrib.pop(key)}" for key in ("fill", "stroke") if key in element.attrib]
        style = "; ".join([*plain, *filter(None, [element.attrib.pop("style", "")])])
        if style:
            style = _COLOUR.sub(lambda found: _VARIABLES[found[0]], style)
            element.attrib["style"] = _FONT.sub(r"font: \1px var(--font)", style)
    view = root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib.update({"viewBox": view, "role": "img", "aria-label": title})
    return ElementTree.tostring(root, encoding="unicode")


def _rename(element: ElementTree.Element, name: str, used: set[bytes]) -> None:
    """Put the figure's name before an id that something refers to, and drop all other ids."""
    own = element.attrib.pop("id", None)
    if own is not None and own.encode() in used:
        element.attrib["id"] = f"{name}-{own}"
    target = element.attrib.pop(_LINK, None)
    if target is not None:
        element.attrib["href"] = f"#{name}-{target.removeprefix('#')}"
    for key, value in element.attrib.items():
        if "url(#" in value:
            element.attrib[key] = value.replace("url(#", f"url(#{name}-")
