"""Ablations: lists of rows, one table, and what was done is not done again."""

from __future__ import annotations

import json

import pytest

from smearprep.errors import OutputError, RecipeError, TrainingError
from smearprep.models.ablation import ablate, load_rows, running, shipped_ablations
from smearprep.models.hardware import Hardware
from smearprep.models.recipes import InstanceRecipe
from smearprep.models.runs import write_run
from smearprep.models.semantic import evaluating
from smearprep.models.semantic.scoring import predictions
from smearprep.models.training import train
from smearprep.models.yolact.design import YOLACT, YOLACT_CIS
from tests.models.tiny import tiny, write_set  # noqa: F401 - tiny is a fixture
from tests.sets import edit_json

CPU = Hardware(device="cpu", precision="float32")
LIST = """
name: two
recipe: {base}
rows:
  - {{name: slow, phases: [{{epochs: 1, learning_rate: 0.001}}], paper: {{iou: 0.5}}}}
  - {{name: fast, phases: [{{epochs: 1, learning_rate: 0.1}}]}}
"""
BASE = "name: base\nnetwork: tiny\ncategory: RBC\nloss: bce\nbatch: 4\nchips: 8\nsamples_every: 0\n"


def written(tmp_path):
    (tmp_path / "base.yaml").write_text(BASE)
    path = tmp_path / "list.yaml"
    path.write_text(LIST.format(base=tmp_path / "base.yaml"))
    return str(path)


@pytest.mark.usefixtures("tiny")
def test_rows_are_trained_measured_and_not_done_again(tmp_path):
    rows = load_rows([written(tmp_path)])
    folder, done = write_set(tmp_path / "set"), []
    summary = ablate(rows, folder, tmp_path / "out", hardware=CPU, progress=lambda n, _: done.append(n))
    table = summary.tables["rows"]
    assert [(line["row"], line["output"]) for line in table] == [
        ("slow", "mask"), ("slow", "edge"), ("fast", "mask"), ("fast", "edge")
    ]  # fmt: skip
    assert table[0]["paper iou"] == 0.5 and "paper iou" not in table[1]
    assert len(done) == 4
    text = (tmp_path / "out" / "ablation.md").read_text()
    assert text.count("\n| slow |") == 2 and json.loads((tmp_path / "out" / "ablation.json").read_text())
    again = ablate(rows, folder, tmp_path / "out", hardware=CPU, progress=lambda n, _: done.append(n))
    assert len(done) == 4 and again.tables == summary.tables
    assert (tmp_path / "out" / "ablation.md").read_text() == text


@pytest.mark.usefixtures("tiny")
def test_what_has_not_changed_is_measured_once_and_what_has_again(tmp_path, monkeypatch):
    folder = write_set(tmp_path / "set", (("train", 4), ("val", 2), ("test", 2)))
    steps, looks = [], []

    def looked(network, info, images, hardware):
        looks.append(len(images))
        return predictions(network, info, images, hardware)

    monkeypatch.setattr(evaluating, "predictions", looked)

    def go(force=False):
        """How many steps and measurements an ablation takes, and its table."""
        steps.clear(), looks.clear()
        rows = load_rows([written(tmp_path)])
        found = ablate(
            rows, folder, tmp_path / "out", hardware=CPU, force=force, progress=lambda *_: steps.append(1)
        )
        return len(steps), len(looks), found.tables["rows"]

    first = go()
    assert first[:2] == (4, 2) and go() == (0, 0, first[2])
    edit_json(folder / "annotations" / "instances_test.json", lambda data: data["annotations"].pop())
    fewer = go()
    assert fewer[:2] == (0, 2) and fewer[2] != first[2]
    last = tmp_path / "out" / "runs" / "fast" / "evaluation" / "test.json"
    last.write_text(last.read_text()[:-9])  # as if it were killed
    assert go() == (0, 1, fewer[2])
    monkeypatch.setitem(globals(), "LIST", LIST.replace("learning_rate: 0.1}", "learning_rate: 0.2}"))
    with pytest.raises(OutputError, match="--force"):
        go()
    assert go(force=True)[:2] == (2, 1) and go()[:2] == (0, 0)


@pytest.mark.usefixtures("tiny")
def test_a_row_whose_loss_is_no_number_is_named_and_the_next_one_begins(tmp_path, monkeypatch):
    rows = load_rows([written(tmp_path)])

    def broken(recipe, *args, **more):
        if recipe.phases[0].learning_rate < 0.01:
            write_run(args[1], recipe, ["RBC"], "data", "running", {})
            raise TrainingError("the loss became nan")
        return train(recipe, *args, **more)

    monkeypatch.setattr(running, "train", broken)
    found = ablate(rows, write_set(tmp_path / "set"), tmp_path / "out", hardware=CPU)
    assert [line["row"] for line in found.tables["rows"]] == ["slow", "fast", "fast"]
    assert [finding.what for finding in found.findings] == ["row slow: the loss became nan"]


def test_the_shipped_list_has_the_rows_of_the_paper():
    assert list(shipped_ablations()) == ["yolact-cis"]
    rows = load_rows(["yolact-cis"], size=96)
    assert all(isinstance(row.recipe, InstanceRecipe) and row.recipe.size == 96 for row in rows)
    built = {row.name: row.recipe.built for row in rows}  # type: ignore[attr-defined]
    assert built["yolact"] == YOLACT and built["yolact-cis"] == YOLACT_CIS
    assert len(set(built.values())) == len(rows)
    assert {row.name: row.paper.get("ap") for row in rows}["S = 8"] == 0.8322


def test_recipes_are_rows_too():
    names = [row.name for row in load_rows(["white-cells", "platelets"])]
    assert names == ["white-cells", "platelets"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x\nrecipe: unet\nrows: []", "lists no rows"),
        ("name: x\nrecipe: unet\nrows: [{batch: 4}]", r"rows\[0\]: give it a name"),
        ("name: x\nrecipe: unet\nrows: [{name: a, bach: 4}]", r"rows\[0\]: .*did you mean 'batch'"),
        ("name: x\nrecipe: unet\nrows: [{name: a}, {name: a}]", "two rows have the name 'a'"),
        ("name: x\nrecipe: unett\nrows: [{name: a}]", "unett"),
        ("name: x\nrecipe: unet\nrows: 3", "rows"),
        ("name: x\nrows: [{name: a}]", "recipe"),
    ],
)
def test_what_is_wrong_in_a_list_is_named(tmp_path, text, said):
    path = tmp_path / "list.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=said):
        load_rows([str(path)])
