"""How images look: brightness, colour and stain of each, and their fingerprints, from a small decode."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.images import RGB
from smearprep.leaks import AuditedImage, Fingerprint, fingerprint, look_through
from smearprep.rendering import Progress
from smearprep.reporting.reading import SetImage

MEASURES = ("brightness", "saturation", "density_red", "density_green", "density_blue")
_LUMA = (0.2126, 0.7152, 0.0722)  # of ITU-R BT.709
_GREYS = np.arange(256)
_DENSITY = -np.log10((_GREYS + 1) / 256)
FEW = 16
"""So many smears of a subset are enough to judge how much two subsets differ by chance."""


@dataclass(frozen=True, slots=True)
class Look:
    """How an image looks, or the mean of several; padding is not counted.

    Args:
        colour: Mean (red, green, blue), 0..255.
        brightness: Mean luminance (ITU-R BT.709 weights), grey levels 0..255.
        saturation: Mean saturation (HSV), 0..1.
        density: Mean optical density, -log10((value + 1) / 256), in red, green and blue: how much light
            the stain has taken away.
    """

    colour: tuple[float, float, float]
    brightness: float
    saturation: float
    density: tuple[float, float, float]

    def as_row(self) -> tuple[float, ...]:
        """Its `MEASURES`."""
        return (self.brightness, self.saturation, *self.density)


def look_at(image: RGB) -> Look:
    """How an image looks.

    Args:
        image: (H, W, 3) uint8 RGB, without padding.
    """
    import cv2

    image = np.ascontiguousarray(image)
    values = [
        cv2.calcHist([image], [channel], None, [256], [0, 256]).ravel().astype(np.int64)
        for channel in range(3)
    ]
    red, green, blue = (float(own @ _GREYS / own.sum()) for own in values)
    d_red, d_green, d_blue = (float(own @ _DENSITY / own.sum()) for own in values)
    saturation = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)[..., 1]
    brightness = float(np.dot(_LUMA, (red, green, blue)))
    return Look((red, green, blue), brightness, float(saturation.mean()) / 255, (d_red, d_green, d_blue))


def look_at_all(
    images: Sequence[SetImage], prepared: Path, known: Iterable[Finding], progress: Progress | None = None
) -> tuple[dict[str, Look], tuple[AuditedImage, ...], list[Finding]]:
    """Decode each image once, small.

    Args:
        images: Of the set.
        prepared: The set's folder.
        known: Findings so far; an image that they say cannot be used is not named again.
        progress: Told of images read, of all.

    Returns:
        The look of each image that can be read, by its name; all images with their fingerprints for the
        leak audit; a finding for each image that cannot be read.
    """
    told = {finding.file for finding in known if finding.is_problem}
    seen = dict(look_through(prepared, [image.name for image in images], _look_and_print, progress))
    looks: dict[str, Look] = {}
    audited, findings = [], []
    for image in images:  # in their order, whichever was read first
        found = seen[image.name]
        if isinstance(found, DataError):
            audited.append(image.audited)
            if image.name not in told:
                findings.append(Finding("unreadable", f"{found.what}; left out", image.name))
        else:
            looks[image.name], own = found
            audited.append(replace(image.audited, fingerprint=own))
    return looks, tuple(audited), findings


def _look_and_print(image: RGB) -> tuple[Look, Fingerprint | None]:
    return look_at(image), fingerprint(image)


@dataclass(frozen=True, slots=True)
class Group:
    """What is known of one smear in one subset.

    Args:
        smear: Its name, or the image's where the set names no smears.
        subset: The subset.
        images: How many of its images could be read.
        look: Their mean.
    """

    smear: str
    subset: str
    images: int
    look: Look


def mean_look(looks: Sequence[Look]) -> Look:
    """The mean of some looks, at least one."""
    rows = np.array([(*look.colour, *look.as_row()) for look in looks]).mean(axis=0).tolist()
    red, green, blue, brightness, saturation, d_red, d_green, d_blue = rows
    return Look((red, green, blue), brightness, saturation, (d_red, d_green, d_blue))


def by_smear(images: Iterable[SetImage], looks: Mapping[str, Look]) -> list[Group]:
    """The mean look of each smear in each subset, in the images' order."""
    found: dict[tuple[str, str], list[Look]] = {}
    for image in images:
        if image.name in looks:
            key = image.audited.smear or image.name, image.subset
            found.setdefault(key, []).append(looks[image.name])
    return [Group(smear, subset, len(own), mean_look(own)) for (smear, subset), own in found.items()]


@dataclass(frozen=True, slots=True)
class Spread:
    """How the smears of a subset look.

    Args:
        subset: The subset.
        smears: How many smears it has.
        look: The mean of its smears.
        deviation: The standard deviation between its smears, of each of `MEASURES` (0 for one smear).
        shift: How far its mean lies from that of the first subset, in standard deviations between the
            smears of that one, of each of `MEASURES`; empty for the first one, and where either has few.
    """

    subset: str
    smears: int
    look: Look
    deviation: tuple[float, ...]
    shift: tuple[float, ...]


def by_subset(groups: Sequence[Group], subsets: Iterable[str]) -> list[Spread]:
    """How the smears of each subset look, beside those of the first one."""
    spreads: list[Spread] = []
    for subset in subsets:
        own = [group.look for group in groups if group.subset == subset]
        if not own:
            continue
        deviation = np.array([look.as_row() for look in own]).std(axis=0)
        mean = mean_look(own)
        shift: tuple[float, ...] = ()
        if spreads and min(len(own), spreads[0].smears) >= FEW and min(spreads[0].deviation) > 0:
            off = np.subtract(mean.as_row(), spreads[0].look.as_row()) / spreads[0].deviation
            shift = tuple(off.tolist())
        spreads.append(Spread(subset, len(own), mean, tuple(deviation.tolist()), shift))
    return spreads
