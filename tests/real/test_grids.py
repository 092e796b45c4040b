"""The figures of the literature on the real ALL-IDB1 images: windows, and which images are annotated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from smearprep import datasets
from smearprep.planning import plan
from smearprep.prepare import prepare
from smearprep.recipes import Recipe, Source, load_recipe
from smearprep.records import RawSet
from smearprep.tiling import Tile
from smearprep.windows import Edge


@pytest.fixture(scope="module")
def all_idb1(real_data: Path) -> RawSet:
    """All that is known of the 78 images."""
    return datasets.load(real_data / "ALL_IDB1", name="all_idb1")


def test_there_are_78_images(all_idb1: RawSet) -> None:
    assert len(all_idb1.samples) == 78


@pytest.mark.parametrize(("edge", "windows"), [("drop", 3124), ("shift", 4180)])
def test_windows_of_512_px_every_256(all_idb1: RawSet, edge: Edge, windows: int) -> None:
    source = Source("all_idb1", tile=Tile(edge=edge))
    recipe = Recipe("grid", (source,), unknown="keep", split=None)
    the_plan = plan(recipe, [(source, all_idb1)])
    assert len(the_plan.views) == len({view.name for view in the_plan.views}) == windows
    assert {view.view.size for view in the_plan.views} == {(512, 512)}


@pytest.mark.parametrize(
    ("name", "images", "windows"),
    [("counting-rbc", 10, 3916), ("counting-wbc", 73, 28126), ("counting-plt", 71, 27650)],
)
def test_the_counting_recipes(all_idb1: RawSet, name: str, images: int, windows: int) -> None:
    """By image, as the paper splits: whether a split by smear is possible is another question."""
    recipe = load_recipe(name)
    [source] = recipe.sources
    the_plan = plan(replace(recipe, split=None), [(source, all_idb1)])
    assert len(the_plan.views) == windows
    assert len({view.sample.source for view in the_plan.views}) == images
    left_out = [f.file for f in the_plan.findings if f.kind == "not_annotated"]
    assert len(set(left_out)) == 78 - images


def test_a_dry_run_of_the_red_cell_recipe(real_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = prepare(load_recipe("counting-rbc"), [(None, real_data / "ALL_IDB1")], out, dry_run=True)
    assert not out.exists() and summary.output is None
    assert summary.counts["raw_images"] == 78
    assert summary.counts["raw_images_used"] == 10
    assert summary.counts["views"] == 3916
    assert summary.counts["not_annotated"] == 68
    assert sum(row["images"] for row in summary.by_subset.values()) == 3916
    assert sum(row["smears"] for row in summary.by_subset.values()) == 10
