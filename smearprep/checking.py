"""Does a prepared set hold? Files, sizes, ids, geometry, counts, digests, and no smear in two subsets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from smearprep.cell_checks import faults
from smearprep.check_state import CocoRecords, Seen, is_id
from smearprep.errors import DataError, LayoutError
from smearprep.findings import Finding, Kind, Summary, count_kinds, shown_name
from smearprep.formats.reading import stays_inside
from smearprep.images import SUFFIXES, file_digest, is_file, probe
from smearprep.jsonfiles import read_json
from smearprep.output_folder import MANIFEST, is_unfinished
from smearprep.rendering import Progress
from smearprep.splitting import SUBSETS

_UNFINISHED = "the preparation has not come to its end; give the same command again to finish it"


def check(out: Path, progress: Progress | None = None) -> Summary:
    """Check a prepared set, or any set in COCO's layout (then without digests and counts).

    Args:
        out: The set's folder, with `annotations/instances_<subset>.json` and `images/<subset>/`.
        progress: Told of images checked, of all.

    Returns:
        The summary; every finding names a file and an id. `has_problems` tells whether the set holds.

    Raises:
        LayoutError: No set is there.
    """
    files = sorted((out / "annotations").glob("instances_*.json"))
    if not files:
        what = "is no prepared set; looked for annotations/instances_*.json in it"
        raise LayoutError(f"{out}: {_UNFINISHED if is_unfinished(out) else what}")
    findings: list[Finding] = []
    manifest = _manifest(out, findings)
    shards = _mapping(_mapping(manifest, "shards"), "files")
    digests = {**_mapping(manifest, "images"), **_mapping(manifest, "annotations"), **shards}
    seen = Seen()
    opened = [CocoRecords(path, findings) for path in files]
    total, done = sum(coco.count("images") for coco in opened), 0
    for coco in opened:
        seen.files.add(coco.name)
        findings += _check_digest(out, coco.name, digests)
        for image in coco.rows("images"):
            findings += _check_image(out, coco, image, digests, seen)
            done += 1
            if progress:
                progress(done, total)
        findings += _check_annotations(coco, seen)
    findings += _check_leaks(seen)
    findings += _check_strays(out, seen)
    if manifest is not None:
        findings += _check_shards(out, manifest, digests, seen)
        findings += _check_manifest(manifest, digests, seen)
    return _summary(seen, findings)


def _manifest(out: Path, findings: list[Finding]) -> Mapping[str, Any] | None:
    if not (out / MANIFEST).is_file():
        what = "there is no manifest: digests and counts cannot be checked"
        if is_unfinished(out):
            findings.append(Finding("corrupt", _UNFINISHED, MANIFEST))
        else:
            findings.append(Finding("note", what, MANIFEST))
        return None
    try:
        manifest = read_json(out / MANIFEST)
    except DataError as error:
        findings.append(Finding("corrupt", error.what, MANIFEST))
        return None
    if not isinstance(manifest, dict):
        findings.append(Finding("corrupt", "is no manifest of a prepared set", MANIFEST))
        return None
    return manifest


def _mapping(data: Mapping[str, Any] | None, key: str) -> Mapping[str, Any]:
    value = (data or {}).get(key)
    return value if isinstance(value, dict) else {}


# ---------------------------------------------------------------- images


def _check_digest(out: Path, name: str, digests: Mapping[str, Any], id_: str = "") -> Iterator[Finding]:
    if name not in digests:
        if digests:
            yield Finding("corrupt", "is not listed in the manifest", name, id_)
    elif file_digest(out / name) != digests[name]:
        yield Finding("corrupt", "has been changed since it was written: its digest is another", name, id_)


def _check_image(
    out: Path, file: CocoRecords, image: Mapping[str, Any], digests: Mapping[str, Any], seen: Seen
) -> Iterator[Finding]:
    """One image record, and its file."""
    id_, coco, subset = f"image {image['id']}", file.name, file.subset
    if not seen.image_ids.add(image["id"]):
        yield Finding("corrupt", f"image id {image['id']} is used twice", coco, id_)
    seen.images[subset] += 1
    stated = (image.get("width"), image.get("height"))
    file.sizes[image["id"]] = stated
    for what in ("smear", "source"):
        if what in image:
            seen.lies_in(what, str(image[what]), subset)
    file_name = str(image.get("file_name", ""))
    parts = PurePosixPath(file_name)
    if not file_name or parts.is_absolute() or ".." in parts.parts:
        yield Finding("corrupt", f"file_name {file_name!r} does not lie inside the set", coco, id_)
        return
    name = f"images/{subset}/{file_name}"
    if name in seen.files:
        yield Finding("corrupt", f"two images share the file {name}", coco, id_)
    seen.files.add(name)
    try:
        header = probe(out / name)
    except DataError as error:
        kind: Kind = "missing_image" if "is not there" in error.what else "corrupt"
        yield Finding(kind, error.what, name, id_)
        return
    if header.oriented_size(True) != stated:
        what = f"is {header.size[0]}x{header.size[1]} px, but {coco} states {stated[0]}x{stated[1]}"
        yield Finding("size_mismatch", what, name, id_)
    yield from _check_digest(out, name, digests, id_)
    if name in digests:
        first = seen.first_with.setdefault(str(digests[name]), name)
        seen.lies_in("content", first, subset)


# ---------------------------------------------------------------- annotations


def _check_annotations(file: CocoRecords, seen: Seen) -> Iterator[Finding]:
    name, subset = file.name, file.subset
    categories = list(file.rows("categories"))
    labels = {row["id"]: str(row.get("name")) for row in categories}
    seen.categories[name] = sorted(labels.items(), key=str)
    if len(labels) < len(categories) or len(set(labels.values())) < len(labels):
        yield Finding("corrupt", "two of its categories share an id or a name", name)
    if len({tuple(rows) for rows in seen.categories.values()}) > 1:
        yield Finding("corrupt", "its categories differ from those of the other subsets", name)
    for annotation in file.rows("annotations"):
        id_ = f"annotation {annotation['id']}"
        if not seen.annotation_ids.add(annotation["id"]):
            yield Finding("corrupt", f"annotation id {annotation['id']} is used twice", name, id_)
        is_cell = not annotation.get("iscrowd")  # a crowd is checked, but is no cell
        seen.cells[subset] += is_cell
        image: Any = annotation.get("image_id")
        category = annotation.get("category_id")
        size = file.sizes.get(image) if is_id(image) else None
        label = labels.get(category) if is_id(category) else None
        if size is None:
            yield Finding("corrupt", f"its image {image} is not listed", name, id_)
        elif label is None:
            yield Finding("corrupt", f"its category {category} is not listed", name, id_)
        else:
            seen.by_category[label] += is_cell
            for what in faults(annotation, size):
                yield Finding("corrupt", what, name, id_)


# ---------------------------------------------------------------- the whole


def _check_leaks(seen: Seen) -> Iterator[Finding]:
    names = {"smear": "smear", "source": "raw image", "content": "picture of"}
    for what, groups in seen.subsets.items():
        for key, subsets in sorted(groups.items()):
            # A raw image in two subsets is told as its smear, where that is known.
            told = what == "source" and len(seen.subsets["smear"]) > 0
            if len(subsets) > 1 and not told:
                where = " and ".join(sorted(subsets))
                yield Finding("leak", f"the {names[what]} {key} lies in {where}", "annotations", key)


def _check_manifest(manifest: Mapping[str, Any], digests: Mapping[str, Any], seen: Seen) -> Iterator[Finding]:
    for key in ("recipe", "plan", "counts", "by_category", "by_subset", "inputs", "annotations", "images"):
        if key not in manifest:
            yield Finding("corrupt", f"lacks {key!r}", MANIFEST, key)
    counts = _mapping(manifest, "counts")
    stated: dict[str, tuple[Any, int]] = {
        "images in all": (counts.get("views"), sum(seen.images.values())),
        "cells in all": (counts.get("cells"), sum(seen.cells.values())),
    }
    by_category, by_subset = _mapping(manifest, "by_category"), _mapping(manifest, "by_subset")
    for name in {**by_category, **seen.by_category}:
        stated[f"cells of category {name}"] = (by_category.get(name, 0), seen.by_category[name])
    for name in {**by_subset, **seen.images}:
        for what, counted in (("images", seen.images), ("cells", seen.cells)):
            stated[f"{what} in {name}"] = (_mapping(by_subset, name).get(what), counted[name])
    for what, (told, counted_) in stated.items():
        if told != counted_:
            yield Finding("corrupt", f"states {told} {what}, the set has {counted_}", MANIFEST, what)
    for name in sorted(set(digests) - seen.files):
        yield Finding("corrupt", "is listed in the manifest, but the set does not have it", name)


def _check_shards(
    out: Path, manifest: Mapping[str, Any], digests: Mapping[str, Any], seen: Seen
) -> Iterator[Finding]:
    """The shards, if there are any: their digests, and whether they show the cells of the set."""
    shards = _mapping(manifest, "shards")
    for name in _mapping(shards, "files"):
        if stays_inside(name) and is_file(out / name):
            seen.files.add(name)
            yield from _check_digest(out, name, digests)
    if shards and _mapping(shards, "made_of") != _mapping(manifest, "annotations"):
        what = (
            "show the cells as they were before the set was changed; make them again with `smearprep convert "
            "--to webdataset`, or prepare the set again"
        )
        yield Finding("corrupt", what, "shards")


def _check_strays(out: Path, seen: Seen) -> Iterator[Finding]:
    """Images in the set's folders that no annotation file lists: some trainers would read them."""
    for path in sorted((out / "images").rglob("*")):
        name = shown_name(path.relative_to(out))
        if path.suffix.lower() in SUFFIXES and path.is_file() and name not in seen.files:
            yield Finding("corrupt", "is listed in no annotation file", name)


def _summary(seen: Seen, findings: list[Finding]) -> Summary:
    order = sorted(seen.images, key=lambda name: (SUBSETS.index(name) if name in SUBSETS else 9, name))
    by_subset = {name: {"images": seen.images[name], "cells": seen.cells[name]} for name in order}
    counts = {
        "images": sum(seen.images.values()),
        "cells": sum(seen.cells.values()),
        "smears": len(seen.subsets["smear"]),
        "problems": sum(finding.is_problem for finding in findings),
        **count_kinds(findings),
    }
    return Summary("check", None, counts, dict(seen.by_category), by_subset, tuple(findings))
