"""A prediction folder: read back as it was written, replaced as a whole or not at all."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from shapely.geometry import Polygon

from smearprep import formats
from smearprep.counting import defaults, instances, labels_to_cells
from smearprep.errors import DataError, GeometryError, OutputError
from smearprep.formats.reading import ReadOptions
from smearprep.images import read
from smearprep.predictions import (
    INDEX,
    PredictionWriter,
    is_prediction_folder,
    read_index,
    read_predictions,
)
from smearprep.records import Cell
from tests.sets import edit_json, noise, tree

Plane = NDArray[np.uint8]
SIZE = (90, 70)


def planes(seed: int = 0) -> tuple[Plane, Plane]:
    """A mask with two discs whose probabilities differ, and noise as an edge map."""
    mask = np.zeros(SIZE[::-1], np.uint8)
    cv2.circle(mask, (25, 30), 20, 230, -1)
    cv2.circle(mask, (66, 35), 18, 180, -1)
    return mask, np.random.default_rng(seed).integers(0, 100, mask.shape, dtype=np.uint8)


def write(out: Path, names: tuple[str, ...] = ("a", "deep/b"), has_edge: bool = True) -> tuple[Cell, ...]:
    """A prediction folder; each image has the same two cells, which are returned."""
    cells: tuple[Cell, ...] = ()
    with PredictionWriter(out, ["RBC"], "do-unet", "12ab", has_edge=has_edge) as writer:
        for n, name in enumerate(names):
            mask, edge = planes(n)
            cells = labels_to_cells(instances(mask, edge, defaults("RBC")), mask, "RBC", "do-unet 12ab")
            truth = cells[:1] if n == 0 else None
            edge_or_none = edge if has_edge else None
            writer.add(name, noise(SIZE, n), mask, edge_or_none, cells, source=f"{name}.jpg", truth=truth)
    assert len(cells) == 2
    return cells


@pytest.mark.parametrize("has_edge", [True, False])
def test_what_is_written_is_read(tmp_path: Path, has_edge: bool) -> None:
    cells = write(tmp_path / "said", has_edge=has_edge)
    index = read_index(tmp_path / "said")
    assert (index.categories, index.network, index.run, index.has_edge) == (
        ("RBC",), "do-unet", "12ab", has_edge,
    )  # fmt: skip
    assert [(i.name, i.source, i.size) for i in index.images] == [
        ("a", "a.jpg", SIZE),
        ("deep/b", "deep/b.jpg", SIZE),
    ]
    first, second = read_predictions(tmp_path / "said")
    for n, said in enumerate((first, second)):
        mask, edge = planes(n)
        assert (said.mask == mask).all()
        assert (said.edge is None) if not has_edge else (said.edge == edge).all()  # type: ignore[union-attr]
    assert first.truth is not None and first.truth.tolist() == [list(cells[0].bounds)]
    assert second.truth is None


def test_other_programs_find_masks_cells_and_a_picture(tmp_path: Path) -> None:
    cells = write(tmp_path / "said")
    mask, edge = planes()
    separated = cv2.imread(str(tmp_path / "said/separated/a.png"), cv2.IMREAD_UNCHANGED)
    assert (separated == np.where((mask > 127) & (edge <= 127), 255, 0)).all()
    drawn = read(tmp_path / "said/overlay/deep/b.png")
    assert drawn.shape == (*SIZE[::-1], 3) and np.abs(drawn.astype(int) - noise(SIZE, 1)).mean() > 1
    for name in ("cells.json", "geojson/a.geojson", "labelme/a.json"):
        findings: list = []
        path = tmp_path / "said" / name
        image = next(formats.read(path, ReadOptions(), findings))
        assert not findings and image.file_name == "a.jpg" and image.annotated == {"RBC"}
        assert [cell.shape for cell in image.cells] == [cell.shape for cell in cells]
        assert {cell.outline for cell in image.cells} == {"made"}
    coco = json.loads((tmp_path / "said/cells.json").read_bytes())
    assert [row["score"] for row in coco["annotations"]] == [0.902, 0.7059] * 2
    assert {row["made_by"] for row in coco["annotations"]} == {"do-unet 12ab"}


def test_labelme_finds_the_image_in_its_file_and_slits_instead_of_holes(tmp_path: Path) -> None:
    mask, _ = planes()
    ring = Polygon([(5, 5), (60, 5), (60, 50), (5, 50)], [[(20, 20), (20, 30), (30, 30), (30, 20)]])
    cell = Cell("RBC", ring, "made", {"score": 0.75, "made_by": "net"})
    with PredictionWriter(tmp_path / "said", ["RBC"], "net", "12ab", has_edge=False) as writer:
        writer.add("deep/a", noise(SIZE), mask, None, [cell], source="deep/a.tif")
    path = tmp_path / "said/labelme/deep/a.json"
    data = json.loads(path.read_bytes())
    picture = cv2.imdecode(np.frombuffer(b64decode(data["imageData"]), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert picture.shape == (*SIZE[::-1], 3) and np.abs(picture.astype(int) - noise(SIZE)).mean() < 4
    assert (data["imagePath"], data["imageWidth"], data["imageHeight"]) == ("a.tif", *SIZE)
    assert [(s["shape_type"], s["score"]) for s in data["shapes"]] == [("polygon", 0.75)]
    findings: list = []
    [image] = formats.read(path, ReadOptions(), findings)
    [back] = image.cells
    assert [f.kind for f in findings] == ["repaired"] and back.shape.equals(ring)
    assert (back.outline, back.attributes) == ("made", cell.attributes)


def test_without_an_edge_output_there_are_no_edges(tmp_path: Path) -> None:
    write(tmp_path / "said", has_edge=False)
    assert not (tmp_path / "said/edge").exists()
    assert sorted(path.name for path in (tmp_path / "said").iterdir()) == sorted(
        {INDEX, "mask", "separated", "cells.json", "geojson", "labelme", "overlay"}
    )


def test_the_same_predictions_are_the_same_bytes_and_replace_earlier_ones(tmp_path: Path) -> None:
    write(tmp_path / "one")
    write(tmp_path / "two", ("c", "d", "e"), has_edge=False)
    write(tmp_path / "two")
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert str(tmp_path).encode() not in b"".join(data or b"" for data in tree(tmp_path / "one").values())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_after_an_error_everything_is_as_before(tmp_path: Path) -> None:
    write(tmp_path / "said")
    before = tree(tmp_path)
    with (
        pytest.raises(RuntimeError, match="lost"),
        PredictionWriter(tmp_path / "said", ["RBC"], "x", "y", has_edge=False) as writer,
    ):
        writer.add("a", noise(SIZE), planes()[0], None, (), source="a.jpg")
        raise RuntimeError("lost")
    assert tree(tmp_path) == before


@pytest.mark.parametrize("strange", ["notes.txt", "cells.json", INDEX])
def test_a_folder_with_anything_else_is_left_alone(tmp_path: Path, strange: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / strange).write_text('{"my": "work"}')
    before = tree(tmp_path)
    with pytest.raises(OutputError, match="choose another folder"):
        write(tmp_path / "mine")
    assert tree(tmp_path) == before


def test_a_file_that_people_put_beside_predictions_is_not_lost(tmp_path: Path) -> None:
    write(tmp_path / "said")
    (tmp_path / "said/notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"notes\.txt"):
        write(tmp_path / "said")
    assert (tmp_path / "said/notes.txt").read_text() == "mine"


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "said").write_text("mine")
    with pytest.raises(OutputError, match="no folder"):
        write(tmp_path / "said")


@pytest.mark.parametrize("names", [("a", "A"), ("../a",), ("/a",), ("",)])
def test_names_that_collide_or_lead_out(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(OutputError, match="name"):
        write(tmp_path / "said", names)
    assert not list(tmp_path.iterdir())


def test_planes_that_do_not_fit(tmp_path: Path) -> None:
    mask, edge = planes()
    with PredictionWriter(tmp_path / "said", ["RBC"], "x", "y", has_edge=True) as writer:
        with pytest.raises(OutputError, match="do not fit"):
            writer.add("a", noise((80, 70)), mask, edge, (), source="a.jpg")
        with pytest.raises(OutputError, match="do not fit"):
            writer.add("b", noise(SIZE), mask, None, (), source="a.jpg")
        with pytest.raises(GeometryError, match="edge map"):
            writer.add("c", noise(SIZE), mask, edge[:-1], (), source="a.jpg")
        writer.add("d", noise(SIZE), mask, edge, (), source="d.jpg")
    assert [image.name for image in read_index(tmp_path / "said").images] == ["d"]


# ---------------------------------------------------------------- broken folders


def no_format(data: dict) -> None:
    data.pop("format")


def no_category(data: dict) -> None:
    data["categories"] = None


def no_list(data: dict) -> None:
    data["images"] = {}


def no_size(data: dict) -> None:
    data["images"][0]["width"] = -1


def leads_out(data: dict) -> None:
    data["images"][0]["name"] = "../a"


def no_boxes(data: dict) -> None:
    data["images"][0]["truth"] = [[1, 2, 3]]


@pytest.mark.parametrize("change", [no_format, no_category, no_list, no_size, leads_out, no_boxes])
def test_a_broken_index_is_named(tmp_path: Path, change) -> None:
    write(tmp_path / "said")
    edit_json(tmp_path / "said" / INDEX, change)
    assert is_prediction_folder(tmp_path / "said")
    with pytest.raises(DataError, match=INDEX):
        read_index(tmp_path / "said")


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_an_index_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / INDEX).write_text(text)
    with pytest.raises(DataError, match=INDEX):
        next(read_predictions(tmp_path))


def test_a_png_that_is_missing_or_wrong_is_named(tmp_path: Path) -> None:
    write(tmp_path / "said")
    mask, edge = tmp_path / "said/mask/a.png", tmp_path / "said/edge/a.png"
    wrong = {
        "is needed": [
            np.zeros((70, 91), np.uint8),
            np.zeros((70, 90, 3), np.uint8),
            np.zeros((70, 90), np.uint16),
        ],
    }
    for pixels in wrong["is needed"]:
        cv2.imwrite(str(edge), pixels)
        with pytest.raises(DataError, match="is needed") as told:
            list(read_predictions(tmp_path / "said"))
        assert str(edge) in str(told.value)
    mask.write_bytes(b"no image")
    with pytest.raises(DataError, match="not an image"):
        list(read_predictions(tmp_path / "said"))
    mask.unlink()
    with pytest.raises(DataError, match=r"a\.png"):
        list(read_predictions(tmp_path / "said"))
