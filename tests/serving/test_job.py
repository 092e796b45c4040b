"""The whole job but the network: what is opened, what is told, what is saved at the end."""

import pytest

from smearprep.errors import OutputError
from smearprep.serving import annotate
from tests.serving.asking import Client, drawn
from tests.sets import call, coco_files, edit_json, report, tree, write_folder

KEY = "train/i0.png"


@pytest.fixture
def visit(monkeypatch):
    """Calls `annotate`; in place of the network, what `during` does with a client that has the key."""

    def visiting(folder, during=lambda client: None, **how):
        said = []

        def serve(application, place, greet):
            greet()
            token = next(line.partition("#token=")[2] for line in said if "#token=" in line)
            host = {"host": f"127.0.0.1:{place.port}"}
            during(
                lambda method, path, **what: Client(application, token).ask(
                    method, path, headers=host, **what
                )
            )

        monkeypatch.setattr("smearprep.serving.job.serve", serve)
        return annotate(folder, port=0, browser=False, say=said.append, **how), "\n".join(said)

    return visiting


def test_what_is_told(folder, visit):
    summary, told = visit(folder)
    assert "set: 3 images, 6 cells, 0 of them not looked at yet" in told
    assert "Ctrl-C here ends" in told and "whoever has it can change the set" in told
    assert "Nothing is encrypted" not in told
    assert summary.output == str(folder) and summary.counts["edits"] == 0
    assert summary.by_subset == {
        "train": {"images": 3, "reviewed_images": 0, "flagged_images": 0, "cells": 6, "unreviewed_cells": 0}
    }


def test_the_last_edits_are_saved(folder, visit):
    def draw(ask):
        body = {"key": KEY, "edit": "e", "revision": 0, "title": "t"}
        answer = ask("POST", "/api/edit", body={**body, "cells": {"new-1": drawn("Platelets")}})
        assert answer.status == 200, answer.body

    summary, _ = visit(folder, draw, categories=["Platelets", "WBC"], who="somebody")
    assert summary.counts["edits"] == 2 and summary.counts["cells"] == 7
    names = [row["name"] for row in coco_files(folder)["train"]["categories"]]
    assert names == ["RBC", "WBC", "Platelets"]
    assert len(coco_files(folder)["train"]["annotations"]) == 7
    assert b"somebody" in (folder / "edits.jsonl").read_bytes()
    report("check", folder)


def test_without_an_edit_nothing_is_changed(folder, visit):
    before = tree(folder)
    visit(folder)
    assert tree(folder) == before


def test_others_on_the_network(folder, visit):
    _, told = visit(folder, host="0.0.0.0")
    assert "Every computer that reaches 0.0.0.0 can use this link" in told
    assert "Nothing is encrypted" in told and "a network that you trust" in told


def test_a_folder_of_images(tmp_path, visit):
    raw = write_folder(tmp_path / "raw", images=2)
    (raw / "cells.json").unlink()
    before = tree(raw)
    _, told = visit(raw, out=tmp_path / "without")
    assert "It has no kind of cell yet" in told and "--category WBC" in told
    summary, told = visit(raw, categories=["WBC"])
    assert "no kind of cell" not in told
    made = tmp_path / "raw_set"
    assert told.count("making a set of 2 images ...") == 1
    assert f"{raw} is no prepared set; one was made of it: {made}." in told
    assert summary.output == str(made) and summary.counts["images"] == 2
    assert tree(raw) == before
    _, told = visit(raw)
    assert f"the one that was made of it, {made}, is opened" in told
    summary, told = visit(raw, out=tmp_path / "other")
    assert summary.output == str(tmp_path / "other")


def test_images_that_are_not_there_are_told(folder, visit):
    (folder / "images/train/i1.png").unlink()
    _, told = visit(folder)
    assert "1 of the images are not there, for example train/i1.png" in told


def test_bad_images_of_a_folder_are_told(tmp_path, visit):
    raw = write_folder(tmp_path / "raw", images=2)
    (raw / "i1.png").write_bytes(b"no image")
    _, told = visit(raw)
    assert "unreadable" in told and f"`smearprep inspect {raw}` lists them" in told


@pytest.mark.parametrize("error", [RuntimeError("never thought of"), KeyboardInterrupt()])
def test_whatever_happens_the_set_is_let_go(folder, visit, error):
    def fail(ask):
        raise error

    with pytest.raises(type(error)):
        visit(folder, fail)
    visit(folder)


def test_files_that_cannot_be_written_at_the_end(folder, visit, monkeypatch):
    def full(session):
        raise OutputError("instances_train.json: cannot be written (No space left on device)")

    with monkeypatch.context() as patched:
        patched.setattr("smearprep.annotating.Session.fold", full)
        patched.setattr("smearprep.annotating.Session.close", full)
        with pytest.raises(OutputError, match=r"No space left.*No edit is lost: .*edits\.jsonl has them all"):
            visit(folder)


def test_the_summary_as_json(folder, visit, monkeypatch):
    monkeypatch.setattr("smearprep.serving.job.serve", lambda application, place, greet: greet())
    data = report("annotate", folder, "--no-browser", "--port", 0)
    assert data["command"] == "annotate" and data["counts"]["images"] == 3
    shown = call("annotate", folder, "--no-browser", "--port", 0)
    assert shown.exit_code == 0 and "#token=" not in shown.stdout and "#token=" in shown.stderr


def test_an_image_that_is_named_outside_the_set(folder, visit):
    """A set from somebody else names a file of this computer: it is not shown."""
    secret = folder.parent / "secret.png"
    secret.write_bytes((folder / "images/train/i0.png").read_bytes())
    edit_json(
        folder / "annotations/instances_train.json",
        lambda data: data["images"][0].update(file_name="../../../secret.png"),
    )

    def look(ask):
        rows = ask("GET", "/api/set").json["images"]
        answers = [ask("GET", "/api/pixels", query={"key": row["key"]}) for row in rows]
        assert all(answer.status == 200 for answer in answers[1:]) and len(answers) >= 2
        assert all(row["missing"] or "secret" not in row["key"] for row in rows)
        keys = ("../../../secret.png", "train/../../../secret.png", "secret.png", str(secret))
        assert all(ask("GET", "/api/pixels", query={"key": key}).status == 400 for key in keys)

    visit(folder, look)
