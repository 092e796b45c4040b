"""Masks to cells: exact to the pixel, and what real mask files look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from smearprep import formats
from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats import masks
from smearprep.formats.reading import ReadOptions
from smearprep.geometry import shape_to_mask
from smearprep.records import Cell

NUCLEUS, CYTOPLASM = (0, 255, 255), (0, 0, 255)  # ALL-IDB2's colours, on white


def rectangle() -> NDArray[np.uint8]:
    """100x80 with (10, 10)..(50, 40) set: an area of exactly 1200."""
    mask = np.zeros((80, 100), np.uint8)
    mask[10:40, 10:50] = 255
    return mask


def save(path: Path, array: NDArray[np.generic], mode: str | None = None, **how: object) -> Path:
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path, **how)
    return path


def read(path: Path, **options: object) -> tuple[tuple[Cell, ...], list[Finding]]:
    findings: list[Finding] = []
    (image,) = masks.read(path, ReadOptions(label="WBC", **options), findings)
    assert image.file_name == path.stem
    return image.cells, findings


def drawn(cells: tuple[Cell, ...], size: tuple[int, int]) -> NDArray[np.bool_]:
    out = np.zeros(size[::-1], bool)
    for cell in cells:
        out |= shape_to_mask(cell.shape, size)
    return out


# ---------------------------------------------------------------- laws


@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
@settings(deadline=None, max_examples=60)
def test_a_mask_comes_back_from_its_cells(mask: NDArray[np.bool_]) -> None:
    findings: list[Finding] = []
    cells = masks.mask_to_cells(mask, "WBC", 1, "m.png", findings)
    assert (drawn(cells, (mask.shape[1], mask.shape[0])) == mask).all()
    assert sum(cell.area for cell in cells) == mask.sum()
    assert not findings


@given(arrays(np.uint16, st.tuples(st.integers(1, 10), st.integers(1, 10)), elements=st.integers(0, 4)))
@settings(deadline=None, max_examples=60)
def test_a_label_image_comes_back_from_its_cells(values: NDArray[np.uint16]) -> None:
    cells = masks.labels_to_cells(values, "RBC", 1, "m.png", [])
    size = (values.shape[1], values.shape[0])
    assert [cell.attributes["instance"] for cell in cells] == sorted(set(values.ravel().tolist()) - {0})
    for cell in cells:
        assert (shape_to_mask(cell.shape, size) == (values == cell.attributes["instance"])).all()
        assert cell.outline == "drawn"


@given(arrays(bool, (9, 9)), st.integers(1, 6))
@settings(deadline=None, max_examples=40)
def test_specks_and_cells_are_all_regions(mask: NDArray[np.bool_], least: int) -> None:
    findings: list[Finding] = []
    cells = masks.mask_to_cells(mask, "WBC", least, "m.png", findings)
    regions = masks.mask_to_cells(mask, "WBC", 1, "m.png", [])
    specks = sum(region.area < least for region in regions)
    assert all(cell.area >= least for cell in cells)
    assert len(cells) + specks == len(regions)
    assert [f.kind for f in findings] == ["speck"] * bool(specks)
    assert all(f.what.startswith(f"{specks} WBC region") for f in findings)


# ---------------------------------------------------------------- binary masks


@pytest.mark.parametrize("name", ["m.png", "m.tif", "m.bmp"])
@pytest.mark.parametrize("mode", ["L", "1", "RGB"])
@pytest.mark.parametrize("value", [255, 1, 128])
def test_every_lossless_form_gives_the_same_rectangle(
    tmp_path: Path, name: str, mode: str, value: int
) -> None:
    mask = rectangle() if mode == "1" else rectangle() // 255 * value
    path = save(tmp_path / name, mask, mode)
    # Three channels are cut at the threshold, one channel of two values needs none.
    cells, findings = read(path, threshold=min(127, value - 1) if mode == "RGB" else 127)
    assert [(c.label, c.outline, c.area, c.bounds) for c in cells] == [
        ("WBC", "component", 1200.0, (10.0, 10.0, 50.0, 40.0))
    ]
    assert not findings


@pytest.mark.parametrize("grey", [False, True])
def test_a_lossy_mask_is_cut_at_the_threshold(tmp_path: Path, grey: bool) -> None:
    path = save(tmp_path / "m.jpg", rectangle(), "L" if grey else "RGB", quality=75)
    assert len(np.unique(np.asarray(Image.open(path)))) > 2
    cells, findings = read(path)
    assert [cell.area for cell in cells] == [1200.0]
    assert not findings


def test_a_16_bit_mask_is_cut_at_the_scaled_threshold(tmp_path: Path) -> None:
    values = rectangle().astype(np.uint16) * 257
    values[0, 0] = 20_000
    assert masks.read_mask(save(tmp_path / "m.png", values)).sum() == 1200


def test_a_smoothed_lossless_mask_is_no_label_image(tmp_path: Path) -> None:
    mask = rectangle()
    mask[9, 10:50] = 60
    mask[40, 10:50] = 200
    cells, _ = read(save(tmp_path / "m.png", mask))
    assert [(cell.area, cell.outline) for cell in cells] == [(1240.0, "component")]


def test_a_mask_whose_channels_differ_is_reported_and_read(tmp_path: Path) -> None:
    rgb = np.repeat(rectangle()[..., None], 3, axis=2)
    rgb[20:30, 45:50] = (200, 60, 150)
    cells, findings = read(save(tmp_path / "m.png", rgb))
    assert [f.kind for f in findings] == ["damaged"]
    assert "50 px are coloured" in findings[0].what
    assert [cell.area for cell in cells] == [1150.0]  # their luma is 112


def test_a_mask_below_the_threshold_is_reported(tmp_path: Path) -> None:
    path = save(tmp_path / "m.jpg", rectangle() // 3, "L", quality=95)
    cells, findings = read(path)
    assert not cells
    assert [f.kind for f in findings] == ["damaged"]
    assert "threshold 127" in findings[0].what


def test_an_empty_mask_is_looked_for_and_none_found(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", np.zeros((4, 5), np.uint8))
    (image,) = masks.read(path, ReadOptions(label="WBC"), [])
    assert (image.size, image.cells, image.annotated) == ((5, 4), (), {"WBC"})


# ---------------------------------------------------------------- other kinds


def test_colours_of_all_idb2(tmp_path: Path) -> None:
    rgb = np.full((80, 100, 3), 255, np.uint8)
    rgb[10:40, 10:50] = CYTOPLASM
    rgb[20:30, 20:40] = NUCLEUS
    rgb[20, 20] = (20, 240, 250)  # nearly
    path = save(tmp_path / "m.tif", rgb)
    cells, findings = read(path, colours={"nucleus": NUCLEUS, "cytoplasm": CYTOPLASM})
    assert [(cell.label, cell.area) for cell in cells] == [("nucleus", 200.0), ("cytoplasm", 1000.0)]
    assert not findings


def test_grey_levels_go_to_the_nearest(tmp_path: Path) -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[2:18, 2:18] = 120
    mask[5:9, 5:9] = 250
    levels = {"background": (0, 0, 0), "cytoplasm": (128,) * 3, "nucleus": (255,) * 3}
    classes = masks.read_classes(save(tmp_path / "m.png", mask), levels)
    assert {name: int(m.sum()) for name, m in classes.items()} == {"cytoplasm": 240, "nucleus": 16}


def test_a_label_image_of_16_bit(tmp_path: Path) -> None:
    values = np.zeros((10, 10), np.uint16)
    values[1:3, 1:3] = 700
    values[1:3, 3:5] = 701  # touches 700, yet is another cell
    values[7:9, 7:9] = 700  # far away, yet the same cell
    values[9, 0] = 9
    cells, findings = read(save(tmp_path / "m.png", values), min_area={"WBC": 2})
    assert [(cell.attributes["instance"], cell.area) for cell in cells] == [(700, 8.0), (701, 4.0)]
    assert cells[0].shape.geom_type == "MultiPolygon"
    assert [f.kind for f in findings] == ["speck"]
    assert masks.read_labels(tmp_path / "m.png")[9, 0] == 9


# ---------------------------------------------------------------- bad input


def test_files_that_are_no_mask(tmp_path: Path) -> None:
    empty, text = tmp_path / "a.png", tmp_path / "b.png"
    empty.touch()
    text.write_text("no image")
    for path in (empty, text, tmp_path / "c.png"):
        with pytest.raises(DataError, match=path.name):
            masks.read_mask(path)
    with pytest.raises(DataError, match="no label image"):
        masks.read_labels(save(tmp_path / "d.jpg", rectangle()))


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_a_truncated_mask(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 2, (80, 100), np.uint8) * 255
    path = save(tmp_path / f"m.{suffix}", noise)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(DataError, match=f"m.{suffix}"):
        masks.read_mask(path)


def test_only_images_are_recognised(tmp_path: Path) -> None:
    for name in ("a b é.png", "a.jpg", "a.tif", "a.bmp", "a.webp"):
        path = save(tmp_path / name, rectangle(), "RGB")
        assert formats.recognise(path) == "masks"
    assert not masks.sniff(tmp_path / "a.txt", b"10 20\n")
    assert not masks.sniff(tmp_path / "a.txt", b"")
