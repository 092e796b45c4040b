"""Predict, count and evaluate with a run: what is written, and what is refused."""

import csv
import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from typer.testing import CliRunner

from smearprep.cli.app import app
from smearprep.counting import Components, Parameters
from smearprep.errors import DataError, LayoutError, OutputError, RecipeError
from smearprep.images import read
from smearprep.models.evaluation import evaluate
from smearprep.models.hardware import Hardware
from smearprep.models.prediction import count_images, predict
from smearprep.models.recipes import Phase
from smearprep.models.runs import load_network, read_run
from smearprep.models.training import train
from smearprep.predictions import read_predictions
from smearprep.synthetic import write_image
from tests.models.tiny import recipe, tiny, write_set  # noqa: F401 - tiny is a fixture

pytestmark = pytest.mark.usefixtures("tiny")
CPU = Hardware(device="cpu", precision="float32")
SMALL = Parameters(components=Components(60))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(run, set): a network that has learned discs."""
    from smearprep.models import zoo
    from tests.models.tiny import OWN

    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zoo, "NETWORKS", {**zoo.NETWORKS, **OWN})
        write_set(folder / "set", counts=(("train", 6), ("val", 2), ("test", 3)))
        learned = recipe(phases=(Phase(epochs=15, learning_rate=2e-2),), counting=SMALL)
        train(learned, folder / "set", folder / "run", hardware=CPU)
    return folder / "run", folder / "set"


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # within pycocotools
def test_predict_writes_masks_and_cells_that_lie_on_the_discs(trained, tmp_path):
    run, folder = trained
    summary = predict(run, [folder / "images" / "test"], tmp_path / "out", hardware=CPU)
    assert summary.counts["images"] == 3
    coco = COCO(str(tmp_path / "out" / "cells.json"))
    truth = COCO(str(folder / "annotations" / "instances_test.json"))
    for image in coco.loadImgs(coco.getImgIds()):
        cells = coco.loadAnns(coco.getAnnIds([image["id"]]))
        said = np.max([coco.annToMask(cell) for cell in cells], axis=0)
        (own,) = (i for i in truth.getImgIds() if truth.imgs[i]["file_name"] == image["file_name"])
        true = np.max([truth.annToMask(a) for a in truth.loadAnns(truth.getAnnIds([own]))], axis=0)
        assert (said & true).sum() / (said | true).sum() > 0.75
        assert all(cell["outline"] == "made" and 0.5 < cell["score"] <= 1 for cell in cells)
    masks = list(read_predictions(tmp_path / "out"))
    assert [m.mask.shape for m in masks] == [(70, 90)] * 3 and masks[0].edge is not None


def test_the_same_again_gives_the_same_bytes(trained, tmp_path):
    run, folder = trained
    for name in ("a", "b"):
        predict(run, [folder], tmp_path / name, hardware=CPU)
    a, b = (
        {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}
        for root in (tmp_path / "a", tmp_path / "b")
    )
    assert a == b and len(a) > 11


def test_counting_with_a_run_is_counting_its_predictions(trained, tmp_path):
    run, folder = trained
    predict(run, [folder], tmp_path / "said", hardware=CPU)
    runner = CliRunner()
    done = runner.invoke(
        app,
        ["count", str(run), str(folder), "-o", str(tmp_path / "a"), "--method", "components", "--json"],
    )
    assert done.exit_code == 0, done.output
    table = list(csv.DictReader((tmp_path / "a" / "counts.csv").read_text().splitlines()))
    assert len(table) == 11 and {row["truth"] for row in table} == {"3"}
    told = json.loads(done.stdout)["tables"]["counts"][0]
    assert told["true"] == 33 and told["accuracy %"] > 60
    direct = count_images(run, [folder], tmp_path / "b", hardware=CPU, methods=["components"])
    assert direct.tables["counts"][0]["counted"] == sum(int(row["count"]) for row in table)


def test_evaluate_gives_the_papers_tables(trained, tmp_path):
    run, folder = trained
    summary = evaluate(run, folder, hardware=CPU)
    mask, edge = summary.tables["outputs on test"]
    assert (mask["output"], edge["output"]) == ("mask", "edge")
    assert set(mask) >= {"loss", "mean_iou", "iou", "dice", "tversky", "accuracy"}
    assert mask["iou"] > 0.75 and 0 < mask["loss"] < 1
    written = json.loads((run / "evaluation" / "test.json").read_text())
    assert written["outputs"] == [dict(mask), dict(edge)] and written["cells"] == 9
    text = (run / "evaluation" / "test.md").read_text()
    assert text.startswith("# tiny: RBC, test images") and "| watershed |" in text
    again = evaluate(run, folder, hardware=CPU)
    assert again.tables == summary.tables
    with pytest.raises(RecipeError, match="no images in subset 'all'; it has test, train, val"):
        evaluate(run, folder, subset="all", hardware=CPU)
    assert "were learned" in evaluate(run, folder, subset="train", hardware=CPU).findings[-1].what


def test_a_category_of_ones_own_is_evaluated_too(tmp_path):
    folder = write_set(tmp_path / "set", label="spore")
    train(recipe(), folder, tmp_path / "run", hardware=CPU)
    assert evaluate(tmp_path / "run", folder, hardware=CPU).counts["cells"] == 6


def test_images_that_cannot_be_read_are_named_and_left_out(trained, tmp_path):
    run, _ = trained
    raw = tmp_path / "raw"
    write_image(raw / "good.png", np.full((20, 30, 3), 200, np.uint8))
    (raw / "bad.png").write_bytes((raw / "good.png").read_bytes()[:60])
    (raw / "sub").mkdir()
    (raw / "sub" / "good.png").write_bytes((raw / "good.png").read_bytes())
    summary = predict(run, [raw], tmp_path / "out", hardware=CPU)
    assert summary.counts["images"] == 2 and summary.has_problems
    assert [(f.kind, f.file) for f in summary.findings] == [("unreadable", "bad.png")]
    with pytest.raises(DataError, match=r"bad\.png"):
        predict(run, [raw], tmp_path / "strict", hardware=CPU, strict=True)
    assert not (tmp_path / "strict").exists()
    with pytest.raises(LayoutError, match="none of the 1 images could be read"):
        predict(run, [raw / "bad.png"], tmp_path / "none", hardware=CPU)


@pytest.mark.parametrize(
    ("images", "said"),
    [(["gone.png"], "is not there"), (["empty"], "holds no image"), ([], "name at least one")],
)
def test_without_images_nothing_is_written(trained, tmp_path, images, said):
    (tmp_path / "empty").mkdir()
    with pytest.raises(LayoutError, match=said):
        predict(trained[0], [tmp_path / name for name in images], tmp_path / "out", hardware=CPU)
    assert not (tmp_path / "out").exists()


def test_no_other_folder_is_written_over(trained, tmp_path):
    run, folder = trained
    with pytest.raises(OutputError):
        predict(run, [folder], folder, hardware=CPU)
    with pytest.raises(OutputError):
        predict(run, [folder], run, hardware=CPU)
    with pytest.raises(RecipeError, match="has learned RBC, not WBC"):
        count_images(run, [folder], tmp_path / "out", hardware=CPU, category="WBC")


def test_the_command_line_trains_evaluates_and_predicts(tmp_path):
    folder, runner = write_set(tmp_path / "set"), CliRunner()
    run, out = tmp_path / "run", tmp_path / "out"
    short = ["--epochs", "1", "--chips", "8", "--batch", "4", "--device", "cpu"]
    for words in (
        ["train", "tiny", str(folder), "--run", str(run), *short],
        ["evaluate", str(run), str(folder), "--device", "cpu"],
        ["predict", str(run), str(folder / "images" / "val"), "-o", str(out), "--device", "cpu"],
    ):
        done = runner.invoke(app, [*words, "--json"])
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["command"] == words[0]
    for words, said in (
        (["train", "tinny", str(folder), "--run", str(run)], "no such recipe file"),
        (["train", "tiny", str(folder)], "name the folder to write"),
        (["evaluate", str(folder), str(folder)], "is no run"),
        (["predict", str(run), str(folder), "-o", str(out), "--weights", "worst"], "choose best or last"),
        (["train", "tiny", str(folder), "--run", str(run), "--device", "gpu"], "device"),
    ):
        done = runner.invoke(app, words)
        assert done.exit_code == 2 and said in done.output, done.output
    assert runner.invoke(app, ["train", "red-cells", "--show"]).stdout.startswith("# Red cells")


def test_an_image_is_read_as_it_is_shown(trained, tmp_path):
    run, folder = trained
    said = next(iter(read_predictions(_predicted(run, folder, tmp_path))))
    assert said.mask.shape == read(folder / "images" / "test" / "test0.png").shape[:2]
    load_network(read_run(run), "last")


def _predicted(run, folder, tmp_path):
    predict(run, [folder / "images" / "test"], tmp_path / "out", hardware=CPU)
    return tmp_path / "out"
