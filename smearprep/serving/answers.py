"""How requests are answered: JSON, and errors as sentences for the person at the page."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import PurePath
from typing import Any

from starlette.responses import Response

from smearprep.annotating import Conflict
from smearprep.errors import DataError, OutputError, SmearprepError
from smearprep.jsonfiles import dump_json


class Refused(Exception):  # noqa: N818 - it is the answer to a request, not a fault
    """A request that is not done.

    Args:
        status: Of HTTP.
        why: A sentence for the person at the page.
        headers: Further headers of the answer.
    """

    def __init__(self, status: int, why: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.why = why
        self.headers = headers


def json_answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON value as an answer."""
    return Response(dump_json(value), status, headers, media_type="application/json")


def error_answer(error: Exception) -> Response:
    """The answer to a request that ended with an error.

    What smearprep did not foresee is its own fault, and is not told to be the user's.
    """
    match error:
        case Refused():
            return json_answer({"error": error.why}, error.status, error.headers)
        case Conflict():
            return json_answer({"error": str(error), "image": error.state}, 409)
        case OutputError():  # a full disk, mostly; the page keeps the edit and tries again
            return json_answer({"error": str(error)}, 507)
        case DataError():  # told by its name, not by its place on this computer
            return json_answer({"error": f"{PurePath(error.file).name}: {error.what}"}, 422)
        case SmearprepError():
            return json_answer({"error": str(error)}, 400)
    return _fault(error)


def _fault(error: Exception) -> Response:
    if os.environ.get("SMEARPREP_DEBUG") and sys.stderr is not None:
        traceback.print_exception(error)
    kind = type(error).__name__
    what = (
        f"this is a fault of smearprep ({kind}). Please report it with what the terminal shows when "
        "SMEARPREP_DEBUG=1 is set"
    )
    return json_answer({"error": what}, 500)
