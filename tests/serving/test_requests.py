"""Requests that make no sense are refused in a sentence, and change nothing."""

import json

import pytest

from tests.serving.asking import TRIANGLE, drawn

pytestmark = pytest.mark.usefixtures("nothing_changes")

KEY = "train/i0.png"
STEP = {"key": KEY, "edit": "e1", "revision": 0}
EDIT = {**STEP, "title": "1 cell drawn"}


def cell(**changed):
    return {**EDIT, "cells": {"new-1": {**drawn(), **changed}}}


def ring(*points):
    return cell(parts=[{"outer": list(points), "holes": []}])


ODD = [None, True, 1, 1.5, "x", "", [], {}, [[]], -1, 10**30, "9" * 5000]
WRONG_EDITS = [
    *(value for value in ODD if value != {}),
    {},
    {**EDIT, "more": 1},
    *({**EDIT, name: value} for name in STEP for value in (None, True, 1.5, "", [], {}, -1)),
    *({**EDIT, "title": value} for value in (None, 1, [], "x" * 10_001)),
    *({**EDIT, "cells": value} for value in (None, 1, "x", [], [drawn()], {"": drawn()}, {"new-1": 1})),
    *({**EDIT, "cells": {name: drawn()}} for name in ("999999", "-1", "0", "1.5", "x", "NaN", "\0", "1e3")),
    *({**EDIT, "image": value} for value in (None, 1, "x", {"seen": True}, {"reviewed": 1}, {"note": 5})),
    {**EDIT, "image": {"note": "x" * 10_001}},
    *(cell(category=value) for value in (None, 1, "", "unknown", "<b>", ["WBC"])),
    *(cell(outline=value) for value in (None, 1, "", "traced", ["drawn"])),
    *(cell(parts=value) for value in (None, 1, {}, [1], [[]], [{}], [{"outer": []}], [TRIANGLE["outer"]])),
    *(cell(parts=[{**TRIANGLE, "holes": value}]) for value in (None, 1, [1], [[1]], [[[1, 2, 3]]], {})),
    cell(parts=[{**TRIANGLE, "more": 1}]),
    cell(parts=[]),
    *(cell(box=value) for value in (1, [], [1, 2, 3], [1, 2, 3, "4"], [1, 2, 3, 4, 5], {"x": 1})),
    *(cell(outline="box", parts=[], box=value) for value in (None, [1, 1, 0, 5], [1, 1, -5, 5])),
    *(cell(outline="point", parts=[], point=value) for value in (None, 1, [1], [1, 2, 3], [1, "2"])),
    *(cell(score=value) for value in ("1", [], True)),
    *(cell(accepted=value) for value in (None, 1, "yes")),
    *(cell(crowd=value) for value in (None, 1, "yes")),
    cell(made_by=1),
    cell(more=1),
    ring(),
    ring([1, 1], [5, 5]),
    ring([1, 1], [5, 5], [9, 9]),
    ring([1, 1], [1, 1], [1, 1]),
    ring([1, 1], [5, 1], [5]),
    ring([1, 1], [5, 1], [5, "5"]),
    ring([1, 1], [5, 1], [5, None]),
    ring([1, 1], [5, 1], [5, True]),
    ring([900, 900], [950, 900], [950, 950]),
    ring([1, 1], [5, 1], [5, 1e300]),
]  # fmt: skip


@pytest.mark.parametrize("body", WRONG_EDITS, ids=lambda body: json.dumps(body)[-60:])
def test_edits_that_make_no_sense(shared, body):
    answer = shared.client.post("/api/edit", body)
    assert answer.status in (400, 404, 422), answer.body
    assert len(answer.error) < 700


NO_JSON = [
    b"", b" ", b"{", b"nothing", b"{'key': 1}", b"\xff\xfe", b'{"key": "\xff"}', b'{"key": "\\ud800"}',
    b"\x00",
    b"[" * 100_000, b'{"key": ' * 100_000,
    b"[" * 2000 + b"]" * 2000, b"1" * 100_000, b"{}{}", b"\xef\xbb\xbf{}",
    b'{"key": NaN}', b'{"revision": Infinity}', b"key=train", b"<html>", b'{"a": 1,}',
]  # fmt: skip


@pytest.mark.parametrize("body", NO_JSON, ids=lambda body: repr(body[:20]))
@pytest.mark.parametrize("name", ["edit", "undo", "outline", "category", "leave", "token"])
def test_bodies_that_are_no_json(shared, name, body):
    answer = shared.client.post(f"/api/{name}", body)
    assert answer.status == 400
    assert "the request" in answer.error


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
@pytest.mark.parametrize("place", ["parts", "box", "point", "score"])
def test_numbers_that_are_none(shared, number, place):
    values = {
        "parts": [{"outer": [[1, 1], [5, 1], [5, "N"]]}],
        "box": [1, 1, 5, "N"],
        "point": [1, "N"],
        "score": "N",
    }
    body = json.dumps(cell(**{place: values[place]})).replace('"N"', number)
    answer = shared.client.post("/api/edit", body.encode())
    assert answer.status == 400 and answer.error


@pytest.mark.parametrize("name", ["undo", "redo"])
@pytest.mark.parametrize(
    "change", [{"more": 1}, {"revision": "0"}, {"revision": -1}, {"edit": 5}, {"key": None}]
)
def test_steps_that_make_no_sense(shared, name, change):
    assert shared.client.post(f"/api/{name}", {**STEP, **change}).error


@pytest.mark.parametrize(
    "change",
    [
        {}, {"box": [1, 1, 5, 5], "point": [3, 3]}, {"box": None}, {"box": [1, 1, 5]}, {"box": "1,1,5,5"},
        {"box": [1, 1, 5, 5], "category": "unknown"}, {"box": [1, 1, 5, 5], "category": 5}, {"point": [1]},
        {"box": [1, 1, 0, 0]}, {"box": [1, 1, -5, -5]}, {"box": [900, 900, 5, 5]}, {"point": [900, 900]},
        {"box": [1, 1, 5, 5], "more": 1},
    ],
)  # fmt: skip
def test_outlines_of_nothing(shared, change):
    answer = shared.client.post("/api/outline", {"key": KEY, "category": "WBC", **change})
    assert answer.status in (200, 400, 422), answer.body
    if answer.status == 200:  # a place where nothing can be: a sentence says why
        assert answer.json["cell"] is None and answer.json["why"]


@pytest.mark.parametrize("name", [None, 1, "", [], "x" * 1001, " ", "\0", "a\nb", "\u202e"])
def test_categories_that_make_no_sense(shared, name):
    answer = shared.client.post("/api/category", {"name": name})
    assert answer.status in (400, 422), answer.body
    assert answer.error


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/api/set", "key=x"), ("/api/image", ""), ("/api/image", "key"), ("/api/image", "key="),
        ("/api/image", "key=train/i0.png&key=train/i1.png"), ("/api/image", "key=train/i0.png&more=1"),
        ("/api/pixels", "name=train/i0.png"), ("/api/pixels", f"key={'a' * 1001}"), ("/api/changes", ""),
        ("/api/changes", "since="), ("/api/changes", "since=-1"), ("/api/changes", "since=1.5"),
        ("/api/changes", "since=x"), ("/api/changes", "since=0x1"), ("/api/changes", "since=%d9%a1"),
        ("/api/changes", "since=%c2%b2"), ("/api/changes", "since=1&since=1"), ("/api/changes",
        "since=1&key=x"),
    ],
)  # fmt: skip
def test_addresses_that_make_no_sense(shared, path, query):
    answer = shared.client.get(path, query)
    assert answer.status == 400 and answer.error


@pytest.mark.parametrize("since", ["0", "1", "9" * 30, "0" * 50, "9" * 60_000])
def test_changes_since_any_number(shared, since):
    answer = shared.client.get("/api/changes", {"since": since})
    assert answer.status in (200, 400), answer.body


@pytest.mark.parametrize("name", ["edit", "undo", "outline", "category", "leave"])
def test_values_in_the_address_of_a_change(shared, name):
    answer = shared.client.ask("POST", f"/api/{name}", query="key=train/i0.png", body={"key": KEY})
    assert answer.status == 400 and "body" in answer.error
