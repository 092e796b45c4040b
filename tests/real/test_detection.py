"""Real outlines by pathologists, cut into tiles and put together again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from smearprep import datasets
from smearprep.coco_files.matching import best_matching, overlaps
from smearprep.datasets.loading import LoadOptions
from smearprep.detection import ComparedImage, average_precision, judge, merge, pixel_agreement
from smearprep.records import Cell, Sample
from smearprep.tiling import Shaping, Tile, show_cells


@pytest.fixture(scope="module")
def red(real_data: Path) -> list[Sample]:
    """The ten images with outlines of 3,832 red cells, many of which touch or overlap."""
    options = LoadOptions(frozenset({"RBC"}), {"rbc": "markup"})
    samples = datasets.load(real_data / "ALL_IDB1", options, "all_idb1").samples
    return [sample for sample in samples if "RBC" in sample.annotated]


@pytest.mark.parametrize(("size", "stride", "every"), [(512, 256, 1), (512, 512, 1), (384, 300, 5)])
def test_cells_cut_by_tiles_are_put_together(red: list[Sample], size: int, stride: int, every: int) -> None:
    """Whether tiles overlap by more than a cell, not at all, or by less than some cells."""
    shaping = Shaping(tile=Tile((size, size), (stride, stride)), min_visible=0)
    assert len(red) == 10
    for sample in red[::every]:
        tiles = [
            (view, [Cell(seen.cell.label, seen.shape) for seen in shown])
            for view, shown in show_cells(sample, shaping)
        ]
        merged = merge(tiles, sample.size)
        assert len(merged) == len(sample.cells), sample.source
        pairs = overlaps(sample.cells, merged, 0.999, sample.source)
        labels = ["RBC"] * len(merged), ["RBC"] * len(merged)
        assert len(best_matching(pairs, labels)) == len(merged), sample.source


def test_the_true_cells_are_found_perfectly_by_every_measure(red: list[Sample]) -> None:
    """664 cells in one image: COCO's own limit of 100 would give them an AP of 0.15."""
    sample = max(red, key=lambda sample: len(sample.cells))
    found = tuple(replace(cell, attributes={"score": 0.9}) for cell in sample.cells)
    image = ComparedImage(sample.source, sample.size, sample.cells, found, group="ALL-IDB1")
    result = average_precision([image], categories=["RBC"], engine="pycocotools")
    assert result.most == len(found) > 600
    assert [row.figures.ap for row in result.rows] == pytest.approx([1, 1, 1, 1])
    limited = average_precision([image], categories=["RBC"], most=100, engine="pycocotools")
    assert limited.overall.ap == pytest.approx(100 / len(found), abs=0.01)
    [row, *_] = pixel_agreement([image], categories=["RBC"])
    assert row.pixels.iou == 1 and row.pixels.true > 1e6
    verdicts = judge(image)
    assert len(verdicts.found) == len(found) and not verdicts.missed and not verdicts.invented
