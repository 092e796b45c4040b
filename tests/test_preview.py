"""A sheet of chips shows what it says, one seed makes one sheet, and sets it cannot show are refused."""

from __future__ import annotations

from shutil import copytree

import cv2
import pytest

from smearprep.errors import RecipeError
from smearprep.preview import preview
from tests.sets import call, edit_json, fail, report, write_folder


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A set of 3 images of 60x40 px with a square of each label, as COCO beside its images."""
    root = tmp_path_factory.mktemp("set")
    raw = write_folder(root / "raw", images=3)
    assert call("split", raw, root / "set", "--ratio", "1:1:1").exit_code == 0
    return root / "set"


def test_the_sheet_shows_chips_with_their_outlines(prepared, tmp_path):
    found = preview(prepared, tmp_path / "sheet.png", "WBC", input_size=28, output_size=12, count=5)
    sheet = cv2.cvtColor(cv2.imread(str(tmp_path / "sheet.png")), cv2.COLOR_BGR2RGB)
    assert found.counts["images"] == 3 and found.counts["chips"] == 5
    assert found.counts["chips_with_object"] >= 1
    assert (sheet == (0, 158, 115)).all(axis=2).sum() > 20  # green, the mask
    assert (sheet == (230, 159, 0)).all(axis=2).sum() > 20  # orange, the edges


def test_the_same_seed_draws_the_same_sheet(prepared, tmp_path):
    def made(seed):
        path = tmp_path / f"{seed}.png"
        preview(prepared, path, "WBC", input_size=28, output_size=12, count=3, seed=seed)
        return path.read_bytes()

    assert made(1) == made(1)
    assert made(1) != made(2)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({}, ["several categories", "--category", "RBC, WBC"]),
        ({"category": "cow"}, ["no category 'cow'", "RBC, WBC"]),
        ({"category": "WBC", "input_size": 27}, ["27 px in", "even number"]),
        ({"category": "WBC", "out": "sheet.jpg"}, ["sheet.jpg", "PNG"]),
    ],
)
def test_sheets_that_cannot_be(prepared, tmp_path, entries, words):
    given = {"out": "sheet.png", "output_size": 12, "input_size": 28} | entries
    out = tmp_path / given.pop("out")
    with pytest.raises(RecipeError) as caught:
        preview(prepared, out, **given)
    assert all(word in str(caught.value) for word in words)
    assert not out.exists()


def test_a_set_of_boxes_is_refused(prepared, tmp_path):
    def only_boxes(data):
        for annotation in data["annotations"]:
            annotation.update(segmentation=[], outline="box")

    copytree(prepared, tmp_path / "set")
    for path in (tmp_path / "set" / "annotations").iterdir():
        edit_json(path, only_boxes)
    message = fail("augment", tmp_path / "set", "--preview", tmp_path / "sheet.png", "--category", "WBC")
    assert "only a box" in message and "outlines" in message
    assert not (tmp_path / "sheet.png").exists()


def test_the_command_does_what_the_call_does(prepared, tmp_path):
    sizes = ("--size", "28", "--output", "12", "--count", "3", "--seed", "5", "--category", "RBC")
    found = report("augment", prepared, "--preview", tmp_path / "a.png", *sizes)
    told = preview(
        prepared, tmp_path / "b.png", "RBC", input_size=28, output_size=12, count=3, seed=5
    ).as_dict()
    assert found == {**told, "output": str(tmp_path / "a.png")}
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
