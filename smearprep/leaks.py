"""What leaks from one subset into another: images that look alike, windows that overlap, shared smears.

A network is judged on images that it has not seen in training. Three things break that: nearly the same
picture in two subsets; windows that were cut from one raw image so that they show the same pixels; and
other parts of the same smear, which share its stain, its light and its patient.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from smearprep.errors import DataError, LayoutError
from smearprep.findings import Finding
from smearprep.formats.reading import stays_inside
from smearprep.images import RGB, check_complete, decode, probe, read_bytes
from smearprep.jsonfiles import read_json
from smearprep.rendering import Progress
from smearprep.splitting import SUBSETS
from smearprep.windows import Window

NEAR = 60
"""Two images are near-duplicates if at most so many of the 255 bits of their fingerprints differ.

Measured on ALL-IDB1 and BCCD: JPEG quality 50, half the size, a brightness of x0.7 or +40 and a gamma of 1.5
change at most 18 bits, a shift by 8 px of 512 or 640 at most 58. Of 8.6 million pairs of 512x512 windows of
different ALL-IDB1 images the nearest are 72 bits apart, of BCCD's images 86 - but for two that show one field.
"""

MOST_PAIRS = 500
"""So many pairs of near-duplicates are named, the nearest first; all are counted."""

LEAST_SIDE = 128
"""The shorter side, px, below which `read_small` does not shrink an image."""

_GRID, _WAVES = 64, 16  # px of the grey image, and its lowest spatial frequencies along each side
_FLAT = 1.0  # grey levels: an image whose grey values spread less shows nothing that could be compared
_BLACK = 16  # what padding becomes in a JPEG file, at most
_FAR = 2**30  # px; windows further out than any image reaches are not believed
_BLOCK = 1_000_000  # cells of a grid that are held in memory at a time

Fingerprint = NDArray[np.uint64]
"""(4,) uint64: 255 bits that stay nearly the same when an image is encoded again, brightened or shifted."""


@dataclass(frozen=True, slots=True)
class AuditedImage:
    """An image of a set, as far as leaks go.

    Args:
        name: Its file, relative to the set.
        subset: "train", "val", "test", or any other name.
        source: The image it was cut from, or "" where the set does not say.
        smear: The smear, or "".
        window: (x, y, w, h) in px of `source`, or None.
        origin: Where `source` is a window itself, of a set that this one was made from: its raw image.
        fingerprint: As `fingerprint` returns it.
    """

    name: str
    subset: str
    source: str = ""
    smear: str = ""
    window: Window | None = None
    origin: str = ""
    fingerprint: Fingerprint | None = None

    @property
    def raw(self) -> str:
        """The raw image, or "" where the set does not say."""
        return self.origin or self.source


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Two images of different raw images, in different subsets, that show nearly the same.

    Args:
        first: The file in the earlier subset.
        second: The file in the later subset.
        subsets: Their subsets.
        distance: How many of the 255 bits of their fingerprints differ.
    """

    first: str
    second: str
    subsets: tuple[str, str]
    distance: int


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many px of a subset's windows lie in another subset's windows, too.

    Args:
        subset: The subset that is asked about.
        other: The subset that knows its px already.
        pixels: px of raw images in the subset's windows; what lies in several windows counts once.
        leaked: Those of them that lie in windows of `other`.
        sources: Raw images on which the two overlap.
    """

    subset: str
    other: str
    pixels: int
    leaked: int
    sources: int

    @property
    def share(self) -> float:
        """Leaked px of all, 0..1."""
        return self.leaked / self.pixels if self.pixels else 0.0


@dataclass(frozen=True, slots=True)
class Shared:
    """Smears, or raw images, of which two subsets have a part.

    Args:
        what: "smear" or "raw" (a raw image).
        subset: The subset that is asked about.
        other: The subset that knows them already.
        names: The smears or raw images, sorted.
        images: Images of `subset` that belong to them.
        of_images: All images of `subset`.
    """

    what: Literal["smear", "raw"]
    subset: str
    other: str
    names: tuple[str, ...]
    images: int
    of_images: int


@dataclass(frozen=True, slots=True)
class LeakAudit:
    """What leaks between the subsets of a set.

    Args:
        subsets: Of the set, in their usual order.
        compared: Images whose pixels were compared.
        near: Pairs of near-duplicates, nearest first, at most `MOST_PAIRS`.
        near_pairs: All such pairs.
        near_images: How many images have one in another subset.
        overlaps: Of each pair of subsets that state windows, also where nothing overlaps.
        shared: Of each pair of subsets that share a smear or a raw image.
        names_smears: Whether the set says which smears, or raw images, its images come from.
    """

    subsets: tuple[str, ...]
    compared: int
    near: tuple[NearDuplicate, ...] = ()
    near_pairs: int = 0
    near_images: int = 0
    overlaps: tuple[Overlap, ...] = ()
    shared: tuple[Shared, ...] = ()
    names_smears: bool = True

    @property
    def is_clean(self) -> bool:
        """True if nothing leaks."""
        return not (self.near_pairs or self.shared or any(o.leaked for o in self.overlaps))

    def findings(self) -> tuple[Finding, ...]:
        """What leaks, in words, one finding a pair of images or of subsets; kind "leak"."""
        return tuple(Finding("leak", what, file, id_) for what, file, id_ in self._told())

    def _told(self) -> Iterator[tuple[str, str, str]]:
        for pair in self.near:
            what = f"shows nearly the same as {pair.second}: {pair.distance} of 255 bits differ"
            yield what, pair.first, " and ".join(pair.subsets)
        if self.near_pairs > len(self.near):
            rest = self.near_pairs - len(self.near)
            yield f"{rest:,} more pairs of images in two subsets show nearly the same", "images", ""
        for overlap in self.overlaps:
            if overlap.leaked:
                what = (
                    f"{percent(overlap.share)} of the px in {overlap.subset} windows lie in {overlap.other} "
                    f"windows, too ({overlap.leaked:,} of {overlap.pixels:,} px, {overlap.sources:,} raw images)"
                )
                yield what, "annotations", f"{overlap.subset} and {overlap.other}"
        for shared in self.shared:
            name = "smear" if shared.what == "smear" else "raw image"
            count = len(shared.names)
            what = (
                f"{count:,} {name}{'s' * (count != 1)} of {shared.subset} also in {shared.other}; they hold "
                f"{shared.images:,} of the {shared.of_images:,} {shared.subset} images"
            )
            yield what, "annotations", f"{shared.subset} and {shared.other}"


def percent(share: float) -> str:
    """A share of 0..1 for people: "12.3 %", and never "0.0 %" of what is there, or "100.0 %" of less."""
    if 0 < share < 0.0005 or 0.9995 <= share < 1:
        return "< 0.1 %" if share < 0.5 else "> 99.9 %"
    return f"{100 * share:.1f} %"


def audit_set(prepared: Path, progress: Progress | None = None) -> LeakAudit:
    """Look for leaks in a prepared set, or in any set in COCO's layout.

    Images that cannot be read are passed over: `smearprep.checking.check` names them.

    Args:
        prepared: The set's folder.
        progress: Told of images read, of all.

    Raises:
        LayoutError: No set is there.
    """
    images = set_images(prepared)
    seen = []
    for done, image in enumerate(images, 1):
        try:
            seen.append(replace(image, fingerprint=fingerprint(without_padding(read_small(prepared / image.name)))))
        except DataError:
            seen.append(image)
        if progress:
            progress(done, len(images))
    return audit(seen)


def audit(images: Iterable[AuditedImage]) -> LeakAudit:
    """Look for leaks between the subsets of a set whose images are already known."""
    groups: dict[str, list[AuditedImage]] = defaultdict(list)
    for image in images:
        groups[image.subset].append(image)
    subsets = in_order(groups)
    near, pairs, concerned = _near_duplicates(groups, subsets)
    areas = {name: _union_areas(groups[name]) for name in subsets}
    ordered = [(later, earlier) for earlier, later in combinations(subsets, 2)]
    return LeakAudit(
        subsets=tuple(subsets),
        compared=sum(image.fingerprint is not None for group in groups.values() for image in group),
        near=near,
        near_pairs=pairs,
        near_images=concerned,
        overlaps=tuple(_overlap(groups, areas, *pair) for pair in ordered if all(map(areas.get, pair))),
        shared=tuple(_shared(groups, ordered)),
        names_smears=any(image.smear or image.raw for group in groups.values() for image in group),
    )


def in_order(subsets: Iterable[str]) -> list[str]:
    """Subsets in their usual order: train, val, test, then any others by name."""
    return sorted(subsets, key=lambda name: (SUBSETS.index(name) if name in SUBSETS else 9, name))


# ---------------------------------------------------------------- what a set says of its images


def set_images(prepared: Path) -> list[AuditedImage]:
    """The images of a set as its annotation files list them; a record that cannot be used is passed over.

    Raises:
        LayoutError: No set is there.
    """
    files = sorted((prepared / "annotations").glob("instances_*.json"))
    if not files:
        raise LayoutError(f"{prepared}: is no prepared set; looked for annotations/instances_*.json in it")
    found: dict[str, AuditedImage] = {}
    for path in files:
        subset = path.stem.removeprefix("instances_")
        for record in _records(path):
            image = _audited(record, subset)
            found.setdefault(image.name, image)
    return list(found.values())


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        data = read_json(path)
    except DataError:
        return
    rows = data.get("images") if isinstance(data, dict) else None
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and stays_inside(row.get("file_name")):
            yield row


def _audited(record: Mapping[str, Any], subset: str) -> AuditedImage:
    return AuditedImage(
        name=f"images/{subset}/{record['file_name']}",
        subset=subset,
        source=str(record.get("source") or ""),
        smear=str(record.get("smear") or ""),
        window=_window(record.get("window")),
        origin=str(record.get("origin") or ""),
    )


def _window(value: object) -> Window | None:
    if not isinstance(value, list) or len(value) != 4:
        return None
    if not all(isinstance(n, int) and not isinstance(n, bool) and -_FAR < n < _FAR for n in value):
        return None
    x, y, w, h = value
    return (x, y, w, h) if w > 0 and h > 0 else None


# ---------------------------------------------------------------- near-duplicates


def read_small(path: Path) -> RGB:
    """Decode an image to a half, a quarter or an eighth of its size, as long as `LEAST_SIDE` px remain.

    JPEG files are decoded at that size, which is several times faster. As stored: EXIF is not applied.

    Returns:
        (h, w, 3) uint8 RGB.

    Raises:
        DataError: Not an image, truncated or damaged.
    """
    import cv2

    data = read_bytes(path)
    header = probe(path, data)
    check_complete(data, header, path)
    part = max(k for k in (1, 2, 4, 8) if k == 1 or min(header.size) >= k * LEAST_SIDE)
    flags = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}
    if part > 1 and header.format == "JPEG" and header.mode in ("RGB", "L"):
        buffer = np.frombuffer(data, np.uint8)
        small = cv2.imdecode(buffer, flags[part] | cv2.IMREAD_IGNORE_ORIENTATION)
        if small is None:
            raise DataError(path, "its pixels cannot be decoded; the file is damaged")
        return np.asarray(small[..., ::-1], np.uint8)
    image = decode(data, path, oriented=False)
    if part == 1:
        return image
    size = image.shape[1] // part, image.shape[0] // part
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def without_padding(image: RGB) -> RGB:
    """The image without the black rows and columns along its borders; the whole image if all is black.

    Args:
        image: (H, W, 3) uint8.
    """
    bright = np.maximum(np.maximum(image[..., 0], image[..., 1]), image[..., 2]) > _BLACK
    # A row is padding if hardly any of its pixels is bright: JPEG smears the image's edge over the border.
    rows, columns = (np.flatnonzero(bright.mean(axis=axis) > 0.02) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return image
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def fingerprint(image: RGB) -> Fingerprint | None:
    """255 bits that say which of an image's lowest spatial frequencies are strong (perceptual hash).

    The grey image is averaged to 64x64 px; of its cosine transform the lowest 16x16 coefficients but the
    mean are compared with their median (after Zauner, Implementation and benchmarking of perceptual
    image hash functions, 2010, with 16 instead of 8 frequencies: 63 bits do not tell windows of
    different smears apart).

    Args:
        image: (H, W, 3) uint8 RGB, without padding.

    Returns:
        (4,) uint64, or None for an image that shows nothing.
    """
    import cv2

    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_GRID, _GRID), interpolation=cv2.INTER_AREA).astype(np.float32)
    if small.std() < _FLAT:
        return None
    waves = cv2.dct(small)[:_WAVES, :_WAVES].ravel()[1:]
    bits = np.append(waves > np.median(waves), False)
    return np.packbits(bits).view(np.uint64)


def _near_duplicates(
    groups: Mapping[str, Sequence[AuditedImage]], subsets: Sequence[str]
) -> tuple[tuple[NearDuplicate, ...], int, int]:
    """The nearest pairs, how many there are, and how many images are concerned."""
    known = {name: [image for image in groups[name] if image.fingerprint is not None] for name in subsets}
    prints = {name: _stacked(known[name]) for name in subsets}
    sources = _numbered(known)
    near: list[NearDuplicate] = []
    count, concerned = 0, set()
    for first, second in combinations(subsets, 2):
        for block in _blocks(len(known[first]), len(known[second])):
            distances = _distances(prints[first][block], prints[second])
            alike = (distances <= NEAR) & (sources[first][block, None] != sources[second])
            count += int(alike.sum())
            concerned |= {known[first][block.start + i].name for i in np.flatnonzero(alike.any(axis=1))}
            concerned |= {known[second][j].name for j in np.flatnonzero(alike.any(axis=0))}
            hits = np.argwhere(alike)
            order = np.argsort(distances[alike], kind="stable")[:MOST_PAIRS]
            near += [
                NearDuplicate(
                    known[first][block.start + i].name, known[second][j].name, (first, second), int(distances[i, j])
                )
                for i, j in hits[order].tolist()
            ]
            near = sorted(near, key=lambda pair: (pair.distance, pair.first, pair.second))[:MOST_PAIRS]
    return tuple(near), count, len(concerned)


def _stacked(images: Sequence[AuditedImage]) -> Fingerprint:
    """(n, 4) uint64."""
    return np.array([image.fingerprint for image in images], np.uint64).reshape(-1, 4)


def _numbered(known: Mapping[str, Sequence[AuditedImage]]) -> dict[str, NDArray[np.int64]]:
    """A number for each image's raw image; an image that names none is one of its own."""
    numbers: dict[str, int] = {}
    return {
        name: np.array(
            [numbers.setdefault(i.raw or f"\0{i.name}", len(numbers)) for i in images], np.int64
        )
        for name, images in known.items()
    }


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of the rows, so that a block of rows times columns fits into memory."""
    step = max(1, _BLOCK // max(columns, 1))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def _distances(a: Fingerprint, b: Fingerprint) -> NDArray[np.uint16]:
    """Of each of a (n, 4) and each of b (m, 4), how many bits differ: (n, m)."""
    out = np.zeros((len(a), len(b)), np.uint16)
    for word in range(a.shape[1]):
        out += np.bitwise_count(a[:, None, word] ^ b[:, word])
    return out


# ---------------------------------------------------------------- overlapping windows


def union_area(windows: Collection[Window]) -> int:
    """Px that lie in at least one of some windows, exactly.

    The windows' edges divide the plane into a grid of few cells, each wholly inside or outside; it is
    gone through in blocks of rows.

    Args:
        windows: (x, y, w, h) each, coordinates within 2^30.
    """
    if not windows:
        return 0
    boxes = np.array(list(windows), np.int64)
    boxes[:, 2:] += boxes[:, :2]
    xs, column = np.unique(boxes[:, 0::2], return_inverse=True)
    ys, row = np.unique(boxes[:, 1::2], return_inverse=True)
    column, row = column.reshape(-1, 2), row.reshape(-1, 2)
    widths, heights = np.diff(xs, append=xs[-1]), np.diff(ys, append=ys[-1])
    open_windows = np.zeros(len(xs), np.int64)  # at each column, windows that begin less those that end
    area = 0
    for block in _blocks(len(ys), len(xs)):
        change = np.zeros((block.stop - block.start, len(xs)), np.int64)
        for edge, sign in ((0, 1), (1, -1)):
            here = (row[:, edge] >= block.start) & (row[:, edge] < block.stop)
            np.add.at(change, (row[here, edge] - block.start, column[here, 0]), sign)
            np.add.at(change, (row[here, edge] - block.start, column[here, 1]), -sign)
        change[0] += open_windows
        levels = change.cumsum(axis=0)
        open_windows = levels[-1]
        area += int(heights[block] @ ((levels.cumsum(axis=1) > 0) @ widths))
    return area


def _windows(images: Iterable[AuditedImage]) -> dict[str, set[Window]]:
    """The windows of each raw image, without what lies left of or above it."""
    found: dict[str, set[Window]] = defaultdict(set)
    for image in images:
        if image.source and image.window is not None:
            x, y, w, h = image.window
            left, top = max(x, 0), max(y, 0)
            if left < x + w and top < y + h:
                found[image.source].add((left, top, x + w - left, y + h - top))
    return found


def _union_areas(images: Iterable[AuditedImage]) -> dict[str, tuple[set[Window], int]]:
    """Of each raw image, its windows and the px they cover."""
    return {source: (windows, union_area(windows)) for source, windows in _windows(images).items()}


def _overlap(
    groups: Mapping[str, Sequence[AuditedImage]],
    areas: Mapping[str, Mapping[str, tuple[set[Window], int]]],
    subset: str,
    other: str,
) -> Overlap:
    """How much of a subset's windows lies in another's."""
    mine, theirs = areas[subset], areas[other]
    both = {}
    for source in mine.keys() & theirs.keys():
        (a, area_a), (b, area_b) = mine[source], theirs[source]
        both[source] = area_a + area_b - union_area(a | b)
    pixels = sum(area for _, area in mine.values())
    return Overlap(subset, other, pixels, sum(both.values()), sum(area > 0 for area in both.values()))


def _shared(
    groups: Mapping[str, Sequence[AuditedImage]], pairs: Iterable[tuple[str, str]]
) -> Iterator[Shared]:
    """Smears and raw images in two subsets."""
    whats: tuple[Literal["smear", "raw"], ...] = ("smear", "raw")
    for subset, other in pairs:
        for what in whats:
            theirs = {getattr(image, what) for image in groups[other]}
            hit = [getattr(image, what) for image in groups[subset] if getattr(image, what) in theirs - {""}]
            if hit:
                yield Shared(what, subset, other, tuple(sorted(set(hit))), len(hit), len(groups[subset]))
