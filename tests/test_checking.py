"""A sound set passes; whatever is broken in one is found, and told with its file and id."""

import json
import math
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from smearprep import jsonlists
from smearprep.cell_checks import faults
from smearprep.check_state import Seen
from smearprep.checking import check
from smearprep.errors import LayoutError
from smearprep.formats.coco import CocoWriter
from smearprep.prepare import prepare
from smearprep.tiling import Tile
from tests.laws.strategies import LAW
from tests.sets import (
    EVEN,
    call,
    edit_json,
    folder_recipe,
    images_of,
    kinds,
    noise,
    stop_at,
    write_coco,
    write_folder,
)

TRAIN = "annotations/instances_train.json"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A set of 90 windows of six images, in three subsets."""
    root = tmp_path_factory.mktemp("sound")
    raw = write_folder(root / "raw")
    prepare(folder_recipe(tile=Tile((20, 20), (10, 10)), split=EVEN), [("folder", raw)], root / "set")
    return root / "set"


@pytest.fixture
def out(sound, tmp_path):
    """A copy of the sound set, to be spoilt."""
    return shutil.copytree(sound, tmp_path / "set")


def problems(folder):
    """The problems found: (kind, file, id, what). The command's exit status must say the same."""
    found = [finding for finding in check(folder).findings if finding.is_problem]
    assert call("check", folder).exit_code == (1 if found else 0)
    return [(finding.kind, finding.file, finding.id, finding.what) for finding in found]


def told(folder, kind, file, id_, words):
    """True if a problem of this kind, file and id is told in these words."""
    found = [(k, f, i) for k, f, i, what in problems(folder) if words in what]
    return (kind, file, id_) in found


# ---------------------------------------------------------------- what is sound


def test_a_sound_set(sound):
    summary = check(sound)
    assert not summary.findings and not summary.has_problems
    assert summary.counts["images"] == 90 and summary.counts["smears"] == 6
    assert summary.counts["cells"] == sum(summary.by_category.values())
    assert set(summary.by_category) == {"WBC", "RBC"}
    assert [row["images"] for row in summary.by_subset.values()] == [30, 30, 30]
    assert list(summary.by_subset) == ["train", "val", "test"]
    assert summary.output is None  # nothing was written


def test_progress(sound):
    seen = []
    check(sound, lambda done, total: seen.append((done, total)))
    assert seen == [(n, 90) for n in range(1, 91)]


def test_its_annotation_files_are_not_held_in_memory(sound, monkeypatch):
    monkeypatch.setattr(jsonlists, "read_json", lambda path: pytest.fail(f"{path} is read as a whole"))
    assert not check(sound).findings


@LAW
@given(st.lists(st.integers(-3, 12) | st.sampled_from(["1", "2", "a"])))
def test_ids_that_come_twice(ids):
    seen, known = Seen(), set()
    for id_ in ids:
        assert seen.image_ids.add(id_) == (id_ not in known)
        known.add(id_)


def test_a_set_of_other_makers(tmp_path):
    for k in range(2):
        path = tmp_path / f"images/val2017/i{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(seed=k)).save(path)
    write_coco(tmp_path / "annotations/instances_val2017.json", ["i0.png", "i1.png"])

    def true(data):
        for annotation in data["annotations"]:
            annotation.update(bbox=[5, 5, 10, 10], area=100.0)

    edit_json(tmp_path / "annotations/instances_val2017.json", true)
    summary = check(tmp_path)
    assert kinds(summary) == {"note": 1}  # no manifest: no digests, no counts
    assert summary.counts["images"] == 2 and summary.counts["cells"] == 4
    assert not summary.has_problems


def test_holes_points_and_boxes_are_sound(tmp_path):
    import shapely

    (tmp_path / "images/all").mkdir(parents=True)
    Image.fromarray(noise()).save(tmp_path / "images/all/a.png")
    ring = shapely.box(5, 5, 20, 20).difference(shapely.box(8, 8, 12, 12))
    two = shapely.MultiPolygon([shapely.box(30, 5, 35, 10), shapely.box(40, 5, 44.5, 10)])
    with CocoWriter(tmp_path / "annotations/instances_all.json", ["RBC"]) as writer:
        id_ = writer.add_image("a.png", (60, 40))
        shapes = [ring, two, shapely.box(1, 30, 4, 33), shapely.Point(50.5, 30)]
        writer.add_cells(id_, (60, 40), ["RBC"] * 4, shapes, ["drawn", "made", "box", "point"])
    assert problems(tmp_path) == []


# ---------------------------------------------------------------- files


def test_no_set(tmp_path):
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(LayoutError, match=r"looked for annotations/instances_\*\.json"):
            check(folder)
        assert call("check", folder).exit_code == 2


def test_image_deleted(out):
    victim = images_of(out)[0]
    victim.unlink()
    name = victim.relative_to(out).as_posix()
    ((kind, file, id_, what),) = problems(out)
    assert (kind, file, what) == ("missing_image", name, "is not there")
    assert id_.startswith("image ")


@pytest.mark.parametrize("cut", [0, 100])
def test_image_truncated(out, cut):
    victim = images_of(out)[0]
    victim.write_bytes(victim.read_bytes()[:cut])
    ((kind, file, id_, _),) = problems(out)
    assert (kind, file) == ("corrupt", victim.relative_to(out).as_posix()) and id_


def test_image_of_another_size(out):
    victim = images_of(out)[0]
    Image.fromarray(noise((21, 20))).save(victim)
    name = victim.relative_to(out).as_posix()
    found = {(kind, file): what for kind, file, _, what in problems(out)}
    assert "is 21x20 px" in found["size_mismatch", name] and "20x20" in found["size_mismatch", name]
    assert "digest" in found["corrupt", name]


def test_one_bit_flipped(out):
    victim = images_of(out)[7]
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    assert told(out, "corrupt", victim.relative_to(out).as_posix(), id_of(out, victim), "digest")


def id_of(out, path):
    """What findings call the image record of a file."""
    data = json.loads((out / f"annotations/instances_{path.parent.name}.json").read_bytes())
    return next(f"image {image['id']}" for image in data["images"] if image["file_name"] == path.name)


def test_stray_image(out):
    stray = out / "images/train/stray.png"
    Image.fromarray(noise()).save(stray)
    assert told(out, "corrupt", "images/train/stray.png", "", "listed in no annotation file")


def test_annotation_file_lost(out):
    (out / TRAIN).unlink()
    files = {file for _, file, _, _ in problems(out)}
    assert TRAIN in files and "manifest.json" in files


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"images": [',
        "[1]",
        "null",
        '{"images": 3}',
        "\ufeff",
        '{"images":' * 5000,
        f'{{"a": {10**400}}}',
    ],
)
def test_annotation_file_that_is_none(out, text):
    (out / TRAIN).write_text(text, encoding="utf-8")
    assert any(kind == "corrupt" and file == TRAIN for kind, file, _, _ in problems(out))


def test_broken_json_names_the_place(out):
    (out / TRAIN).write_text('{"images": [],\n "annotations": [,]}')
    assert any("line 2, column 18" in what for _, file, _, what in problems(out) if file == TRAIN)


def test_interrupted_preparation(tmp_path):
    raw = write_folder(tmp_path / "raw")
    assert stop_at("SIGKILL", 4, "split", raw, tmp_path / "early").returncode == -9  # no annotations yet
    result = call("check", tmp_path / "early")
    assert result.exit_code == 2
    assert "has not come to its end" in result.stderr
    assert stop_at("SIGKILL", 10, "split", raw, tmp_path / "late").returncode == -9  # no manifest yet
    assert told(tmp_path / "late", "corrupt", "manifest.json", "", "has not come to its end")


# ---------------------------------------------------------------- the manifest


def test_manifest_deleted(out):
    (out / "manifest.json").unlink()
    summary = check(out)
    assert kinds(summary) == {"note": 1} and not summary.has_problems


@pytest.mark.parametrize("text", ["", "{", "[]", "3"])
def test_manifest_that_is_none(out, text):
    (out / "manifest.json").write_text(text)
    assert any(kind == "corrupt" and file == "manifest.json" for kind, file, _, _ in problems(out))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m["counts"].update(views=89), "89 images"),
        (lambda m: m["counts"].update(cells=1), "1 cells"),
        (lambda m: m["by_category"].update(WBC=1), "1 cells of category WBC"),
        (lambda m: m["by_category"].update(Platelets=1), "1 cells of category Platelets"),
        (lambda m: m["by_subset"]["val"].update(images=29), "29 images in val"),
        (lambda m: m["by_subset"]["val"].update(cells=2), "2 cells in val"),
        (lambda m: m["by_subset"].pop("val"), "None images in val"),
        (lambda m: m["by_subset"].update(more={"images": 1, "cells": 0}), "1 images in more"),
        (lambda m: m.update(by_subset=[1]), "None images in train"),
        (lambda m: m.pop("images"), "lacks 'images'"),
        (lambda m: m.pop("plan"), "lacks 'plan'"),
    ],
)
def test_manifest_that_counts_otherwise(out, change, words):
    edit_json(out / "manifest.json", change)
    assert any(file == "manifest.json" and words in what for _, file, _, what in problems(out))


def test_manifest_lists_more(out):
    edit_json(out / "manifest.json", lambda m: m["images"].update({"images/train/ghost.png": "0" * 64}))
    assert problems(out) == [
        ("corrupt", "images/train/ghost.png", "", "is listed in the manifest, but the set does not have it")
    ]


def test_manifest_lists_less(out):
    name = images_of(out)[0].relative_to(out).as_posix()
    edit_json(out / "manifest.json", lambda m: m["images"].pop(name))
    assert told(out, "corrupt", name, id_of(out, out / name), "not listed in the manifest")


# ---------------------------------------------------------------- leaks


def test_smear_in_two_subsets(out):
    smear = json.loads((out / TRAIN).read_bytes())["images"][0]["smear"]
    edit_json(
        out / "annotations/instances_val.json", lambda data: data["images"][0].update(smear=smear, source="x")
    )
    leaks = [(id_, what) for kind, _, id_, what in problems(out) if kind == "leak"]
    assert [id_ for id_, _ in leaks] == [smear]
    assert "train" in leaks[0][1] and "val" in leaks[0][1]


def test_raw_image_in_two_subsets_of_a_set_without_smears(out):
    def forget(data):
        for image in data["images"]:
            del image["smear"]
            image["source"] = "one"

    for path in (out / "annotations").iterdir():
        edit_json(path, forget)
    assert told(out, "leak", "annotations", "one", "raw image one lies in test and train and val")


def test_same_content_in_two_subsets(tmp_path):
    raw = write_folder(tmp_path / "raw", images=3)
    shutil.copy(raw / "i0.png", raw / "i1.png")
    shutil.copy(raw / "i0.png", raw / "i2.png")
    prepare(folder_recipe(split=EVEN), [("folder", raw)], tmp_path / "set")
    leaks = [what for kind, _, _, what in problems(tmp_path / "set") if kind == "leak"]
    assert len(leaks) == 1 and "lies in test and train and val" in leaks[0]


# ---------------------------------------------------------------- ids and records


def first(group):
    """Change the first record of a group: `first("images")(width=3)`."""
    return lambda **values: lambda data: data[group][0].update(values)


def lose(group, key):
    return lambda data: data[group][0].pop(key)


IMAGE, ANNOTATION = first("images"), first("annotations")
TOO_LONG = "n" * 300 + ".png"


@pytest.mark.parametrize("size", [(60, None), (255, 1.7e308), (math.nan, math.inf)])
def test_a_box_beyond_all_bounds_in_an_image_of_no_size(size):
    entry = {
        "bbox": [1.7e308, 5.0, 10.0, 10.0],
        "area": 100.0,
        "segmentation": [[5, 5, 15, 5, 15, 15, 5, 15]],
    }
    assert "reaches beyond the" in faults(entry, size)[0]
    assert faults({**entry, "bbox": [5, 5, 10, 10]}, size) == []


@pytest.mark.parametrize(
    ("change", "id_", "words"),
    [
        (IMAGE(id=2), "image 2", "used twice"),
        (IMAGE(file_name="../x.png"), "image 1", "does not lie inside the set"),
        (IMAGE(file_name="/etc/passwd"), "image 1", "does not lie inside the set"),
        (IMAGE(file_name=""), "image 1", "does not lie inside the set"),
        (lose("images", "file_name"), "image 1", "does not lie inside the set"),
        (ANNOTATION(id=2), "annotation 2", "used twice"),
        (ANNOTATION(image_id=9999), "annotation 1", "its image 9999 is not listed"),
        (ANNOTATION(image_id=[1]), "annotation 1", "its image [1] is not listed"),
        (lose("annotations", "image_id"), "annotation 1", "its image None is not listed"),
        (ANNOTATION(category_id=3), "annotation 1", "its category 3 is not listed"),
        (ANNOTATION(category_id={}), "annotation 1", "its category {} is not listed"),
        (lose("annotations", "category_id"), "annotation 1", "its category None is not listed"),
        (ANNOTATION(bbox=[0, 0, 21, 5]), "annotation 1", "reaches beyond the 20x20 image"),
        (ANNOTATION(bbox=[-1, 0, 5, 5]), "annotation 1", "reaches beyond the 20x20 image"),
        (ANNOTATION(bbox=[1.7e308, 0, 5, 5]), "annotation 1", "reaches beyond the 20x20 image"),
        (ANNOTATION(bbox=[5, 5, 0, 5]), "annotation 1", "has no area"),
        (ANNOTATION(bbox=[5, 5, -3, 5]), "annotation 1", "has no area"),
        (ANNOTATION(bbox=[5, 5, 9, 10]), "annotation 1", "is not that of its outline"),
        (ANNOTATION(bbox=None), "annotation 1", "cannot be read"),
        (ANNOTATION(bbox=[1, 2, 3]), "annotation 1", "cannot be read"),
        (lose("annotations", "bbox"), "annotation 1", "cannot be read"),
        (ANNOTATION(area=99), "annotation 1", "its area is stated as 99"),
        (ANNOTATION(area=-1), "annotation 1", "its area is stated as -1"),
        (ANNOTATION(area=float("nan")), "annotation 1", "not finite"),
        (lose("annotations", "area"), "annotation 1", "cannot be read"),
        (ANNOTATION(segmentation=[[5, 5, 15, 15, 15, 5, 5, 15]]), "annotation 1", "crosses itself"),
        (ANNOTATION(segmentation=[[5, 5, 15, 15]]), "annotation 1", "cannot be read"),
        (ANNOTATION(segmentation=[[5, 5, 15, 5, 15]]), "annotation 1", "cannot be read"),
        (ANNOTATION(segmentation=[[5, 5, float("nan"), 5, 15, 15]]), "annotation 1", "no number"),
        (ANNOTATION(segmentation="abc"), "annotation 1", "cannot be read"),
        (ANNOTATION(segmentation={"size": [20, 20]}), "annotation 1", "run lengths"),
        (ANNOTATION(segmentation={"counts": "1", "size": [20, 20]}), "annotation 1", "run lengths"),
        (ANNOTATION(segmentation={"counts": [9, -9], "size": [20, 20]}), "annotation 1", "run lengths"),
        (ANNOTATION(segmentation={"counts": [10**12], "size": [20, 20]}), "annotation 1", "run lengths"),
        (ANNOTATION(segmentation={"counts": "é細", "size": [20, 20]}), "annotation 1", "run lengths"),
        (ANNOTATION(segmentation={"counts": [400], "size": [2, 200]}), "annotation 1", "run lengths"),
    ],
)
def test_broken_records(out, change, id_, words):
    edit_json(out / TRAIN, change)
    assert told(out, "corrupt", TRAIN, id_, words)


@pytest.mark.parametrize("file_name", ["nothing.png", TOO_LONG, "a\0b.png", "..\\x.png", "C:\\x.png"])
def test_file_names_that_lead_nowhere(out, file_name):
    edit_json(out / TRAIN, IMAGE(file_name=file_name))
    found = [(kind, id_) for kind, _, id_, _ in problems(out)]
    assert ("missing_image", "image 1") in found or ("corrupt", "image 1") in found


def test_one_file_for_two_images(out):
    name = json.loads((out / TRAIN).read_bytes())["images"][1]["file_name"]
    edit_json(out / TRAIN, IMAGE(file_name=name))
    assert told(out, "corrupt", TRAIN, "image 2", f"two images share the file images/train/{name}")


@pytest.mark.parametrize("size", [{"width": 21}, {"height": None}, {"width": "20"}, {"width": 2**62}])
def test_wrong_size_is_stated(out, size):
    edit_json(out / TRAIN, IMAGE(**size))
    found = [(kind, id_) for kind, _, id_, _ in problems(out)]
    assert ("size_mismatch", "image 1") in found


@pytest.mark.parametrize("group", ["images", "annotations", "categories"])
@pytest.mark.parametrize("id_", [None, [1], {}, 1.5, True])
def test_ids_that_are_none(out, group, id_):
    edit_json(out / TRAIN, first(group)(id=id_))
    assert any(file == TRAIN and "id" in what for kind, file, _, what in problems(out) if kind == "corrupt")


def test_ids_twice_over_subsets(out):
    ids = json.loads((out / "annotations/instances_val.json").read_bytes())
    edit_json(out / TRAIN, IMAGE(id=ids["images"][3]["id"]))
    edit_json(out / TRAIN, ANNOTATION(id=ids["annotations"][3]["id"]))
    words = [what for _, _, _, what in problems(out)]
    assert any(what.startswith("image id") for what in words)
    assert any(what.startswith("annotation id") for what in words)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["categories"].pop(),
        lambda data: data["categories"].append({"id": "x", "name": "y"}),
        lambda data: data["categories"][0].update(name="other"),
        lambda data: data["categories"][0].update(id=2),
        lambda data: data["categories"].reverse() or data["categories"][0].update(id=1),
    ],
)
def test_categories_that_differ(out, change):
    edit_json(out / TRAIN, change)
    assert any(file.startswith("annotations/") for _, file, _, what in problems(out) if "categor" in what)


def test_every_fault_of_a_set_is_told_at_once(out):
    edit_json(out / TRAIN, IMAGE(id=2))
    edit_json(out / "annotations/instances_val.json", ANNOTATION(area=1))
    images_of(out)[0].unlink()
    found = problems(out)
    assert {"missing_image", "corrupt"} <= {kind for kind, *_ in found}
    assert {"annotations/instances_val.json", TRAIN} <= {file for _, file, *_ in found}
    assert all(file and what for _, file, _, what in found)
