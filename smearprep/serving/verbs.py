"""What each request does: one method a request, each a call of the session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from smearprep.annotating import Session
from smearprep.serving import asked
from smearprep.serving.answers import Refused
from smearprep.serving.folding import Folding
from smearprep.serving.keys import Keys
from smearprep.serving.pixels import Pixels

Verb = tuple[type[Any], Callable[[Any], Any]]


class Verbs:
    """The requests of the page.

    Args:
        session: Of the set that is served.
        keys: Exchange tickets.
        folding: Told of edits.
    """

    def __init__(self, session: Session, keys: Keys, folding: Folding) -> None:
        self._session = session
        self._keys = keys
        self._folding = folding
        self._pixels = Pixels()

    def gets(self) -> dict[str, Verb]:
        """Name -> what is asked, and what answers it; these change nothing."""
        return {
            "set": (asked.Nothing, lambda _: self._session.overview()),
            "image": (asked.OneImage, lambda one: self._session.image(one.key)),
            "pixels": (asked.OneImage, self._image_file),
            "changes": (asked.Since, lambda known: self._session.changed_since(known.since)),
        }

    def posts(self) -> dict[str, Verb]:
        """Name -> what is asked, and what answers it; these change the set, or give the key."""
        return {
            "edit": (asked.Edit, self._edit),
            "undo": (asked.Step, self._undo),
            "redo": (asked.Step, self._redo),
            "outline": (asked.Outline, self._outline),
            "category": (asked.Category, self._category),
            "leave": (asked.OneImage, self._leave),
            "token": (asked.Ticket, self._token),
        }

    def _image_file(self, one: asked.OneImage) -> Response:
        return self._pixels.answer(self._session.path_of(one.key), lambda: self._size(one.key))

    def _size(self, key: str) -> tuple[int, int]:
        state = self._session.image(key)
        return state["width"], state["height"]

    def _edit(self, edit: asked.Edit) -> Any:
        patch = edit.model_dump(exclude={"key"}, exclude_unset=True)
        return self._edited(self._session.edit(edit.key, patch))

    def _undo(self, step: asked.Step) -> Any:
        return self._edited(self._session.undo(step.key, step.edit, step.revision))

    def _redo(self, step: asked.Step) -> Any:
        return self._edited(self._session.redo(step.key, step.edit, step.revision))

    def _category(self, category: asked.Category) -> Any:
        return self._edited(self._session.add_category(category.name))

    def _edited(self, state: Any) -> Any:
        self._folding.touch()
        return state

    def _outline(self, place: asked.Outline) -> Any:
        if (place.box is None) == (place.point is None):
            raise Refused(400, "the request cannot be used: it names either a box or a point")
        return self._session.outline(place.key, place.category, box=place.box, point=place.point)

    def _leave(self, _: asked.OneImage) -> Any:
        self._folding.now()
        return {}

    def _token(self, shown: asked.Ticket) -> Any:
        token = self._keys.exchange(shown.ticket)
        if token is None:
            raise Refused(
                403, "this link was used already, or is too old; open the link that the terminal shows"
            )
        return {"token": token}
