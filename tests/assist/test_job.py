"""The job on a whole set: what it changes, what it leaves, and that it is never half done."""

from __future__ import annotations

import json
import os
from collections import Counter
from shutil import copytree

import pytest
import typer
from pycocotools.coco import COCO
from typer.testing import CliRunner

from smearprep import synthetic
from smearprep.assist import assist
from smearprep.checking import check
from smearprep.cli import assisting, looking
from smearprep.errors import DataError, LayoutError, OutputError, RecipeError
from smearprep.executors import hire
from smearprep.opened import open_for_one
from smearprep.prepare import prepare
from smearprep.recipes import parse_recipe
from smearprep.set_editing import finish
from tests.assist.making import write_set
from tests.sets import coco_files, edit_json, images_of, kinds, tree

ALL = ("box", "point", "component")


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    """A set of three images in three subsets, white and red cells as boxes."""
    return write_set(tmp_path_factory.mktemp("boxes"))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A set of white cells: boxes in one image, points in another, components in the third."""
    return write_set(tmp_path_factory.mktemp("mixed"), outlines=ALL, labels=("WBC",))


@pytest.fixture
def folder(boxes, tmp_path):
    """A copy of the set of boxes."""
    return copytree(boxes, tmp_path / "set")


def outlines(folder):
    """How many annotations of each outline there are."""
    return Counter(a["outline"] for data in coco_files(folder).values() for a in data["annotations"])


def state(folder):
    """All of a set but its images."""
    return {name: data for name, data in tree(folder).items() if not name.startswith("images")}


# ---------------------------------------------------------------- what is made


def test_every_box_gets_an_outline_and_the_set_holds(folder):
    before = coco_files(folder)
    done = assist(folder)
    assert outlines(folder) == {"made": 18} and done.counts["outlines_made"] == done.counts["boxes"] == 18
    assert not check(folder).findings and not done.has_problems
    for subset, data in coco_files(folder).items():
        old = before[subset]
        assert {**data, "annotations": 0} == {**old, "annotations": 0}
        for a, b in zip(old["annotations"], data["annotations"], strict=True):
            assert all(a[key] == b[key] for key in ("id", "image_id", "category_id", "visible", "cell"))
            given, others = b["attributes"].pop("given"), b["attributes"]
            assert given["outline"] == "box" and given["bbox"] == pytest.approx(a["bbox"])
            assert others == a["attributes"] == {"annotator": "a"}
            assert b["made_by"] == "smearprep assist box" and 0 < b["score"] <= 1


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:pycocotools")
def test_other_programs_read_it_and_networks_learn_from_it(folder):
    with pytest.raises(RecipeError, match="only a box"):
        open_for_one(folder, "WBC")
    assist(folder)
    assert len(open_for_one(folder, "WBC").samples) == 3
    coco = COCO(str(folder / "annotations/instances_train.json"))
    for annotation in coco.dataset["annotations"]:
        mask = coco.annToMask(annotation)
        assert mask.sum() == pytest.approx(annotation["area"], rel=0.02, abs=2)


def test_points_and_components(mixed, tmp_path):
    folder = copytree(mixed, tmp_path / "set")
    assert outlines(folder) == {"box": 2, "point": 2, "component": 2}
    assist(folder)
    assert outlines(folder) == {"made": 4, "component": 2}
    assert not any("keypoints" in a for data in coco_files(folder).values() for a in data["annotations"])
    done = assist(folder, part=True)
    assert outlines(folder) == {"made": done.counts["outlines_made"] + 4}
    assert not check(folder).findings


def test_only_one_category(folder):
    assist(folder, categories=["WBC"])
    assert outlines(folder) == {"made": 6, "box": 12}
    assist(folder)
    assert outlines(folder) == {"made": 18}


def test_the_manifest_tells_what_was_made(folder):
    before = json.loads((folder / "manifest.json").read_bytes())
    assist(folder)
    after = json.loads((folder / "manifest.json").read_bytes())
    assert after.pop("assist")["made"] == {
        "RBC": {"smearprep assist box": 12},
        "WBC": {"smearprep assist box": 6},
    }
    assert {**after, "annotations": 0} == {**before, "annotations": 0}


def test_cells_are_found_where_nobody_looked(folder):
    done = assist(folder, find=["Platelets", "WBC"])  # white cells were looked for
    files = coco_files(folder)
    assert [row["name"] for row in files["train"]["categories"]] == ["RBC", "WBC", "Platelets"]
    images = [image for data in files.values() for image in data["images"]]
    assert all(image["not_exhaustive_category_ids"] == [3] for image in images)  # and still are to be
    found = [a for data in files.values() for a in data["annotations"] if a["category_id"] == 3]
    assert found and {a["made_by"] for a in found} == {"smearprep assist find"}
    assert done.counts["outlines_made"] == 18 + len(found)
    assert not check(folder).findings


# ---------------------------------------------------------------- again and again


@pytest.mark.parametrize("how", [{}, {"part": True}, {"part": True, "find": ["Platelets", "RBC"]}])
def test_once_more_changes_nothing_and_redo_gives_the_same_bytes(mixed, tmp_path, how):
    folder = copytree(mixed, tmp_path / "set")
    assist(folder, **how)
    once = tree(folder)
    assist(folder, **how)
    assert tree(folder) == once
    assist(folder, redo=True, **how)
    assert tree(folder) == once


def test_redo_begins_from_the_box_that_was_given(folder, tmp_path):
    other = copytree(folder, tmp_path / "other")
    assist(folder)
    assist(other)
    for file in (other / "annotations").iterdir():
        edit_json(file, lambda data: [spoil(a) for a in data["annotations"]])
    assist(other, redo=True)
    assert [a["segmentation"] for d in coco_files(other).values() for a in d["annotations"]] == [
        a["segmentation"] for d in coco_files(folder).values() for a in d["annotations"]
    ]


def spoil(annotation):
    """Another outline, as if an older version had made it."""
    annotation["segmentation"] = [[1, 1, 5, 1, 5, 5]]


def test_a_box_that_comes_later_is_outlined_as_if_it_had_been_there(folder):
    file = folder / "annotations/instances_train.json"
    box = json.loads(file.read_bytes())["annotations"][1]
    assist(folder)
    once = tree(folder)
    edit_json(file, lambda data: data["annotations"].__setitem__(1, box))
    assist(folder)
    assert tree(folder) == once


def test_workers_and_executors_change_nothing(folder, tmp_path):
    other = copytree(folder, tmp_path / "other")
    assist(folder, workers=3)
    with hire(processes=1) as crew:
        assist(other, executor=crew)
    assert tree(folder) == tree(other)


def test_nothing_to_do_is_said(folder):
    assist(folder)
    before = tree(folder)
    again = assist(folder)
    assert again.counts["images"] == 0 and "nothing is to be done" in again.findings[0].what
    assert again.output is None and tree(folder) == before


def test_a_dry_run_writes_nothing(folder):
    before = tree(folder)
    planned = assist(folder, dry_run=True)
    assert planned.counts == {"images": 3, "boxes": 18} and planned.output is None
    assert planned.by_category == {"RBC": 12, "WBC": 6}
    assert tree(folder) == before


def test_progress_counts_images(folder):
    told = []
    assist(folder, categories=["WBC"], progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_the_sheet_shows_the_least_certain_cells(folder, tmp_path):
    assist(folder, categories=["WBC"], preview=tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes()[:4] == b"\x89PNG"
    first = (tmp_path / "sheet.png").read_bytes()
    assist(folder, categories=["WBC"], preview=tmp_path / "sheet.png")  # nothing to do, all to see
    assert (tmp_path / "sheet.png").read_bytes() == first


# ---------------------------------------------------------------- what is wrong


def test_an_image_that_cannot_be_read_is_left_as_it_was(folder):
    image = images_of(folder)[0]
    image.write_bytes(image.read_bytes()[:200])
    name = image.relative_to(folder).as_posix()
    before = tree(folder)
    with pytest.raises(DataError, match="left as it is"):
        assist(folder, strict=True)
    assert tree(folder) == before
    done = assist(folder)
    assert [(f.kind, f.file) for f in done.findings] == [("unreadable", name)] and done.has_problems
    assert outlines(folder)["box"] == 6 and outlines(folder)["made"] == 12


def test_images_that_are_missing_or_of_another_size(folder):
    first, second, _ = images_of(folder)
    first.unlink()
    edit_json(folder / f"annotations/instances_{second.parent.name}.json", widen)
    assert kinds(assist(folder)) == {"missing_image": 1, "size_mismatch": 1}
    assert outlines(folder) == {"box": 12, "made": 6}


def widen(data):
    data["images"][0]["width"] += 7


def test_annotations_without_an_image_stop_only_a_strict_run(folder):
    file = folder / "annotations/instances_train.json"
    edit_json(file, lambda data: data["annotations"][0].update(image_id=77))
    before = tree(folder)
    with pytest.raises(DataError, match="77"):
        assist(folder, strict=True)
    assert tree(folder) == before
    done = assist(folder, categories=["WBC"])
    assert kinds(done)["missing_image"] == 1
    assert json.loads(file.read_bytes())["annotations"][0]["image_id"] == 77


def test_a_cell_that_cannot_be_outlined_is_named(folder):
    edit_json(folder / "annotations/instances_train.json", shrink)
    done = assist(folder)
    (told,) = [f for f in done.findings if f.kind == "note"]
    assert "no outline was found for this" in told.what and told.file.startswith("images/train/")
    assert outlines(folder) == {"made": 17, "box": 1} and not done.has_problems


def shrink(data):
    data["annotations"][0].update(bbox=[10, 10, 2, 2], area=4)


def test_what_is_not_understood_is_kept(folder):
    """Crowds, unknown keys and strange entries of other programs stay in the file, as they are."""
    crowd = {"id": 900, "image_id": 1, "category_id": 1, "iscrowd": 1, "bbox": [0, 0, 5, 5], "mine": [1]}
    file = folder / "annotations/instances_train.json"
    edit_json(file, lambda data: data["annotations"].insert(0, crowd))
    edit_json(file, lambda data: data.update(extra={"a": 1}))
    edit_json(file, lambda data: data["annotations"][1].update(zoom=3))
    assist(folder)
    data = json.loads(file.read_bytes())
    assert data["annotations"][0] == crowd and data["extra"] == {"a": 1}
    assert data["annotations"][1]["zoom"] == 3 and data["annotations"][1]["outline"] == "made"


def test_a_set_without_a_manifest(folder):
    (folder / "manifest.json").unlink()
    assist(folder)
    assert outlines(folder) == {"made": 18} and not (folder / "manifest.json").exists()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"categories": ["cow"]}, ["no category 'cow'", "RBC, WBC"]),
        ({"find": ["cow"]}, ["'cow'", "WBC, RBC, Platelets"]),
        ({"preview": "sheet.jpg"}, ["sheet.jpg", "PNG"]),
    ],
)
def test_wishes_that_cannot_be(folder, tmp_path, how, words):
    before = tree(folder)
    how = {key: tmp_path / value if key == "preview" else value for key, value in how.items()}
    with pytest.raises(RecipeError) as caught:
        assist(folder, **how)
    assert all(word in str(caught.value) for word in words)
    assert tree(folder) == before


def test_no_set(tmp_path):
    with pytest.raises(LayoutError, match="looked for annotations"):
        assist(tmp_path)


def test_a_broken_file(folder):
    (folder / "annotations/instances_val.json").write_text("{")
    with pytest.raises(DataError, match=r"instances_val\.json"):
        assist(folder)


def test_a_file_that_somebody_changes_meanwhile(folder):
    file = folder / "annotations/instances_val.json"

    def meddle(done, total):
        edit_json(file, lambda data: data.update(mine=1))

    with pytest.raises(OutputError, match="changed in the meantime"):
        assist(folder, progress=meddle)
    assert outlines(folder) == {"box": 18} and json.loads(file.read_bytes())["mine"] == 1


# ---------------------------------------------------------------- never half


class Killed(BaseException):
    """What ends a process at once."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A set of three white cells as boxes, before and after."""
    old = write_set(tmp_path_factory.mktemp("pair"), labels=("WBC",), size=(70, 60), white=1, red=0)
    new = copytree(old, old.with_name("new"))
    assist(new)
    return old, new


@pytest.mark.parametrize("count", range(9))
@pytest.mark.parametrize("how", [Killed, KeyboardInterrupt])
def test_a_run_that_is_stopped_leaves_the_old_or_the_new_set(pair, tmp_path, monkeypatch, count, how):
    folder = copytree(pair[0], tmp_path / "set")
    old, new = state(pair[0]), state(pair[1])
    left, replace = [count], os.replace

    def stopping(*arguments):
        left[0] -= 1
        if left[0] == -1:
            raise how
        return replace(*arguments)

    monkeypatch.setattr(os, "replace", stopping)
    try:
        assist(folder)
    except how:
        monkeypatch.setattr(os, "replace", replace)
        if how is Killed:
            finish(folder)
        assert state(folder) == (old if count <= 4 else new)  # 4 files and a note are written before
        assist(folder)
    assert state(folder) == new and not check(folder).findings


def test_a_folder_that_cannot_be_written(folder, monkeypatch):
    before = state(folder)

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        assist(folder, categories=["WBC"])
    assert state(folder) == before


# ---------------------------------------------------------------- the command line


@pytest.fixture
def call():
    """The command line with this command, whether or not it is among all others yet."""
    app = typer.Typer()
    for group in (assisting, looking):
        group.register(app)
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


def test_the_command(folder, call, tmp_path):
    done = call(
        "assist", folder, "--category", "WBC", "--preview", tmp_path / "a.png", "--workers", 1, "--json"
    )
    assert done.exit_code == 0 and json.loads(done.stdout)["counts"]["outlines_made"] == 6
    assert call("assist", folder, "--part", "--find", "Platelets", "--redo", "--dry-run").exit_code == 0
    images_of(folder)[0].unlink()
    assert call("assist", folder).exit_code == 1
    failed = call("assist", folder, "--strict")
    assert failed.exit_code == 2 and "is not there" in failed.stderr and "Traceback" not in failed.stderr


# ---------------------------------------------------------------- and prepare


def test_preparing_again_does_not_take_the_outlines_away(tmp_path):
    synthetic.write_bccd(tmp_path / "raw")
    recipe, roots = parse_recipe("name: b\nsources: [bccd]", "b"), [(None, tmp_path / "raw")]
    out = tmp_path / "set"
    prepare(recipe, roots, out)
    before = state(out)
    assist(out)
    after = state(out)
    assert after != before
    with pytest.raises(OutputError, match="outlines that `smearprep assist` made"):
        prepare(recipe, roots, out)
    assert state(out) == after
    prepare(recipe, roots, out, force=True)
    assert state(out) == before
