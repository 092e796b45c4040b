"""Edits through requests: saved, answered, refused where somebody else was sooner, never taken for a page."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from smearprep.errors import OutputError
from tests.serving.asking import Client, drawn, served
from tests.sets import coco_files, edit_json, tree

HTML = '<img src=x onerror="alert(1)"><script>alert(1)</script>&amp;"\'`${1}\u2028</title>'


def cells_of(site, key):
    return {cell["id"]: cell for cell in site.session.image(key)["cells"]}


def test_an_edit_is_saved_and_answered(site):
    key = site.names[0]
    before = site.session.image(key)
    answer = site.edit(key, "e1", before["revision"], {"new-a": drawn()}, {"flagged": True, "note": "why?"})
    assert answer.status == 200
    state = answer.json
    assert state["revision"] == before["revision"] + 1 and state["flagged"] and state["note"] == "why?"
    assert len(state["cells"]) == len(before["cells"]) + 1
    assert state["ids"]["new-a"] in {cell["id"] for cell in state["cells"]}
    assert {k: v for k, v in state.items() if k != "ids"} == site.client.get("/api/image", {"key": key}).json
    assert site.client.post("/api/leave", {"key": key}).json == {}
    assert state["ids"]["new-a"] in {
        a["id"] for data in coco_files(site.folder).values() for a in data["annotations"]
    }


def test_undo_and_redo(site):
    key = site.names[1]
    before = site.session.image(key)
    done = site.edit(key, "e1", before["revision"], {str(before["cells"][0]["id"]): None}).json
    undone = site.client.post("/api/undo", {"key": key, "edit": "e2", "revision": done["revision"]}).json
    assert undone["cells"] == before["cells"] and undone["redo"]
    redone = site.client.post("/api/redo", {"key": key, "edit": "e3", "revision": undone["revision"]}).json
    assert redone["cells"] == done["cells"]


def test_the_second_of_two_clients_is_refused(site):
    """Both have seen the same state; the second one gets what is there now, and nothing is overwritten."""
    key = site.names[0]
    seen = site.client.get("/api/image", {"key": key}).json
    other = Client(site.client.application, site.keys.token)
    first = site.edit(key, "one", seen["revision"], {"new-a": drawn("WBC")})
    body = {"key": key, "edit": "two", "revision": seen["revision"], "title": "all deleted"}
    cells = {str(cell["id"]): None for cell in seen["cells"]}
    second = other.post("/api/edit", {**body, "cells": cells})
    assert (first.status, second.status) == (200, 409)
    now = other.get("/api/image", {"key": key}).json
    assert second.error and second.json["image"] == now
    assert now["cells"] == first.json["cells"]
    for step in ("undo", "redo"):
        late = other.post(f"/api/{step}", {"key": key, "edit": step, "revision": seen["revision"]})
        assert late.status == 409 and late.json["image"] == now
    again = other.post("/api/edit", {**body, "revision": now["revision"], "cells": cells})
    assert again.status == 200


def test_the_second_client_sees_what_the_first_did(site):
    key = site.names[2]
    known = site.client.get("/api/changes", {"since": site.session.overview()["revision"]}).json
    assert known["images"] == []
    site.edit(key, "one", site.session.image(key)["revision"], image={"flagged": True})
    seen = site.client.get("/api/changes", {"since": known["revision"]}).json
    assert [row["key"] for row in seen["images"]] == [key] and seen["images"][0]["flagged"]
    assert seen["revision"] > known["revision"]


def test_an_edit_that_is_sent_again_is_done_once(site):
    key = site.names[0]
    revision = site.session.image(key)["revision"]
    first = site.edit(key, "same", revision, {"new-a": drawn()})
    again = site.edit(key, "same", revision, {"new-a": drawn()})
    assert again.status == 200 and again.json["ids"] == first.json["ids"]
    assert again.json["cells"] == first.json["cells"]


@pytest.mark.parametrize(
    "text", [HTML, "\0\x01\x1b[31m", "\u202egnp.exe", "\U0001fa78", "'; DROP TABLE cells; --"]
)
def test_text_comes_back_as_data(site, text):
    key = site.names[0]
    done = site.edit(key, "e1", site.session.image(key)["revision"], image={"note": text}, title=text)
    answers = [done, site.client.get("/api/image", {"key": key}), site.client.get("/api/set")]
    for answer in answers:
        if answer.status == 200:
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["x-content-type-options"] == "nosniff"
    if done.status == 200:
        assert answers[1].json["note"] == text
    else:
        assert done.status in (400, 422) and done.error


def test_labels_with_html_come_back_as_data(folder):
    """Those that a person adds, and those of a set from somebody else."""
    label, other = HTML.replace("\u2028", ""), "<svg onload=alert(1)>"

    def rename(data):
        data["categories"][0]["name"] = other

    edit_json(folder / "annotations/instances_train.json", rename)
    with served(folder) as site:
        answers = [site.client.post("/api/category", {"name": label}), site.client.get("/api/set")]
        key = site.names[0]
        revision = site.session.image(key)["revision"]
        answers += [site.edit(key, "e1", revision, {"new-a": drawn(label)})]
    for answer in answers:
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert {label, other} <= set(answers[1].json["categories"])
    assert {label, other} <= {cell["category"] for cell in answers[2].json["cells"]}


def test_many_clients_at_once_lose_nothing(site):
    """Each draws on the same image, and takes over the state that it is told when it comes too late."""
    key, ids = site.names[0], []

    def draw(name):
        client = Client(site.client.application, site.keys.token)
        state = client.get("/api/image", {"key": key}).json
        for count in range(10):
            while True:
                body = {
                    "key": key,
                    "edit": f"{name}-{count}",
                    "revision": state["revision"],
                    "title": "drawn",
                }
                answer = client.post("/api/edit", {**body, "cells": {"new-a": drawn()}})
                if answer.status == 200:
                    break
                assert answer.status == 409
                state = answer.json["image"]
            state = answer.json
            ids.append(state["ids"]["new-a"])

    before = {cell["id"] for cell in site.session.image(key)["cells"]}
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(draw, "abc"))
    assert len(set(ids)) == 30
    assert {cell["id"] for cell in site.session.image(key)["cells"]} == before | set(ids)


def test_a_new_category_can_be_drawn(site):
    answer = site.client.post("/api/category", {"name": "Platelets"})
    assert answer.status == 200 and "Platelets" in answer.json["categories"]
    key = site.names[0]
    assert (
        site.edit(key, "e1", site.session.image(key)["revision"], {"new-a": drawn("Platelets")}).status == 200
    )


def test_a_box_is_outlined_or_told_why_not(site):
    answer = site.client.post(
        "/api/outline", {"key": site.names[0], "category": "WBC", "box": [3, 3, 16, 16]}
    )
    assert answer.status == 200 and set(answer.json) == {"cell", "why"}
    assert (answer.json["cell"] is None) == bool(answer.json["why"])


def test_a_full_disk_is_told_and_the_next_edit_works(site, monkeypatch):
    key = site.names[0]
    revision = site.session.image(key)["revision"]

    def full(*arguments):
        raise OutputError("edits.jsonl: cannot be written (No space left on device)")

    with monkeypatch.context() as patched:
        patched.setattr(site.session, "edit", full)
        answer = site.edit(key, "e1", revision, {"new-a": drawn()})
        assert answer.status == 507 and "No space left" in answer.error
    assert site.edit(key, "e1", revision, {"new-a": drawn()}).status == 200


def test_folding_that_fails_is_told(site, monkeypatch):
    def full():
        raise OutputError("instances_train.json: cannot be written (No space left on device)")

    monkeypatch.setattr(site.folding, "_fold", full)
    assert site.client.post("/api/leave", {"key": site.names[0]}).status == 507


def test_a_fault_is_told_to_be_one(site, monkeypatch, capsys):
    def broken():
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(site.session, "overview", broken)
    monkeypatch.delenv("SMEARPREP_DEBUG", raising=False)
    answer = site.client.get("/api/set")
    assert answer.status == 500
    assert answer.error == (
        "this is a fault of smearprep (ZeroDivisionError). Please report it with what the terminal shows "
        "when SMEARPREP_DEBUG=1 is set"
    )
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("SMEARPREP_DEBUG", "1")
    assert site.client.get("/api/set").body == answer.body
    assert "secret detail" in capsys.readouterr().err


def test_who_and_when_stand_in_the_journal_alone(site):
    key = site.names[0]
    site.edit(key, "e1", site.session.image(key)["revision"], {"new-a": drawn()})
    site.client.post("/api/leave", {"key": key})
    told = [name for name, data in tree(site.folder).items() if data and b"tester" in data]
    assert told == ["edits.jsonl"]
    lines = [json.loads(line) for line in (site.folder / "edits.jsonl").read_text().splitlines()]
    assert any(line.get("who") == "tester" for line in lines)
