"""A prepared set as WebDataset shards: tar files that trainers read one after the other.

OUT/shards/{train,val,test}/000000.tar, 000001.tar, ... What is in them: see `smearprep.formats.webdataset`.
`smearprep convert --to webdataset` makes such files of any annotations.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from smearprep.errors import OutputError
from smearprep.findings import Finding
from smearprep.formats import webdataset
from smearprep.formats.writing import WriteOptions, fit_to_format
from smearprep.images import file_digest
from smearprep.recipes import Recipe
from smearprep.records import Cell, ImageCells, Plan, PlannedView
from smearprep.rendering import image_path
from smearprep.set_files import annotation_path, further_fields, subsets_of

SHARDS = "shards"


def write_shards(
    the_plan: Plan, recipe: Recipe, annotations: Mapping[str, str], size: int, out: Path
) -> tuple[dict[str, Any], list[Finding]]:
    """Write the shards of a set whose images are there; those of an earlier run are replaced.

    Args:
        the_plan: What the set shows.
        recipe: Its recipe.
        annotations: Digest of each of its COCO files.
        size: Images in a shard.
        out: The set.

    Returns:
        What the manifest says of them, and what they cannot hold.

    Raises:
        RecipeError: A shard without an image.
        OutputError: They cannot be written.
        DataError: An image of the set is not there.
    """
    options, findings = WriteOptions(shard_size=size), list[Finding]()
    remove_shards(out)
    for subset in subsets_of(the_plan):
        with webdataset.writer(out / SHARDS / subset, options, findings) as writer:
            for image in _images(the_plan, subset, recipe, findings, options):
                writer.add(image, out / "images" / subset / image.file_name)
    tars = sorted((out / SHARDS).rglob("*.tar"))
    files = {path.relative_to(out).as_posix(): file_digest(path) for path in tars}
    return {"images_each": size, "made_of": dict(annotations), "files": files}, findings


def remove_shards(out: Path) -> None:
    """Remove the shards of an earlier run: they may show other cells than the set.

    Raises:
        OutputError: They cannot be removed.
    """
    try:
        shutil.rmtree(out / SHARDS)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise OutputError(f"{out / SHARDS}: cannot be removed ({error.strerror or error})") from None


def _images(
    the_plan: Plan, subset: str, recipe: Recipe, findings: list[Finding], options: WriteOptions
) -> Iterator[ImageCells]:
    """The images of a subset, with what shards hold of their cells."""
    for planned in the_plan.views:
        if planned.subset == subset:
            yield fit_to_format(_image(planned, recipe), webdataset.HOLDS, options, findings)


def _image(planned: PlannedView, recipe: Recipe) -> ImageCells:
    cells = tuple(
        Cell(
            c.cell.label,
            c.shape,
            c.cell.outline,
            {**c.cell.attributes, **further_fields(planned.sample, c)},
        )
        for c in planned.cells
    )
    name = image_path(planned, recipe.images).rpartition("/")[2]
    file = annotation_path(planned.subset)
    return ImageCells(name, planned.view.size, cells, file, planned.sample.annotated, planned.crowds)
