"""WebDataset: tar files of the same bytes every time, keys that readers do not cut in two."""

from __future__ import annotations

import json
import tarfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as runs
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.errors import DataError, OutputError
from smearprep.findings import Finding
from smearprep.formats import webdataset
from smearprep.formats.writing import WriteOptions, fit_to_format
from smearprep.geometry import has_holes, shape_to_mask
from smearprep.records import Cell, ImageCells
from tests.laws.strategies import LAW, shapes

SIZE = (60, 50)
PIXELS = b"these bytes are no image, and nobody looks"


def image_of(*cells: Cell, name: str = "a.png", size: tuple[int, int] = SIZE) -> ImageCells:
    return ImageCells(name, size, cells, "given", frozenset(cell.label for cell in cells))


def write(out: Path, *images: ImageCells, shard_size: int = 1000, suffix: str = ".png") -> list[Finding]:
    findings: list[Finding] = []
    picture = out.with_name(f"given{suffix}")
    picture.write_bytes(PIXELS)
    options = WriteOptions(shard_size=shard_size)
    with webdataset.writer(out, options, findings) as writer:
        for image in images:
            writer.add(fit_to_format(image, webdataset.HOLDS, options, findings), picture)
    return findings


def samples(out: Path) -> list[dict[str, Any]]:
    """What a reader makes of it: neighbours that agree up to the first dot are one sample."""
    found: list[dict[str, Any]] = []
    for path in sorted(out.iterdir()):
        with tarfile.open(path) as tar:
            for entry in tar:
                key, _, suffix = entry.name.partition(".")
                if not found or found[-1]["key"] != key:
                    found.append({"key": key})
                file = tar.extractfile(entry)
                assert file is not None and suffix not in found[-1]
                found[-1][suffix] = file.read()
    for sample in found:
        sample["json"] = json.loads(sample["json"])
    return found


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    shape = shapely.transform(draw(shapes()), lambda xy: xy + 14)
    label = draw(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6))
    attributes = draw(st.dictionaries(st.text("ab", max_size=2), st.integers(0, 9), max_size=2))
    if isinstance(shape, Point):
        return Cell(label, shape, "point", attributes)
    is_box = draw(st.booleans())
    return Cell(
        label, shapely.box(*shape.bounds) if is_box else shape, "box" if is_box else "made", attributes
    )


@LAW
@given(given_cells=st.lists(cells(), max_size=5))
def test_every_cell_is_told_as_coco_tells_it(
    tmp_path_factory: pytest.TempPathFactory, given_cells: list[Cell]
) -> None:
    out = tmp_path_factory.mktemp("wds") / "out"
    image = image_of(*given_cells)
    assert not write(out, image)
    (sample,) = samples(out)
    assert sample["png"] == PIXELS
    told = sample["json"]
    assert (told["file_name"], told["width"], told["height"]) == ("a.png", *SIZE)
    assert told["annotated"] == sorted(image.annotated)
    assert [(c["category"], c["outline"], c.get("attributes", {})) for c in told["cells"]] == [
        (c.label, c.outline, c.attributes) for c in image.cells
    ]
    for entry, cell in zip(told["cells"], image.cells, strict=True):
        x, y, width, height = entry["bbox"]
        segmentation = entry["segmentation"]
        if isinstance(segmentation, dict):
            mask = shape_to_mask(cell.shape, SIZE)  # type: ignore[arg-type]
            assert has_holes(cell.shape)  # type: ignore[arg-type]
            with warnings.catch_warnings():  # pycocotools and numpy 2 have yet to agree
                warnings.simplefilter("ignore", DeprecationWarning)
                assert (runs.decode(segmentation) == mask).all()
            assert entry["area"] == mask.sum()
            assert (mask.any(axis=0).argmax(), mask.any(axis=1).argmax()) == (x, y)
            continue
        assert (x, y, x + width, y + height) == pytest.approx(cell.bounds, abs=1e-9)
        if cell.outline in ("box", "point"):
            assert segmentation == []
            assert entry["area"] == cell.area
        else:
            parts = [Polygon(list(zip(ring[::2], ring[1::2], strict=True))) for ring in segmentation]
            outer = MultiPolygon(parts) if len(parts) > 1 else parts[0]
            if not has_holes(cell.shape):  # type: ignore[arg-type]
                assert shapely.equals_exact(outer, cell.shape)
                assert entry["area"] == pytest.approx(cell.area)
            else:  # a sliver, whose pixels' centres all lie beside it
                assert not shape_to_mask(cell.shape, SIZE).any()  # type: ignore[arg-type]


@LAW
@given(
    names=st.lists(
        st.text(st.sampled_from("aAé. /_\n"), min_size=1, max_size=5).map(lambda name: f"{name}.png"),
        unique=True,
        max_size=8,
    ),
    shard_size=st.integers(1, 4),
)
def test_every_image_has_a_key_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], shard_size: int
) -> None:
    out = tmp_path_factory.mktemp("wds") / "out"
    assert not write(out, *(image_of(name=name) for name in names), shard_size=shard_size)
    found = samples(out)
    assert [sample["json"]["file_name"] for sample in found] == names
    keys = [sample["key"].casefold() for sample in found]
    assert len(set(keys)) == len(names)
    assert not any(set("/\\. \n") & set(key) or not key for key in keys)
    shards = [f"{n:06d}.tar" for n in range(-(-len(names) // shard_size))]
    assert sorted(path.name for path in out.iterdir()) == shards


def test_a_sample_as_it_is_written(tmp_path: Path) -> None:
    rectangle = Cell("WBC", Polygon([(10, 10), (50, 10), (50, 40), (10, 40)]))
    box = Cell("RBC", shapely.box(1, 2.5, 4, 6), "box", {"score": 0.5})
    point = Cell("RBC", Point(5, 6), "point")
    write(tmp_path / "out", image_of(rectangle, box, point, name="x/Im.1_1.jpg"), suffix=".JPG")
    (sample,) = samples(tmp_path / "out")
    assert sample == {
        "key": "x_Im_1_1",
        "jpg": PIXELS,
        "json": {
            "file_name": "x/Im.1_1.jpg", "width": 60, "height": 50, "annotated": ["RBC", "WBC"],
            "cells": [
                {"category": "WBC", "segmentation": [[10, 10, 50, 10, 50, 40, 10, 40]], "area": 1200,
                 "bbox": [10, 10, 40, 30], "outline": "drawn"},
                {"category": "RBC", "segmentation": [], "area": 10.5, "bbox": [1, 2.5, 3, 3.5],
                 "outline": "box", "attributes": {"score": 0.5}},
                {"category": "RBC", "segmentation": [], "area": 0, "bbox": [5, 6, 0, 0], "outline": "point"},
            ],
        },
    }  # fmt: skip


def test_the_same_bytes_every_time_and_nobodys_name(tmp_path: Path) -> None:
    images = [image_of(name=f"ä{n}.png") for n in range(3)]
    for out in ("one", "two"):
        write(tmp_path / out, *images, shard_size=2)
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / out).iterdir()} for out in ("one", "two")
    )
    assert one == two and len(one) == 2
    with tarfile.open(tmp_path / "one" / "000000.tar") as tar:
        for entry in tar:
            assert (entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname) == (0, 0, 0, "", "")
            assert entry.mode == 0o644


def test_a_sliver_with_a_hole_keeps_its_outer_rings(tmp_path: Path) -> None:
    sliver = shapely.box(10.6, 10.6, 10.9, 20) - shapely.box(10.7, 12, 10.8, 13)
    write(tmp_path / "out", image_of(Cell("RBC", sliver)))
    (sample,) = samples(tmp_path / "out")
    (cell,) = sample["json"]["cells"]
    assert np.array(cell["segmentation"]).shape == (1, 8)
    assert cell["area"] == pytest.approx(0.3 * 9.4)


def test_an_image_that_comes_twice_is_named(tmp_path: Path) -> None:
    findings = write(
        tmp_path / "out", image_of(), image_of(name="A.png"), image_of(Cell("x", Point(1, 1), "point"))
    )
    assert [(f.kind, f.file) for f in findings] == [("missing_image", "a.png")]
    assert [sample["key"] for sample in samples(tmp_path / "out")] == ["a", "A_2"]


def test_without_its_image_nothing_can_be_written(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match=r"x\.png: its image is needed.* --images"),
        webdataset.writer(tmp_path / "out", WriteOptions(), []) as writer,
    ):
        writer.add(image_of(name="x.png"), None)
    assert not list(tmp_path.iterdir())
    write(tmp_path / "out", image_of())
    with pytest.raises(OutputError, match="not empty"):
        write(tmp_path / "out", image_of())
    with pytest.raises(KeyboardInterrupt), webdataset.writer(tmp_path / "new", WriteOptions(), []) as writer:
        writer.add(image_of(), tmp_path / "given.png")
        raise KeyboardInterrupt
    assert sorted(path.name for path in tmp_path.iterdir()) == ["given.png", "out"]
