"""Any sequence of edits: the state is that of the journal, survives folds and the end, and can be undone."""

import json
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO

from smearprep.annotating import EditError, Session
from smearprep.checking import check
from tests.annotating.making import NAMES, by_id, cell, patch, write_set
from tests.laws.strategies import areas
from tests.sets import coco_files, tree

KEYS = ("train/i0.png", "val/i1.png")
MARKS = {"reviewed": st.booleans(), "flagged": st.booleans(), "note": st.sampled_from(["", "a", "b"])}
VERBS = ("draw", "reshape", "delete", "relabel", "accept", "category", "fold", "reopen")
OFTEN = ("mark",) * 2 + ("undo",) * 4 + ("redo",) * 2


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("plain"), images=1)


def parts_of(shape):
    """A shape as the page has it."""
    polygons = getattr(shape, "geoms", [shape])
    rings = [[p.exterior, *p.interiors] for p in polygons]
    open_ = [[[list(point) for point in ring.coords[:-1]] for ring in own] for own in rings]
    return [{"outer": outer, "holes": holes} for outer, *holes in open_]


@st.composite
def steps(draw):
    """What somebody does next; which cell it is about is a number, of however many there are."""
    what = draw(st.sampled_from(VERBS + OFTEN))
    value = None
    if what in ("draw", "reshape"):
        value = parts_of(draw(areas()))
    elif what in ("relabel", "category"):
        value = draw(st.sampled_from(NAMES))
    elif what == "mark":
        value = draw(st.fixed_dictionaries({}, optional=MARKS))
    return what, draw(st.sampled_from(KEYS)), draw(st.integers(0, 30)), value


def patch_of(state, what, number, value):
    """The patch of an image for a step."""
    if what == "draw":
        return patch(state, what, cells={"new-a": {**cell(), "parts": value}})
    if what == "mark" or not state["cells"]:
        return patch(state, what, image=value if what == "mark" else {})
    one = state["cells"][number % len(state["cells"])]
    new = {
        "reshape": {**one, "outline": "drawn", "parts": value},
        "delete": None,
        "relabel": {**one, "category": value},
        "accept": {**one, "accepted": number % 2 == 0},
    }[what]
    return patch(state, what, cells={str(one["id"]): new})


class Editing:
    """A set, and somebody who edits it; the session is opened again now and then."""

    def __init__(self, folder):
        self.folder, self.steps, self.ids = folder, 0, set()
        self.session = Session(folder)
        self.first = self.cells()
        self.ids = {one["id"] for cells in self.first for one in cells}

    def do(self, what, key, number, value):
        state = self.session.image(key)
        if what == "fold":
            self.session.fold()
        elif what == "reopen":
            self.reopen()
        elif what == "category":
            self.session.add_category(f"{value} 2")
        elif what in ("undo", "redo"):
            if state[what] is not None:
                self.step(what, key)
        else:
            self.edit(key, patch_of(state, what, number, value))

    def edit(self, key, asked):
        try:
            done = self.session.edit(key, asked)
        except EditError:  # a shape beyond the image
            return
        new = set(done["ids"].values())
        assert not new & self.ids
        self.ids |= new | set(by_id(done))

    def step(self, what, key):
        self.steps += 1
        getattr(self.session, what)(key, f"{what}{self.steps}", self.session.image(key)["revision"])

    def reopen(self):
        before = self.state()
        self.session.close()
        self.session = Session(self.folder)
        assert self.state() == before

    def state(self):
        return self.session.overview(), [self.session.image(key) for key in KEYS]

    def cells(self):
        return [image["cells"] for image in self.state()[1]]

    def undo_all(self):
        for key in KEYS:
            while self.session.image(key)["undo"] is not None:
                self.step("undo", key)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:pycocotools")
@settings(deadline=None, max_examples=25)
@given(done=st.lists(steps(), max_size=14))
def test_any_sequence_of_edits(plain, done):
    with TemporaryDirectory() as scratch:
        folder = copytree(plain, Path(scratch, "one", "set"))
        editing = Editing(folder)
        for step in done:
            editing.do(*step)
        check_replay(copytree(plain, Path(scratch, "other", "set")), folder, editing.state())
        editing.session.fold()
        once = tree(folder)
        editing.session.fold()
        assert tree(folder) == once and not check(folder).findings
        check_pycocotools(folder)
        editing.reopen()
        editing.undo_all()
        assert editing.cells() == editing.first
        editing.session.close()
        check_undone(plain, folder)


def check_pycocotools(folder):
    """Other programs read the files, and see as large an area as they state."""
    for path in (folder / "annotations").iterdir():
        coco = COCO(str(path))
        for one in coco.dataset["annotations"]:
            if one["segmentation"]:
                area = coco.annToMask(one).sum()
                around = 2 * sum(one["bbox"][2:]) + 8
                assert abs(float(area) - one["area"]) <= around


def check_replay(other, folder, state):
    """The journal, without the notes of what was folded, makes the same of the first set."""
    path = folder / "edits.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    (other / "edits.jsonl").write_text("".join(line for line in lines if "folded" not in json.loads(line)))
    with Session(other) as session:
        assert (session.overview(), [session.image(key) for key in KEYS]) == state


def check_undone(plain, folder):
    """The annotations are those of the first set, and so are the images, but for categories added since."""
    for subset, data in coco_files(folder).items():
        old = coco_files(plain)[subset]
        assert data["annotations"] == old["annotations"]
        ids = {row["id"] for row in old["categories"]}
        for one, other in zip(data["images"], old["images"], strict=True):
            lists = {key: [n for n in v if n in ids] for key, v in one.items() if key.endswith("_ids")}
            assert {**one, **lists} == other
