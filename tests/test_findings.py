"""Errors and findings: what a user is told."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from smearprep import errors
from smearprep.errors import DataError, SmearprepError
from smearprep.findings import KINDS, PROBLEMS, Finding, Summary, count_kinds


def test_every_error_is_of_the_one_family() -> None:
    own = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, Exception)]
    assert len(own) == 7
    assert all(issubclass(error, SmearprepError) for error in own)


def test_a_data_error_names_its_file_and_survives_the_way_back_from_another_process() -> None:
    error = DataError(Path("im") / "a.jpg", "is truncated")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is DataError
    assert (str(again), again.file, again.what) == ("im/a.jpg: is truncated", "im/a.jpg", "is truncated")
    assert (str(error), error.file, error.what) == (str(again), again.file, again.what)


def test_kinds_are_counted_in_their_stated_order() -> None:
    found = [Finding("note", "x"), Finding("leak", "x"), Finding("note", "y"), Finding("unreadable", "z")]
    assert list(count_kinds(found).items()) == [("unreadable", 1), ("leak", 1), ("note", 2)]
    assert count_kinds([]) == {}


def test_problems_are_kinds() -> None:
    assert set(KINDS) > PROBLEMS
    assert len(set(KINDS)) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_only_problems_turn_the_exit_status(kind: str) -> None:
    finding = Finding(kind, "what", "a.jpg", "7")  # type: ignore[arg-type]
    summary = Summary("check", findings=(Finding("note", "fine"), finding))
    assert finding.is_problem == summary.has_problems == (kind in PROBLEMS)


def test_the_summary_as_json_has_the_stated_entries_and_no_advice() -> None:
    summary = Summary(
        "prepare",
        "out",
        {"views": 2},
        {"WBC": 3},
        {"train": {"images": 2}},
        (Finding("clipped", "cut", "a.jpg", "1"),),
        "smearprep check out",
    )
    assert json.loads(json.dumps(summary.as_dict())) == {
        "command": "prepare",
        "output": "out",
        "counts": {"views": 2},
        "by_category": {"WBC": 3},
        "by_subset": {"train": {"images": 2}},
        "findings": [{"file": "a.jpg", "id": "1", "kind": "clipped", "what": "cut"}],
    }
    tables = Summary("inspect", tables={"Images": ({"size": "3x2"},)}).as_dict()["tables"]
    assert tables == {"Images": [{"size": "3x2"}]}
