"""The single steps: each is `prepare` with a recipe of one source, and keeps every image."""

import pytest

from smearprep import images
from smearprep.checking import check
from smearprep.errors import LayoutError, RecipeError
from smearprep.prepare import prepare
from smearprep.recipes import ImageFiles, Recipe, Source
from smearprep.splitting import Split
from smearprep.steps import one_step
from smearprep.synthetic import write_bccd
from smearprep.tiling import Pad, Tile
from tests.sets import EVEN, SIZE, coco_files, images_of, kinds, tree, write_folder

SMALL = Tile((20, 20), (10, 10))


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("steps") / "raw")


@pytest.mark.parametrize(
    ("command", "how"),
    [("tile", {"tile": SMALL}), ("pad", {"pad": Pad()}), ("split", {"split": EVEN})],
)
def test_a_step_is_a_recipe_of_one_source(raw, tmp_path, command, how):
    summary = one_step(command, raw, tmp_path / "step", **how)
    shaping = {key: value for key, value in how.items() if key != "split"}
    recipe = Recipe(command, (Source("folder", **shaping),), unknown="keep", split=how.get("split"))
    same = prepare(recipe, [(None, raw)], tmp_path / "recipe", command=command)
    assert tree(tmp_path / "step") == tree(tmp_path / "recipe")
    assert summary.as_dict() | {"output": None} == same.as_dict() | {"output": None}
    assert summary.command == command and summary.output == str(tmp_path / "step")
    assert summary.next_step == f"smearprep check {tmp_path / 'step'}"


def test_tile(raw, tmp_path):
    summary = one_step("tile", raw, tmp_path / "out", tile=SMALL)
    assert summary.counts["views"] == 6 * 5 * 3
    assert list(summary.by_subset) == ["all"]
    assert {images.probe(path).size for path in images_of(tmp_path / "out")} == {(20, 20)}
    (coco,) = coco_files(tmp_path / "out").values()
    windows = [tuple(image["window"]) for image in coco["images"] if image["source"] == "folder/i0.png"]
    assert windows == [(x, y, 20, 20) for y in (0, 10, 20) for x in (0, 10, 20, 30, 40)]


@pytest.mark.parametrize(
    ("pad", "size", "window"),
    [
        (Pad(), (60, 60), [0, 0, 60, 60]),
        (Pad("square", "centre"), (60, 60), [0, -10, 60, 60]),
        (Pad((70, 45), "centre"), (70, 45), [-5, -2, 70, 45]),
    ],
)
def test_pad(raw, tmp_path, pad, size, window):
    one_step("pad", raw, tmp_path / "out", pad=pad)
    (coco,) = coco_files(tmp_path / "out").values()
    for image in coco["images"]:
        assert image["window"] == window
        shown = images.read(tmp_path / "out/images/all" / image["file_name"])
        assert shown.shape == (*size[::-1], 3)
        x, y = -window[0], -window[1]
        inner = shown[y : y + SIZE[1], x : x + SIZE[0]]
        assert (inner == images.read(raw / image["file_name"])).all()
        assert shown.astype(int).sum() == inner.astype(int).sum()  # all else is zero
    for annotation in coco["annotations"]:
        assert annotation["bbox"] == [5 - window[0], 5 - window[1], 10, 10]
        assert annotation["visible"] == 1


def test_split(raw, tmp_path):
    summary = one_step("split", raw, tmp_path / "out", split=Split((1, 1, 1), seed=3))
    assert {name: row["images"] for name, row in summary.by_subset.items()} == dict.fromkeys(
        ("train", "val", "test"), 2
    )
    originals = {path.name: path.read_bytes() for path in raw.glob("*.png")}
    assert {path.name: path.read_bytes() for path in images_of(tmp_path / "out")} == originals
    assert not check(tmp_path / "out").findings


def test_resize(raw, tmp_path):
    one_step("tile", raw, tmp_path / "out", tile=SMALL, resize=(30, 10))
    assert {images.probe(path).size for path in images_of(tmp_path / "out")} == {(30, 10)}


def test_labels_and_categories(raw, tmp_path):
    summary = one_step(
        "split", raw, tmp_path / "out", split=EVEN, labels={"WBC": "white"}, categories=("white",)
    )
    assert summary.by_category == {"white": 6}
    for coco in coco_files(tmp_path / "out").values():
        assert coco["categories"] == [{"id": 1, "name": "white"}]
        assert all(a["attributes"]["original_label"] == "WBC" for a in coco["annotations"])
    with pytest.raises(RecipeError, match="category 'blue' is in none"):
        one_step("split", raw, tmp_path / "none", split=EVEN, categories=("blue",))


def test_category_order_is_kept(raw, tmp_path):
    one_step("tile", raw, tmp_path / "out", tile=SMALL, categories=("WBC", "RBC"))
    one_step("tile", raw, tmp_path / "back", tile=SMALL, categories=("RBC", "WBC"))
    names = [
        [c["name"] for c in coco_files(tmp_path / name)["all"]["categories"]] for name in ("out", "back")
    ]
    assert names == [["WBC", "RBC"], ["RBC", "WBC"]]


def test_images_with_unknown_categories_are_kept(tmp_path):
    truth = write_bccd(tmp_path / "raw", images=4, defects=True)
    summary = one_step("pad", tmp_path / "raw", tmp_path / "out", pad=Pad())
    assert summary.counts["views"] == len(truth) == 4
    assert "not_annotated" not in kinds(summary)
    unknown = [
        image["not_exhaustive_category_ids"] for image in coco_files(tmp_path / "out")["all"]["images"]
    ]
    assert sum(bool(ids) for ids in unknown) == 1  # one image lacks its red cells


def test_min_visible(raw, tmp_path):
    counts = [
        one_step("tile", raw, tmp_path / str(k), tile=SMALL, min_visible=share).counts["cells"]
        for k, share in enumerate((0, 0.25, 0.5, 1))
    ]
    # The square x, y of 5..15 lies in the windows at 0 and at 10: all of it, a half, a half, a quarter.
    assert counts == [6 * 2 * n for n in (4, 4, 3, 1)]


def test_data_set_by_name_and_its_options(raw, tmp_path):
    with pytest.raises(LayoutError, match="not in a layout of BCCD"):
        one_step("tile", raw, tmp_path / "out", tile=SMALL, dataset="bccd")
    with pytest.raises(RecipeError, match="'no_such'"):
        one_step("tile", raw, tmp_path / "out", tile=SMALL, options={"no_such": 1})
    summary = one_step(
        "tile", raw, tmp_path / "out", tile=SMALL, dataset="folder", options={"smear": "folder"}
    )
    assert summary.by_subset["all"]["smears"] == 1


def test_image_files(raw, tmp_path):
    one_step("tile", raw, tmp_path / "out", tile=SMALL, images=ImageFiles("jpg", 50))
    assert {path.suffix for path in images_of(tmp_path / "out")} == {".jpg"}


def test_steps_one_after_another(raw, tmp_path):
    """Split after tiling: a part of a cell stays the part that it was, and a smear stays together."""
    one_step("tile", raw, tmp_path / "tiles", tile=SMALL)
    one_step("split", tmp_path / "tiles", tmp_path / "split", split=EVEN)
    one_step("tile", tmp_path / "split", tmp_path / "again", tile=SMALL)
    parts = [
        sorted(
            (annotation["visible"], annotation["area"], annotation["category_id"])
            for coco in coco_files(tmp_path / name).values()
            for annotation in coco["annotations"]
        )
        for name in ("tiles", "split", "again")
    ]
    assert parts[0] == parts[1] == parts[2]
    assert {visible for visible, _, _ in parts[0]} == {0.25, 0.5, 1.0}
    assert not check(tmp_path / "split").findings
    smears = [coco_files(tmp_path / "split")[name]["images"] for name in ("train", "val", "test")]
    assert [len({image["smear"] for image in images}) for images in smears] == [2, 2, 2]
