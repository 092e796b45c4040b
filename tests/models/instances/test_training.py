"""From a set to a trained network of the YOLACT family, and what it finds."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from shapely.geometry import Point

from smearprep.datasets import load
from smearprep.errors import DataError, RecipeError, TrainingError
from smearprep.findings import Summary
from smearprep.models import proposing
from smearprep.models.evaluation import evaluate
from smearprep.models.hardware import Hardware
from smearprep.models.instances.training import InstanceTraining, SceneBatches
from smearprep.models.looks import Look
from smearprep.models.prediction import count_images, predict
from smearprep.models.proposing import propose
from smearprep.models.recipes import InstanceRecipe, changed, load_training, parse_training
from smearprep.models.runs import read_run
from smearprep.models.training import train
from smearprep.models.yolact.network import build
from smearprep.predictions import read_index, read_predictions
from smearprep.records import Cell
from tests.models.instances.making import SMALL, recipe, scene, small  # noqa: F401 - small is a fixture
from tests.models.tiny import StopError, files, stopping, write_set

pytestmark = pytest.mark.usefixtures("small")
CPU = Hardware(device="cpu", precision="float32")


def run(tmp_path, name="run", wanted=None, **more) -> Summary:
    folder = tmp_path / "set"
    if not folder.is_dir():
        write_set(folder, outline="made", label="WBC")
    return train(wanted or recipe(), folder, tmp_path / name, hardware=CPU, **more)


def test_every_image_comes_once_an_epoch_and_few_come_again():
    scenes = [scene(seed=n) for n in range(7)]
    seen = [one.image for batch in SceneBatches(scenes, recipe(), 0, 3) for one in batch]
    assert len(seen) == 6 == len(set(seen))
    assert seen != [one.image for batch in SceneBatches(scenes, recipe(), 1, 3) for one in batch]
    assert [one.image for one in next(iter(SceneBatches(scenes[:1], recipe(batch=4), 0, 1)))] == [0, 0, 0, 0]


def test_a_run_is_made_measured_and_used(tmp_path):
    summary = run(tmp_path, wanted=recipe(samples_every=1))
    assert summary.counts["train_images"] == 4 and summary.by_category == {"WBC": 18}
    made = read_run(tmp_path / "run")
    assert (made.status, made.categories) == ("finished", ("WBC",))
    assert {"best.safetensors", "last.safetensors", "log.csv", "curves.png", "run.json"} <= set(
        files(tmp_path / "run")
    )
    assert (tmp_path / "run" / "samples" / "phase1_epoch0002.png").is_file()
    found = evaluate(tmp_path / "run", tmp_path / "set")
    assert {"masks on val", "boxes on val", "pixels on val", "cells on val"} == set(found.tables)
    (row,) = found.tables["masks on val"]
    assert row["truth"] == 6 and 0 <= row["ap"] <= 1
    assert (tmp_path / "run" / "evaluation" / "val.png").read_bytes().startswith(b"\x89PNG")
    predicted = predict(tmp_path / "run", [tmp_path / "set" / "images"], tmp_path / "said", score=0.0)
    index = read_index(tmp_path / "said")
    assert index.is_single and index.categories == ("WBC",) and len(index.images) == 6
    cells = sum(len(said.cells or ()) for said in read_predictions(tmp_path / "said"))
    assert cells == predicted.counts["cells"] > 0
    counted = count_images(tmp_path / "run", [tmp_path / "set"], tmp_path / "counts", score=0.0)
    (row,) = counted.tables["counts"]
    assert row["method"] == "instances" and row["true"] == 18


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_killed_training_goes_on_to_the_same_files(tmp_path, after):
    wanted = recipe(average=0.5)
    run(tmp_path, "whole", wanted)
    with pytest.raises(StopError):
        run(tmp_path, "cut", wanted, progress=stopping(after))
    run(tmp_path, "cut", wanted)
    whole, cut = files(tmp_path / "whole"), files(tmp_path / "cut")
    assert set(whole) == set(cut)
    assert [name for name in whole if whole[name] != cut[name]] == []


def test_a_run_proposes_cells_where_nobody_has_looked(tmp_path):
    run(tmp_path)
    folder = write_set(tmp_path / "other", outline="made", label="RBC")
    for path in (folder / "annotations").glob("*.json"):
        data = json.loads(path.read_text())
        data["categories"].append({"id": 2, "name": "WBC"})
        for image in data["images"]:
            image["not_exhaustive_category_ids"] = [2]
        path.write_text(json.dumps(data))
    found = [
        Cell("WBC", Point(30, 30).buffer(5), "made", {"score": 0.75}),
        Cell("RBC", Point(9, 9).buffer(3)),
    ]

    class Seer:
        def look(self, image):
            return Look({}, lambda: found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proposing, "predictor_of", lambda *_: Seer())
        summary = propose(folder, tmp_path / "run")
        assert summary.counts["outlines_made"] == 6
        again = propose(folder, tmp_path / "run")
        assert again.counts.get("outlines_made", 0) == 0
        with pytest.raises(RecipeError, match="has learned WBC, not Platelets"):
            propose(folder, tmp_path / "run", find=["Platelets"])
    cells = [cell for sample in load(folder, name="prepared").samples for cell in sample.cells]
    made = [cell for cell in cells if cell.label == "WBC"]
    assert len(made) == 6 and {cell.attributes["score"] for cell in made} == {0.75}
    assert {cell.attributes["made_by"] for cell in made} == {"smearprep assist network"}


def test_the_mean_of_the_weights_is_what_is_kept(tmp_path):
    run(tmp_path, "plain")
    run(tmp_path, "mean", recipe(average=0.9))
    plain, mean = (load_file(tmp_path / name / "last.safetensors") for name in ("plain", "mean"))
    assert set(plain) == set(mean)
    assert not torch.equal(plain["head.classes.weight"], mean["head.classes.weight"])


def test_a_backbones_weights_are_taken_and_belong_to_what_was_learned_from(tmp_path):
    first = run(tmp_path, "first")
    weights = tmp_path / "first" / "last.safetensors"
    run(tmp_path, "second", recipe(epochs=1, learning_rate=1e-12, weight_decay=0.0), backbone=weights)
    old, new = (load_file(tmp_path / name / "last.safetensors") for name in ("first", "second"))
    key = next(name for name in old if name.startswith("backbone.") and name.endswith("conv1.weight"))
    assert torch.allclose(old[key], new[key], atol=1e-6)
    assert read_run(tmp_path / "first").data != read_run(tmp_path / "second").data
    assert first.findings == ()


def test_weights_that_are_none_of_the_backbones_are_refused(tmp_path):
    save_file({"conv1.weight": torch.zeros(3)}, tmp_path / "foreign.safetensors")
    (tmp_path / "text.safetensors").write_text("no weights at all")
    for name, said in (("foreign", "conv1.weight"), ("text", "no safetensors file"), ("none", "none")):
        with pytest.raises(DataError, match=said):
            run(tmp_path, backbone=tmp_path / f"{name}.safetensors")
    with pytest.raises(RecipeError, match="has no backbone"):
        train(
            load_training("unet"), tmp_path / "set", tmp_path / "u", backbone=tmp_path / "foreign.safetensors"
        )


def test_images_without_a_cell_are_learned_from_too(tmp_path):
    folder = write_set(tmp_path / "set", outline="made", label="WBC")
    path = folder / "annotations" / "instances_train.json"
    data = json.loads(path.read_text())
    data["annotations"] = [entry for entry in data["annotations"] if entry["image_id"] == 1]
    for image in data["images"][1:]:
        image["neg_category_ids"] = [1]
    path.write_text(json.dumps(data))
    summary = run(tmp_path)
    assert summary.counts["train_images"] == 4 and summary.counts["train_cells"] == 3
    (best,) = summary.tables["best weights"]
    assert np.isfinite(best["train loss"])


def test_crowds_run_lengths_gaps_in_ids_and_boxes_of_no_size_do_not_stop_a_training(tmp_path):
    folder = write_set(tmp_path / "set", outline="made", label="WBC")
    for path in (folder / "annotations").glob("*.json"):
        data = json.loads(path.read_text())
        data["categories"] = [{"id": 7, "name": "WBC"}, {"id": 90, "name": "RBC"}]
        for entry in data["annotations"]:
            entry["category_id"] = 7
        for image in data["images"]:
            image["neg_category_ids"] = [90]
        first, second, third, *_ = data["annotations"]
        first |= {"iscrowd": 1, "segmentation": {"size": [70, 90], "counts": [0, 700, 5600]}}
        second |= {"segmentation": {"size": [70, 90], "counts": [2100, 10, 60, 10, 4120]}}
        third |= {"segmentation": [], "bbox": [5, 5, 0, 0], "outline": "box"}
        path.write_text(json.dumps(data))
    summary = run(tmp_path, wanted=recipe(categories=("WBC",)))
    assert summary.counts["train_cells"] == 10 and summary.counts["val_cells"] == 4
    (best,) = summary.tables["best weights"]
    assert np.isfinite(best["train loss"])
    both = run(tmp_path, "both")
    assert both.by_category == {"WBC": 14, "RBC": 0}
    found = evaluate(tmp_path / "both", folder, hardware=CPU)
    assert found.counts["cells"] == 4
    assert next(row for row in found.tables["masks on val"] if row["category"] == "WBC")["truth"] == 4
    counted = count_images(
        tmp_path / "run", [folder / "images" / "val", folder], tmp_path / "counts", hardware=CPU
    )
    assert counted.counts["images"] == 6


def test_a_checkpoint_fits_with_and_without_compiling(monkeypatch):
    monkeypatch.setattr(torch, "compile", torch.nn.Sequential)  # as that, a module around the network
    parts = [
        set(
            InstanceTraining(
                build(SMALL, 1), recipe(average=0.9), ("WBC",), [scene()], [], 1, Hardware(compile=compiled)
            ).state_dict()
        )
        for compiled in (False, True)
    ]
    assert parts[0] == parts[1] and {name.partition(".")[0] for name in parts[0]} == {"network", "_mean"}


def test_an_image_that_cannot_be_read_is_named_and_left_out(tmp_path):
    folder = write_set(tmp_path / "set", outline="made", label="WBC")
    path = folder / "images" / "train" / "train1.png"
    path.write_bytes(path.read_bytes()[:-60])
    summary = run(tmp_path)
    assert summary.counts["train_images"] == 3
    assert any(f.kind == "unreadable" and "train1.png" in f.file for f in summary.findings)
    with pytest.raises(DataError, match=r"train1\.png"):
        run(tmp_path, "strict", strict=True)


def test_a_loss_that_is_no_number_stops_and_names_the_images(tmp_path):
    with pytest.raises(TrainingError, match=r"the loss became (nan|inf).*train\d\.png"):
        run(tmp_path, wanted=recipe(learning_rate=0.99, clip=0.0, epochs=40, warm_up=0))


def test_a_run_of_another_network_is_refused(tmp_path):
    run(tmp_path)
    weights = tmp_path / "run" / "best.safetensors"
    save_file({"a": torch.zeros(1)}, weights)
    with pytest.raises(DataError, match="another network than small"):
        evaluate(tmp_path / "run", tmp_path / "set")
    weights.write_bytes(b"none")
    with pytest.raises(DataError, match="no safetensors file"):
        predict(tmp_path / "run", [tmp_path / "set" / "images"], tmp_path / "said")
    for more in ({"overlap": 5}, {"tile": 64, "overlap": 64}):
        with pytest.raises((RecipeError, DataError)):
            predict(tmp_path / "run", [tmp_path / "set" / "images"], tmp_path / "said", **more)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"outline": "box", "label": "WBC"}, "assist"),
        ({"outline": "made", "label": "RBC"}, "has no category 'WBC'. It has RBC"),
    ],
)
def test_a_set_without_what_is_learned_is_refused(tmp_path, entries, said):
    folder = write_set(tmp_path / "set", **entries)
    with pytest.raises(RecipeError, match=said):
        train(recipe(categories=("WBC",)), folder, tmp_path / "run", hardware=CPU)


def test_a_recipe_follows_the_paper():
    wanted = load_training("yolact-cis")
    assert isinstance(wanted, InstanceRecipe)
    assert (wanted.batch, wanted.epochs, wanted.learning_rate, wanted.size) == (16, 600, 1e-3, 550)
    steps = 10_000
    rates = [wanted.factor(step, steps) for step in (0, 250, 500, 3499, 3500, 7499, 7500, 8750, 9375)]
    assert rates == pytest.approx([0.1, 0.55, 1, 1, 0.1, 0.1, 0.01, 1e-3, 1e-4])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("network: yolact\ndesign: {bakbone: resnet50}", "did you mean 'backbone'"),
        ("network: yolact\ndesign: {backbone: vgg}", "backbone"),
        ("network: yolact\ndesign: {components: [Y22]}", "Y22"),
        ("network: yolact\ndrops: [0.9, 0.3]", "drops"),
        ("network: yolact\nsize: 5", "size"),
        ("network: yolact\nchips: 5", "chips"),
        ("network: yolact\nloss_weights: {masks: -1}", "masks"),
        ("network: yolact\nlimits: {keep: 0}", "limits"),
        ("network: yolact\naverage: 1", "average"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_named(text, said):
    with pytest.raises(RecipeError, match=said):
        parse_training(f"name: t\n{text}", "t.yaml")


def test_entries_of_another_family_cannot_be_changed():
    with pytest.raises(RecipeError, match="chips cannot be given for the network yolact"):
        changed(load_training("yolact"), chips=5)
    assert changed(load_training("yolact"), category="RBC", epochs=3).epochs == 3
