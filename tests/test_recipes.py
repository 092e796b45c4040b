"""Recipes: the shipped ones, the short forms that people write, and what bad ones say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smearprep.entries import (
    parse_entries,
    parse_images,
    parse_pad,
    parse_size,
    parse_split,
    parse_tile,
)
from smearprep.errors import RecipeError
from smearprep.recipes import (
    ImageFiles,
    Recipe,
    Source,
    load_recipe,
    parse_recipe,
    recipe_text,
    shipped,
)
from smearprep.splitting import Split
from smearprep.tiling import Pad, Tile


def _recipe(*lines: str, source: str = "bccd") -> Recipe:
    return parse_recipe("\n".join([f"sources: [{source}]", *lines]), "my.yaml")


# ---------------------------------------------------------------- shipped


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_recipe_is_sound_and_says_what_it_is(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name and recipe.description
    assert json.loads(json.dumps(recipe.as_dict()))["name"] == name
    copy = tmp_path / "copy.yaml"
    copy.write_text(recipe_text(name), encoding="utf-8")
    assert load_recipe(str(copy)) == recipe


def test_the_recipes_that_are_shipped() -> None:
    assert list(shipped()) == [
        "counting-plt",
        "counting-rbc",
        "counting-wbc",
        "do-unet",
        "raabin",
        "unet-plt",
        "unet-wbc",
        "yolact-cis",
    ]


def test_yolact_cis_as_the_design_has_it() -> None:
    recipe = load_recipe("yolact-cis")
    idb, bccd = recipe.sources
    assert idb == Source("all_idb1", tile=Tile((512, 512), (256, 256), keep="any", keep_categories=("WBC",)))
    assert bccd == Source("bccd", pad=Pad("square"))
    assert recipe.categories == ("WBC",) and recipe.resize == (550, 550)
    assert recipe.split == Split((7, 1, 2), "smear", 0) and recipe.images == ImageFiles("jpg", 95)


@pytest.mark.parametrize("what", ["rbc", "wbc", "plt"])
def test_the_counting_recipes_use_the_paper_s_grid_and_lose_no_part(what: str) -> None:
    recipe = load_recipe(f"counting-{what}")
    [source] = recipe.sources
    assert source.tile is not None and source.tile.grid == "counting"
    assert recipe.min_visible == 0 and recipe.resize is None


def test_a_recipe_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(RecipeError, match=r"yolact: no such recipe file .*yolact-cis"):
        load_recipe("yolact")


def test_a_recipe_that_is_no_text_file_and_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="is not a text file"):
        load_recipe(str(path))
    with pytest.raises(RecipeError, match="no such recipe file"):
        load_recipe(str(tmp_path))


# ---------------------------------------------------------------- short forms


def test_the_shortest_recipe() -> None:
    assert _recipe() == Recipe("my", (Source("bccd"),))


@pytest.mark.parametrize(
    "written", ['"7:1:2"', "'7 : 1 : 2'", "7:1:2", "[7, 1, 2]", '["7", "1", "2"]', "[7.0, 1.0, 2.0]"]
)
def test_a_ratio_however_it_is_written(written: str) -> None:
    """Unquoted, YAML 1.1 takes it for a number in base 60."""
    recipe = _recipe("split:", f"  ratio: {written}")
    assert recipe.split == Split((7, 1, 2))


@pytest.mark.parametrize(
    ("written", "ratio"),
    [
        ("7:1:0", (7, 1, 0)),
        ("70:10:20", (70, 10, 20)),
        ("7:0:1", (7, 0, 1)),
        ("80:59:59", (80, 59, 59)),
        ("0.7:0.1:0.2", (0.7, 0.1, 0.2)),
        ("70:60:20", (70, 60, 20)),
    ],
)
def test_unquoted_ratios(written: str, ratio: tuple[float, float, float]) -> None:
    recipe = _recipe("split:", f"  ratio: {written}")
    assert recipe.split is not None and recipe.split.ratio == ratio


@pytest.mark.parametrize(
    ("written", "size"), [("512", (512, 512)), ("640x480", (640, 480)), ("[640, 480]", (640, 480))]
)
def test_sizes(written: str, size: tuple[int, int]) -> None:
    assert _recipe(f"resize: {written}").resize == size
    [source] = _recipe(source=f"{{dataset: bccd, pad: {written}}}").sources
    assert source.pad == Pad(size)
    [source] = _recipe(source=f"{{dataset: bccd, tile: {written}}}").sources
    half = (size[0] // 2, size[1] // 2)
    assert source.tile == Tile(size, half)
    assert parse_size(written.strip("[]").replace(", ", "x")) == size


def test_a_stride_that_is_not_given_is_half_the_size() -> None:
    assert parse_tile({"size": 100}).stride == (50, 50)
    assert parse_tile({"size": 1}).stride == (1, 1)
    assert parse_tile({"size": "300x200", "stride": None}).stride == (150, 100)
    assert parse_tile({"size": 100, "stride": 30}).stride == (30, 30)
    assert parse_tile({}) == Tile()


def test_names_in_one_line() -> None:
    recipe = _recipe("categories: WBC, RBC", source="{dataset: bccd, tile: {size: 9, keep_categories: WBC}}")
    assert recipe.categories == ("WBC", "RBC")
    assert recipe.sources[0].tile == Tile((9, 9), (4, 4), keep_categories=("WBC",))


def test_named_forms_of_pad_and_tile() -> None:
    recipe = _recipe(source="{dataset: all_idb1, tile: counting}, {dataset: bccd, pad: square}")
    assert recipe.sources == (
        Source("all_idb1", tile=Tile(grid="counting")),
        Source("bccd", pad=Pad("square")),
    )
    assert parse_pad({"to": "640x480", "anchor": "centre"}) == Pad((640, 480), "centre")
    assert parse_pad({}) == Pad()


def test_a_set_need_not_be_split() -> None:
    assert _recipe("split: null").split is None


def test_single_entries() -> None:
    assert parse_split({"ratio": "8:1:1", "by": "image"}) == Split((8, 1, 1), "image")
    assert parse_images({"format": "png"}) == ImageFiles("png")
    assert parse_entries(["rbc=markup", "min_area={WBC: 900}", "n = 3"]) == {
        "rbc": "markup",
        "min_area": {"WBC": 900},
        "n": 3,
    }


def test_auto_keeps_lossless_sources_lossless() -> None:
    kept = {
        name: ImageFiles().format_of(Path(name)) for name in ("a.jpg", "a.JPEG", "a.png", "a.tif", "a.bmp")
    }
    assert kept == {"a.jpg": "jpg", "a.JPEG": "jpg", "a.png": "png", "a.tif": "png", "a.bmp": "png"}
    assert ImageFiles("jpg").format_of(Path("a.tif")) == "jpg"


# ---------------------------------------------------------------- what bad recipes say


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sorces: [bccd]", r"'sorces'; did you mean 'sources'\?"),
        ("sources: [bccd]\nsplit: {rato: 7}", r"split: unknown entry 'rato'; did you mean 'ratio'\?"),
        ("sources: [bccd]\nimages: {qualty: 9}", r"images: unknown entry 'qualty'; did you mean 'quality'\?"),
        ("sources: [{datset: bccd}]", r"sources\[0\]: unknown entry 'datset'; did you mean 'dataset'\?"),
        (
            "sources: [bccd, {dataset: b, tile: {stide: 3}}]",
            r"sources\[1\]\.tile.*'stide'; did you mean 'stride'",
        ),
        (
            "sources: [{dataset: b, pad: {ancor: centre}}]",
            r"pad: unknown entry 'ancor'; did you mean 'anchor'",
        ),
        ("sources: [bccd]\nzzz: 1", r"unknown entry 'zzz'; known are name, sources"),
        ("sources: [bccd]\n5: 1", r"unknown entry 5"),
    ],
)
def test_an_unknown_entry_names_the_nearest(text: str, expected: str) -> None:
    with pytest.raises(RecipeError, match=rf"^my\.yaml.*{expected}"):
        parse_recipe(text, "my.yaml")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("resize: big", r"resize.*'big'"),
        ("resize: 1.5", r"resize.*1\.5"),
        ("resize: 64xy", r"resize\.1.*'y'"),
        ("resize: [1, 2, 3]", "resize"),
        ("min_visible: much", "min_visible.*'much'"),
        ("min_visible: 2", "between 0 and 1"),
        ("unknown: drop", "unknown.*'leave_out' or 'keep'"),
        ("split: smear", "split.*'smear'"),
        ("split: {by: patient}", "split.by.*'smear' or 'image'.*'patient'"),
        ("split: {seed: x}", "split.seed.*'x'"),
        ("split: {ratio: [7, 1]}", "split.ratio"),
        ("split: {ratio: 7:1}", "ratio"),
        ("split: {ratio: a:b:c}", "split.ratio.0.*'a'"),
        ("split: {ratio: 0:1:1}", "0:1:1"),
        ("split: {ratio: [.inf, 1, 1]}", "ratio"),
        ("images: jpg", "images.*'jpg'"),
        ("images: {format: gif}", "images.format.*'gif'"),
        ("images: {quality: 0}", "quality 0"),
        ("categories: [WBC, WBC]", "twice"),
        ("categories: {WBC: 1}", "categories"),
        ("name: [a]", "name"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(line: str, expected: str) -> None:
    with pytest.raises(RecipeError, match=expected):
        _recipe(line)


@pytest.mark.parametrize("line", ["resize: yes", "images: {quality: true}"])
def test_yes_is_no_number(line: str) -> None:
    """Python takes True for 1: a tile of one pixel, quality 1."""
    with pytest.raises(RecipeError):
        _recipe(line)


@pytest.mark.parametrize(
    "entry", ["tile: yes", "pad: yes", "tile: {size: true}", "tile: {size: 9, margin: yes}"]
)
def test_yes_is_no_size(entry: str) -> None:
    with pytest.raises(RecipeError):
        _recipe(source=f"{{dataset: bccd, {entry}}}")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("tile: contng", "tile.grid.*'contng'"),
        ("tile: {edge: cut}", "tile.edge.*'cut'"),
        ("tile: {keep: some}", "tile.keep.*'some'"),
        ("tile: {size: huge}", "tile.size.*'huge'"),
        ("pad: {anchor: left}", "pad.anchor.*'left'"),
        ("labels: [a]", r"labels.*\['a'\]"),
        ("options: x", "options.*'x'"),
        ("pad: round", "pad.to"),
    ],
)
def test_a_wrong_value_in_a_source_is_named(entry: str, expected: str) -> None:
    with pytest.raises(RecipeError, match=rf"my\.yaml: sources\.0\.{expected}"):
        _recipe(source=f"{{dataset: bccd, {entry}}}")


@pytest.mark.parametrize("line", ["resize: 0", "resize: -5"])
def test_an_output_without_area_is_refused(line: str) -> None:
    with pytest.raises(RecipeError):
        _recipe(line)


@pytest.mark.parametrize("text", ["", "- a\n- b", "just text", "42"])
def test_what_is_no_recipe_at_all(text: str) -> None:
    with pytest.raises(RecipeError, match=r"my\.yaml: a recipe is a list of `entry: value` lines"):
        parse_recipe(text, "my.yaml")


@pytest.mark.parametrize(
    "text", ["name: x", "sources: bccd", "sources: []", "sources: [5]", "sources: [[a]]"]
)
def test_a_recipe_needs_sources(text: str) -> None:
    with pytest.raises(RecipeError, match="source"):
        parse_recipe(text, "my.yaml")


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: [1\nb: 2", 2, 2),
        ("sources:\n  - dataset: bccd\n tile: 5", 3, 2),
        ("name: x\n\tsources: []", 2, 1),
        ("name: 'x\nsources: []", 2, 12),
        ("resize: 512\nsources: [bccd]\nresize: 550", 3, 1),
        ("sources:\n  - {dataset: bccd, pad: 640, pad: 512}", 2, 31),
    ],
)
def test_broken_yaml_names_line_and_column(text: str, line: int, column: int) -> None:
    with pytest.raises(RecipeError, match=rf"my\.yaml: broken YAML at line {line}, column {column}: "):
        parse_recipe(text, "my.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "sources: [bccd]\nname: 2024-13-45",  # a date that is none
        "[" * 5000,
        "name: \x07",
        "sources: !!python/object/apply:os.getcwd []",
        "? [a]\n: b",
    ],
)
def test_yaml_that_its_own_reader_stumbles_over(text: str) -> None:
    with pytest.raises(RecipeError, match=r"^my\.yaml: "):
        parse_recipe(text, "my.yaml")


@pytest.mark.parametrize("entry", ["rbc", "=markup", "", "a=[1", "a=2024-13-45"])
def test_an_option_that_is_none(entry: str) -> None:
    with pytest.raises(RecipeError, match="option"):
        parse_entries([entry])


def test_one_data_set_cannot_be_two_sources() -> None:
    """Its images would have the same names twice, one file on top of the other."""
    with pytest.raises(RecipeError, match="a data set is listed twice"):
        _recipe(source="bccd, {dataset: bccd, pad: square}")
