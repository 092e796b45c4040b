"""The demo that goes on to a trained network and a count."""

import csv

import numpy as np
import pytest

from smearprep import images
from smearprep.models.demo import demo, short_training
from smearprep.models.hardware import Hardware
from tests.models.tiny import recipe, tiny  # noqa: F401 - tiny is a fixture
from tests.sets import tree


@pytest.mark.usefixtures("tiny")
def test_it_trains_predicts_counts_and_draws(tmp_path):
    learned = recipe("tiny-mask", category="WBC", chips=32)
    hardware = Hardware(device="cpu", precision="float32")
    summary = demo(tmp_path, training=learned, hardware=hardware)
    for row in summary.tables["made"]:
        assert (tmp_path / row["result"]).exists()
    rows = list(csv.DictReader((tmp_path / "counts" / "counts.csv").read_text().splitlines()))
    assert {row["method"] for row in rows} == {"components", "hough", "watershed"}
    assert all(row["truth"] for row in rows)
    sheet = images.read(tmp_path / "counted.png")
    assert len(np.unique(sheet[::5, ::5].reshape(-1, 3), axis=0)) > 300
    before = tree(tmp_path)
    demo(tmp_path, training=learned, hardware=hardware)
    assert tree(tmp_path) == before


def test_the_demo_trains_for_about_a_minute():
    short = short_training()
    assert short.network == "unet" and sum(p.epochs for p in short.phases) * short.chips < 1000
