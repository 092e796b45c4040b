"""A folder of images, or of predictions, that becomes a set."""

import json

import numpy as np
import pytest
from shapely.geometry import Polygon

from smearprep.annotating import Session, made_into_set
from smearprep.checking import check
from smearprep.errors import LayoutError
from smearprep.predictions import PredictionWriter
from smearprep.records import Cell
from smearprep.synthetic import write_image
from tests.annotating.making import by_id, cell, patch, square
from tests.sets import noise, tree, write_folder

SIZE = (60, 40)


def write_images(folder, count=2):
    for n in range(count):
        write_image(folder / f"i{n}.png", noise(SIZE, n))
    return folder


def write_predictions(out, images):
    """Predictions on a folder of images: in each a square."""
    found = Cell("WBC", Polygon(square(5, 5)), "made", {"made_by": "network", "score": 0.5})
    with PredictionWriter(out, ("WBC",), "net", "run", has_edge=False, is_single=True) as writer:
        for path in sorted(images.iterdir()):
            plane = np.zeros(SIZE[::-1], np.uint8)
            writer.add(path.stem, noise(SIZE), plane, None, [found], source=path.name)
    return out


def test_a_set_is_taken_as_it_is(tmp_path):
    folder, _ = made_into_set(write_images(tmp_path / "raw"))
    before = tree(folder)
    assert made_into_set(folder) == (folder, None) and tree(folder) == before


def test_images_alone(tmp_path):
    raw = write_images(tmp_path / "raw")
    before = tree(raw)
    folder, told = made_into_set(raw)
    assert folder == tmp_path / "raw_set" and told.counts["views"] == 2 and tree(raw) == before
    assert (folder / "images/all/i0.png").read_bytes() == before["i0.png"]
    assert not check(folder).findings
    with Session(folder) as session:
        assert session.categories == ()
        session.add_category("WBC")
        key = session.overview()["images"][0]["key"]
        session.edit(key, patch(session.image(key), cells={"new-a": cell("WBC", parts=[square(1, 1, 3)])}))
    assert not check(folder).findings
    assert made_into_set(raw) == (folder, None)  # with what was drawn in it


def test_images_with_annotations(tmp_path):
    raw = write_folder(tmp_path / "raw")
    folder, told = made_into_set(raw, tmp_path / "out", workers=1)
    assert folder == tmp_path / "out" and told.counts["cells"] == 12
    with Session(folder) as session:
        assert session.overview()["images"][0]["cells"] == 2 and session.categories == ("RBC", "WBC")


def test_predictions_with_scores(tmp_path):
    images = write_images(tmp_path / "images")
    said = write_predictions(tmp_path / "said", images)
    before = tree(said)
    folder, _ = made_into_set(said, images=images)
    assert folder == tmp_path / "said_set" and tree(said) == before
    assert str(tmp_path) not in (folder / "manifest.json").read_text()
    with Session(folder) as session:
        row = session.overview()["images"][0]
        assert (row["cells"], row["unreviewed"], row["lowest_score"]) == (1, 1, 0.5)
        (one,) = by_id(session.image(row["key"])).values()
        assert (one["outline"], one["score"], one["made_by"]) == ("made", 0.5, "network")


def test_predictions_of_which_some_images_are_gone(tmp_path):
    images = write_images(tmp_path / "images")
    said = write_predictions(tmp_path / "said", images)
    (images / "i1.png").unlink()
    folder, told = made_into_set(said, images=images)
    assert [finding.kind for finding in told.findings] == ["missing_image"]
    assert "i1.png" in json.dumps(told.as_dict()) and not check(folder).findings
    with pytest.raises(LayoutError, match=r"looked for i0\.png in .*--images"):
        made_into_set(said, tmp_path / "other")


def test_predictions_beside_their_images(tmp_path, monkeypatch):
    said = write_predictions(tmp_path / "out/said", write_images(tmp_path / "here"))
    monkeypatch.chdir(tmp_path / "here")
    _, told = made_into_set(said)
    assert told.counts["cells"] == 2


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_folders_that_are_none(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(LayoutError, match=r"(is not there|is an empty folder)$"):
        made_into_set(tmp_path / name)
    assert not (tmp_path / f"{name}_set").exists()


def test_a_set_that_is_not_finished(tmp_path):
    folder, _ = made_into_set(write_images(tmp_path / "raw"))
    (folder / ".smearprep").mkdir()
    (folder / ".smearprep/plan").write_text("x")
    with pytest.raises(LayoutError, match="has not come to its end"):
        made_into_set(folder)
