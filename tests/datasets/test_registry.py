import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from smearprep import datasets
from smearprep.errors import LayoutError, RecipeError

FOLDERS = {
    "all_idb1": ["im/Im001_1.jpg", "xyc/Im001_1.xyc"],
    "bccd": ["JPEGImages/BloodImage_00000.jpg", "Annotations/BloodImage_00000.xml"],
    "raabin": ["First_microscope/95-5-4-1/images/1.jpg", "First_microscope/95-5-4-1/jsons/1.json"],
    "prepared": ["images/train/a.jpg", "annotations/instances_train.json"],
    "folder": ["slides/a.jpg"],
}


def make(root: Path, names: list[str]) -> Path:
    image = cv2.imencode(".jpg", np.zeros((40, 60, 3), np.uint8))[1].tobytes()
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(image if name.endswith(".jpg") else b"{}")
    return root


def test_every_data_set_is_recognised(tmp_path):
    for name, files in FOLDERS.items():
        found, layout = datasets.recognise(make(tmp_path / name, files))
        assert (found, bool(layout)) == (name, True)


def test_every_data_set_tells_of_itself():
    for name in datasets.NAMES:
        info = datasets.get(name).INFO
        assert info.name == name
        assert info.title and info.layouts and info.licence


def test_the_list_of_names_is_light():
    code = (
        "import sys, smearprep.datasets; print([m for m in ('numpy', 'cv2', 'shapely') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_name_suggests_the_nearest(tmp_path):
    with pytest.raises(RecipeError, match="did you mean 'bccd'"):
        datasets.get("bcd")


def test_nothing_there(tmp_path):
    with pytest.raises(LayoutError, match="is not there"):
        datasets.recognise(tmp_path / "none")


def test_a_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("x")
    with pytest.raises(LayoutError, match="is a file"):
        datasets.load(path)


def test_empty_folder(tmp_path):
    (tmp_path / ".hidden").write_text("x")
    with pytest.raises(LayoutError, match="is an empty folder"):
        datasets.load(tmp_path)


def test_unknown_layout_says_what_it_looked_for(tmp_path):
    (tmp_path / "notes.docx").write_text("x")
    with pytest.raises(LayoutError) as caught:
        datasets.load(tmp_path)
    for name in datasets.NAMES:
        assert datasets.get(name).INFO.title in str(caught.value)
    assert "im/Im001_1.jpg" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "part"),
    [("all_idb1", "im"), ("bccd", "JPEGImages"), ("prepared", "images"), ("prepared", "images/train")],
)
def test_one_level_too_deep_names_the_parent(tmp_path, name, part):
    root = make(tmp_path / "RAW", FOLDERS[name])
    with pytest.raises(LayoutError, match=f"Did you mean its parent, {root}"):
        datasets.recognise(root / part)


def test_one_level_too_deep_given_as_a_relative_path(tmp_path, monkeypatch):
    root = make(tmp_path / "RAW", FOLDERS["bccd"])
    monkeypatch.chdir(root / "JPEGImages")
    with pytest.raises(LayoutError, match=f"Did you mean its parent, {root}"):
        datasets.recognise(Path())


def test_one_level_too_high_names_the_data_sets(tmp_path):
    make(tmp_path / "ALL_IDB1", FOLDERS["all_idb1"])
    make(tmp_path / "more" / "blood", FOLDERS["bccd"])
    with pytest.raises(LayoutError) as caught:
        datasets.recognise(tmp_path)
    assert "ALL_IDB1 (ALL-IDB1)" in str(caught.value)
    assert "more/blood (BCCD)" in str(caught.value)


def test_a_shelf_is_not_taken_for_one_of_its_data_sets(tmp_path):
    make(tmp_path / "ALL_IDB1", FOLDERS["all_idb1"])
    make(tmp_path / "BCCD", FOLDERS["bccd"])  # BCCD is also recognised from one level up
    with pytest.raises(LayoutError, match=r"holds ALL_IDB1 \(ALL-IDB1\), BCCD \(BCCD\)"):
        datasets.recognise(tmp_path)


def test_a_named_data_set_is_believed(tmp_path):
    root = make(tmp_path / "RAW", FOLDERS["bccd"])
    raw = datasets.load(root / "JPEGImages", name="folder")
    assert [sample.source for sample in raw.samples] == ["folder/BloodImage_00000.jpg"]


def test_a_named_data_set_that_is_not_there(tmp_path):
    root = make(tmp_path / "RAW", FOLDERS["folder"])
    with pytest.raises(LayoutError, match=r"not in a layout of BCCD. Looked for:\n  BCCD: JPEGImages"):
        datasets.load(root, name="bccd")
