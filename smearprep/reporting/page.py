"""The page: one HTML file with everything in it, that asks the network for nothing."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from smearprep.drawing import palette
from smearprep.errors import SmearprepError
from smearprep.findings import Finding
from smearprep.leaks import NEAR, LeakAudit
from smearprep.reporting import figures, tables
from smearprep.reporting.looks import FEW, Group, Spread
from smearprep.reporting.numbers import Numbers, evenly
from smearprep.reporting.preparation import Preparation
from smearprep.reporting.reading import SetData
from smearprep.reporting.sheets import Thumbnail
from smearprep.reporting.verdicts import leak_verdicts, own_smears, preparation_verdict

if TYPE_CHECKING:
    from markupsafe import Markup

_LONGEST_RECIPE = 20_000  # letters
_STRIP = 150  # colours of a subset
_SHIFTED = 1.0  # standard deviations between smears from which a subset is said to look otherwise


@dataclass(frozen=True)
class Content:
    """All that a page shows.

    Args:
        data: The set.
        made: What its manifest says of the preparation.
        numbers: Counts and sizes.
        groups: How each smear looks.
        spreads: How each subset looks.
        audit: What leaks.
        findings: Of the audit, of `check`, and of reading the images.
        details: Findings of `check` that the audit's tell all at once: single smears in two subsets.
        sheets: Of each subset, pictures.
        pairs: Pictures of near-duplicates, two and two.
        um_per_px: Scale of the raw images, or None.
    """

    data: SetData
    made: Preparation
    numbers: Numbers
    groups: Sequence[Group]
    spreads: Sequence[Spread]
    audit: LeakAudit
    findings: tuple[Finding, ...]
    details: tuple[Finding, ...]
    sheets: Sequence[tuple[str, Sequence[Thumbnail]]]
    pairs: Sequence[tuple[Thumbnail, Thumbnail]]
    um_per_px: float | None


def need_libraries() -> None:
    """Find out at once whether a page can be made.

    Raises:
        SmearprepError: jinja2 or matplotlib is not installed.
    """
    for name in ("jinja2", "matplotlib"):
        try:
            import_module(name)
        except ModuleNotFoundError:
            what = f'a report needs {name}, which is not installed; pip install "smearprep[report]"'
            raise SmearprepError(what) from None


def render(content: Content) -> bytes:
    """The page, UTF-8; the same content gives the same bytes. See `need_libraries`."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    template, style, script = (
        (files("smearprep.reporting") / f"report.{suffix}").read_text(encoding="utf-8")
        for suffix in ("html", "css", "js")
    )
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["breakable"] = _breakable
    text = environment.from_string(template).render(
        **_words(content),
        **_tables(content),
        figures={name: Markup(svg) for name, svg in _figures(content).items()},
        style=Markup(style),
        script=Markup(script),
        script_digest=b64encode(sha256(script.encode()).digest()).decode(),
    )
    return text.encode("utf-8", "backslashreplace")


def _breakable(text: str) -> Markup:
    """A text that may be broken after / and _, as names are best read."""
    from markupsafe import Markup, escape

    return Markup(re.sub("(?<=[/_])(?=[^/_])", "<wbr>", str(escape(text))))


def _figures(content: Content) -> dict[str, str]:
    """The figures for which there is something to show."""
    numbers, of = content.numbers, _of(content)
    wanted: dict[str, tuple[bool, Callable[[], str]]] = {
        "counts": (bool(numbers.looked_for), lambda: figures.counts(numbers)),
        "shares": (
            len(numbers.subsets) > 1 and sum(numbers.images.values()) > 0,
            lambda: figures.shares(numbers),
        ),
        "sizes": (
            any(len(category.diameters) for category in numbers.categories),
            lambda: figures.sizes(numbers, content.um_per_px),
        ),
        "per_image": (
            any(category.searched for category in numbers.categories),
            lambda: figures.per_image(numbers),
        ),
        "stain": (bool(content.groups), lambda: figures.stain(content.groups, numbers.subsets, of)),
        "overlaps": (
            any(overlap.leaked for overlap in content.audit.overlaps),
            lambda: figures.overlaps(content.audit.overlaps),
        ),
    }
    return {name: make() for name, (is_wanted, make) in wanted.items() if is_wanted}


def _of(content: Content) -> str:
    """What brightness and stain are told of."""
    return "smear" if content.numbers.names_smears else "image"


# ---------------------------------------------------------------- words


def _words(content: Content) -> dict[str, Any]:
    recipe = content.data.manifest.get("recipe")
    recipe = recipe if isinstance(recipe, Mapping) else {}
    problems = sum(finding.is_problem for finding in content.findings)
    categories = [category.name for category in content.numbers.looked_for]
    return {
        "title": str(recipe.get("name") or "A set in COCO's layout"),
        "description": str(recipe.get("description") or ""),
        "version": _version(),
        "tiles": _tiles(content),
        "problems": problems,
        "has_manifest": bool(content.data.manifest),
        "verdicts": leak_verdicts(content.audit),
        "preparation": preparation_verdict(content.made),
        "made": content.made,
        "audit": content.audit,
        "near_limit": NEAR,
        "few": FEW,
        "of": _of(content),
        "strips": _strips(content),
        "shifts": _shifts(content.spreads, _of(content)),
        "legend": [(name, tables.css(colour)) for name, colour in palette(categories).items()],
        "sheets": content.sheets,
        "pairs": content.pairs,
        "um_per_px": content.um_per_px,
        "has_boxes": "box" in content.numbers.outlines,
        "has_components": "component" in content.numbers.outlines,
        "recipe": _recipe_text(recipe),
    }


def _tiles(content: Content) -> list[tuple[str, str, str]]:
    """The main figures: what, how many, and what is to be known of them."""
    numbers, made, own = content.numbers, content.made, content.audit.own_smears
    tiles = [("images", sum(numbers.images.values()), ""), ("cells", sum(numbers.cells.values()), "")]
    tiles.append(("categories", len(numbers.looked_for), ""))
    if numbers.names_smears:
        tiles.append(("smears", numbers.different_smears, f"{own_smears(own)} counts as one" if own else ""))
    if made.raw_images:
        tiles.append(("raw images", made.used, f"of {made.raw_images:,}"))
    return [(name, f"{value:,}", note) for name, value, note in tiles]


def _strips(content: Content) -> list[tuple[str, list[str]]]:
    """The mean colours of the smears of each subset, from dark to bright."""
    strips = []
    for subset in content.numbers.subsets:
        own = sorted((g.look for g in content.groups if g.subset == subset), key=lambda look: look.brightness)
        colours = [tables.css(own[k].colour) for k in evenly(len(own), _STRIP)]
        if colours:
            strips.append((subset, colours))
    return strips


def _shifts(spreads: Sequence[Spread], of: str) -> list[str]:
    """Subsets that look otherwise than the first one, in words."""
    names = ("bright", "saturated")
    words = []
    for spread in spreads:
        for name, value in zip(names, spread.shift, strict=False):
            if abs(value) >= _SHIFTED:
                less = "less" if value < 0 else "more"
                words.append(
                    f"{spread.subset} is {less} {name} than {spreads[0].subset}, by {abs(value):.1f} "
                    f"standard deviations between the {of}s of {spreads[0].subset}."
                )
    return words


def _recipe_text(recipe: Mapping[str, Any]) -> str:
    if not recipe:
        return ""
    try:
        text = yaml.safe_dump(
            dict(recipe), sort_keys=False, allow_unicode=True, width=100, default_flow_style=None
        )
    except RecursionError:  # a manifest that nobody's recipe has made
        return ""
    return text if len(text) <= _LONGEST_RECIPE else f"{text[:_LONGEST_RECIPE]}\n..."


def _version() -> str:
    try:
        return version("smearprep")
    except PackageNotFoundError:
        return "unknown"


# ---------------------------------------------------------------- tables


def _tables(content: Content) -> dict[str, Any]:
    numbers, audit, of = content.numbers, content.audit, _of(content)
    return {
        "tables": {
            "counts": tables.counts(numbers),
            "shares": tables.shares(numbers),
            "sizes": tables.sizes(numbers, "px", 1.0),
            "sizes_um": tables.sizes(numbers, "µm", content.um_per_px) if content.um_per_px else None,
            "subset_looks": tables.subset_looks(content.spreads, of),
            "smears": tables.smears(content.groups, of),
            "near": tables.near(audit),
            "overlaps": tables.overlaps(audit),
            "shared": tables.shared(audit),
            "findings": tables.findings(content.findings, content.details),
            "prepared": tables.prepared(content.made.findings),
            "sources": tables.sources(image.audited for image in content.data.images),
            "facts": tables.facts(_facts(content), "How it was made"),
        }
    }


def _facts(content: Content) -> dict[str, Any]:
    """What the manifest says of the set's making."""
    data, made = content.data, content.made
    manifest = data.manifest
    if not manifest:
        return {"manifest": "none: the set was not made by smearprep, or is not finished"}
    libraries = manifest.get("libraries")
    annotations = manifest.get("annotations")
    annotations = annotations if isinstance(annotations, Mapping) else {}
    return {
        "made by smearprep": manifest.get("smearprep", "unknown"),
        **(libraries if isinstance(libraries, Mapping) else {}),
        "raw images used": f"{made.used:,} of {made.raw_images:,}" if made.raw_images else "unknown",
        **({"raw images left out": f"{made.left_out:,}: {made.why_left_out()}"} if made.left_out else {}),
        "digest of manifest.json (SHA-256)": data.manifest_digest,
        "digest of the plan": manifest.get("plan", "unknown"),
        **{f"digest of {name}": digest for name, digest in annotations.items()},
    }
