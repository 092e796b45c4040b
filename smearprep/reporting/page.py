"""The page: one HTML file with everything in it, that asks the network for nothing."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import Any

import yaml

from smearprep.drawing import palette
from smearprep.errors import SmearprepError
from smearprep.findings import Finding
from smearprep.leaks import NEAR, LeakAudit, percent
from smearprep.reporting import figures, tables
from smearprep.reporting.looks import Group, Spread
from smearprep.reporting.numbers import Numbers
from smearprep.reporting.reading import SetData
from smearprep.reporting.sheets import Thumbnail

_LONGEST_RECIPE = 20_000  # letters
_SHIFTED = 1.0  # standard deviations between smears from which a subset is said to look otherwise


@dataclass(frozen=True)
class Content:
    """All that a page shows.

    Args:
        data: The set.
        numbers: Counts and sizes.
        groups: How each smear looks.
        spreads: How each subset looks.
        audit: What leaks.
        findings: Of `check`, of reading the images, and of the audit.
        sheets: Of each subset, pictures.
        pairs: Pictures of near-duplicates, two and two.
        um_per_px: Scale of the raw images, or None.
    """

    data: SetData
    numbers: Numbers
    groups: Sequence[Group]
    spreads: Sequence[Spread]
    audit: LeakAudit
    findings: Sequence[Finding]
    sheets: Sequence[tuple[str, Sequence[Thumbnail]]]
    pairs: Sequence[tuple[Thumbnail, Thumbnail]]
    um_per_px: float | None


def render(content: Content) -> bytes:
    """The page, UTF-8; the same content gives the same bytes.

    Raises:
        SmearprepError: jinja2 or matplotlib is not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined
        from markupsafe import Markup
    except ModuleNotFoundError:
        what = 'a report is laid out by jinja2, which is not installed; pip install "smearprep[report]"'
        raise SmearprepError(what) from None
    template, style, script = (
        (files("smearprep.reporting") / f"report.{suffix}").read_text(encoding="utf-8")
        for suffix in ("html", "css", "js")
    )
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text = environment.from_string(template).render(
        **_words(content),
        **_tables(content),
        figures={name: Markup(svg) for name, svg in _figures(content).items()},  # noqa: S704
        style=Markup(style),
        script=Markup(script),
        script_digest=b64encode(sha256(script.encode()).digest()).decode(),
    )
    return text.encode("utf-8", "backslashreplace")


def _figures(content: Content) -> dict[str, str]:
    """The figures for which there is something to show."""
    numbers, of = content.numbers, _of(content)
    wanted: dict[str, tuple[bool, Callable[[], str]]] = {
        "counts": (bool(numbers.categories), lambda: figures.counts(numbers)),
        "shares": (
            len(numbers.subsets) > 1 and sum(numbers.images.values()) > 0,
            lambda: figures.shares(numbers),
        ),
        "sizes": (
            any(len(category.diameters) for category in numbers.categories),
            lambda: figures.sizes(numbers, content.um_per_px),
        ),
        "per_image": (sum(numbers.images.values()) > 0, lambda: figures.per_image(numbers)),
        "stain": (bool(content.groups), lambda: figures.stain(content.groups, numbers.subsets, of)),
        "overlaps": (bool(content.audit.overlaps), lambda: figures.overlaps(content.audit.overlaps)),
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
    categories = [category.name for category in content.numbers.categories]
    return {
        "title": str(recipe.get("name") or "A set in COCO's layout"),
        "description": str(recipe.get("description") or ""),
        "version": _version(),
        "tiles": _tiles(content),
        "problems": problems,
        "notes": len(content.findings) - problems,
        "verdicts": _verdicts(content.audit),
        "is_clean": content.audit.is_clean,
        "audit": content.audit,
        "near_limit": NEAR,
        "of": _of(content),
        "shifts": list(_shifts(content.spreads)),
        "legend": [(name, "rgb({} {} {})".format(*colour)) for name, colour in palette(categories).items()],
        "sheets": content.sheets,
        "pairs": content.pairs,
        "um_per_px": content.um_per_px,
        "has_boxes": "box" in content.numbers.outlines,
        "has_components": "component" in content.numbers.outlines,
        "recipe": _recipe_text(recipe),
    }


def _tiles(content: Content) -> list[tuple[str, str]]:
    """The main figures: what, how many."""
    numbers = content.numbers
    tiles = [("images", sum(numbers.images.values())), ("cells", sum(numbers.cells.values()))]
    tiles.append(("categories", len(numbers.categories)))
    if numbers.names_smears:
        tiles.append(("smears", len({i.audited.smear for i in content.data.images if i.audited.smear})))
    return [(name, f"{value:,}") for name, value in tiles]


def _verdicts(audit: LeakAudit) -> list[tuple[bool, str]]:
    """Of each kind of leak: whether it is there, and in words."""
    if len(audit.subsets) < 2:
        return [(False, "The set has one subset only: there is nothing that could leak.")]
    said = []
    if audit.near_pairs:
        told = f"{audit.near_images:,} images show nearly the same as an image in another subset."
    else:
        told = "No image shows nearly the same as an image of another raw image in another subset."
    said.append((audit.near_pairs > 0, told))
    if not audit.overlaps:
        said.append((False, "The set does not say where its images were cut from: overlaps cannot be seen."))
    for overlap in audit.overlaps:
        if overlap.leaked:
            what = f"{percent(overlap.share)} of the px in {overlap.subset} are also in {overlap.other}."
            said.append((True, what))
    if audit.overlaps and not any(overlap.leaked for overlap in audit.overlaps):
        said.append((False, "No window of one subset overlaps a window of another."))
    for shared in audit.shared:
        if shared.what == "smear":
            share = percent(shared.images / shared.of_images)
            what = f"{share} of the images in {shared.subset} come from smears that {shared.other} has, too."
            said.append((True, what))
    if not audit.shared:
        said.append((False, "No smear and no raw image lies in two subsets."))
    return said


def _shifts(spreads: Sequence[Spread]) -> list[str]:
    """Subsets that look otherwise than the first one, in words."""
    names = ("bright", "saturated")
    words = []
    for spread in spreads:
        for name, value in zip(names, spread.shift, strict=False):
            if abs(value) >= _SHIFTED:
                less = "less" if value < 0 else "more"
                words.append(
                    f"{spread.subset} is {less} {name} than {spreads[0].subset}, by {abs(value):.1f} "
                    f"standard deviations between the smears of {spreads[0].subset}."
                )
    return words


def _recipe_text(recipe: Mapping[str, Any]) -> str:
    if not recipe:
        return ""
    try:
        text = yaml.safe_dump(dict(recipe), sort_keys=False, allow_unicode=True, width=100)
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
            "sizes": tables.sizes(numbers, content.um_per_px),
            "subset_looks": tables.subset_looks(content.spreads, of),
            "smears": tables.smears(content.groups, of),
            "near": tables.near(audit),
            "overlaps": tables.overlaps(audit),
            "shared": tables.shared(audit),
            "findings": tables.findings(content.findings),
            "sources": tables.sources(image.audited.raw for image in content.data.images),
            "facts": tables.facts(_facts(content.data), "How it was made"),
        }
    }


def _facts(data: SetData) -> dict[str, Any]:
    """What the manifest says of the set's making."""
    manifest = data.manifest
    if not manifest:
        return {"manifest": "none: the set was not made by smearprep, or is not finished"}
    libraries = manifest.get("libraries")
    inputs = manifest.get("inputs")
    return {
        "made by smearprep": manifest.get("smearprep", "unknown"),
        **(libraries if isinstance(libraries, Mapping) else {}),
        "raw images read": f"{len(inputs):,}" if isinstance(inputs, Mapping) else "unknown",
        "digest of the manifest (SHA-256)": data.manifest_digest,
        "digest of the plan (SHA-256)": manifest.get("plan", "unknown"),
        "digest of the annotations (SHA-256)": _digests(manifest.get("annotations")),
        "report by smearprep": _version(),
    }


def _digests(annotations: object) -> str:
    if not isinstance(annotations, Mapping):
        return "unknown"
    return ", ".join(f"{name}: {digest}" for name, digest in annotations.items())
