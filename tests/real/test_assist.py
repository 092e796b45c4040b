"""Outlines that are made of real cells, against those that experts drew; the whole measurement is a bench."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copy

import cv2
import numpy as np
import pytest
import shapely

from smearprep import datasets
from smearprep.assist import assist, from_box, from_mask, from_nothing, from_point, outline_of
from smearprep.checking import check
from smearprep.datasets.loading import LoadOptions
from smearprep.formats.masks import mask_to_cells, read_mask
from smearprep.images import read
from smearprep.opened import open_for_one
from smearprep.records import Cell, Sample
from tests.sets import call

WHITE = ("Im022_1", "Im040_0", "Im067_0")


def load(real: Path, folder: Path, category: str, stems: tuple[str, ...], **extra: str) -> list[Sample]:
    """Some photographs alone: the whole data set takes longer to read than all that is done with them."""
    for place, suffix in (("im", "jpg"), ("masks/wbc", "jpg"), ("markup", "json")):
        for stem in stems:
            file = real / "ALL_IDB1" / place / f"{stem}.{suffix}"
            (folder / place).mkdir(parents=True, exist_ok=True)
            if file.is_file():
                (folder / place / file.name).symlink_to(file.resolve())
    found = datasets.load(folder, LoadOptions(frozenset({category}), extra), "all_idb1").samples
    return [sample for sample in found if category in sample.annotated]


def singles(sample: Sample) -> list[Cell]:
    return [c for c in sample.cells if c.area >= 2000 and c.area >= 0.9 * c.shape.convex_hull.area]


def iou(a: Cell, b: Cell) -> float:
    shared = a.shape.intersection(b.shape).area
    return float(shared / (a.area + b.area - shared))


@pytest.fixture(scope="module")
def white(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """Three photographs with class masks of white cells."""
    return load(real_data, tmp_path_factory.mktemp("white"), "WBC", WHITE)


def test_white_cells_from_boxes_a_little_off_and_from_points(white: list[Sample]) -> None:
    rng, by_box, by_point = np.random.default_rng(0), [], []
    for sample in white:
        image, true = read(sample.path, sample.oriented), singles(sample)
        moved = [np.array(cell.bounds) + rng.integers(-4, 5, 4) for cell in true]
        boxes = [Cell("WBC", shapely.box(*np.clip(b, 0, sample.size * 2)), "box") for b in moved]
        points = [Cell("WBC", cell.shape.centroid, "point") for cell in true]
        by_box += [iou(a, b) for a, b in zip(from_box(image, boxes), true, strict=True)]
        by_point += [iou(a, b) for a, b in zip(from_point(image, points), true, strict=True)]
    assert len(by_box) >= 5
    assert np.mean(by_box) >= 0.92 and min(by_box) >= 0.8
    assert np.mean(by_point) >= 0.85


def test_white_cells_from_nothing(white: list[Sample]) -> None:
    for sample in white:
        found = from_nothing(read(sample.path, sample.oriented), "WBC")
        for cell in singles(sample):
            assert max(iou(cell, other) for other in found) >= 0.7
        masks = shapely.union_all([cell.shape for cell in sample.cells])
        assert all(cell.shape.intersection(masks).area >= cell.area / 2 for cell in found)


def test_a_box_or_a_click_beside_all_cells_gives_no_outline(white: list[Sample]) -> None:
    sample = white[0]
    image = read(sample.path, sample.oriented)
    light = cv2.blur(image[..., 1], (61, 61))[40:-40, 40:-40]
    row, column = (int(n) + 40 for n in np.unravel_index(light.argmax(), light.shape))
    box = Cell("WBC", shapely.box(column - 30, row - 30, column + 30, row + 30), "box")
    for cell in (box, Cell("WBC", shapely.Point(column, row), "point")):
        attempt = outline_of(image, cell, sample.cells)
        assert attempt.cell is None and attempt.why


def test_white_cells_of_bccd_from_nothing(real_data: Path) -> None:
    for number, (x, y) in {"00107": (233, 358), "00124": (392, 370), "00175": (316, 363)}.items():
        found = from_nothing(read(real_data / f"BCCD/JPEGImages/BloodImage_{number}.jpg"), "WBC")
        assert len(found) == 1 and found[0].shape.contains(shapely.Point(x, y))


def test_red_cells_parted(real_data: Path, tmp_path: Path) -> None:
    (sample,) = load(real_data, tmp_path, "RBC", ("Im022_1",), rbc="markup")
    mask = read_mask(real_data / "ALL_IDB1/masks/rbc/Im022_1.jpg")
    cells = mask_to_cells(mask, "RBC", 500, "mask", [])
    parts = [part for own in from_mask(sample.size, cells) for part in own]
    assert len(parts) == pytest.approx(len(sample.cells), rel=0.1) and len(parts) > len(cells)
    tree = shapely.STRtree([part.shape for part in parts])
    hits = [any(iou(cell, parts[n]) >= 0.5 for n in tree.query(cell.shape)) for cell in sample.cells]
    assert np.mean(hits) >= 0.85


def test_boxes_of_bccd_become_a_set_that_networks_learn_from(real_data: Path, tmp_path: Path) -> None:
    for number in ("00001", "00044", "00376"):
        for folder, suffix in (("JPEGImages", "jpg"), ("Annotations", "xml")):
            (tmp_path / "raw" / folder).mkdir(parents=True, exist_ok=True)
            copy(real_data / "BCCD" / folder / f"BloodImage_{number}.{suffix}", tmp_path / "raw" / folder)
    made = call("split", tmp_path / "raw", tmp_path / "set", "--ratio", "1:1:1", "--category", "WBC")
    assert made.exit_code == 0, made.output
    assist(tmp_path / "set")
    assert not check(tmp_path / "set").has_problems
    opened = open_for_one(tmp_path / "set", "WBC")
    cells = [cell for samples in opened.samples.values() for sample in samples for cell in sample.cells]
    assert len(cells) >= 3 and {cell.outline for cell in cells} == {"made"}
    for cell in cells:
        x, y, w, h = cell.attributes["given"]["bbox"]
        assert iou(cell, Cell("WBC", shapely.box(x, y, x + w, y + h), "box")) >= 0.5
    assert json.loads((tmp_path / "set/manifest.json").read_bytes())["assist"]["made"]["WBC"]
