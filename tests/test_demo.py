"""The demo: the whole job in one command, the same every time, and never over anybody's files."""

import json
import os

import numpy as np
import pytest

from smearprep import images, synthetic
from smearprep.checking import check
from smearprep.demo import demo
from smearprep.errors import OutputError, SmearprepError
from tests.sets import call, report, tree


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The demo's folder, and what the command printed."""
    out = tmp_path_factory.mktemp("demo") / "out"
    return out, report("demo", out, "--no-train")


def test_what_is_made(made):
    out, data = made
    assert data["command"] == "demo" and data["output"] == str(out)
    assert data["by_category"]["WBC"] == data["counts"]["cells"] > 20
    assert set(data["by_subset"]) == {"train", "val", "test"}
    for row in data["tables"]["made"]:
        assert (out / row["result"]).exists()
    assert {path.name for path in (out / "raw").iterdir() if path.is_dir()} == {
        "ALL_IDB1",
        "BCCD",
        "RAABIN_WBC",
    }
    assert not check(out / "set").findings


def test_outlines_are_converted(made):
    out, _ = made
    coco = json.loads((out / "cells.json").read_bytes())
    assert [category["name"] for category in coco["categories"]] == ["RBC"]
    assert len(coco["annotations"]) > 100


def test_picture_shows_outlines_on_images(made):
    out, _ = made
    sheet = images.read(out / "overlay.png")
    assert min(sheet.shape[:2]) >= 300
    assert len(np.unique(sheet[::5, ::5].reshape(-1, 3), axis=0)) > 1000


def test_again_gives_the_same_bytes(made):
    out, data = made
    before = tree(out)
    (out / "overlay.png").unlink()
    (out / "raw/BCCD/JPEGImages/BloodImage_00000.jpg").write_bytes(b"spoilt")
    assert report("demo", out, "--workers", 1, "--no-train") == data
    assert tree(out) == before


def test_every_smear_is_drawn_with_the_seed(tmp_path, monkeypatch):
    seeds = []
    for name in ("all_idb1", "bccd", "raabin"):
        monkeypatch.setattr(synthetic, f"write_{name}", lambda root, seed, **how: seeds.append(seed))
    with pytest.raises(SmearprepError):  # nothing is drawn
        demo(tmp_path / "out", seed=5)
    assert seeds == [5, 5, 5]


@pytest.mark.parametrize(
    "name", ["notes.txt", "raw/ALL_IDB1/im/Im001_1.jpg", "set/manifest.json", "raw/mine.txt", "overlay.png"]
)
def test_nobodys_files_are_touched(tmp_path, name):
    precious = tmp_path / "out" / name
    precious.parent.mkdir(parents=True)
    precious.write_text("precious")
    before = tree(tmp_path)
    with pytest.raises(OutputError, match="not empty"):
        demo(tmp_path / "out")
    assert tree(tmp_path) == before


def test_a_file_is_in_the_way(tmp_path):
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file/out"):
        with pytest.raises(OutputError):
            demo(out)
    assert tree(tmp_path) == {"file": b"mine"}


def test_full_disk(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    result = call("demo", tmp_path / "out")
    assert result.exit_code == 2
    assert "cannot be written (No space left on device)" in result.stderr
