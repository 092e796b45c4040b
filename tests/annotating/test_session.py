"""A set that is edited: what an edit does, what is refused, what can be undone."""

import json
from concurrent.futures import ThreadPoolExecutor
from shutil import copytree

import pytest
from pycocotools.coco import COCO

from smearprep.annotating import Conflict, EditError, Session
from smearprep.assist import assist
from smearprep.checking import check
from smearprep.errors import DataError, LayoutError, OutputError
from smearprep.synthetic import write_image
from tests.annotating.making import CELLS, NAMES, SIZE, by_id, cell, of_outline, patch, square, write_set
from tests.sets import coco_files, edit_json, noise, tree

KEY = "train/i0.png"
UNKNOWN, ABSENT = "not_exhaustive_category_ids", "neg_category_ids"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("plain"))


@pytest.fixture
def folder(plain, tmp_path):
    return copytree(plain, tmp_path / "set")


@pytest.fixture
def session(folder):
    with Session(folder, "Ann", lambda: "noon") as opened:
        yield opened


def record(folder, key=KEY):
    """What the COCO file says of an image."""
    subset, _, name = key.partition("/")
    return next(one for one in coco_files(folder)[subset]["images"] if one["file_name"] == name)


def entry(folder, id_):
    """An annotation as it stands in the COCO files."""
    entries = (one for data in coco_files(folder).values() for one in data["annotations"])
    return next(one for one in entries if one["id"] == id_)


# ---------------------------------------------------------------- looking


def test_the_list_of_images(session):
    seen = session.overview()
    assert (seen["name"], seen["categories"], seen["revision"]) == ("set", list(NAMES), 0)
    assert [row["key"] for row in seen["images"]] == [
        "train/i0.png",
        "train/i1.png",
        "val/i2.png",
        "val/i3.png",
    ]
    assert seen["images"][0] == {
        "key": KEY, "name": "i0.png", "subset": "train", "width": 60, "height": 40, "cells": 6,
        "unreviewed": 4, "lowest_score": 0.75, "categories": ["RBC", "WBC"], "reviewed": False,
        "flagged": False, "note": "", "missing": False,
    }  # fmt: skip
    assert session.categories == NAMES


def test_an_image_with_every_kind_of_cell(session):
    state = session.image(KEY)
    assert (state["revision"], state["undo"], state["redo"]) == (0, None, None)
    assert [one["outline"] for one in state["cells"]] == [outline for _, _, outline, _ in CELLS]
    assert [one["crowd"] for one in state["cells"]] == [False] * 6 + [True]
    box, point = of_outline(state, "box"), of_outline(state, "point")
    assert (box["parts"], box["box"]) == ([], [35.5, 5, 9.5, 9.25])
    assert (point["parts"], point["point"]) == ([], [50, 30])
    assert of_outline(state, "component")["parts"][0]["holes"] == [square(8, 23, 3)]
    assert (of_outline(state, "made")["score"], of_outline(state, "made")["accepted"]) == (0.75, False)


def test_looking_changes_nothing(folder):
    before = tree(folder)
    with Session(folder) as session:
        session.overview(), session.image(KEY), session.changed_since(0)
    assert tree(folder) == before


# ---------------------------------------------------------------- editing


def test_a_drawn_cell_gets_an_id_that_nobody_had(session, folder):
    state = session.image(KEY)
    done = session.edit(KEY, patch(state, "drawn", cells={"new-a": cell("WBC", parts=[square(1, 1, 3)])}))
    (id_,) = done["ids"].values()
    assert id_ == 29 and done["revision"] == 1 and done["undo"] == "drawn"
    done = session.edit(KEY, patch(done, cells={str(id_): None}))
    done = session.edit(KEY, patch(done, cells={"new-a": cell(parts=[square(2, 2, 3)])}))
    assert done["ids"] == {"new-a": 30}
    session.fold()
    assert entry(folder, 30) == {
        "id": 30, "image_id": 1, "category_id": 1, "segmentation": [[2, 2, 5, 2, 5, 5, 2, 5]], "area": 9.0,
        "bbox": [2, 2, 3, 3], "iscrowd": 0, "outline": "drawn",
    }  # fmt: skip
    assert not check(folder).findings


def test_ids_of_deleted_cells_are_not_used_again_in_the_next_session(folder):
    with Session(folder) as session:
        session.edit("val/i3.png", patch(session.image("val/i3.png"), cells={"28": None}))
    with Session(folder) as session:
        done = session.edit(KEY, patch(session.image(KEY), cells={"new-a": cell(parts=[square(1, 1, 3)])}))
        assert done["ids"] == {"new-a": 29}


def test_a_changed_shape_is_drawn_by_a_person(session, folder):
    state = session.image(KEY)
    made = of_outline(state, "made")
    moved = {**made, "parts": [{"outer": square(21.5, 5), "holes": []}]}
    after = by_id(session.edit(KEY, patch(state, cells={str(made["id"]): moved})))[made["id"]]
    assert (after["outline"], after["score"], after["made_by"]) == ("drawn", None, "")
    assert after["parts"] == moved["parts"] and after["box"] == [21.5, 5, 10, 10]
    session.fold()
    told = entry(folder, made["id"])
    assert not {"score", "made_by", "attributes", "accepted"} & set(told) and told["cell"] == 1


def test_a_box_or_a_point_that_is_moved_stays_what_it_is(session):
    state = session.image(KEY)
    box, point = of_outline(state, "box"), of_outline(state, "point")
    cells = {str(box["id"]): {**box, "box": [30, 5, 9, 9]}, str(point["id"]): {**point, "point": [51, 30]}}
    after = by_id(session.edit(KEY, patch(state, cells=cells)))
    assert (after[box["id"]]["outline"], after[box["id"]]["box"]) == ("box", [30, 5, 9, 9])
    assert (after[point["id"]]["outline"], after[point["id"]]["point"]) == ("point", [51, 30])


def test_accepting_keeps_how_an_outline_was_made(session, folder):
    state = session.image(KEY)
    cells = {str(one["id"]): {**one, "accepted": True} for one in state["cells"] if not one["crowd"]}
    done = session.edit(KEY, patch(state, "all accepted", cells=cells))
    assert {one["outline"] for one in done["cells"] if one["accepted"]} == {
        "made",
        "box",
        "point",
        "component",
    }
    assert session.overview()["images"][0]["unreviewed"] == 0
    assert session.overview()["images"][0]["lowest_score"] is None
    session.fold()
    assert entry(folder, 2)["accepted"] is True and entry(folder, 2)["score"] == 0.75
    one = by_id(done)[2]
    session.edit(KEY, patch(done, cells={"2": {**one, "accepted": False}}))
    session.fold()
    assert "accepted" not in entry(folder, 2)


def test_relabelling_keeps_the_outline(session):
    state = session.image(KEY)
    one = of_outline(state, "component")
    after = by_id(session.edit(KEY, patch(state, cells={str(one["id"]): {**one, "category": "Platelets"}})))
    assert after[one["id"]] == {**one, "category": "Platelets"}


def test_an_outline_that_a_program_has_just_made_is_not_a_persons(session):
    state = session.image(KEY)
    box = of_outline(state, "box")
    made = cell("WBC", "made", [square(36, 6, 8)], score=0.5, made_by="smearprep annotate box")
    done = session.edit(KEY, patch(state, cells={str(box["id"]): made, "new-b": made}))
    for id_ in (box["id"], done["ids"]["new-b"]):
        one = by_id(done)[id_]
        assert (one["outline"], one["score"], one["made_by"]) == ("made", 0.5, "smearprep annotate box")


def test_an_outline_that_crosses_itself_is_repaired_and_answered(session):
    state = session.image(KEY)
    bow = [[1, 1], [9, 9], [9, 1], [1, 9]]
    done = session.edit(KEY, patch(state, cells={"new-a": cell(parts=[bow])}))
    parts = by_id(done)[done["ids"]["new-a"]]["parts"]
    assert len(parts) == 2 and all(len(part["outer"]) == 3 for part in parts)


def test_what_lies_beyond_the_image_is_cut_off(session):
    state = session.image(KEY)
    done = session.edit(KEY, patch(state, cells={"new-a": cell(parts=[square(55, 35)])}))
    assert by_id(done)[done["ids"]["new-a"]]["box"] == [55, 35, 5, 5]


def test_holes_and_crowds(session, folder):
    state = session.image(KEY)
    ring = {"outer": square(1, 1, 9), "holes": [square(3, 3, 4)]}
    done = session.edit(KEY, patch(state, cells={"new-a": {**cell(crowd=True), "parts": [ring]}}))
    one = by_id(done)[done["ids"]["new-a"]]
    assert one["crowd"] and len(one["parts"][0]["holes"]) == 1
    assert session.overview()["images"][0]["cells"] == 6  # a crowd is no cell
    session.fold()
    assert not check(folder).findings


# ---------------------------------------------------------------- marks


def test_done_means_that_every_category_was_looked_for(session, folder):
    key = "train/i1.png"
    state = session.image(key)
    assert (record(folder, key)[UNKNOWN], record(folder, key)[ABSENT]) == ([3], [])
    state = session.edit(key, patch(state, image={"reviewed": True}))
    session.fold()
    assert (record(folder, key)[UNKNOWN], record(folder, key)[ABSENT]) == ([], [3])
    assert record(folder, key)["reviewed"] is True
    whites = {str(one["id"]): None for one in state["cells"] if one["category"] == "WBC"}
    state = session.edit(key, patch(state, cells=whites))
    session.fold()
    assert record(folder, key)[ABSENT] == [2, 3]
    state = session.edit(key, patch(state, cells={"new-a": cell("Platelets", parts=[square(1, 1, 3)])}))
    session.fold()
    assert record(folder, key)[ABSENT] == [2]
    session.edit(key, patch(state, image={"reviewed": False}))
    session.fold()
    told = record(folder, key)
    assert (told[UNKNOWN], told[ABSENT], "reviewed" in told) == ([3], [2], False)
    assert not check(folder).findings


def test_flags_and_notes(session, folder):
    state = session.image(KEY)
    state = session.edit(KEY, patch(state, image={"flagged": True, "note": "<b>blurred</b>"}))
    assert (state["flagged"], state["note"]) == (True, "<b>blurred</b>")
    session.fold()
    assert record(folder)["note"] == "<b>blurred</b>"
    session.edit(KEY, patch(state, image={"flagged": False, "note": ""}))
    session.fold()
    assert not {"flagged", "note"} & set(record(folder))


def test_a_new_category_was_looked_for_in_no_image(session, folder):
    state = session.edit(KEY, patch(session.image(KEY), image={"reviewed": True}))
    assert session.add_category(" Blast ")["categories"] == [*NAMES, "Blast"]
    assert session.add_category("Blast")["revision"] == 2  # it is there
    state = session.edit(KEY, patch(state, cells={"new-a": cell("Blast", parts=[square(1, 1, 3)])}))
    session.undo(KEY, "u1", state["revision"])
    session.undo(KEY, "u2", state["revision"] + 1)  # of the mark, which is older than the category
    session.fold()
    assert record(folder)[UNKNOWN] == [4] and not check(folder).findings
    with pytest.raises(EditError, match="1 to 200 letters"):
        session.add_category("a\nb")


# ---------------------------------------------------------------- undo and redo


def test_undo_and_redo_across_sessions(folder):
    with Session(folder) as session:
        first = session.image(KEY)
        second = session.edit(KEY, patch(first, "one", cells={"1": None}, image={"note": "x"}))
        third = session.edit(KEY, patch(second, "two", cells={"new-a": cell(parts=[square(1, 1, 3)])}))
    with Session(folder) as session:
        assert session.image(KEY)["cells"] == third["cells"] and session.image(KEY)["undo"] == "two"
        back = session.undo(KEY, "u1", 2)
        assert (back["cells"], back["undo"], back["redo"]) == (second["cells"], "one", "two")
        back = session.undo(KEY, "u2", 3)
        assert (back["cells"], back["note"], back["undo"]) == (first["cells"], "", None)
        with pytest.raises(EditError, match="nothing is left to undo"):
            session.undo(KEY, "u3", 4)
    with Session(folder) as session:
        again = session.redo(KEY, "r1", 4)
        assert (again["cells"], again["note"]) == (second["cells"], "x")
        assert session.redo(KEY, "r2", 5)["cells"] == third["cells"]
        session.undo(KEY, "u4", 6)
        new = session.edit(KEY, patch(session.image(KEY), cells={"2": None}))
        assert new["redo"] is None
        with pytest.raises(EditError, match="nothing is left to redo"):
            session.redo(KEY, "r3", new["revision"])


def test_all_undone_is_the_set_as_it_was(session, folder):
    before = coco_files(folder)
    state = session.image(KEY)
    state = session.edit(KEY, patch(state, cells={"1": None, "3": None}, image={"reviewed": True}))
    session.fold()
    state = session.edit(KEY, patch(state, cells={"new-a": cell(parts=[square(1, 1, 3)])}))
    state = session.undo(KEY, "u1", state["revision"])
    session.fold()
    session.undo(KEY, "u2", state["revision"])
    session.fold()
    assert coco_files(folder) == before


def test_undo_of_what_another_program_has_changed_is_refused(folder):
    with Session(folder) as session:
        box = of_outline(session.image(KEY), "box")
        moved = {str(box["id"]): {**box, "box": [30, 5, 9, 9]}}
        session.edit(KEY, patch(session.image(KEY), cells=moved))
    (file,) = (folder / "annotations").glob("*train*")
    edit_json(file, lambda data: data["annotations"][2].update(category_id=1))
    with Session(folder) as session:
        with pytest.raises(Conflict, match="another program has changed") as caught:
            session.undo(KEY, "u1", 1)
        assert caught.value.state == session.image(KEY)


@pytest.mark.parametrize("change", ["category", "id"])
def test_undo_of_what_the_files_cannot_hold_any_more_is_refused(folder, change):
    with Session(folder) as session:
        session.edit(KEY, patch(session.image(KEY), cells={"3": None}))
    (file,) = (folder / "annotations").glob("*train*")
    edit_json(file, take_category if change == "category" else give_id)
    with Session(folder) as session, pytest.raises(Conflict, match="another program has changed"):
        session.undo(KEY, "u1", 1)
    Session(folder).close()


def take_category(data):
    data["categories"].pop(1)
    data["annotations"] = [one for one in data["annotations"] if one["category_id"] != 2]


def give_id(data):
    data["annotations"][-1]["id"] = 3


# ---------------------------------------------------------------- two people


def test_an_edit_of_an_older_state_is_refused(session):
    state = session.image(KEY)
    now = session.edit(KEY, patch(state, cells={"1": None}))
    with pytest.raises(Conflict, match="somebody else") as caught:
        session.edit(KEY, patch(state, cells={"2": None}))
    assert caught.value.state == {key: value for key, value in now.items() if key != "ids"}
    with pytest.raises(Conflict):
        session.undo(KEY, "u1", 0)


def test_an_edit_that_comes_twice_is_done_once(folder):
    with Session(folder) as session:
        asked = patch(session.image(KEY), cells={"new-a": cell(parts=[square(1, 1, 3)])})
        done = session.edit(KEY, asked)
        assert session.edit(KEY, asked) == done
        back = session.undo(KEY, "u1", 1)
        assert session.undo(KEY, "u1", 1) == back
    with Session(folder) as session:
        assert session.edit(KEY, asked) == {**back, "ids": done["ids"]}
        assert session.overview()["revision"] == 2
        with pytest.raises(EditError, match="this id already"):
            session.edit("val/i2.png", asked)


def test_what_has_changed_since(session):
    session.edit(KEY, patch(session.image(KEY), cells={"1": None}))
    state = session.edit("val/i2.png", patch(session.image("val/i2.png"), image={"flagged": True}))
    assert state["revision"] == 1
    keys = [row["key"] for row in session.changed_since(0)["images"]]
    assert keys == [KEY, "val/i2.png"]
    news = session.changed_since(1)
    assert [row["key"] for row in news["images"]] == ["val/i2.png"] and news["images"][0]["flagged"]
    assert news["revision"] == 2 and session.changed_since(2)["images"] == []
    assert len(session.changed_since(7)["images"]) == 4  # of another time: all


def test_several_threads(session):
    """Each draws in its own image and in one of all; who comes too late looks again."""
    keys = [row["key"] for row in session.overview()["images"]]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: draw_many(session, keys[n], keys[0]), range(4)))
    states = [session.image(key) for key in keys]
    assert [len(state["cells"]) for state in states] == [7 + 5 + 20, 12, 12, 12]
    ids = [one["id"] for state in states for one in state["cells"]]
    assert len(set(ids)) == len(ids) and session.overview()["revision"] == 40


def draw_many(session, own, common):
    for _ in range(5):
        for key in (own, common):
            while True:
                new = {"new-a": cell(parts=[square(1, 1, 3)])}
                try:
                    session.edit(key, patch(session.image(key), cells=new))
                except Conflict:
                    continue
                break
        session.fold()


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cells": {"77": None}}, "cell 77: is not in the image"),
        ({"cells": {"x": None}}, "cell x: is not in the image"),
        ({"cells": {"8": None}}, "is not in the image"),  # of the next one
        ({"cells": {"new-a": cell("cow", parts=[square(1, 1)])}}, "no category 'cow'. It has RBC"),
        ({"cells": {"new-a": cell(parts=[[[1, 1], [2, 2]]])}}, "at least 3 points"),
        ({"cells": {"new-a": cell(parts=[[[1, 1], [2, 2], [3, 3]]])}}, "no area"),
        ({"cells": {"new-a": cell(parts=[square(70, 50, 3)])}}, "no area in the image of 60x40"),
        ({"cells": {"new-a": cell(parts=[square(-1000, 1)])}}, "far beyond the image"),
        ({"cells": {"new-a": cell(parts=[[[1, 1], [float("nan"), 2], [3, 1]]])}}, "finite number"),
        ({"cells": {"new-a": cell(parts=[[[1, 1]] * 10_001])}}, "10,001 vertices"),
        ({"cells": {"new-a": cell()}}, "has no outline"),
        ({"cells": {"new-a": cell(outline="box", box=[1, 1, 0, 5])}}, "box has no area"),
        ({"cells": {"new-a": cell(outline="point", point=[60, 1])}}, "no area in the image"),
        ({"cells": {"new-a": {**cell(), "colour": 1}}}, "colour"),
        ({"cells": {"new-a": []}}, "new cell"),
        ({"cells": {f"new-{n}": None for n in range(20_001)}}, "at most 20000"),
        ({"image": {"note": "x" * 10_001}}, "at most 10000"),
        ({"image": {"reviewed": "yes"}}, "reviewed"),
        ({"edit": ""}, "edit"),
        ({"title": "\ud800"}, "unicode"),
        ({"cells": {"new-a": cell("RBC", "made", [square(1, 1)], score=1.0, made_by="\ud800")}}, "unicode"),
        ({"cells": {"new-a": cell(outline="point", point=[1, 1], crowd=True)}}, "a crowd is a region"),
        ({"more": 1}, "more"),
    ],
)
def test_wrong_patches(session, folder, changes, words):
    before, state = tree(folder), session.image(KEY)
    with pytest.raises(EditError, match=words):
        session.edit(KEY, {**patch(state), **changes})
    assert session.image(KEY) == state and tree(folder) == before


def test_images_that_are_not_there(session, folder):
    with pytest.raises(EditError, match="no such image"):
        session.image("../x")
    (folder / "images/train/i0.png").unlink()
    with pytest.raises(DataError, match="cannot be read"):
        session.outline(KEY, "WBC", box=[1, 1, 9, 9])
    with pytest.raises(EditError, match="no category 'cow'"):
        session.outline(KEY, "cow", box=[1, 1, 9, 9])
    session.close()
    with Session(folder) as again:
        assert again.overview()["images"][0]["missing"]
        with pytest.raises(EditError, match="is not there"):
            again.path_of(KEY)


def test_no_set(tmp_path):
    (tmp_path / "file").touch()
    for name, words in (("x", "is not there"), ("file", "is a file"), ("", "no prepared set")):
        with pytest.raises(LayoutError, match=words):
            Session(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_after_the_end_nothing_is_changed(folder):
    session = Session(folder)
    asked = patch(session.image(KEY), cells={"1": None})
    session.close()
    before = tree(folder)
    for job in (
        lambda: session.edit(KEY, asked),
        lambda: session.undo(KEY, "u1", 0),
        lambda: session.add_category("Blast"),
    ):
        with pytest.raises(OutputError, match="is not open any more"):
            job()
    session.fold()
    session.close()
    assert tree(folder) == before and session.image(KEY)["revision"] == 0


# ---------------------------------------------------------------- other sets


@pytest.fixture
def foreign(tmp_path):
    """A set of another program: no sizes, words as ids, entries that make no sense, nothing said of cells
    that are absent."""
    rings = [[1, 1, 9, 1, 9, 9, 1, 9]]
    entries = [
        {"id": 7, "image_id": "a", "category_id": 5, "segmentation": rings, "iscrowd": 0, "mine": [1]},
        {"id": 3, "image_id": "a", "category_id": 5, "bbox": [2, 2, 5, 5]},
        {"id": 8, "image_id": "a", "category_id": 5, "bbox": [2, 2, 5, 5]},
        {"id": 8, "image_id": "a", "category_id": 5, "bbox": [3, 3, 5, 5]},  # another one with this id
        {"id": "x", "image_id": "a", "category_id": 5, "bbox": [3, 3, 5, 5]},
        {"id": 9, "image_id": "a", "category_id": 77, "bbox": [3, 3, 5, 5]},
        {"id": 10, "image_id": "b", "category_id": 5, "bbox": [3, 3, 5, 5]},
        {"id": 11, "image_id": "a", "category_id": 5, "segmentation": [[1, 1, 2, 2]]},
        [],
    ]
    data = {
        "annotations": entries, "images": [{"id": "a", "file_name": "a.png"}],
        "categories": [{"id": 5, "name": "cell"}], "extra": {"kept": True},
    }  # fmt: skip
    write_image(tmp_path / "images/a.png", noise(SIZE))
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/instances_all.json").write_text(json.dumps(data))
    return tmp_path


def test_a_set_of_another_program(foreign):
    before = coco_files(foreign)["all"]
    with Session(foreign) as session:
        state = session.image("all/a.png")
        assert (state["width"], state["height"]) == SIZE
        assert [(one["id"], one["outline"]) for one in state["cells"]] == [(3, "box"), (7, "drawn")]
        done = session.edit("all/a.png", patch(state, cells={"3": None}, image={"reviewed": True}))
        done = session.edit("all/a.png", patch(done, cells={"new-a": cell("cell", parts=[square(1, 1)])}))
        assert done["ids"] == {"new-a": 12}
        session.edit("all/a.png", patch(done, image={"reviewed": False}))
    after = coco_files(foreign)["all"]
    assert after["images"] == before["images"] and after["extra"] == before["extra"]
    first, gone, *others = before["annotations"]
    left = after["annotations"]
    assert left[0] == first and gone not in left and all(other in left for other in others)
    assert len(left) == len(before["annotations"])
    with Session(foreign) as session:
        for number in range(3):
            session.undo("all/a.png", f"u{number}", 3 + number)
    key = str
    after = coco_files(foreign)["all"]
    assert sorted(after["annotations"], key=key) == sorted(before["annotations"], key=key)


# ---------------------------------------------------------------- with the rest


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:pycocotools")
def test_pycocotools_reads_what_was_edited(session, folder):
    ring = {"outer": square(1, 1, 9), "holes": [square(3, 3, 4)]}
    cells = {
        "new-a": {**cell(), "parts": [ring]},
        "new-b": cell(parts=[square(30, 30, 5), square(40, 30, 5)]),
    }
    done = session.edit(KEY, patch(session.image(KEY), cells=cells))
    session.fold()
    coco = COCO(str(folder / "annotations/instances_train.json"))
    for name, area in (("new-a", 81 - 16), ("new-b", 50)):
        assert coco.annToMask(coco.loadAnns(done["ids"][name])[0]).sum() == area


def test_who_and_when_stand_in_the_journal_alone(session, folder):
    session.edit(KEY, patch(session.image(KEY), "gone", cells={"1": None}))
    session.fold()
    first, last = map(json.loads, (folder / "edits.jsonl").read_text().splitlines())
    assert (first["who"], first["when"], first["title"], last) == ("Ann", "noon", "gone", {"folded": 1})
    others = b"".join(data for name, data in tree(folder).items() if data and name != "edits.jsonl")
    assert b"Ann" not in others and b"noon" not in others


def test_assist_goes_on_where_people_have_stopped(folder):
    with Session(folder) as session:
        one = session.edit(KEY, patch(session.image(KEY), cells={"2": None}))
        last = session.edit("val/i3.png", patch(session.image("val/i3.png"), cells={"28": None}))
        assert last["revision"] == one["revision"] == 1
        with pytest.raises(OutputError, match=r"smearprep annotate` \(process \d+\)"):
            assist(folder)
    assist(folder)
    assert not check(folder).findings
    assert "smearprep annotate" not in (folder / "manifest.json").read_text()
    with Session(folder) as session:
        assert session.image("val/i3.png")["undo"] == ""
        assert 28 in by_id(session.undo("val/i3.png", "u1", 1))


def test_the_outline_of_a_box_on_nothing_is_refused(session):
    found = session.outline(KEY, "WBC", box=[1, 1, 9, 9])
    assert found["cell"] is None and found["why"].startswith("no outline was found: ")
    for place in (
        {},
        {"box": [1, 1, 9]},
        {"point": [70, 1]},
        {"box": [1, 1, float("nan"), 3]},
        {"box": [70, 1, 3, 3]},
    ):
        with pytest.raises(EditError):
            session.outline(KEY, "WBC", **place)
