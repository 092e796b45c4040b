"""JSON values <-> the texts of QuPath's metadata, which maps texts to texts."""

from __future__ import annotations

from typing import Any

import orjson

OUTLINE_KEY = "smearprep outline"
"""Says how the shape of an object is known, where it was not drawn."""
_FIRST = tuple('"[{-0123456789tfn')  # of a JSON value


def value_to_text(value: Any) -> str:
    """A text as it is, unless it would be taken for something else; all other values as JSON."""
    if isinstance(value, str) and text_to_value(value) == value:
        return value
    return orjson.dumps(value).decode("utf-8")


def text_to_value(text: str) -> Any:
    """The inverse of `value_to_text`. What is no JSON as we write it ("1e5", " 7") stays a text."""
    if not text.startswith(_FIRST):  # most texts are no JSON
        return text
    try:
        value = orjson.loads(text)
        return value if orjson.dumps(value).decode("utf-8") == text else text
    except (orjson.JSONDecodeError, TypeError):  # TypeError: nested too deeply to be written
        return text
