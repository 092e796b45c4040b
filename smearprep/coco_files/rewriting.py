"""COCO files that are written again with changes: ids, sizes, and what is kept of an image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from smearprep.coco_files.files import Progress, check_output, open_files, shown_image_name
from smearprep.findings import Finding
from smearprep.formats.coco import CocoWriter, annotation_fields
from smearprep.formats.coco.reading import CocoCell, CocoFile, CocoImage

_MOST_RUNS = 2**32 - 1  # px that COCO's run lengths can count


class Rewriting:
    """One COCO file, to be written again with changes. Images and annotations keep their ids where they can.

    Args:
        path: The file.
        output: Where it will be written.

    Attributes:
        file: The file.
        findings: What is found, also on the way.

    Raises:
        DataError: It is no COCO file.
        OutputError: The output is the input.
    """

    def __init__(self, path: Path, output: Path) -> None:
        check_output(output, [path])
        self.findings: list[Finding] = []
        (self.file,) = open_files([path], self.findings)
        keys, annotations = list(self.file.records), self.file.annotation_ids
        (image_ids,), (self._cell_ids,) = number([keys]), number([annotations])
        self._image_ids = dict(zip(keys, image_ids, strict=True))
        self.findings += renumbered(self.file.name, "images", keys, image_ids)
        self.findings += renumbered(self.file.name, "annotations", annotations, self._cell_ids)

    def images(self, progress: Progress | None) -> Iterator[CocoImage]:
        """All images, in the file's order."""
        for n, key in enumerate(self._image_ids, 1):
            yield self.file.image(key)
            if progress:
                progress(n, len(self._image_ids))

    def write(
        self, writer: CocoWriter, image: CocoImage, cells: Sequence[CocoCell], annotated: frozenset[str]
    ) -> bool:
        """Write an image with some of its cells and crowds, changed or not; False if it cannot be written.

        Args:
            writer: Where to.
            image: The image.
            cells: What it shall have for cells and crowds.
            annotated: Categories that were looked for.
        """
        size = writable_size(image.size, image.file_name, self.file.name)
        if isinstance(size, Finding):
            self.findings.append(size)
            return False
        ids = [self._cell_ids[one.position] for one in cells]
        image_id = self._image_ids[image.key]
        write_image(writer, image_id, image.file_name, size, annotated, image.further, cells, ids)
        return True


# ---------------------------------------------------------------- ids


def number(lists: Sequence[Sequence[Any]]) -> list[list[int]]:
    """Ids for entries of several files, those that they have where that can be.

    An id is kept if it is a whole number from 0 and the first of its kind. Where files have an id in
    common, all entries of the later one are numbered anew, above all others.

    Args:
        lists: Of each file, the ids of its entries, whatever they are.

    Returns:
        Of each file, the new ids, no two of them equal.
    """
    valid = [[i for i in ids if type(i) is int and 0 <= i < 2**53] for ids in lists]
    free = 1 + max((i for ids in valid for i in ids), default=0)
    taken: set[int] = set()
    out: list[list[int]] = []
    for ids, usable in zip(lists, valid, strict=True):
        left = set() if not taken.isdisjoint(usable) else set(usable)
        new = []
        for id_ in ids:
            if type(id_) is int and id_ in left:
                left.remove(id_)
                new.append(id_)
            else:
                new.append(free)
                free += 1
        taken.update(new)
        out.append(new)
    return out


def renumbered(file: str, what: str, old: Sequence[Any], new: Sequence[int]) -> list[Finding]:
    """What is said of new ids, if there are any."""
    changed = [b for a, b in zip(old, new, strict=True) if type(a) is not int or a != b]
    if not changed:
        return []
    told = f"new ids for {len(changed)} of {len(old)} {what}, {changed[0]} to {changed[-1]}"
    why = "theirs are taken, stand twice or are no whole numbers"
    return [Finding("note", f"{told}: {why}", file)]


def category_ids_changed(file: CocoFile, names: Mapping[str, str], order: Sequence[str]) -> list[Finding]:
    """What is said of categories whose id is another one in the output.

    Args:
        file: The file.
        names: Its categories -> what they are called in the output; those left out are not in it.
        order: The output's categories.
    """
    ids = {name: n for n, name in enumerate(order, 1)}
    changed = [
        f"{new} {file.categories[old]} -> {ids[new]}"
        for old, new in names.items()
        if file.categories[old] != ids[new]
    ]
    if not changed:
        return []
    return [Finding("note", f"category ids are 1, 2, ... in the output: {', '.join(changed)}", file.name)]


# ---------------------------------------------------------------- writing


def writable_size(size: tuple[int, int] | None, file_name: str, file: str) -> tuple[int, int] | Finding:
    """An image's (width, height) in px, or why it cannot be written."""
    if size is None:
        what = (
            f"the size of {file_name} is not stated; left out. `smearprep convert {file} --images FOLDER` "
            "takes sizes from the images"
        )
        return Finding("missing_image", what, file)
    if size[0] * size[1] > _MOST_RUNS:
        what = f"{file_name} has {size[0]}x{size[1]} px, more than COCO masks can count; left out"
        return Finding("unreadable", what, file)
    return size


def write_image(
    writer: CocoWriter,
    image_id: int,
    file_name: str,
    size: tuple[int, int],
    annotated: frozenset[str],
    further: Mapping[str, Any],
    cells: Sequence[CocoCell],
    ids: Sequence[int],
) -> None:
    """Write an image and its cells under the ids stated.

    Args:
        writer: Where to.
        image_id: Of the image.
        file_name: Of the image.
        size: (width, height) in px.
        annotated: Categories that were looked for.
        further: Keys of the image record.
        cells: Its cells and crowds.
        ids: Of the annotation of each.
    """
    writer.add_image(shown_image_name(file_name), size, annotated, {**further, "id": image_id})
    writer.add_cells(
        image_id,
        size,
        [one.cell.label for one in cells],
        [one.cell.shape for one in cells],
        [one.cell.outline for one in cells],
        [
            {**annotation_fields(one.cell.attributes), **one.further, "iscrowd": int(one.is_crowd)}
            for one in cells
        ],
        ids,
    )
