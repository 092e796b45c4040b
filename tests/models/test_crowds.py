"""Crowds in training and measuring: regions full of cells that nobody told apart say nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
import torch

from smearprep.labelled import LabelledImage
from smearprep.models.evaluation import evaluate
from smearprep.models.hardware import Hardware
from smearprep.models.instances.draws import Draw
from smearprep.models.instances.pool import ScenePool
from smearprep.models.semantic.scoring import Scores
from smearprep.models.semantic.training import SemanticTraining
from smearprep.models.training import train
from smearprep.models.yolact.anchors import priors
from smearprep.models.yolact.boxes import areas, centres_to_corners, shared_areas
from smearprep.models.yolact.matching import BACKGROUND, match
from smearprep.records import Cell
from smearprep.targets import rasterise
from tests.models import tiny as semantic
from tests.models.instances import making
from tests.models.instances.making import scene, small, whole  # noqa: F401 - small is a fixture
from tests.models.tiny import tiny, write_set  # noqa: F401 - tiny is a fixture
from tests.sets import edit_json

CPU = Hardware(device="cpu", precision="float32")
CROWD = Cell("WBC", shapely.box(0, 40, 80, 60))


def crowded(*crowds):
    return replace(scene(), crowds=crowds or (CROWD,))


def test_what_is_seen_of_a_crowd_is_in_the_truth_even_if_its_middle_is_not():
    pool = ScenePool([crowded()], ("WBC",), 64)
    _, truth = pool.batch([Draw(0, (10, 0, 25, 50), (0, 0, 64, 64))], (16, 16))
    assert truth.labels.tolist() == [[0, 0]] and truth.crowd.tolist() == [[False, True]]
    assert truth.boxes[0, 1].tolist() == pytest.approx([0, 0.8, 1, 1])
    assert truth.masks[0, 1].sum(dim=1).tolist() == [0] * 13 + [16] * 3
    _, above = pool.batch([Draw(0, (10, 0, 25, 40), (0, 0, 64, 64))], (16, 16))
    assert above.crowd.tolist() == [[False]]


def test_priors_that_lie_mostly_in_a_crowd_are_no_background():
    own = priors(((16, 16), (8, 8), (4, 4), (2, 2), (1, 1)), (64, 64))
    corners = centres_to_corners(own)
    truths = [
        ScenePool([one], ("WBC",), 64).batch([whole(0, (80, 60), 64)], (16, 16))[1]
        for one in (scene(), crowded())
    ]
    plain, neutral = (match(truth, own).classes[0] for truth in truths)
    region = torch.tensor([[0, 40 / 60, 1, 1]])
    inside = (shared_areas(region, corners) / areas(corners))[0] > 0.7
    assert (plain[inside] == BACKGROUND).any() and not (neutral[inside] == BACKGROUND).any()
    assert torch.equal(plain[~inside], neutral[~inside])


@pytest.mark.usefixtures("small")
def test_what_is_found_in_a_crowd_is_not_taken_for_invented(tmp_path):
    folder = write_set(tmp_path / "set", outline="made", label="WBC")
    pytest.importorskip("pycocotools")
    train(making.recipe(epochs=1, warm_up=0), folder, tmp_path / "run", hardware=CPU)
    plain = evaluate(tmp_path / "run", folder, hardware=CPU)

    def all_crowd(data):
        for entry in data["annotations"]:
            entry.update(iscrowd=1, segmentation={"size": [70, 90], "counts": [0, 6300]}, bbox=[0, 0, 90, 70])
            entry.pop("outline")

    edit_json(folder / "annotations" / "instances_val.json", all_crowd)
    crowd = evaluate(tmp_path / "run", folder, hardware=CPU)
    assert plain.counts["cells"] == 6 and crowd.counts["cells"] == 0
    invented = [found.tables["cells on val"][-1]["WBC"] for found in (plain, crowd)]
    assert invented[0] > 0 and invented[1] == 0
    assert crowd.tables["pixels on val"][0]["precision"] is None


@pytest.mark.usefixtures("tiny")
def test_what_a_semantic_network_says_of_a_crowd_costs_nothing_and_is_not_measured():
    size, region = (40, 36), shapely.box(8, 8, 32, 30)
    target = rasterise([Cell("RBC", shapely.box(10, 10, 16, 18))], size, crowds=[Cell("RBC", region)])
    said = np.random.default_rng(0).random((2, 36, 40)).astype(np.float32)
    unknown = (target & 8) > 0
    other = np.where(unknown, 1 - said, said)
    recipe, pixels = semantic.recipe(), np.zeros((36, 40, 3), np.uint8)
    image = LabelledImage("a", pixels, target, (), "")
    module = SemanticTraining(recipe.info.build(), recipe, 1, [image], [], CPU)
    losses, measures = [], []
    for probability in (said, other):
        logits = torch.logit(torch.from_numpy(probability))[None]
        losses.append(float(module.head_losses(logits, torch.from_numpy(target)[None])))
        scores = Scores(recipe)
        scores.add(probability, target)
        measures.append(scores.as_dict())
    assert unknown.sum() > 400 and losses[0] == losses[1] and measures[0] == measures[1]
