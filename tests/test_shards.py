"""Shards of a prepared set: the images and cells of the set, the same bytes every time, read by tarfile."""

import json
import shutil
import tarfile

import pytest

from smearprep.checking import check
from smearprep.converting import convert
from smearprep.errors import OutputError, RecipeError
from smearprep.formats.reading import ReadOptions
from smearprep.formats.writing import WriteOptions
from smearprep.prepare import prepare
from smearprep.tiling import Tile
from tests.sets import EVEN, coco_files, edit_json, folder_recipe, kinds, report, tree, write_folder

TILES = folder_recipe(tile=Tile((20, 20), (10, 10)), split=EVEN)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """A plain folder of three small images."""
    return write_folder(tmp_path_factory.mktemp("raw") / "raw", images=3)


@pytest.fixture(scope="module")
def made(raw, tmp_path_factory):
    """A set of 45 windows with shards of 4."""
    out = tmp_path_factory.mktemp("made") / "set"
    prepare(TILES, [("folder", raw)], out, shards=4)
    return out


@pytest.fixture
def out(made, tmp_path):
    """A copy of the set, to be changed."""
    return shutil.copytree(made, tmp_path / "set")


def samples(folder):
    """What a plain reader finds in the tars of a folder: key -> suffix -> bytes."""
    found = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            for entry in tar:
                key, _, suffix = entry.name.partition(".")
                found.setdefault(key, {})[suffix] = tar.extractfile(entry).read()
    return found


def test_they_hold_what_the_set_holds(made):
    for subset, coco in coco_files(made).items():
        found = samples(made / "shards" / subset)
        assert len(list((made / "shards" / subset).iterdir())) == -(-len(coco["images"]) // 4)
        assert len(found) == len(coco["images"])
        names = {row["id"]: row["name"] for row in coco["categories"]}
        for image in coco["images"]:
            sample = found[image["file_name"].removesuffix(".png")]
            record = json.loads(sample["json"])
            assert sample["png"] == (made / "images" / subset / image["file_name"]).read_bytes()
            assert (record["width"], record["height"]) == (20, 20)
            own = [row for row in coco["annotations"] if row["image_id"] == image["id"]]
            assert [cell["category"] for cell in record["cells"]] == [
                names[row["category_id"]] for row in own
            ]
            for cell, row in zip(record["cells"], own, strict=True):
                assert cell["segmentation"] == row["segmentation"] and cell["bbox"] == row["bbox"]
                assert cell["attributes"]["visible"] == row["visible"]
                assert cell["attributes"]["cell"] == row["cell"]


def test_they_are_what_convert_makes_of_the_set(made, tmp_path):
    for subset in ("train", "val", "test"):
        convert(
            [made / f"annotations/instances_{subset}.json"],
            tmp_path / subset,
            to="webdataset",
            reading=ReadOptions(images=made / "images" / subset),
            writing=WriteOptions(shard_size=4),
        )
        assert tree(tmp_path / subset) == tree(made / "shards" / subset)


def test_the_same_bytes_again(raw, made, out, tmp_path):
    prepare(TILES, [("folder", raw)], tmp_path / "other", shards=4)
    assert tree(tmp_path / "other") == tree(made)
    prepare(TILES, [("folder", raw)], out, shards=4)
    assert tree(out) == tree(made)


def test_without_them_nothing_else_changes(raw, made, out, tmp_path):
    prepare(TILES, [("folder", raw)], tmp_path / "plain")
    prepare(TILES, [("folder", raw)], out)
    assert tree(out) == tree(tmp_path / "plain")
    left = {name for name in tree(made) if not name.startswith("shards")}
    assert set(tree(out)) == left


def test_by_the_command_line(raw, tmp_path):
    (tmp_path / "r.yaml").write_text("name: r\nsources: [folder]\nunknown: keep\nsplit: null\n")
    report("prepare", tmp_path / "r.yaml", tmp_path / "set", "--raw", raw, "--shards", 2)
    shards = [path.name for path in sorted((tmp_path / "set/shards/all").iterdir())]
    assert shards == ["000000.tar", "000001.tar"]
    report("check", tmp_path / "set")


def test_check_knows_them(made, out):
    assert not check(made).findings
    path = out / "shards/train/000000.tar"
    path.write_bytes(path.read_bytes() + b"x")
    (out / "shards/val/000000.tar").unlink()
    found = [(f.file, f.what.partition(":")[0]) for f in check(out).findings]
    assert found == [
        ("shards/train/000000.tar", "has been changed since it was written"),
        ("shards/val/000000.tar", "is listed in the manifest, but the set does not have it"),
    ]


def test_check_tells_that_they_are_of_other_cells(out):
    edit_json(out / "manifest.json", lambda data: data["shards"]["made_of"].clear())
    assert [f.what[:42] for f in check(out).findings] == ["show the cells as they were before the set"]


@pytest.mark.parametrize("value", [5, [], {"files": 3}, {"files": {"../x": "0", "/etc/passwd": "0"}}])
def test_odd_manifests(out, value):
    edit_json(out / "manifest.json", lambda data: data.update(shards=value))
    assert kinds(check(out)).get("corrupt", 0) <= 3


def test_what_cannot_be(raw, tmp_path, monkeypatch):
    with pytest.raises(RecipeError, match="shard size 0"):
        prepare(TILES, [("folder", raw)], tmp_path / "set", shards=0)

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("smearprep.shards.shutil.rmtree", refuse)
    with pytest.raises(OutputError, match="shards: cannot be removed"):
        prepare(TILES, [("folder", raw)], tmp_path / "set")
