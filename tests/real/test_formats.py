"""The pathologists' outlines through other tools' formats and back: the same 3,832 cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely

from smearprep import formats
from smearprep.converting import convert
from smearprep.findings import Finding
from smearprep.formats.reading import ReadOptions
from smearprep.formats.writing import WriteOptions
from smearprep.records import ImageCells

LABELS = {"Truck": "RBC", "Tanker": "RBC", "Trailer": "RBC"}
CELLS = 3832


@pytest.fixture(scope="module")
def cells(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, ImageCells]]:
    out = tmp_path_factory.mktemp("real") / "cells.json"
    convert([real_data / "ALL_IDB1" / "markup"], out, labels=LABELS)
    return out, by_image(out)


def by_image(path: Path) -> dict[str, ImageCells]:
    findings: list[Finding] = []
    images = formats.read(path, ReadOptions(base=path.parent), findings)
    return {image.file_name: image for image in images}


@pytest.mark.parametrize("through", ["qupath", "labelme", "cvat"])
def test_through_another_format_and_back(
    through: str, cells: tuple[Path, dict[str, ImageCells]], tmp_path: Path
) -> None:
    source, before = cells
    there, back = tmp_path / ("there.xml" if through == "cvat" else "there"), tmp_path / "back.json"
    summary = convert([source], there, to=through)
    assert summary.counts["cells"] == CELLS
    assert not summary.counts.get("simplified")  # of 3,832 outlines none has a hole
    summary = convert([there], back)
    assert summary.counts["cells"] == CELLS
    assert summary.by_category == {"RBC": CELLS}
    assert summary.counts["repaired"] == 0
    after = by_image(back)
    assert set(after) == set(before)
    for name, image in before.items():
        assert after[name].size == image.size
        ours, theirs = (np.array([c.shape for c in i.cells], dtype=object) for i in (image, after[name]))
        assert shapely.equals_exact(shapely.normalize(ours), shapely.normalize(theirs)).all()
        originals = [[c.attributes.get("original_label") for c in i.cells] for i in (image, after[name])]
        assert originals[0] == originals[1]


def test_yolo_keeps_every_cell_within_a_millionth_px(
    cells: tuple[Path, dict[str, ImageCells]], real_data: Path, tmp_path: Path
) -> None:
    source, before = cells
    summary = convert([source], tmp_path / "yolo", to="yolo")
    several = sum(c.shape.geom_type == "MultiPolygon" for i in before.values() for c in i.cells)
    assert summary.counts.get("simplified", 0) == several
    images = ReadOptions(images=real_data / "ALL_IDB1" / "im")
    convert([tmp_path / "yolo" / "labels"], tmp_path / "back.json", reading=images)
    after = by_image(tmp_path / "back.json")
    for name, image in before.items():
        assert len(after[name].cells) == len(image.cells)
        for mine, other in zip(image.cells, after[name].cells, strict=True):
            assert other.label == "RBC"
            assert shapely.symmetric_difference(mine.shape, other.shape).area < 1e-3


def test_instance_masks_keep_every_cell_that_can_be_seen(
    cells: tuple[Path, dict[str, ImageCells]], tmp_path: Path
) -> None:
    source, before = cells
    convert([source], tmp_path / "masks", to="masks", writing=WriteOptions(categories=("RBC",)))
    names = {path.stem for path in (tmp_path / "masks" / "instance").glob("*.png")}
    assert names == {Path(name).stem for name in before}
