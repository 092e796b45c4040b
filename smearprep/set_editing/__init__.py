"""A prepared set that is changed after it was prepared: by `assist`, and by people.

The annotations keep their ids and their bytes, but for those that are changed; the COCO files and the
manifest are replaced together or not at all; what people edit is in a journal before they are told so.
"""

from __future__ import annotations

from smearprep.set_editing.commit import finish, replace_together
from smearprep.set_editing.edited import EditedSet, Fold, changing
from smearprep.set_editing.edited_files import EditedImage, Entry
from smearprep.set_editing.entries import (
    ABSENT,
    MARKS,
    UNKNOWN,
    add_category,
    category_id,
    category_ids,
    changed_entry,
)
from smearprep.set_editing.files import SetFile, coco_paths, find_image, open_set
from smearprep.set_editing.journal import Edit, Line, Pair
from smearprep.set_editing.manifests import new_manifest

__all__ = [
    "ABSENT",
    "MARKS",
    "UNKNOWN",
    "Edit",
    "EditedImage",
    "EditedSet",
    "Entry",
    "Fold",
    "Line",
    "Pair",
    "SetFile",
    "add_category",
    "category_id",
    "category_ids",
    "changed_entry",
    "changing",
    "coco_paths",
    "find_image",
    "finish",
    "new_manifest",
    "open_set",
    "replace_together",
]
