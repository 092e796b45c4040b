"""What people have accepted or taken away, `assist` leaves so."""

from __future__ import annotations

import json
from shutil import copytree

import pytest

from smearprep.annotating import Session
from smearprep.assist import assist
from smearprep.checking import check
from tests.annotating.making import by_id, patch
from tests.assist.making import write_set
from tests.sets import coco_files, tree


@pytest.fixture(scope="module")
def assisted(tmp_path_factory):
    """A set of white cells whose boxes were outlined."""
    folder = write_set(tmp_path_factory.mktemp("boxes"), labels=("WBC",), size=(90, 70), white=1, red=0)
    assist(folder)
    return folder


@pytest.fixture
def folder(assisted, tmp_path):
    return copytree(assisted, tmp_path / "set")


def entries(folder):
    return {one["id"]: one for data in coco_files(folder).values() for one in data["annotations"]}


def accept(folder, **changes):
    """Accept the outlines of the first image; returns its key and their ids."""
    with Session(folder) as session:
        key = session.overview()["images"][0]["key"]
        state = session.image(key)
        cells = {str(one["id"]): {**one, "accepted": True, **changes} for one in state["cells"]}
        session.edit(key, patch(state, "accepted", cells=cells))
    return key, [int(id_) for id_ in cells]


def test_an_accepted_outline_is_not_made_anew(folder):
    _, ids = accept(folder)
    before = entries(folder)
    for id_, one in before.items():
        assert one.get("accepted", False) == (id_ in ids)
    assist(folder, redo=True, part=True)
    assert {id_: entries(folder)[id_] for id_ in ids} == {id_: before[id_] for id_ in ids}
    assert not check(folder).findings


def test_a_set_that_was_edited_and_undone_is_assisted_as_if_nothing_had_been(folder, assisted):
    key, _ = accept(folder)
    with Session(folder) as session:
        session.undo(key, "u1", 1)
    assist(folder, redo=True)
    for name in ("annotations/instances_train.json", "annotations/instances_val.json"):
        assert tree(folder)[name] == tree(assisted)[name]


def test_ids_of_deleted_cells_are_not_used_again_by_assist(folder):
    with Session(folder) as session:
        for row in session.overview()["images"]:
            state = session.image(row["key"])
            session.edit(row["key"], patch(state, cells=dict.fromkeys(map(str, by_id(state)))))
    assert not entries(folder)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["counts"]["cells"] == 0 and "annotate" in manifest
    assist(folder, find=["Platelets"])
    assert all(id_ > 3 for id_ in entries(folder)) and not check(folder).findings
    with Session(folder) as session:
        for row in session.overview()["images"]:
            session.undo(row["key"], f"u-{row['key']}", 1)
    assert {1, 2, 3} <= set(entries(folder)) and not check(folder).findings
