"""Mistyped commands: status 2, one clear message that repeats what was given, nothing written."""

import pytest

from smearprep.recipes import shipped
from tests.sets import call, fail, report, start, tree, write_folder


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("usage") / "raw")


TILE = ("tile", "RAW", "OUT")
SPLIT = ("split", "RAW", "OUT")
PAD = ("pad", "RAW", "OUT")
PREPARE = ("prepare", "RECIPE", "OUT", "--raw", "RAW")


def filled(arguments, raw, tmp_path, recipe="sources: [folder]\n"):
    (tmp_path / "recipe.yaml").write_text(recipe)
    places = {"RAW": raw, "OUT": tmp_path / "out", "RECIPE": tmp_path / "recipe.yaml"}
    return [places.get(argument, argument) for argument in arguments]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*TILE, "--size", "big"], ["size", "'big'"]),
        ([*TILE, "--size", "0"], ["window size 0", "at least 1 px"]),
        ([*TILE, "--size", "-5"], ["-5", "at least 1 px"]),
        ([*TILE, "--size", "20x"], ["size", "''"]),
        ([*TILE, "--size", "1.5"], ["size", "'1.5'"]),
        ([*TILE, "--size", "20x20x20"], ["size"]),
        ([*TILE, "--size", "20", "--stride", "30"], ["stride 30 is larger than the window (20 px)"]),
        ([*TILE, "--stride", "0"], ["stride 0"]),
        ([*TILE, "--stride", "wide"], ["stride", "'wide'"]),
        ([*TILE, "--edge", "cut"], ["edge", "'cut'", "shift", "pad", "drop"]),
        ([*TILE, "--keep", "some"], ["keep", "'some'", "centroid"]),
        ([*TILE, "--grid", "hex"], ["grid", "'hex'", "counting"]),
        ([*TILE, "--margin", "-1"], ["--margin", "greater than or equal to 0"]),
        ([*TILE, "--min-visible", "2"], ["--min-visible"]),
        ([*TILE, "--min-visible", "nan"], ["--min-visible"]),
        ([*TILE, "--resize", "0"], ["0"]),
        ([*TILE, "--resize", "1000000"], ["1000000"]),
        ([*TILE, "--size", "1000000", "--edge", "pad"], ["1000000"]),
        ([*TILE, "--format", "tiff"], ["format", "'tiff'", "jpg", "png"]),
        ([*TILE, "--quality", "0"], ["--quality", "greater than or equal to 1"]),
        ([*TILE, "--quality", "99999999999999999999"], ["--quality"]),
        ([*TILE, "--workers", "0"], ["--workers", "greater than or equal to 1"]),
        ([*TILE, "--category", "unknown"], ["category 'unknown'", "RBC", "WBC"]),
        ([*TILE, "--category", "WBC", "--category", "WBC"], ["listed twice"]),
        ([*TILE, "--keep", "any", "--keep-category", "unknown"], ["'unknown'"]),
        ([*TILE, "--map", "wrong"], ["'wrong'", "OLD=NEW"]),
        ([*TILE, "--map", "WBC="], ["'WBC='", "OLD=NEW"]),
        ([*TILE, "--map", "WBC=a", "--map", "WBC=b"], ["both 'a' and 'b'"]),
        ([*TILE, "--option", "wrong"], ["'wrong'", "KEY=VALUE"]),
        ([*TILE, "--option", "smear=2001-99-99"], ["smear=2001-99-99"]),
        ([*TILE, "--option", "smear={a: [}"], ["smear"]),
        ([*TILE, "--option", "exif=sideways"], ["'sideways'", "applied", "stored"]),
        ([*TILE, "--option", "exfi=stored"], ["'exfi'", "did you mean 'exif'?"]),
        ([*TILE, "--dataset", "folders"], ["'folders'", "did you mean 'folder'?"]),
        ([*TILE, "--dataset", "bccd"], ["not in a layout of BCCD", "JPEGImages"]),
        ([*TILE, "--sise", "20"], ["--sise", "--size"]),
        (["tile", "RAW"], ["out"]),
        ([*TILE, "more"], ["more"]),
        ([*SPLIT, "--ratio", "7:1"], ["ratio", "'7'"]),
        ([*SPLIT, "--ratio", "7:1:2:3"], ["ratio"]),
        ([*SPLIT, "--ratio", "a:b:c"], ["ratio", "'a'"]),
        ([*SPLIT, "--ratio", "0:1:2"], ["ratio 0:1:2", "training needs one"]),
        ([*SPLIT, "--ratio", "7:-1:2"], ["ratio 7:-1:2", "negative"]),
        ([*SPLIT, "--ratio", "inf:1:2"], ["ratio"]),
        ([*SPLIT, "--ratio", "nan:1:2"], ["ratio"]),
        ([*SPLIT, "--by", "slide"], ["by", "'slide'", "smear", "image"]),
        ([*SPLIT, "--seed", "-1"], ["--seed", "greater than or equal to 0"]),
        ([*SPLIT, "--seed", "9" * 30], ["seed"]),
        ([*PAD, "--to", "30x30"], ["60x40", "30x30"]),
        ([*PAD, "--to", "circle"], ["to", "'circle'"]),
        ([*PAD, "--anchor", "left"], ["anchor", "'left'", "centre"]),
        ([*PAD, "--to", "70000x50", "--format", "jpg"], ["70000x50"]),
        (["prepare", "no-such-recipe", "OUT", "--raw", "RAW"], ["no-such-recipe", *shipped()]),
        (["prepare", "RAW", "OUT", "--raw", "RAW"], ["no such recipe file"]),
        (["prepare", "RECIPE", "OUT"], ["wants folder", "--raw folder=FOLDER"]),
        (["prepare", "RECIPE"], ["OUT"]),
        (["prepare", "yolact-cis", "OUT", "--raw", "RAW"], ["holds folder", "all_idb1", "bccd"]),
        ([*PREPARE, "--raw", "RAW"], ["two raw folders"]),
        (["prepare", "RECIPE", "OUT", "--raw", "folder="], ["folder="]),
        (["prepare", "RECIPE", "OUT", "--raw", "nowhere"], ["nowhere", "is not there"]),
        (["prepare", "RECIPE", "OUT", "--raw", "bccd=RAW"], ["holds bccd", "wants folder"]),
        (["inspect", "nowhere"], ["nowhere", "is not there"]),
        (["inspect", "n" * 300], ["n" * 300]),
        (["inspect", "RECIPE"], ["is a file", "give the folder"]),
        (["inspect"], ["raw"]),
        (["check", "RAW"], ["is no prepared set"]),
        (["convert", "nowhere.json", "-o", "OUT"], ["nowhere.json", "is not there"]),
        (["convert", "RAW", "-o", "OUT", "--from", "wrong"], ["wrong", "coco"]),
        (["convert", "RAW"], ["--output"]),
        (["convert", "-o", "OUT"], ["markup"]),
        (["assist", "RAW", "--run", "OUT", "--processes", "2"], ["--processes", "--run", "one image"]),
        (["assist", "RAW", "--processes", "0"], ["--processes", "greater than or equal to 1"]),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else "",
)
def test_mistakes(raw, tmp_path, arguments, words):
    given = filled(arguments, raw, tmp_path)
    before = tree(tmp_path)
    message = fail(*given)
    flat = " ".join(message.split())
    assert all(word in flat or word in message for word in words), message
    assert tree(tmp_path) == before


RECIPES = [
    ("sources: [", "broken YAML at line 1"),
    ("a\n b: c:\n", "broken YAML at line"),
    ("- folder\n", "a recipe is a list"),
    ("", "a recipe is a list"),
    ("name: x\n", "sources"),
    ("sources: folder\n", "sources"),
    ("sources: []\n", "names no source"),
    ("sources: [folder]\nsplitt: {}\n", "did you mean 'split'?"),
    ("sources: [{dataset: folder, tiles: 20}]\n", "did you mean 'tile'?"),
    ("sources: [{dataset: folder, tile: {size: 20, strid: 3}}]\n", "did you mean 'stride'?"),
    ("sources: [{dataset: folder, tile: {size: 20, stride: [1]}}]\n", "stride"),
    ("sources: [{dataset: folder, tile: {size: 20, margin: -9}}]\n", "margin"),
    ("sources: [{dataset: folder, tile: {size: yes}}]\n", "size"),
    ("sources: [{dataset: folder, labels: {1: RBC}}]\n", "labels"),
    ("sources: [{dataset: folder, options: {no_such: 1}}]\n", "no_such"),
    ("sources: [{dataset: 5}]\n", "dataset"),
    ("sources: [5]\n", "sources[0]"),
    ("sources: [fodler]\n", "fodler"),
    ("sources: [folder]\nresize: -3\n", "-3"),
    ("sources: [folder]\nresize: 550x\n", "resize"),
    ("sources: [folder]\nmin_visible: 7\n", "min_visible"),
    ("sources: [folder]\nmin_visible: .nan\n", "min_visible"),
    ("sources: [folder]\nunknown: maybe\n", "unknown"),
    ("sources: [folder]\ncategories: [WBC, WBC]\n", "twice"),
    ("sources: [folder]\ncategories: {a: b}\n", "categories"),
    ("sources: [folder]\nsplit: 7:1\n", "split"),
    ("sources: [folder]\nsplit: {ratio: 7:1}\n", "ratio"),
    ("sources: [folder]\nsplit: {seed: -1}\n", "seed"),
    ("sources: [folder]\nsplit: {seed: many}\n", "seed"),
    ("sources: [folder]\nsplit: {by: slide}\n", "by"),
    ("sources: [folder]\nimages: {format: gif}\n", "format"),
    ("sources: [folder]\nimages: {quality: 101}\n", "quality"),
    ("sources: [folder]\nname: 2001-99-99\n", ""),
    ("sources: [folder]\nname: 5\n", "name"),
    ("!!python/object/apply:os.system ['true']\n", "broken YAML"),
]


@pytest.mark.parametrize(("text", "words"), RECIPES, ids=[text[:60] for text, _ in RECIPES])
def test_mistakes_in_recipes(raw, tmp_path, text, words):
    message = fail(*filled(PREPARE, raw, tmp_path, text))
    assert words in message and "Traceback" not in message
    assert not (tmp_path / "out").exists()


def test_recipe_that_is_no_text(raw, tmp_path):
    assert "not a text file" in fail("prepare", raw / "i0.png", tmp_path / "out", "--raw", raw)


def test_a_test_share_of_zero(raw, tmp_path):
    data = report("split", raw, tmp_path / "out", "--ratio", "7:1:0")
    assert set(data["by_subset"]) == {"train", "val"}
    assert {path.name for path in (tmp_path / "out/images").iterdir()} == {"train", "val"}


@pytest.mark.parametrize("ratio", ["7:1:2", "70:10:20", "0.7:0.1:0.2", '"7:1:2"', "[7, 1, 2]"])
def test_ways_to_write_a_ratio(raw, tmp_path, ratio):
    recipe = f"sources: [folder]\nunknown: keep\nsplit: {{ratio: {ratio}}}\n"
    if ":" in ratio and not ratio.startswith('"'):
        recipe = f"sources: [folder]\nunknown: keep\nsplit:\n  ratio: {ratio}\n"
    data = report(*filled(PREPARE, raw, tmp_path, recipe))
    assert {name: row["images"] for name, row in data["by_subset"].items()} == {
        "train": 4,
        "val": 1,
        "test": 1,
    }


def test_fewer_smears_than_subsets(tmp_path):
    raw = write_folder(tmp_path / "raw", images=2)
    message = fail("split", raw, tmp_path / "out")
    assert "2 smears cannot fill 3 subsets (train, val, test)" in message and "7:3:0" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", shipped())
def test_show_prints_the_recipe(name, tmp_path):
    shown = call("prepare", name, "--show")
    assert shown.exit_code == 0 and shown.stdout == shipped()[name]
    (tmp_path / "own.yaml").write_text(shown.stdout)
    assert call("prepare", tmp_path / "own.yaml", "--show").stdout == shown.stdout


def test_show_of_an_unknown_recipe():
    assert "no-such" in fail("prepare", "no-such", "--show")


def test_one_line_from_a_process(tmp_path):
    done = start("tile", tmp_path / "nowhere", tmp_path / "out")
    assert done.returncode == 2 and done.stdout == b""
    assert done.stderr.decode() == f"error: {tmp_path / 'nowhere'}: is not there\n"
