"""A set while it is edited: what is true is its COCO files, and the edits of the journal not in them yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from smearprep.findings import Finding
from smearprep.output_folder import MANIFEST, hold_set
from smearprep.set_editing.commit import finish, replace_together
from smearprep.set_editing.edited_files import EditedFile, EditedImage
from smearprep.set_editing.entries import ID_LISTS, MARKS, category_ids
from smearprep.set_editing.files import coco_paths
from smearprep.set_editing.journal import Edit, Journal, Line, Pair
from smearprep.set_editing.manifests import new_manifest
from smearprep.set_files import package_version


@dataclass(frozen=True)
class Fold:
    """What is to be written into the COCO files and the manifest, as it was at one moment.

    Args:
        edits: How many edits are in it.
        files: The COCO files that change, and what they will hold.
        cells: Of each subset, how many cells of each category it has.
        told: What the manifest says of people's edits.
    """

    edits: int
    files: Mapping[EditedFile, bytes]
    cells: Mapping[str, Counter[str]]
    told: Mapping[str, Any]


class EditedSet:
    """A set whose COCO files are changed edit by edit.

    Whoever makes one holds the set (`output_folder.hold_set`).

    Args:
        root: The set.

    Attributes:
        images: Key -> image, in the files' order.
        findings: What is wrong with the COCO files.
        edits: How many edits the journal has, and
        folded: how many of them are in the COCO files.
        highest_id: The highest id that an annotation has or had.

    Raises:
        LayoutError: No prepared set.
        DataError: A broken COCO file or journal.
        OutputError: What an earlier run has left cannot be put in order.
    """

    def __init__(self, root: Path) -> None:
        finish(root)
        self.root = root
        self.findings: list[Finding] = []
        self.journal = Journal(root)
        self.files = [EditedFile(path, root, self.findings) for path in coco_paths(root)]
        self.images: dict[str, EditedImage] = {}
        for file in self.files:
            for image in file.images.values():
                if image.key in self.images:
                    image.key += f"#{image.id}"
                self.images[image.key] = image
        self.highest_id = max(file.highest_id for file in self.files)
        self.edits, self.folded = 0, 0

    def replay(self) -> Iterator[Line]:
        """Read the journal to its end; what is not in the COCO files yet is applied.

        Yields:
            Its edits, from the first one.
        """
        self.folded = self.journal.folded()
        for line in self.journal.lines():
            if line.edit is None:
                continue
            self._count(line.edit)
            if self.edits > self.folded:
                self.apply(line.edit)
            yield line

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories of all files, in order."""
        return tuple(dict.fromkeys(name for file in self.files for name in file.names.values()))

    def append(self, edit: Edit, who: str, when: str) -> int:
        """Write an edit to the journal, then apply it.

        Returns:
            Where its line begins, in bytes.

        Raises:
            OutputError: It cannot be written; nothing is changed.
        """
        offset = self.journal.append(edit.as_line(who, when))
        self._count(edit)
        self.apply(edit)
        return offset

    def _count(self, edit: Edit) -> None:
        self.edits += 1
        self.highest_id = max(self.highest_id, *edit.cells, 0)

    def apply(self, edit: Edit) -> None:
        """Change the set as an edit says; once more, and nothing changes."""
        if edit.category:
            for file in self.files:
                file.add_category(edit.category)
            return
        image = self.images.get(edit.image)
        if image is None:
            what = f"the image {edit.image} of an edit is not in the set any more; the edit is left out"
            self.findings.append(Finding("missing_image", what, self.journal.path.name))
            return
        for id_, (_, after) in edit.cells.items():
            image.file.put(image, id_, after)
        change_record(image.record, edit.record, list(image.file.names))
        image.file.is_changed = True

    # ------------------------------------------------------------ into the COCO files

    def fold(self) -> None:
        """Write into the COCO files and the manifest what is not there yet, all or none.

        Raises:
            OutputError: They cannot be written, or somebody else has changed them; the edits stay in the
                journal.
        """
        fold = self.begin_fold()
        if fold is not None:
            try:
                self.write_fold(fold)
            except BaseException:
                self.end_fold(fold, is_written=False)
                raise
            self.end_fold(fold, is_written=True)

    def begin_fold(self) -> Fold | None:
        """What is to be written, or None if all is. Edits that come after it are not in it."""
        if self.edits == self.folded:
            return None
        files = {file: file.as_bytes() for file in self.files if file.is_changed}
        for file in files:
            file.is_changed = False
        cells = {file.file.subset: file.count() for file in self.files}
        reviewed = sum(image.record.get("reviewed") is True for image in self.images.values())
        told = {"smearprep": package_version("smearprep"), "images_reviewed": reviewed}
        return Fold(self.edits, files, cells, told)

    def write_fold(self, fold: Fold) -> None:
        """Write it. Edits may go on meanwhile; a second one may not be written at the same time.

        Raises:
            OutputError: As `fold`.
        """
        finish(self.root)
        for file, data in fold.files.items():
            file.file.check_unchanged()
            file.file.may_become(data)
        new = {file.file.name: data for file, data in fold.files.items()}
        digests = {name: sha256(data).hexdigest() for name, data in new.items()}
        manifest = new_manifest(self.root, fold.cells, digests, {"annotate": fold.told})
        replace_together(self.root, new if manifest is None else {**new, MANIFEST: manifest})
        for file, data in fold.files.items():
            file.file.is_written(data)

    def end_fold(self, fold: Fold, is_written: bool) -> None:
        """Take note in the journal of what was written, or that it is still to be done.

        Raises:
            OutputError: The journal cannot be written. No harm: it will be done once more.
        """
        if not is_written:
            for file in fold.files:
                file.is_changed = True
            return
        self.journal.append(orjson.dumps({"folded": fold.edits}) + b"\n")
        self.folded = fold.edits


def change_record(record: dict[str, Any], pair: Pair, ids: list[Any]) -> None:
    """Change what a COCO file says of an image.

    Lists of category ids are changed by what was added and what was taken away: a category that has come in
    the meantime stays in them.

    Args:
        record: Of the image.
        pair: Of the keys that are changed, the values before and after; a key may lack in either.
        ids: Of all categories, in order.
    """
    before, after = pair
    for key in dict.fromkeys((*before, *after)):
        if key not in after:
            record.pop(key, None)
        elif key in ID_LISTS:
            old, new = set(before.get(key, ())), set(after[key])
            left = (set(category_ids(record[key])) - (old - new)) | (new - old) if key in record else new
            record[key] = [id_ for id_ in ids if id_ in left]
        else:
            record[key] = after[key]
    for key in MARKS:  # always last, so that the same marks are the same bytes
        if key in record:
            record[key] = record.pop(key)


@contextmanager
def changing(root: Path, verb: str) -> Iterator[int]:
    """Hold a set for a change, and put it in order first: what was edited in it comes into its COCO files.

    Args:
        root: The set.
        verb: The command that changes it.

    Yields:
        The highest id of an annotation that was edited, or 0; perhaps it is not in the set any more.

    Raises:
        LayoutError, DataError, OutputError: As of `EditedSet`; or somebody else holds it.
    """
    coco_paths(root)  # before anything is made in a folder that is no set
    with hold_set(root, verb):
        finish(root)
        journal = Journal(root)
        edits = [line.edit for line in journal.lines() if line.edit is not None]
        if len(edits) > journal.folded():
            edited = EditedSet(root)
            for _ in edited.replay():
                pass
            edited.fold()
        yield max((id_ for edit in edits for id_ in edit.cells), default=0)
