"""What the page may ask, checked before anything is done: unknown keys, wrong types and NaN are refused."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import QueryParams

from smearprep.serving.answers import Refused

_Number = Annotated[float, Field(allow_inf_nan=False)]
_Point = Annotated[list[_Number], Field(min_length=2, max_length=2)]
_Box = Annotated[list[_Number], Field(min_length=4, max_length=4)]
_Text = Annotated[str, Field(max_length=10_000)]
_Name = Annotated[str, Field(min_length=1, max_length=1000)]
_Count = Annotated[int, Field(ge=0)]


class Asked(BaseModel):
    """Base of all requests."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Nothing(Asked):
    """A request without any value."""


class OneImage(Asked):
    """Which image."""

    key: _Name


class Since(Asked):
    """A number of edits, which the page knows already."""

    since: _Count


class Ticket(Asked):
    """What a browser was started with."""

    ticket: _Text


class Category(Asked):
    """A new category."""

    name: _Name


class Step(OneImage):
    """A step of the journal backwards or forwards."""

    edit: _Name
    revision: _Count


class Edit(Step):
    """A patch of one image; what is in it the session checks."""

    title: _Text = ""
    cells: dict[str, Any] = {}
    image: dict[str, Any] = {}


class Outline(OneImage):
    """Where a cell is, of which the outline is wanted."""

    category: _Name
    box: _Box | None = None
    point: _Point | None = None


AnyAsked = TypeVar("AnyAsked", bound=Asked)


def read_body(kind: type[AnyAsked], body: bytes) -> AnyAsked:
    """A request's JSON body.

    Raises:
        Refused: No JSON, or not what is asked for.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, f"the request is no JSON: {error}") from None
    return _checked(kind, value)


def read_query(kind: type[AnyAsked], query: QueryParams) -> AnyAsked:
    """A request's values after the question mark.

    Raises:
        Refused: Not what is asked for, or one of them twice.
    """
    entries: dict[str, Any] = dict(query)
    if len(entries) != len(query.multi_items()):
        raise Refused(400, "the request names a value twice")
    for name, field in kind.model_fields.items():
        text = entries.get(name)
        if field.annotation is int and text is not None and text.isascii() and text.isdecimal():
            entries[name] = int(text[:30])
    return _checked(kind, entries)


def _checked(kind: type[AnyAsked], value: Any) -> AnyAsked:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        what = first["msg"][:1].lower() + first["msg"][1:]
        raise Refused(
            400, f"the request cannot be used: {f'{place}: ' if place else ''}{what}"[:500]
        ) from None
