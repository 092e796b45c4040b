"""What a report says first, in sentences: what leaks, what does not, and what nobody can tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from smearprep.leaks import LeakAudit, Shared, percent
from smearprep.reporting.preparation import Preparation
from smearprep.reporting.tables import title

Verdict = tuple[str, str]
"""("bad", "good" or "plain" (nobody can tell), the words)."""


def leak_verdicts(audit: LeakAudit) -> list[Verdict]:
    """Of each kind of leak, what is known of it."""
    if len(audit.subsets) < 2:
        return [("plain", "The set has one subset only: there is nothing that could leak.")]
    said = [_alike(audit), *(("bad", words) for words in _leaks_between(audit))]
    if not audit.overlaps:
        what = "The set does not say where its images were cut from: overlapping windows cannot be seen."
        said.append(("plain", what))
    elif not any(overlap.leaked for overlap in audit.overlaps):
        said.append(("good", "No window of one subset overlaps a window of another."))
    if not audit.names_smears:
        said.append(("plain", "The set does not say which smears its images come from."))
    elif not audit.shared:
        said.append(_apart(audit))
    return said


def _alike(audit: LeakAudit) -> Verdict:
    """Whether images show nearly the same. Good news only where no pixel leaks by another way."""
    if audit.near_pairs:
        return "bad", f"{audit.near_images:,} images show nearly the same as an image in another subset."
    if not audit.compared:
        return "plain", "No image could be compared: nobody knows whether two show nearly the same."
    leaks = any(overlap.leaked for overlap in audit.overlaps) or any(s.what == "raw" for s in audit.shared)
    what = "No two images of different raw images show nearly the same in different subsets."
    return "plain" if leaks else "good", what


def _apart(audit: LeakAudit) -> Verdict:
    """That no smear is in two subsets: good news only where smears are known."""
    what = "No smear and no raw image lies in two subsets."
    if not audit.own_smears:
        return "good", what
    return "plain", (
        f"{what} But {own_smears(audit.own_smears)} counts as a smear of its own: where several are of one "
        "patient, they may lie in two subsets all the same."
    )


def own_smears(datasets: Sequence[str]) -> str:
    """Raw images that count as smears of their own, in words."""
    names = [title(name) for name in datasets if name]
    return f"each raw image of {' and of '.join(names)}" if names else "each raw image"


def _leaks_between(audit: LeakAudit) -> Iterator[str]:
    """Of each pair of subsets between which something leaks: how much of the px, how many of the images."""
    parts: dict[tuple[str, str], list[str]] = {}
    for overlap in audit.overlaps:
        if overlap.leaked:
            words = f"{percent(overlap.share)} of the px lie in windows of {overlap.other}"
            parts.setdefault((overlap.subset, overlap.other), []).append(words)
    shared: dict[tuple[str, str], list[Shared]] = {}
    for one in audit.shared:
        shared.setdefault((one.subset, one.other), []).append(one)
    names = {"smear": "smears", "raw": "raw images"}
    for pair, own in shared.items():
        # Smears say more than raw images, but for those that are no more than a raw image.
        most = max(own, key=lambda one: (one.images, one.what == "raw"))
        share = percent(most.images / most.of_images)
        words = f"{share} of the images come from {names[most.what]} that {most.other} has, too"
        parts.setdefault(pair, []).append(words)
    for (subset, _), said in parts.items():
        yield f"Of {subset}, {', and '.join(said)}."


def preparation_verdict(made: Preparation) -> Verdict | None:
    """What the preparation left out and found, where it did."""
    problems = sum(finding.is_problem for finding in made.findings)
    said = [made.told()] if made.left_out else []
    if made.findings:
        told = f", {problems:,} of them problems" if problems else ""
        things = "thing was" if len(made.findings) == 1 else "things were"
        said.append(f"{len(made.findings):,} {things} found in the raw data when the set was prepared{told}.")
    return ("bad" if problems else "plain", " ".join(said)) if said else None
