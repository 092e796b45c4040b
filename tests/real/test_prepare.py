"""The main job on the real images: the figures of the whole plan, and the bytes of a part of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from pycocotools.coco import COCO

from smearprep import datasets, images
from smearprep.checking import check
from smearprep.geometry import polygonal
from smearprep.prepare import prepare
from smearprep.recipes import load_recipe
from smearprep.records import View
from tests.sets import coco_files, image_stamps, images_of, kinds, stop_at, tree

RECIPE = load_recipe("yolact-cis")
ALL_IDB1 = ("Im002_1", "Im003_1", "Im079_0", "Im080_0", "Im010_1")
"""Two sizes, patients and healthy, and one without a white-cell mask (Im079_0)."""


@pytest.fixture(scope="module")
def part(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[None, Path]]:
    """A few images of each data set, as links, in the data sets' own layout."""
    root = tmp_path_factory.mktemp("part")
    for stem in ALL_IDB1:
        for folder in ("im", "masks/wbc"):
            for source in (real_data / "ALL_IDB1" / folder).glob(f"{stem}.*"):
                link(source, root / "ALL_IDB1" / folder / source.name)
    listed = {}
    for subset in ("train", "val", "test"):
        lines = (real_data / f"BCCD/ImageSets/Main/{subset}.txt").read_text().split()
        listed[subset] = lines[:4]
    for subset, stems in listed.items():
        path = root / f"BCCD/ImageSets/Main/{subset}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{stem}\n" for stem in stems))
        for stem in stems:
            for name in (f"JPEGImages/{stem}.jpg", f"Annotations/{stem}.xml"):
                link(real_data / "BCCD" / name, root / "BCCD" / name)
    return [(None, root / "ALL_IDB1"), (None, root / "BCCD")]


def link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(source)


@pytest.fixture(scope="module")
def made(part: list[tuple[None, Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "set"
    prepare(RECIPE, part, out)
    return out


def test_the_whole_plan(real_data: Path, tmp_path: Path) -> None:
    roots = [(None, real_data / "ALL_IDB1"), (None, real_data / "BCCD")]
    summary = prepare(RECIPE, roots, tmp_path / "set", dry_run=True)
    assert not (tmp_path / "set").exists()
    assert summary.counts["raw_images"] == 78 + 364
    assert summary.counts["not_annotated"] == 5 + 6  # no white-cell mask; no white cell boxed
    assert summary.counts["raw_images_used"] == 73 + 358
    bccd = {"train": 205, "val": 87, "test": 72}
    assert sum(row["smears"] for row in summary.by_subset.values()) == 73 + 358
    for name, row in summary.by_subset.items():
        assert row["images"] > bccd[name]
    assert list(summary.by_category) == ["WBC"]


def test_the_part_is_sound(made: Path) -> None:
    summary = check(made)
    assert not summary.findings
    assert summary.counts["images"] == len(images_of(made)) > 20
    assert {images.probe(path).size for path in images_of(made)} == {(550, 550)}


def test_the_same_bytes_from_one_worker_and_from_two(
    part: list[tuple[None, Path]], made: Path, tmp_path: Path
) -> None:
    for workers in (1, 2):
        prepare(RECIPE, part, tmp_path / str(workers), workers=workers)
        assert tree(tmp_path / str(workers)) == tree(made)


def test_killed_and_run_again(part: list[tuple[None, Path]], made: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    raw = [argument for _, root in part for argument in ("--raw", root)]
    done = stop_at("SIGKILL", 20, "prepare", "yolact-cis", out, *raw)
    assert done.returncode == -9, done.stderr
    stamps = image_stamps(out)
    assert len(stamps) >= 19
    prepare(RECIPE, part, out)
    assert tree(out) == tree(made)


def test_a_second_run_writes_no_image(part: list[tuple[None, Path]], made: Path) -> None:
    before, stamps = tree(made), image_stamps(made)
    prepare(RECIPE, part, made)
    assert image_stamps(made) == stamps
    assert tree(made) == before


def test_unknown_images_are_left_out(part: list[tuple[None, Path]], tmp_path: Path) -> None:
    summary = prepare(RECIPE, part, tmp_path / "set", dry_run=True)
    assert kinds(summary)["not_annotated"] == 1
    assert [f.file for f in summary.findings if f.kind == "not_annotated"] == ["all_idb1/im/Im079_0.jpg"]


def test_cells_lie_on_the_raw_cells(part: list[tuple[None, Path]], made: Path) -> None:
    """Back on the raw image, each window's part of a white cell is that part of the raw cell."""
    raw = {
        sample.source: [cell for cell in sample.cells if cell.label == "WBC"]
        for _, root in part
        for sample in datasets.load(root).samples
    }
    compared = 0
    for coco in coco_files(made).values():
        records = {image["id"]: image for image in coco["images"]}
        for annotation in coco["annotations"]:
            image = records[annotation["image_id"]]
            whole = raw[image["source"]][annotation["cell"]].shape
            view = View(tuple(image["window"]), (image["width"], image["height"]))
            x, y, w, h = view.window
            inside = polygonal(shapely.intersection(whole, shapely.box(x, y, x + w, y + h)))
            assert annotation["visible"] == pytest.approx(inside.area / whole.area, abs=1e-9)
            left, top, width, height = annotation["bbox"]
            box = view.to_image(shapely.box(left, top, left + width, top + height))
            if isinstance(annotation["segmentation"], list):
                assert np.allclose(box.bounds, inside.bounds, atol=1e-6)
            else:  # run lengths, of a cell with a hole, are whole pixels of the canvas
                assert np.allclose(box.bounds, inside.bounds, atol=2 * w / 550)
            compared += 1
    assert compared > 25


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:pycocotools")
def test_white_cells_are_dark_in_the_prepared_pixels(made: Path) -> None:
    """The nucleus is the darkest thing on a smear: inside the outlines it must be darker than outside."""
    darker = []
    for subset in ("train", "val", "test"):
        coco = COCO(made / f"annotations/instances_{subset}.json")
        for image_id in coco.getImgIds():
            annotations = [a for a in coco.loadAnns(coco.getAnnIds(image_id)) if a["segmentation"]]
            if not annotations:
                continue
            name = coco.loadImgs(image_id)[0]["file_name"]
            green = images.read(made / "images" / subset / name)[..., 1].astype(float)
            cells = np.any([coco.annToMask(a) for a in annotations], axis=0)
            if 1000 < cells.sum() < cells.size / 2:
                darker.append(green[cells].mean() < green[~cells].mean())
    assert len(darker) > 10
    assert np.mean(darker) > 0.95


def test_nothing_tells_where_the_data_lay(real_data: Path, made: Path) -> None:
    for path in made.rglob("*.json"):
        text = path.read_text()
        assert str(real_data) not in text and str(made.parent) not in text
        assert json.loads(text)
