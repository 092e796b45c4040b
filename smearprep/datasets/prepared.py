"""A set in COCO's layout: one that smearprep prepared, or anyone's.

What smearprep writes into an image record beyond COCO (`smear`, `source`, `window`) is taken over, so
that windows of one smear stay together; an image of a foreign set is a smear of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smearprep import formats
from smearprep.cells import fit_regions
from smearprep.datasets.files import check_options, is_image, relative, size_text, stated_frame, walk
from smearprep.datasets.loading import DatasetInfo, LoadOptions
from smearprep.errors import DataError
from smearprep.findings import Finding, Kind
from smearprep.formats.reading import ReadOptions
from smearprep.images import is_file, probe
from smearprep.jsonfiles import read_json
from smearprep.records import ImageCells, RawSet, Sample

INFO = DatasetInfo(
    name="prepared",
    title="a prepared set, or another in COCO's layout",
    licence="that of its images",
    where="made by smearprep prepare, tile, pad or split, or exported by other tools",
    citation="",
    categories=(),
    layouts=(
        "annotations/instances_{train,val,test,all}.json with images/{train,val,test,all}/",
        "annotations/instances_train2017.json with train2017/ (COCO's own)",
        "{train,valid,test}/_annotations.coco.json beside their images",
    ),
)

OPTIONS = ()

_SUBSETS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_BESIDE = "_annotations.coco.json"


def recognise(root: Path) -> str | None:
    """The layout, if there is a COCO file where it is expected."""
    found = [relative(path, root) for path in _annotation_files(root)]
    return ", ".join(found) or None


def load(root: Path, options: LoadOptions) -> RawSet:
    """Read the annotation files and the images' headers.

    Raises:
        RecipeError: An option was given; there are none.
    """
    check_options(options.extra, OPTIONS, INFO.name)
    findings: list[Finding] = []
    samples: dict[Path, Sample] = {}
    categories: dict[str, None] = {}
    for path in _annotation_files(root):
        file = relative(path, root)
        try:
            part = _Part.read(path, root, findings)
        except DataError as error:
            findings.append(Finding("unreadable", f"{error.what}; left out", file))
            continue
        categories.update(dict.fromkeys(part.categories))
        for sample in part.samples(options, findings):
            there = samples.setdefault(sample.path, sample)
            if there is not sample:
                what = f"is in subset {there.subset or 'all'} already; taken once"
                kind: Kind = "leak" if there.subset != sample.subset else "duplicate"
                findings.append(Finding(kind, what, file, relative(sample.path, root)))
    findings += _unlisted(root, samples, findings)
    ordered = sorted(samples.values(), key=lambda sample: sample.source)
    return RawSet(INFO.name, recognise(root) or "", tuple(ordered), tuple(categories), tuple(findings))


def _annotation_files(root: Path) -> list[Path]:
    return sorted([*root.glob("annotations/instances_*.json"), *root.glob(f"[!.]*/{_BESIDE}")])


def _unlisted(root: Path, samples: dict[Path, Sample], findings: list[Finding]) -> Iterator[Finding]:
    """Images in the images' own folders that no annotation file lists."""
    named = {finding.file for finding in findings}
    folders = {sample.path.parent for sample in samples.values()}
    for path in walk(root):
        file = relative(path, root)
        if is_image(path) and path.parent in folders and path not in samples and file not in named:
            yield Finding("missing_annotation", "is listed in no annotation file; left out", file)


@dataclass(frozen=True)
class _Part:
    """One annotation file: its images, what COCO does not know of them, and where they lie."""

    root: Path
    file: Path
    subset: str | None
    folders: tuple[Path, ...]
    categories: tuple[str, ...]
    records: dict[str, dict[str, Any]]
    images: tuple[ImageCells, ...]

    @classmethod
    def read(cls, path: Path, root: Path, findings: list[Finding]) -> _Part:
        """Read a file.

        Raises:
            DataError: No COCO file.
        """
        name = path.parent.name if path.name == _BESIDE else path.stem.removeprefix("instances_")
        subset = _SUBSETS.get(re.sub(r"\d+$", "", name))
        places = (root / "images" / name, root / name, root / "images", root, path.parent)
        images = tuple(formats.get("coco").read(path, ReadOptions(base=root), findings))
        data = read_json(path)  # once more, for the keys that are smearprep's own
        records = {str(r.get("file_name")): r for r in data["images"] if isinstance(r, dict)}
        told = data.get("categories")
        rows = [c for c in told if isinstance(c, dict)] if isinstance(told, list) else []
        ids = {
            c["name"]: c["id"]
            for c in rows
            if isinstance(c.get("id"), int) and isinstance(c.get("name"), str)
        }
        used = {name for image in images for name in image.annotated}
        used |= {cell.label for image in images for cell in (*image.cells, *image.crowds)}
        return cls(
            root, path, subset, places, tuple(n for n in sorted(ids, key=ids.__getitem__) if n in used),
            records, images,
        )  # fmt: skip

    def samples(self, options: LoadOptions, findings: list[Finding]) -> Iterator[Sample]:
        """Its images; one that is not there, not readable or of another size is named and left out."""
        file = relative(self.file, self.root)
        for image in self.images:
            path = self._find(image.file_name)
            if path is None:
                what = f"the image {image.file_name} is not there; left out"
                findings.append(Finding("missing_image", what, file, image.file_name))
                continue
            try:
                yield self._sample(path, image, options, findings)
            except DataError as error:
                findings.append(Finding("unreadable", f"{error.what}; left out", relative(path, self.root)))

    def _find(self, file_name: str) -> Path | None:
        name = file_name.replace("\\", "/")  # the reader has refused names that lead out of the folder
        return next((folder / name for folder in self.folders if is_file(folder / name)), None)

    def _sample(self, path: Path, image: ImageCells, options: LoadOptions, findings: list[Finding]) -> Sample:
        header = probe(path)
        file = relative(self.file, self.root)
        source = f"{INFO.name}/{relative(path, self.root)}"
        oriented = stated_frame(header, image.size, oriented=False)
        if oriented is None:
            assert image.size is not None
            what = (
                f"states {size_text(image.size)} px, but the image is {size_text(header.size)}; its "
                "annotations are left out, the image is kept as one of which nothing is known"
            )
            findings.append(Finding("size_mismatch", what, file, image.file_name))
            oriented, image = False, replace(image, cells=(), crowds=(), annotated=frozenset())
        size = header.oriented_size(oriented)
        fitted, found = fit_regions(image, size, file)
        findings += found
        record = self.records.get(image.file_name, {})  # none where the reader has cut off foreign folders
        return Sample(
            path=path,
            source=source,
            size=size,
            smear=str(record["smear"]) if record.get("smear") else relative(path, self.root),
            cells=tuple(cell for cell in fitted.cells if options.wants(cell.label)),
            annotated=frozenset(name for name in fitted.annotated if options.wants(name)),
            subset=self.subset,
            oriented=oriented,
            attributes=_attributes(record),
            crowds=tuple(crowd for crowd in fitted.crowds if options.wants(crowd.label)),
        )


def _attributes(record: Mapping[str, Any]) -> dict[str, Any]:
    """An image's attributes, and the raw image that its windows were cut from."""
    told = record.get("attributes")
    origin = record.get("origin", record.get("source"))
    return {**(told if isinstance(told, dict) else {}), **({"origin": str(origin)} if origin else {})}
