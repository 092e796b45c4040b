"""Which image an annotation belongs to, by path, then file name, then stem. Never by guessing.

Two folders may hold files of one name (`a/x.jpg`, `b/x.jpg`). An annotation goes to the image that
agrees with the path it states, then to the one that lies nearest to the annotation file
(`labels/a/x.txt` is nearer to `images/a/x.jpg` than to `images/b/x.jpg`). A file `b/x.txt` among images
speaks of an image in that very folder, or of one that is missing. A tie is reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath

from smearprep.findings import Finding, shown_name
from smearprep.images import SUFFIXES
from smearprep.records import ImageCells

Rank = tuple[int, int]


@dataclass(frozen=True)
class Claim:
    """An annotation and the image it belongs to.

    Args:
        image: The image.
        cells: What the annotation says.
        file: The annotation file, as findings name it.
        rank: How well the two paths agree; of two claims on one image the higher one is right.
    """

    image: Path
    cells: ImageCells
    file: str
    rank: Rank


class ImageIndex:
    """The images of a folder, found by what annotations call them.

    Args:
        images: All images.
        root: The folder below which they lie.
    """

    def __init__(self, images: Sequence[Path], root: Path) -> None:
        self._root = root
        self._ways: dict[Path, tuple[str, ...] | None] = {}
        self._folders = {image.parent for image in images}
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        for image in images:
            self._by_name[image.name].append(image)
            self._by_stem[image.stem].append(image)

    def stems(self, stem: str) -> list[Path]:
        """The images of this stem."""
        return list(self._by_stem.get(stem, ()))

    def find(self, file_name: str, annotation: Path) -> tuple[list[Path], Rank]:
        """The images that an annotation may mean.

        Args:
            file_name: As the annotation has it: a name, a path (`/` or backslash) or a stem.
            annotation: The annotation file.

        Returns:
            None, one, or several images that fit equally well; and how well they fit.

        Raises:
            ValueError: The name leads out of the folder.
        """
        stated = PurePosixPath(file_name.replace("\\", "/"))
        if ".." in stated.parts:
            return self._find_relative(stated, annotation), (len(stated.parts), 0)
        stem = stated.stem if stated.suffix.lower() in SUFFIXES else stated.name
        candidates = self._by_name.get(stated.name) or self._by_stem.get(stem, [])
        if stem == annotation.stem and annotation.parent in self._folders:
            candidates = [image for image in candidates if image.parent == annotation.parent]
        ranks = [self._rank(image, stated, annotation) for image in candidates]
        best = max(ranks, default=(0, 0))
        return [image for image, rank in zip(candidates, ranks, strict=True) if rank == best], best

    def _find_relative(self, stated: PurePosixPath, annotation: Path) -> list[Path]:
        """A name with `..` counts only if, from the annotation's folder, it leads to one of the images."""
        target = (annotation.parent / stated).resolve()
        found = [p for p in self._by_name.get(stated.name, ()) if p.resolve() == target]
        if not found:
            raise ValueError("leads out of the folder")
        return found

    def _rank(self, image: Path, stated: PurePosixPath, annotation: Path) -> Rank:
        folders, beside = self._below(image.parent), self._below(annotation.parent)
        assert folders is not None
        agreeing = _common(reversed(folders), reversed(stated.parts[:-1]))
        if beside is None:
            return agreeing, 0
        if folders == beside:
            return agreeing, len(folders) + 1
        near = _common(folders, beside) + _common(reversed(folders), reversed(beside))
        return agreeing, min(near, len(folders))

    def _below(self, folder: Path) -> tuple[str, ...] | None:
        """The folders that lead from the root to a folder; None if it does not lie below it."""
        if folder not in self._ways:  # of 100,000 images in a few folders, each would be asked for again
            is_below = folder.is_relative_to(self._root)
            self._ways[folder] = folder.relative_to(self._root).parts if is_below else None
        return self._ways[folder]


def _common(a: Iterable[str], b: Iterable[str]) -> int:
    """How many parts two paths have in common from their beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def claim(
    index: ImageIndex, cells: ImageCells, annotation: Path, name: str, root: Path, findings: list[Finding]
) -> Claim | None:
    """The image that an annotation belongs to; None, and a finding, if there is not exactly one.

    Args:
        index: All images.
        cells: What the annotation says.
        annotation: The annotation file; `name` is how findings call it.
        name: See there.
        root: The given folder.
        findings: Added to.
    """
    try:
        found, rank = index.find(cells.file_name, annotation)
    except ValueError:
        what = f"the image name {cells.file_name!r} leads out of the folder; left out"
        findings.append(Finding("missing_image", what, name, cells.file_name))
        return None
    if len(found) == 1:
        return Claim(found[0], cells, name, rank)
    if not found:
        what = f"its image {cells.file_name!r} is not there; {_count(cells)} left out"
    else:
        images = " or ".join(shown_name(path.relative_to(root)) for path in found)
        what = f"it may belong to {images}: not guessed, {_count(cells)} left out; keep it beside its image"
    findings.append(Finding("missing_image", what, name, cells.file_name))
    return None


def settle(claims: Sequence[Claim], findings: list[Finding]) -> list[Claim]:
    """Of the claims on one image, those that hold.

    Annotations of different categories (one mask a category) are all kept. Of two that speak of the same
    category the one whose path agrees better is kept; of two equal ones the first.

    Args:
        claims: On one image, in the order of the files.
        findings: Each claim that is left out is named here.
    """
    kept: list[Claim] = []
    best = max(c.rank for c in claims)
    for c in sorted(claims, key=lambda c: (-c.rank[0], -c.rank[1])):
        rival = next((k for k in kept if _categories(k) & _categories(c)), None)
        if rival is None:
            kept.append(c)
        elif c.rank < best:
            what = f"its image {c.cells.file_name!r} is not there; {_count(c.cells)} left out"
            findings.append(Finding("missing_image", what, c.file, c.cells.file_name))
        else:
            what = f"{rival.file} speaks of the same image and category; {_count(c.cells)} left out here"
            findings.append(Finding("duplicate", what, c.file, c.cells.file_name))
    return sorted(kept, key=lambda c: c.file)


def _categories(c: Claim) -> frozenset[str]:
    # Two files with nothing in them speak of the same thing: nothing.
    return c.cells.annotated | {cell.label for cell in c.cells.cells} or frozenset({""})


def _count(cells: ImageCells) -> str:
    count = len(cells.cells)
    return f"{count} cell{'s' * (count != 1)}"
