"""Which files of ALL-IDB1 belong to which image: by their names, in both layouts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from smearprep.datasets.files import images_in, relative
from smearprep.findings import Finding

_CLASSES = {"wbc": "WBC", "rbc": "RBC", "plt": "Platelets"}
_EXPERTS = {"_RBC": "RBC", "_WBCs": "WBC", "_WBC": "WBC"}

Slot = tuple[str, str]  # (category, "markup" | "mask" | "edge" | "expert" | "points")


@dataclass
class Photo:
    """The files of one image."""

    image: Path | None = None
    slots: dict[Slot, Path] = field(default_factory=dict)
    subsets: dict[str, str] = field(default_factory=dict)  # category -> "train", "test", "" (both)


def recognise(root: Path) -> str | None:
    """The layout, if this is ALL-IDB1."""
    found = [f"{name}/" for name in ("xyc", "markup", "expert_masks") if (root / name).is_dir()]
    found += [f"masks/{name}/" for name in (*_CLASSES, "rbc_edge") if (root / "masks" / name).is_dir()]
    classes = [f"{name}/{subset}/" for name, subset in _class_folders(root)]
    named = any(path.stem[:2] == "Im" and path.stem[-2:] in ("_0", "_1") for path in images_in(root / "im"))
    if not classes and not (named or ((root / "im").is_dir() and found)):
        return None
    return ", ".join((["im/"] if (root / "im").is_dir() else []) + found + classes)


def _class_folders(root: Path) -> list[tuple[str, str]]:
    """The (class, subset) folders of the counting paper's layout that hold masks or images."""
    return [
        (name, subset)
        for name in _CLASSES
        for subset in ("train", "test")
        if (root / name / subset / "mask").is_dir() and (root / name / subset / "image").is_dir()
    ]


def collect(root: Path, findings: list[Finding]) -> dict[str, Photo]:
    """Stem -> the files of one image, sorted by stem; images and annotations may lack each other."""
    photos: dict[str, Photo] = {}
    for path in images_in(root / "im"):
        _put_image(photos, path, root, findings)
    for name, subset in _class_folders(root):
        for path in images_in(root / name / subset / "image"):
            _put_image(photos, path, root, findings)
            subsets = photos[path.stem].subsets
            category = _CLASSES[name]
            subsets[category] = subset if subsets.get(category, subset) == subset else ""
    for stem, slot, path in _annotations(root):
        photo = photos.setdefault(stem, Photo())
        if slot in photo.slots:
            what = (
                f"a second file for {stem}, beside {relative(photo.slots[slot], root)}; this one is not read"
            )
            findings.append(Finding("duplicate", what, relative(path, root)))
        else:
            photo.slots[slot] = path
    return dict(sorted(photos.items()))


def _put_image(photos: dict[str, Photo], path: Path, root: Path, findings: list[Finding]) -> None:
    photo = photos.setdefault(path.stem, Photo())
    if photo.image is None:
        photo.image = path
    elif photo.image.parent == path.parent:
        what = f"an image of the same stem as {photo.image.name}; this one is not read"
        findings.append(Finding("duplicate", what, relative(path, root)))
    # The counting paper's folders repeat an image for each class: the same file, taken once.


def _annotations(root: Path) -> Iterator[tuple[str, Slot, Path]]:
    """(stem of the image, slot, file) of every annotation file."""
    for name, category in _CLASSES.items():
        for kind, folders in {
            "mask": [root / "masks" / name, *(root / name / s / "mask" for s in ("train", "test"))],
            "edge": [root / "masks" / f"{name}_edge", *(root / name / s / "edge" for s in ("train", "test"))],
        }.items():
            for folder in folders:
                yield from ((path.stem, (category, kind), path) for path in images_in(folder))
    for path in images_in(root / "expert_masks"):
        ending = next((end for end in _EXPERTS if path.stem.endswith(end)), "")
        yield path.stem.removesuffix(ending), (_EXPERTS.get(ending, ""), "expert"), path
    for path in sorted((root / "markup").glob("[!.]*.json")):
        yield path.stem, ("RBC", "markup"), path
    for path in sorted((root / "xyc").glob("[!.]*.xyc")):
        yield path.stem, ("Blast", "points"), path


def misplaced(stem: str, photo: Photo, root: Path) -> Iterator[Finding]:
    """Annotations without an image, an image without annotation, edge maps without their mask."""
    if photo.image is None:
        for path in photo.slots.values():
            yield Finding("missing_image", f"there is no image {stem}; left out", relative(path, root))
        return
    if not photo.slots:
        what = "no annotation of any kind; kept as an image of which nothing is known"
        yield Finding("missing_annotation", what, relative(photo.image, root))
    for (category, kind), path in photo.slots.items():
        if kind == "edge" and (category, "mask") not in photo.slots:
            what = f"an edge map without its {category} mask; left out"
            yield Finding("missing_annotation", what, relative(path, root))
