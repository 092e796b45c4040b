"""JSON files: read with a message that names line and column, written the same bytes every time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson

from smearprep.errors import DataError
from smearprep.images import read_bytes, write_atomic


def read_json(path: Path) -> Any:
    """Read a JSON file; NaN and Infinity, which some tools write, are let in as floats.

    Raises:
        DataError: Not there, not UTF-8, or broken; the message names line and column.
    """
    data = read_bytes(path)
    if not data.strip():
        raise DataError(path, "is empty; JSON was expected")
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:  # the slower reader knows NaN and a byte-order mark, and says where it stopped
        value = json.loads(data.decode("utf-8-sig"))
        orjson.dumps(value)  # half a surrogate pair is legal in JSON and in no text
        return value
    except json.JSONDecodeError as error:
        raise DataError(
            path, f"broken JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(path, f"is not UTF-8 text (byte {error.start})") from None
    except RecursionError:
        raise DataError(path, "is nested too deeply to be an annotation file") from None
    except (ValueError, TypeError) as error:  # ValueError: a number of thousands of digits
        raise DataError(path, f"is no annotation file that can be read ({error})") from None


def dump_json(value: Any, pretty: bool = False) -> bytes:
    """JSON bytes, UTF-8, keys in the order given, floats shortest and exact, a newline at the end."""
    options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS | (orjson.OPT_INDENT_2 if pretty else 0)
    return orjson.dumps(value, option=options)


def write_json(path: Path, value: Any, pretty: bool = False) -> None:
    """Write a JSON file atomically."""
    write_atomic(path, dump_json(value, pretty))
