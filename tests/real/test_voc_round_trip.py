"""The real BCCD, written as VOC and read again: all boxes and labels are the same."""

from __future__ import annotations

from pathlib import Path

from smearprep import formats
from smearprep.findings import Finding
from smearprep.formats import voc
from smearprep.formats.reading import ReadOptions
from smearprep.formats.writing import WriteOptions, fit_to_format
from smearprep.records import ImageCells


def read_all(folder: Path, findings: list[Finding]) -> list[ImageCells]:
    paths = sorted(folder.glob("*.xml"))
    return [image for path in paths for image in formats.read(path, ReadOptions(), findings)]


def test_bccd_written_and_read_again(real_data: Path, tmp_path: Path) -> None:
    found: list[Finding] = []
    images = read_all(real_data / "BCCD" / "Annotations", found)
    assert len(images) == 364
    assert [f.kind for f in found] == ["zero_area", "zero_area"]
    written: list[Finding] = []
    with voc.writer(tmp_path / "out", WriteOptions(), written) as writer:
        for image in images:
            writer.add(fit_to_format(image, voc.HOLDS, WriteOptions(), written), None)
    again = read_all(tmp_path / "out", written)
    assert not written
    assert sum(len(image.cells) for image in again) == 4886
    for image, other in zip(images, again, strict=True):
        assert (image.file_name, image.size, image.annotated) == (
            other.file_name,
            other.size,
            other.annotated,
        )
        assert [(c.label, c.bounds, c.attributes) for c in image.cells] == [
            (c.label, c.bounds, c.attributes) for c in other.cells
        ]
