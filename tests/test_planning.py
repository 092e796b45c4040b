"""Plans of hand-made samples: names, unknown images, label maps, subsets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from smearprep.errors import RecipeError
from smearprep.findings import Finding
from smearprep.planning import UNSPLIT, plan
from smearprep.recipes import Recipe, Source
from smearprep.records import Cell, Plan, RawSet, Sample
from smearprep.splitting import Split
from smearprep.tiling import Pad, Tile
from tests.laws.strategies import LAW, sample, tiles

WBC, RBC = "WBC", "RBC"
TILE = Tile((10, 10), (5, 5))


def _cell(label: str = WBC, x: float = 1) -> Cell:
    return Cell(label, shapely.box(x, 1, x + 4, 5))


def _sample(source: str, *cells: Cell, annotated: str = "WBC RBC", **more: object) -> Sample:
    looked_for = frozenset(annotated.split())
    return sample((20, 10), list(cells), source, annotated=looked_for, **more)  # type: ignore[arg-type]


def _raw(samples: Sequence[Sample], categories: tuple[str, ...] = (WBC, RBC), name: str = "set") -> RawSet:
    return RawSet(name, "hand-made", tuple(samples), categories)


def _plan(samples: Sequence[Sample], source: Source | None = None, **entries: object) -> Plan:
    source = source or Source("set")
    entries = {"split": None, **entries}
    recipe = Recipe("mine", (source,), **entries)  # type: ignore[arg-type]
    return plan(recipe, [(source, _raw(samples))])


def _many(count: int, **more: object) -> list[Sample]:
    return [_sample(f"set/{n:03}.jpg", _cell(), **more) for n in range(count)]


# ---------------------------------------------------------------- names


def _names(samples: Sequence[Sample], source: Source | None = None) -> list[str]:
    return [view.name for view in _plan(samples, source).views]


def test_an_image_keeps_its_name_and_a_window_says_where_it_lies() -> None:
    one = [_sample("set/im/Im001_1.jpg")]
    assert _names(one) == ["Im001_1"]
    assert _names(one, Source("set", pad=Pad("square", "centre"))) == ["Im001_1"]
    assert _names(one, Source("set", tile=TILE)) == [f"Im001_1_x{x:04}_y0000" for x in (0, 5, 10)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("set/a/1.jpg", "set/b/1.jpg"),
        ("set/1.jpg", "set/1.png"),
        ("set/a/cell.jpg", "set/b/Cell.jpg"),  # one file where the disk takes no notice of case
        ("set/мазок.jpg", "set/кровь.jpg"),
        ("set/a b.jpg", "set/a_b.jpg"),
        ("set/a+b.jpg", "set/a#b.jpg"),
        ("set/ .jpg", "set/_.jpg"),
    ],
)
def test_two_images_that_would_have_one_name_get_two(first: str, second: str) -> None:
    names = _names([_sample(first), _sample(second)])
    assert len({name.casefold() for name in names}) == 2
    assert names == _names([_sample(second), _sample(first)])[::-1]
    alone = _names([_sample(first)])
    assert alone[0] not in names and all(name.startswith(alone[0][:1]) or "-" in name for name in names)


def test_a_window_s_name_is_not_another_image_s() -> None:
    whole = Source("other")
    tiled = Source("set", tile=TILE)
    recipe = Recipe("mine", (tiled, whole), split=None)
    views = plan(
        recipe,
        [
            (tiled, _raw([_sample("set/a.jpg")])),
            (whole, _raw([_sample("other/a_x0000_y0000.jpg")], name="other")),
        ],
    ).views
    assert len({view.name for view in views}) == len(views) == 4


_STEMS = st.text(st.sampled_from("aA1_-. ä+мx0y"), min_size=1, max_size=5).filter(
    lambda name: name.strip(". ")
)


@LAW
@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), _STEMS), min_size=1, max_size=8, unique=True), tiles())
def test_names_are_unique_plain_and_stay_in_their_folder(paths: list[tuple[str, str]], tile: Tile) -> None:
    """Whatever the files are called, and also where several windows show the whole image."""
    samples = [_sample(f"set/{folder}/{name}.jpg") for folder, name in paths]
    names = _names(samples, Source("set", tile=replace(tile, edge="shift", margin=5 * tile.margin)))
    assert len({name.casefold() for name in names}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in names)


def test_windows_that_all_show_the_whole_image_have_names_of_their_own() -> None:
    small = [_sample("set/a.jpg")]  # 20x10 px
    names = _names(small, Source("set", tile=Tile((10, 10), (5, 5), margin=20)))
    assert len(set(names)) == len(names) == 3


# ---------------------------------------------------------------- categories and labels


def test_the_categories_of_the_recipe_or_else_of_the_data() -> None:
    cells = [_cell(WBC), _cell(RBC, 8)]
    assert _plan([_sample("set/a.jpg", *cells)]).categories == (WBC, RBC)
    only = _plan([_sample("set/a.jpg", *cells)], categories=(RBC,))
    assert only.categories == (RBC,)
    [view] = only.views
    assert [c.cell.label for c in view.cells] == [RBC]
    assert view.sample.annotated == {RBC}
    assert _plan([_sample("set/a.jpg")], categories=(RBC, WBC)).categories == (RBC, WBC)


def test_a_category_that_no_data_set_has_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"mine: category 'Platelets'.*there are WBC, RBC"):
        _plan(_many(1), categories=("Platelets",))
    keeps = Source("set", tile=replace(TILE, keep_categories=("Platelets",)))
    with pytest.raises(RecipeError, match="'Platelets'"):
        _plan(_many(1), keeps)


def test_a_label_map_merges_categories() -> None:
    source = Source("set", labels={RBC: "cell", WBC: "cell"})
    the_plan = _plan([_sample("set/a.jpg", _cell(WBC), _cell(RBC, 8))], source)
    assert the_plan.categories == ("cell",)
    [view] = the_plan.views
    assert [(c.cell.label, c.cell.attributes["original_label"]) for c in view.cells] == [
        ("cell", WBC),
        ("cell", RBC),
    ]
    assert view.sample.annotated == {"cell"}


def test_two_data_sets_meet_in_one_category() -> None:
    a, b = Source("set"), Source("other", labels={"leucocyte": WBC})
    recipe = Recipe("mine", (a, b), categories=(WBC,), split=None)
    other = _raw([_sample("other/b.jpg", _cell("leucocyte"), annotated="leucocyte")], ("leucocyte",), "other")
    views = plan(recipe, [(a, _raw([_sample("set/a.jpg", _cell())])), (b, other)]).views
    assert [[c.cell.label for c in view.cells] for view in views] == [[WBC], [WBC]]


# ---------------------------------------------------------------- unknown images


def test_images_in_which_nobody_looked_are_left_out_and_named() -> None:
    samples = [
        _sample("set/a.jpg", _cell()),
        _sample("set/b.jpg", _cell(), annotated="RBC"),
        _sample("set/c.jpg", annotated=""),
        _sample("set/d.jpg"),
    ]
    the_plan = _plan(samples, categories=(WBC,))
    assert [view.sample.source for view in the_plan.views] == ["set/a.jpg", "set/d.jpg"]
    assert [(f.kind, f.file) for f in the_plan.findings] == [
        ("not_annotated", "set/b.jpg"),
        ("not_annotated", "set/c.jpg"),
    ]
    assert all(WBC in f.what and RBC not in f.what for f in the_plan.findings)


def test_unknown_images_can_be_kept_and_stay_unknown() -> None:
    the_plan = _plan([_sample("set/a.jpg", _cell(), annotated="RBC")], unknown="keep")
    [view] = the_plan.views
    assert view.sample.annotated == {RBC} and the_plan.findings == ()
    assert [c.cell.label for c in view.cells] == [WBC]


def test_a_category_that_a_data_set_does_not_have_is_not_missing_in_its_images() -> None:
    a, b = Source("set"), Source("other")
    recipe = Recipe("mine", (a, b), split=None)
    other = _raw([_sample("other/b.jpg", annotated="Platelets")], ("Platelets",), "other")
    the_plan = plan(recipe, [(a, _raw([_sample("set/a.jpg")])), (b, other)])
    assert the_plan.categories == (WBC, RBC, "Platelets")
    assert len(the_plan.views) == 2 and the_plan.findings == ()


@pytest.mark.parametrize("annotated", ["WBC", "Blast"])
def test_a_category_merged_into_another_one_must_have_been_looked_for_as_well(annotated: str) -> None:
    """Where only the blasts were marked, the other white cells are unknown; and the other way round."""
    source = Source("set", labels={"Blast": WBC})
    recipe = Recipe("mine", (source,), split=None)
    samples = [_sample("set/a.jpg", annotated=annotated), _sample("set/b.jpg", annotated="WBC Blast")]
    the_plan = plan(recipe, [(source, _raw(samples, (WBC, "Blast")))])
    assert [view.sample.source for view in the_plan.views] == ["set/b.jpg"]
    assert [f.kind for f in the_plan.findings] == ["not_annotated"]


def test_the_data_s_findings_come_first() -> None:
    first = Finding("speck", "small", "set/a.jpg")
    raw = replace(_raw([_sample("set/a.jpg", annotated="")]), findings=(first,))
    recipe = Recipe("mine", (Source("set"),), split=None)
    findings = plan(recipe, [(recipe.sources[0], raw)]).findings
    assert findings[0] is first and [f.kind for f in findings] == ["speck", "not_annotated"]


# ---------------------------------------------------------------- subsets


def _subset_of(the_plan: Plan) -> dict[str, set[str]]:
    """Of each smear, the subsets in which it is."""
    found: dict[str, set[str]] = {}
    for view in the_plan.views:
        found.setdefault(view.sample.smear, set()).add(view.subset)
    return found


def test_without_a_split_there_is_one_subset() -> None:
    assert {view.subset for view in _plan(_many(3)).views} == {UNSPLIT}


@pytest.mark.parametrize("tile", [None, TILE])
def test_no_smear_is_in_two_subsets(tile: Tile | None) -> None:
    samples = [_sample(f"set/{n:03}.jpg", _cell(), smear=f"smear {n % 7}") for n in range(60)]
    found = _subset_of(_plan(samples, Source("set", tile=tile), split=Split()))
    assert len(found) == 7 and all(len(subsets) == 1 for subsets in found.values())
    assert set.union(*found.values()) == {"train", "val", "test"}


def test_by_image_every_window_goes_its_own_way_and_the_shares_are_exact() -> None:
    the_plan = _plan(_many(40), Source("set", tile=TILE), split=Split(by="image"))
    subsets = [view.subset for view in the_plan.views]
    assert [subsets.count(name) for name in ("train", "val", "test")] == [84, 12, 24]
    assert any(len(found) > 1 for found in _subset_of(the_plan).values())


@pytest.mark.parametrize("by", ["smear", "image"])
def test_official_subsets_are_kept(by: str) -> None:
    samples = [
        *_many(20),
        *[_sample(f"set/t{n}.jpg", _cell(), subset="test") for n in range(5)],
    ]
    split = Split(by=by)  # type: ignore[arg-type]
    the_plan = _plan(samples, Source("set", tile=TILE), split=split)
    for view in the_plan.views:
        assert (view.subset == "test") == (view.sample.subset == "test")
    assert {view.subset for view in the_plan.views} == {"train", "val", "test"}


def test_a_smear_that_official_subsets_divide_stays_divided_and_is_told() -> None:
    samples = [
        *_many(20),
        _sample("set/x.jpg", smear="film", subset="test"),
        _sample("set/y.jpg", smear="film", subset="val"),
    ]
    the_plan = _plan(samples, split=Split())
    assert [view.subset for view in the_plan.views[-2:]] == ["test", "val"]
    assert [f.kind for f in the_plan.findings] == ["leak"]
    assert "film" in the_plan.findings[0].file
    anew = _plan(samples, split=Split(official=False))
    assert all(len(subsets) == 1 for subsets in _subset_of(anew).values()) and anew.findings == ()


def test_an_image_without_official_subset_follows_its_smear() -> None:
    samples = [
        *_many(20),
        _sample("set/x.jpg", smear="film", subset="test"),
        _sample("set/y.jpg", smear="film"),
    ]
    assert [view.subset for view in _plan(samples, split=Split()).views[-2:]] == ["test", "test"]


def test_every_data_set_has_its_shares() -> None:
    a, b = Source("set"), Source("other")
    recipe = Recipe("mine", (a, b), split=Split())
    other = _raw([_sample(f"other/{n}.jpg", _cell()) for n in range(10)], name="other")
    views = plan(recipe, [(a, _raw(_many(40))), (b, other)]).views
    for prefix, shares in (("set", [28, 4, 8]), ("other", [7, 1, 2])):
        own = [view.subset for view in views if view.sample.source.startswith(prefix)]
        assert [own.count(name) for name in ("train", "val", "test")] == shares


def test_smears_of_one_name_in_two_data_sets_are_two() -> None:
    a, b = Source("set"), Source("other")
    recipe = Recipe("mine", (a, b), split=Split((1, 1, 0)))
    first = [_sample(f"set/{n}.jpg", smear=str(n)) for n in range(2)]
    second = [_sample(f"other/{n}.jpg", smear=str(n), subset="val") for n in range(2)]
    views = plan(recipe, [(a, _raw(first)), (b, _raw(second, name="other"))]).views
    assert sorted(view.subset for view in views[:2]) == ["train", "val"]
    assert [view.subset for view in views[2:]] == ["val", "val"]


def test_fewer_smears_than_subsets_is_refused() -> None:
    same = [_sample(f"set/{n}.jpg", smear="one") for n in range(9)]
    with pytest.raises(RecipeError, match="1 smear cannot fill 3 subsets"):
        _plan(same, split=Split())


# ---------------------------------------------------------------- the plan as a whole


def test_a_plan_is_the_same_every_time_and_in_order() -> None:
    samples = [_sample(f"set/{n:03}.jpg", _cell(), smear=f"{n % 5}") for n in range(30)]
    first, second = (_plan(samples, Source("set", tile=TILE), split=Split(seed=4)) for _ in range(2))
    assert first == second
    keys = [(v.sample.source, v.view.window[1], v.view.window[0]) for v in first.views]
    assert keys == sorted(keys)


def test_views_show_their_cells_in_canvas_pixels() -> None:
    the_plan = _plan([_sample("set/a.jpg", _cell(x=8))], Source("set", tile=TILE), resize=(20, 20))
    shown = {view.view.window[0]: [c.shape.bounds for c in view.cells] for view in the_plan.views}
    assert shown == {0: [(16, 2, 20, 10)], 5: [(6, 2, 14, 10)], 10: [(0, 2, 4, 10)]}
