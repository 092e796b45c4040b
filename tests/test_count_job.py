"""The verbs count and tune: sets, predictions, images from elsewhere; their files, and what they refuse."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from typer.testing import CliRunner

from smearprep.cli import counting as cli
from smearprep.count_job import Countable, count, load_parameters, tune
from smearprep.counting import METHODS, Components, Hough, Parameters, Watershed
from smearprep.errors import DataError, LayoutError, OutputError, RecipeError
from smearprep.executors import hire
from smearprep.images import read
from smearprep.pools import each
from smearprep.predictions import PredictionWriter
from smearprep.prepare import prepare
from smearprep.recipes import ImageFiles, Recipe, Source
from smearprep.records import Cell
from smearprep.splitting import Split
from smearprep.synthetic import write_image
from smearprep.tiling import Tile
from tests.sets import edit_json, kinds, tree, write_coco, write_folder

SIZE = (260, 200)
DISCS = ((60, 60), (137, 60), (60, 150), (150, 150), (246, 150))
"""Of 40 px radius: the first two overlap by a few px, the last one is cut by the right border."""
PNG = ImageFiles(format="png")


def ring(x: float, y: float, radius: float = 40) -> tuple[tuple[float, float], ...]:
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return tuple(
        (float(a), float(b))
        for a, b in zip(x + radius * np.cos(turn), y + radius * np.sin(turn), strict=True)
    )


def write_discs(root: Path, images: int = 3) -> Path:
    """A plain folder of grey images with outlined discs: all of them in the first, one fewer in each next."""
    names = [f"i{k}.png" for k in range(images)]
    for name in names:
        write_image(root / name, np.full((SIZE[1], SIZE[0], 3), 200, np.uint8))
    outlines = tuple(tuple(ring(*xy) for xy in DISCS[: len(DISCS) - k]) for k in range(images))
    write_coco(root / "cells.json", names, SIZE, outlines, ("RBC",))
    return root


def prepared(raw: Path, out: Path, **entries) -> Path:
    tile = entries.pop("tile", None)
    recipe = Recipe("discs", (Source("folder", tile=tile),), images=PNG, **entries)
    prepare(recipe, [(None, raw)], out, workers=1)
    return out


@pytest.fixture(scope="module")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    raw = write_discs(tmp_path_factory.mktemp("discs") / "raw")
    return prepared(raw, raw.parent / "set", split=Split(ratio=(1, 1, 1)))


@pytest.fixture(scope="module")
def said(discs: Path) -> Path:
    """A prediction folder of a faultless network, the truth known of two of three images."""
    out = discs.parent / "said"
    with PredictionWriter(out, ["RBC"], "do-unet", "12ab", has_edge=True) as writer:
        for n in range(3):
            mask, edge = draw_planes(DISCS[n:])
            truth = [Cell("RBC", cell_shape(xy)) for xy in DISCS[n:]] if n else None
            writer.add(
                f"i{n}", np.zeros((*mask.shape, 3), np.uint8), mask, edge, (), source=f"i{n}.png", truth=truth
            )
    return out


def cell_shape(xy: tuple[int, int]):
    from shapely import box
    from shapely.geometry import Polygon

    return Polygon(ring(*xy)).intersection(box(0, 0, *SIZE))


def draw_planes(centres) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    mask, edge = np.zeros(SIZE[::-1], np.uint8), np.zeros(SIZE[::-1], np.uint8)
    for centre in centres:
        cv2.circle(mask, centre, 40, 255, -1)
    for centre in centres:
        cv2.circle(edge, centre, 40, 255, 2)
    return mask, edge


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "counts.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# ---------------------------------------------------------------- count


def test_a_set_is_counted_by_its_outlines(discs: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    summary = count(discs, tmp_path / "out", progress=lambda done, total: told.append((done, total)))
    rows = rows_of(tmp_path / "out")
    assert list(rows[0]) == ["image", "category", "method", "count", "truth", "accuracy"]
    assert len(rows) == 9 and {row["category"] for row in rows} == {"RBC"}
    assert sorted(row["truth"] for row in rows) == ["3"] * 3 + ["4"] * 3 + ["5"] * 3
    for row in rows:
        right = row["method"] != "hough" or int(row["truth"]) < 5  # of the cut disc no circle need be found
        assert not right or (row["count"] == row["truth"] and row["accuracy"] == "1.0000")
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert summary.counts == {"images": 3, "images_with_truth": 3, "true": 12}
    table = {row["method"]: row for row in summary.tables["counts"]}
    assert list(table) == list(METHODS)
    assert table["components"] == {
        "method": "components", "counted": 12, "true": 12,
        "accuracy %": 100.0, "mean error": 0.0, "+-": 0.0, "bias": 0.0,
    }  # fmt: skip
    assert not summary.findings


def test_every_image_gets_a_picture_drawn_over_it(discs: Path, tmp_path: Path) -> None:
    count(discs, tmp_path / "out")
    pictures = sorted(
        path.relative_to(tmp_path / "out/overlay") for path in (tmp_path / "out").rglob("*.jpg")
    )
    images = sorted(path.relative_to(discs / "images").with_suffix(".jpg") for path in discs.rglob("*.png"))
    assert pictures == images and len(images) == 3
    drawn = read(tmp_path / "out/overlay" / pictures[0]).astype(int)
    green = (np.abs(drawn - (0, 158, 115)).max(axis=2) < 60).sum()
    assert drawn.shape == (*SIZE[::-1], 3) and green > 300  # outlines of components
    assert (np.abs(drawn - 200).max(axis=2) < 12).mean() > 0.4  # the image between them


def test_the_truth_follows_the_border_rule(discs: Path, tmp_path: Path) -> None:
    summary = count(discs, tmp_path / "out", border="half", methods=["components"])
    (row,) = summary.tables["counts"]
    assert (row["counted"], row["true"], row["accuracy %"]) == (11, 11, 100.0)


def test_predictions_are_counted_and_compared_where_the_truth_is_known(said: Path, tmp_path: Path) -> None:
    summary = count(said, tmp_path / "out", methods=["components", "watershed"])
    rows = rows_of(tmp_path / "out")
    assert [(row["image"], row["count"], row["truth"]) for row in rows if row["method"] == "components"] == [
        ("i0", "5", ""),
        ("i1", "4", "4"),
        ("i2", "3", "3"),
    ]
    assert summary.counts == {"images": 3, "images_with_truth": 2, "true": 7}
    assert [row["counted"] for row in summary.tables["counts"]] == [12, 12]
    drawn = read(tmp_path / "out/overlay/i0.jpg")
    assert drawn[165, 165].min() > 200 and drawn[5, 255].max() < 50  # the mask, where there is no image


def test_images_from_elsewhere_are_counted_one_by_one(tmp_path: Path) -> None:
    mask, edge = draw_planes(DISCS)

    def images():
        for name, truth in (("a", None), ("b", np.zeros((0, 4)))):
            yield Countable(name, None, mask, edge, truth)

    seen: list[tuple[int, int]] = []
    summary = count(
        images(), tmp_path / "out", category="RBC", methods=["components"],
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert [(row["count"], row["truth"], row["accuracy"]) for row in rows_of(tmp_path / "out")] == [
        ("5", "", ""),
        ("5", "0", "0.0000"),
    ]
    assert seen == [(1, 1), (2, 2)] and summary.counts["images_with_truth"] == 1
    with pytest.raises(RecipeError, match="category"):
        count(images(), tmp_path / "out")
    with pytest.raises(LayoutError, match="no image"):
        count(iter(()), tmp_path / "out", category="RBC")
    with pytest.raises(OutputError, match="'a'"):
        count([Countable("a", None, mask, edge, None)] * 2, tmp_path / "out", category="RBC")


def test_the_same_counts_are_the_same_bytes_and_replace_earlier_ones(
    discs: Path, said: Path, tmp_path: Path
) -> None:
    count(discs, tmp_path / "one")
    count(said, tmp_path / "two")
    count(discs, tmp_path / "two")
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_a_folder_that_holds_anything_else_is_left_alone(discs: Path, tmp_path: Path) -> None:
    for name, text in (("counts.csv", "my,own\n"), ("notes.txt", "mine")):
        (tmp_path / "mine").mkdir(exist_ok=True)
        (tmp_path / "mine" / name).write_text(text)
        before = tree(tmp_path)
        with pytest.raises(OutputError, match="choose another folder"):
            count(discs, tmp_path / "mine")
        assert tree(tmp_path) == before
    with pytest.raises(OutputError, match="lies within"):
        count(discs, discs / "counts")


def test_cells_of_class_masks_are_told_to_be_uncertain(discs: Path, tmp_path: Path) -> None:
    traced = tmp_path / "traced"
    for path in sorted(path for path in discs.rglob("*") if path.is_file()):
        target = traced / path.relative_to(discs)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    for path in (traced / "annotations").glob("*.json"):
        edit_json(path, lambda data: [row.update(outline="component") for row in data["annotations"]])
    summary = count(traced, tmp_path / "out", methods=["components"])
    (note,) = summary.findings
    assert note.kind == "note" and "3 images" in note.what and "touch" in note.what
    # No edges are known there: discs that touch are one.
    assert summary.tables["counts"][0]["counted"] == 9


# ---------------------------------------------------------------- who does the work


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    """Two processes."""
    with hire(processes=2) as executor:
        yield executor


@pytest.fixture
def damaged(discs: Path, tmp_path: Path) -> Path:
    """The set, of which one image ends in its middle."""
    folder = shutil.copytree(discs, tmp_path / "damaged")
    path = next(folder.rglob("images/train/*.png"))
    path.write_bytes(path.read_bytes()[:-40])
    return folder


def test_whoever_counts_the_bytes_and_the_summary_are_the_same(
    discs: Path, damaged: Path, said: Path, tmp_path: Path, processes: Executor
) -> None:
    planes = draw_planes(DISCS)
    cells = tuple(Cell("RBC", cell_shape(xy)) for xy in DISCS)
    elsewhere = [
        Countable(f"smear/{n}", discs / "images/none.png" if n == 7 else None, *planes, None)
        for n in range(9)
    ]
    single = [Countable(f"{n}", None, *planes, None, cells=cells[: n + 1]) for n in range(4)]
    for source in (discs, damaged, said, elsewhere, single):
        made = []
        for how in ({"workers": 1}, {"workers": 2}, {"executor": processes}):
            shutil.rmtree(tmp_path / "out", ignore_errors=True)
            summary = count(source, tmp_path / "out", category="RBC", **how)
            made.append((tree(tmp_path / "out"), summary))
        assert made[0][0]["counts.csv"]
        assert made[1] == made[0] and made[2] == made[0]


def test_an_image_that_cannot_be_read_is_left_out_and_told(damaged: Path, tmp_path: Path) -> None:
    summary = count(damaged, tmp_path / "out", methods=["components"])
    assert kinds(summary) == {"unreadable": 1} and summary.has_problems
    assert summary.findings[0].file == "prepared/images/train/i0.png"
    assert summary.findings[0].what.endswith("left out")
    assert summary.counts["images"] == 2 and len(rows_of(tmp_path / "out")) == 2
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == 2


def test_of_images_that_all_cannot_be_read_nothing_is_written(damaged: Path, tmp_path: Path) -> None:
    for path in damaged.rglob("images/*/*.png"):
        path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(LayoutError, match=r"none of the 3 images could be counted\. prepared/images/.*png: "):
        count(damaged, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_image_that_kills_who_counts_it_is_left_out_and_told(
    said: Path, tmp_path: Path, processes: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smearprep.count_job.work.each", deadly)
    summary = count(said, tmp_path / "out", methods=["components"], executor=processes)
    assert [(finding.kind, finding.file) for finding in summary.findings] == [("unreadable", "i1")]
    assert "dies, 3 times so far" in summary.findings[0].what
    assert [row["image"] for row in rows_of(tmp_path / "out")] == ["i0", "i2"]


def deadly(executor, function, items, in_flight, total):
    """`each`, but one image kills who counts in it."""
    return each(executor, partial(_die_or, function), items, in_flight, total)


def _die_or(function, work):
    if work.image.name == "i1":
        os.kill(os.getpid(), signal.SIGKILL)
    return function(work)


# ---------------------------------------------------------------- what cannot be counted


def test_windows_are_refused(discs: Path, tmp_path: Path) -> None:
    raw = discs.parent / "raw"
    tiles = prepared(raw, tmp_path / "tiles", tile=Tile((130, 100), (130, 100)), split=None)
    with pytest.raises(LayoutError, match="whole images"):
        count(tiles, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_set_with_only_boxes_is_refused(discs: Path, tmp_path: Path) -> None:
    boxes = prepared(discs.parent / "raw", tmp_path / "boxes", split=None)
    edit_json(
        boxes / "annotations/instances_all.json",
        lambda data: [row.update(segmentation=[], outline="box") for row in data["annotations"]],
    )
    with pytest.raises(RecipeError, match="box"):
        count(boxes, tmp_path / "out")


def test_a_category_that_is_not_there_is_refused(discs: Path, said: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="WBC"):
        count(discs, tmp_path / "out", category="WBC")
    with pytest.raises(RecipeError, match="WBC"):
        count(said, tmp_path / "out", category="WBC")
    two = prepared(write_folder(tmp_path / "raw2", 3), tmp_path / "two", split=None)
    with pytest.raises(RecipeError, match="RBC, WBC"):
        count(two, tmp_path / "out")


def test_a_category_without_known_figures_needs_a_file(discs: Path, tmp_path: Path) -> None:
    other = prepared(discs.parent / "raw", tmp_path / "other", split=None)
    edit_json(
        other / "annotations/instances_all.json", lambda data: data["categories"][0].update(name="burr")
    )
    with pytest.raises(RecipeError, match="--parameters"):
        count(other, tmp_path / "out")
    (tmp_path / "burr.yaml").write_text("components: {min_area: 400}\n")
    summary = count(other, tmp_path / "out", parameters=tmp_path / "burr.yaml", methods=["components"])
    assert summary.tables["counts"][0]["counted"] == 12


@pytest.mark.parametrize(
    "how", [{"methods": []}, {"methods": ["circles"]}, {"methods": ["hough", "hough"]}, {"border": "some"}]
)
def test_words_that_are_not_known(discs: Path, tmp_path: Path, how) -> None:
    with pytest.raises(RecipeError, match="choose"):
        count(discs, tmp_path / "out", **how)


def test_a_folder_without_anything_to_count(tmp_path: Path) -> None:
    with pytest.raises(LayoutError):
        count(tmp_path, tmp_path.parent / "out")
    with PredictionWriter(tmp_path / "said", ["RBC"], "x", "y", has_edge=False):
        pass
    with pytest.raises(LayoutError, match="no prediction"):
        count(tmp_path / "said", tmp_path / "out")


def test_a_missing_png_leaves_the_earlier_counts(said: Path, tmp_path: Path) -> None:
    count(said, tmp_path / "out", methods=["components"])
    before = tree(tmp_path / "out")
    hidden = said / "mask/i2.png"
    hidden.rename(said / "mask/hidden.png")
    try:
        with pytest.raises(DataError, match=r"i2\.png"):
            count(said, tmp_path / "out")
    finally:
        (said / "mask/hidden.png").rename(hidden)
    assert tree(tmp_path / "out") == before


# ---------------------------------------------------------------- parameters


def test_parameters_that_were_tuned_are_read(discs: Path, tmp_path: Path) -> None:
    start = Parameters(0.4, Components(9000), Hough(max_radius=44), Watershed(150, 3.0))
    found = tune(discs, tmp_path / "figures.yaml", subset="train", parameters=start)
    figures = load_parameters(tmp_path / "figures.yaml", "RBC")
    assert figures.threshold == 0.4 and figures.hough.max_radius in (44, 53)
    assert figures.components.min_area < 5000 and figures.watershed.min_distance < 75
    rows = {row["method"]: row for row in found.tables["figures"]}
    assert rows["components"]["accuracy % before"] == 0 and rows["components"]["after"] == 100
    assert rows["watershed"]["after"] == 100 and "min_distance 150 ->" in rows["watershed"]["changed"]
    after = count(
        discs, tmp_path / "out", parameters=tmp_path / "figures.yaml", methods=["components", "watershed"]
    )
    assert [row["accuracy %"] for row in after.tables["counts"]] == [100.0, 100.0]


def test_tuning_changes_nothing_that_need_not_be_changed(said: Path, tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        found = tune(said, tmp_path / name, methods=["components", "watershed"])
    assert [row["changed"] for row in found.tables["figures"]] == ["nothing", "nothing"]
    assert (tmp_path / "a.yaml").read_bytes() == (tmp_path / "b.yaml").read_bytes()
    assert found.counts == {"images": 2, "true": 7}


def test_tuning_refuses_what_it_cannot_use(discs: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("mine: 1\n")
    with pytest.raises(OutputError, match="choose another"):
        tune(discs, tmp_path / "mine.yaml")
    with pytest.raises(RecipeError, match="subset"):
        tune(discs, tmp_path / "out.yaml", subset="all")
    with PredictionWriter(tmp_path / "said", ["RBC"], "x", "y", has_edge=False) as writer:
        writer.add("a", np.zeros((*SIZE[::-1], 3), np.uint8), draw_planes(DISCS)[0], None, (), source="a.png")
    with pytest.raises(RecipeError, match="nobody knows"):
        tune(tmp_path / "said", tmp_path / "out.yaml")
    assert not (tmp_path / "out.yaml").exists()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("components: {min_aera: 3}", "min_area"),
        ("treshold: 0.5", "threshold"),
        ("components: {min_area: many}", "min_area"),
        ("hough: {plane: both}", "plane"),
        ("threshold: 2", "threshold"),
        ("category: WBC", "WBC"),
        ("- 1", "list"),
        ("threshold: [", "line"),
    ],
)
def test_files_of_parameters_that_cannot_be(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "figures.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=word) as told:
        load_parameters(path, "RBC")
    assert "figures.yaml" in str(told.value)


def test_a_file_of_parameters_that_is_no_text_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.yaml"):
        load_parameters(tmp_path / "none.yaml", "RBC")
    (tmp_path / "image.yaml").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(RecipeError, match="text"):
        load_parameters(tmp_path / "image.yaml", "RBC")


# ---------------------------------------------------------------- the commands


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    app = typer.Typer()
    cli.register(app)
    return app


def test_the_commands_do_what_the_calls_do(app: typer.Typer, discs: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    figures = str(tmp_path / "figures.yaml")
    done = runner.invoke(app, ["tune", str(discs), "-o", figures, "--method", "components", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["tables"]["figures"][0]["method"] == "components"
    out = str(tmp_path / "out")
    words = ["--parameters", figures, "--border", "none", "--method", "components", "--category", "RBC"]
    done = runner.invoke(app, ["count", str(discs), "-o", out, *words, "--json"])
    assert done.exit_code == 0, done.output
    same = count(
        discs, tmp_path / "same", parameters=tmp_path / "figures.yaml", border="none", methods=["components"]
    )
    assert json.loads(done.stdout) == json.loads(json.dumps({**same.as_dict(), "output": out}))
    assert tree(tmp_path / "out") == tree(tmp_path / "same")
    done = runner.invoke(app, ["count", str(discs), "-o", out, *words, "--processes", "1"])
    assert done.exit_code == 0, done.output
    assert tree(tmp_path / "out") == tree(tmp_path / "same")


def test_wrong_usage_is_one_clear_message(app: typer.Typer, discs: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["count", str(discs), "-o", str(tmp_path / "out"), "--method", "circles"])
    assert done.exit_code == 2 and "components, hough, watershed" in done.stderr and not done.stdout
    two = ["--processes", "1", "--workers", "1"]
    done = CliRunner().invoke(app, ["count", str(discs), "-o", str(tmp_path / "out"), *two])
    assert done.exit_code == 2 and "give one of them" in done.stderr and not done.stdout


def test_kinds_of_findings_are_those_of_the_set(discs: Path, tmp_path: Path) -> None:
    image = next(discs.rglob("images/train/*.png"))
    hidden = image.read_bytes()
    image.unlink()
    try:
        summary = count(discs, tmp_path / "out", methods=["components"])
    finally:
        image.write_bytes(hidden)
    assert kinds(summary) == {"missing_image": 1} and summary.has_problems
    assert summary.counts["images"] == 2
