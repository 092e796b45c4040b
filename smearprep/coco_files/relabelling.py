"""Other names for the categories of a COCO file; several may become one."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from smearprep.cells import LabelMap, relabel, relabel_names
from smearprep.coco_files.files import Progress, nearest, ordered
from smearprep.coco_files.rewriting import Rewriting, category_ids_changed
from smearprep.findings import Finding, Summary, count_kinds
from smearprep.formats.coco import CocoWriter


def relabel_cells(
    file: Path,
    output: Path,
    labels: LabelMap,
    *,
    categories: Sequence[str] = (),
    progress: Progress | None = None,
) -> Summary:
    """Give categories of a COCO file other names; everything else stays as it is.

    A cell whose label changes keeps its first one as attribute "original_label". A category that several
    were merged into counts as looked for in an image only if all of these were. Images and annotations keep
    their ids if these are whole numbers that stand once.

    Args:
        file: The COCO file.
        output: The COCO file to write; replaced if it is there.
        labels: Old name -> new name.
        categories: Categories that come first, in this order. All others follow in the file's order.
        progress: Told of images done, of all.

    Raises:
        RecipeError: A category listed twice.
        DataError: It is no COCO file.
        OutputError: The output is the input, or cannot be written.
    """
    source = Rewriting(file, output)
    old_names = tuple(source.file.categories)
    for old in labels:
        if old not in old_names:
            what = f"the map names the category {old!r}, which is not there; {nearest(old, old_names)}"
            source.findings.append(Finding("note", what, source.file.name))
    new_names = {old: labels.get(old, old) for old in old_names}
    order = ordered(categories, new_names.values(), source.findings)
    source.findings += category_ids_changed(source.file, new_names, order)
    changed: Counter[tuple[str, str]] = Counter()
    images = 0
    with CocoWriter(output, order) as writer:
        for image in source.images(progress):
            regions = (*image.cells, *image.crowds)
            new = relabel([one.cell for one in regions], labels)
            renamed = [replace(one, cell=cell) for one, cell in zip(regions, new, strict=True)]
            annotated = relabel_names(image.annotated, labels, frozenset(old_names))
            if source.write(writer, image, renamed, annotated):
                images += 1
                changed.update((a.cell.label, b.label) for a, b in zip(image.cells, new, strict=False))
    return _summary(output, images, changed, new_names, order, source.findings)


def _summary(
    output: Path,
    images: int,
    changed: Counter[tuple[str, str]],
    new_names: LabelMap,
    order: Sequence[str],
    findings: Sequence[Finding],
) -> Summary:
    by_category = dict.fromkeys(order, 0)
    for (_, new), count in changed.items():
        by_category[new] += count
    rows = tuple({"old": old, "new": new, "cells": changed[old, new]} for old, new in new_names.items())
    return Summary(
        command="coco relabel",
        output=str(output),
        counts={
            "images": images,
            "cells": changed.total(),
            "relabelled": sum(count for (old, new), count in changed.items() if old != new),
            **count_kinds(findings),
        },
        by_category=by_category,
        findings=tuple(findings),
        next_step=f"smearprep coco stats {shlex.quote(str(output))}",
        tables={"categories": rows},
    )
