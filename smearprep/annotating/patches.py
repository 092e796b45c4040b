"""What is asked for of an image -> the change of its annotations and of its record."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from smearprep.annotating.cells import (
    Given,
    given_to_shape,
    is_made,
    is_same_place,
    parse_cell,
)
from smearprep.annotating.refusals import EditError
from smearprep.records import Cell
from smearprep.set_editing import ABSENT, UNKNOWN, EditedImage, Pair, category_id, category_ids, changed_entry

MOST_CELLS = 20_000
"""Of one patch."""

_ID = re.compile(r"-?[0-9]{1,19}")
_TO_REVIEW = ("made", "component", "box", "point")


class Marks(BaseModel):
    """What is said of an image as a whole, as far as it changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    reviewed: bool | None = None
    flagged: bool | None = None
    note: Annotated[str | None, Field(max_length=10_000)] = None


class Patch(BaseModel):
    """What is asked for of an image; its cells are checked one by one."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    edit: str = Field(min_length=1, max_length=1000)
    revision: int
    title: str = Field("", max_length=10_000)
    cells: dict[str, Any] = Field({}, max_length=MOST_CELLS)
    image: Marks = Marks()


def parse_patch(patch: Mapping[str, Any]) -> Patch:
    """A patch, its values checked (those of cells later).

    Raises:
        EditError: A key that no patch has, or a value that cannot be used.
    """
    try:
        return Patch.model_validate(dict(patch))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise EditError(f"the edit: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


@dataclass
class Changes:
    """The change of one image, as it is put together.

    Args:
        image: The image; it is not changed.
        size: (width, height) in px.
        next_id: Of the first new annotation.
        shown: Id -> cell as JSON, of the cells that there are, and
        cells: the same as cells.
        pairs: Id of an annotation -> the whole annotation before and after.
        ids: What new cells are called by who made them -> their ids.
    """

    image: EditedImage
    size: tuple[int, int]
    next_id: int
    shown: Mapping[int, Mapping[str, Any]]
    cells: Mapping[int, Cell]
    pairs: dict[int, Pair] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, value: Any) -> None:
        """Take a new cell, a changed one, or that one is deleted (None).

        Args:
            name: Its id; of a new cell "new-...".
            value: The cell as JSON, or None.

        Raises:
            EditError: It is none that can be used.
        """
        told = f"cell {name}"
        if name.startswith("new-"):
            if value is not None:
                self._create(name, parse_cell(value, "the new cell"))
            return
        id_ = int(name) if _ID.fullmatch(name) else None
        entry = None if id_ is None else self.image.entries.get(id_)
        if id_ is None or entry is None or id_ not in self.shown:
            raise EditError(f"{told}: is not in the image; open the image again")
        before = entry.value
        after = None if value is None else self._changed(id_, before, parse_cell(value, told), told)
        if after != before:
            self.pairs[id_] = before, after

    def _create(self, name: str, given: Given) -> None:
        id_ = self.next_id + len(self.ids)
        if given.outline == "component":
            given = given.model_copy(update={"outline": "drawn"})  # of a cell that was copied
        base = {
            "id": id_,
            "image_id": self.image.id,
            "category_id": self._category(given.category, "the new cell"),
            "iscrowd": int(given.crowd),
        }
        self.ids[name] = id_
        self.pairs[id_] = None, self._placed(base, given, {}, None, "the new cell")

    def _changed(self, id_: int, before: Mapping[str, Any], given: Given, told: str) -> dict[str, Any]:
        shown = self.shown[id_]
        entry = dict(before)
        if given.category != shown["category"]:
            entry["category_id"] = self._category(given.category, told)
        if given.crowd != shown["crowd"]:
            entry["iscrowd"] = int(given.crowd)
        if not is_same_place(given, shown):
            return self._placed(entry, given, self.cells[id_].attributes, shown, told)
        return _accepted(entry, given.accepted and shown["outline"] in _TO_REVIEW)

    def _placed(
        self,
        entry: Mapping[str, Any],
        given: Given,
        attributes: Mapping[str, Any],
        shown: Mapping[str, Any] | None,
        told: str,
    ) -> dict[str, Any]:
        """An annotation with another shape: a person's, but where a program has just made it."""
        if given.crowd and given.outline == "point" and not given.parts:
            raise EditError(f"{told}: a crowd is a region; a point is none")
        kept = {k: v for k, v in attributes.items() if k not in ("made_by", "score", "given", "accepted")}
        outline: Any = given.outline if not given.parts else "drawn"
        if is_made(given, shown):
            outline, kept = "made", {**kept, "made_by": given.made_by, "score": given.score}
        cell = Cell(given.category, given_to_shape(given, self.size, told), outline, kept)
        return _accepted(changed_entry(entry, cell, self.size), given.accepted and outline in _TO_REVIEW)

    def _category(self, name: str, told: str) -> Any:
        number = category_id(self.image.file.file.data, name)
        if number is None:
            known = ", ".join(self.image.file.names.values()) or "none"
            raise EditError(f"{told}: the set has no category {name!r}. It has {known}")
        return number

    # ------------------------------------------------------------ the image's record

    def record(self, marks: Marks, review: Pair) -> Pair:
        """What changes in the image's record, before and after.

        Args:
            marks: What is asked.
            review: What changed when the image was marked as reviewed; what was unknown then is so again if
                the mark is taken away.
        """
        old, names = self.image.record, self.image.file.names
        new = {**old, **{key: category_ids(old[key]) for key in (UNKNOWN, ABSENT) if key in old}}
        old = dict(new)
        for key, value in (("reviewed", marks.reviewed), ("flagged", marks.flagged), ("note", marks.note)):
            if value:
                new[key] = value
            elif value is not None:
                new.pop(key, None)
        unknown, absent = set(new.get(UNKNOWN, ())), set(new.get(ABSENT, ()))
        were, are = self._categories_before(), self._categories_after()
        if marks.reviewed and not old.get("reviewed"):
            unknown, absent, new[ABSENT] = set(), {*names}, []
        elif marks.reviewed is False and old.get("reviewed"):
            before, after = review
            unknown |= set(before.get(UNKNOWN, ())) - set(after.get(UNKNOWN, ()))
            if ABSENT in after and ABSENT not in before:
                new.pop(ABSENT, None)
        absent = (absent | (were - are)) - are - unknown
        for key, found in ((UNKNOWN, unknown), (ABSENT, absent)):
            if key in new and (key not in old or found != set(old[key])):
                new[key] = [id_ for id_ in names if id_ in found]
        keys = [key for key in {**old, **new} if key not in old or key not in new or old[key] != new[key]]
        return {k: old[k] for k in keys if k in old}, {k: new[k] for k in keys if k in new}

    def _categories_before(self) -> set[Any]:
        data = self.image.file.file.data
        return {category_id(data, label) for label in {entry.label for entry in self.image.entries.values()}}

    def _categories_after(self) -> set[Any]:
        data = self.image.file.file.data
        kept = {entry.label for id_, entry in self.image.entries.items() if id_ not in self.pairs}
        new = {after["category_id"] for _, after in self.pairs.values() if after is not None}
        return {category_id(data, label) for label in kept} | new


def _accepted(entry: dict[str, Any], is_accepted: bool) -> dict[str, Any]:
    """An annotation that says, or does not say, that a person has accepted its outline."""
    if is_accepted == (entry.get("accepted") is True):
        return entry
    rest = {key: value for key, value in entry.items() if key != "accepted"}
    return {**rest, "accepted": True} if is_accepted else rest
