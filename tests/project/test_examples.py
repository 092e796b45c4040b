"""The examples run, and do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from smearprep import synthetic
from smearprep.prepare import prepare
from smearprep.recipes import load_recipe

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_prepare_in_python(tmp_path: Path) -> None:
    script = EXAMPLES / "prepare_in_python.py"
    done = subprocess.run(
        [sys.executable, "-P", str(script), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "images and cells: 12" in done.stdout
    assert "from bccd/JPEGImages/" in done.stdout or "from all_idb1/im/" in done.stdout


def test_train_and_count(tmp_path: Path) -> None:
    script = EXAMPLES / "train_and_count.py"
    done = subprocess.run(
        [sys.executable, "-P", str(script), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "counted: ({'method': 'components'" in done.stdout
    assert done.stdout.count("chip of prepared/images/train/") == 4
    assert (tmp_path / "predictions" / "cells.json").is_file()


def test_own_images(tmp_path: Path) -> None:
    truth = synthetic.write_bccd(tmp_path / "raw", images=6)
    for n, name in enumerate(truth):  # three folders of images: three smears
        target = tmp_path / "own" / f"slide {n % 3}" / Path(name).name
        target.parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "raw" / name).rename(target)
        annotation = tmp_path / "raw" / "Annotations" / f"{target.stem}.xml"
        annotation.rename(target.with_suffix(".xml"))
    recipe = load_recipe(str(EXAMPLES / "own_images.yaml"))
    summary = prepare(recipe, [("folder", tmp_path / "own")], tmp_path / "set")
    assert not summary.has_problems
    assert {name: row["smears"] for name, row in summary.by_subset.items()} == {
        "train": 1,
        "val": 1,
        "test": 1,
    }
    assert summary.counts["whole_cells"] == sum(len(cells) for cells in truth.values())
