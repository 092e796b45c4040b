"""The files of a prepared set beside its images: COCO annotations and the manifest, both from the plan."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from smearprep.findings import Summary
from smearprep.formats.coco import CocoWriter, annotation_fields
from smearprep.images import file_digest
from smearprep.jsonfiles import write_json
from smearprep.output_folder import MANIFEST
from smearprep.planning import UNSPLIT
from smearprep.recipes import Recipe
from smearprep.records import Plan, PlannedView, Sample, ViewCell
from smearprep.rendering import Rendered, image_path
from smearprep.splitting import SUBSETS


def write_annotations(the_plan: Plan, recipe: Recipe, out: Path) -> dict[str, str]:
    """Write one COCO file a subset; ids go on from one to the next. Returns their digests."""
    digests = {}
    image_id, cell_id = 1, 1
    for subset in subsets_of(the_plan):
        views = [v for v in the_plan.views if v.subset == subset]
        path = out / annotation_path(subset)
        with CocoWriter(path, the_plan.categories, image_id, cell_id) as writer:
            for planned in views:
                _add_view(writer, planned, recipe)
        image_id += len(views)
        cell_id += sum(len(v.cells) + len(v.crowds) for v in views)
        digests[annotation_path(subset)] = file_digest(path)
    for path in (out / "annotations").glob("instances_*.json"):
        if f"annotations/{path.name}" not in digests:
            path.unlink()  # of a subset that has lost all its images since an earlier run
    return digests


def annotation_path(subset: str) -> str:
    """Where the COCO file of a subset lies, relative to the set."""
    return f"annotations/instances_{subset}.json"


def subsets_of(the_plan: Plan) -> list[str]:
    """The subsets that have images, in their usual order."""
    found = {v.subset for v in the_plan.views}
    return [name for name in (*SUBSETS, UNSPLIT) if name in found]


def whole_cell(sample: Sample, seen: ViewCell) -> tuple[str, int]:
    """The raw image and the number in it of the whole cell of which a View shows a part.

    Of a set made from a prepared set, those that the prepared set names: a cell is one cell, however
    often it was cut.
    """
    own = seen.cell.attributes.get("cell")
    if "origin" in sample.attributes and isinstance(own, int):
        return str(sample.attributes["origin"]), own
    return sample.source, seen.index


def further_fields(sample: Sample, seen: ViewCell) -> dict[str, Any]:
    """What is said of a cell as a View shows it: how much of it is seen, and which whole cell it is."""
    return {
        # Of a set made from a prepared set: the share of the share that was there, of the cell it was.
        "visible": seen.visible * _share(seen.cell.attributes.get("visible")),
        "cell": whole_cell(sample, seen)[1],
    }


def _share(value: object) -> float:
    return float(value) if isinstance(value, int | float) and 0 < value <= 1 else 1.0


def _add_view(writer: CocoWriter, planned: PlannedView, recipe: Recipe) -> None:
    sample, cells = planned.sample, planned.cells
    attributes = dict(sample.attributes)
    file_name = image_path(planned, recipe.images).rpartition("/")[2]
    image_id = writer.add_image(
        file_name,
        planned.view.size,
        annotated=sample.annotated,
        source=sample.source,
        window=list(planned.view.window),
        smear=sample.smear,
        **({"origin": attributes.pop("origin")} if "origin" in attributes else {}),
        **({"attributes": attributes} if attributes else {}),
    )
    extras: list[Mapping[str, Any]] = [
        {**annotation_fields(c.cell.attributes), **further_fields(sample, c)} for c in cells
    ]
    labels, shapes = [c.cell.label for c in cells], [c.shape for c in cells]
    writer.add_cells(image_id, planned.view.size, labels, shapes, [c.cell.outline for c in cells], extras)
    writer.add_records(image_id, planned.view.size, planned.crowds, iscrowd=1)


def write_manifest(
    recipe: Recipe,
    digest: str,
    results: Sequence[Rendered],
    annotations: Mapping[str, str],
    summary: Summary,
    out: Path,
    shards: Mapping[str, Any] | None = None,
) -> None:
    """Write the manifest: recipe, versions, counts, findings, and a digest of every input and output."""
    read = [result for result in results if not result.error]
    write_json(
        out / MANIFEST,
        {
            "smearprep": package_version("smearprep"),
            "libraries": {
                "python": platform.python_version(),
                **{name: package_version(name) for name in ("numpy", "opencv-python-headless", "shapely")},
            },
            "recipe": recipe.as_dict(),
            "plan": digest,
            "counts": dict(summary.counts),
            "by_category": dict(summary.by_category),
            "by_subset": {name: dict(row) for name, row in summary.by_subset.items()},
            "findings": [finding.as_dict() for finding in summary.findings],
            "inputs": {result.source: result.sha256 for result in read},
            "annotations": dict(annotations),
            "images": {name: d for result in read for name, d in result.outputs.items()},
            **({"shards": dict(shards)} if shards else {}),
        },
        pretty=True,
    )


def package_version(package: str) -> str:
    """The version of an installed package, for manifests."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
