"""YOLO labels: boxes, polygons, what lies around the file, bad lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from smearprep import formats
from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats import yolo
from smearprep.formats.reading import ReadOptions
from smearprep.records import Cell, ImageCells
from smearprep.synthetic import write_image

SIZE = (100, 80)
CLASSES = ("WBC", "RBC")


def read_cells(
    path: Path, text: str, classes: tuple[str, ...] = CLASSES
) -> tuple[tuple[Cell, ...], list[Finding]]:
    path.write_text(text, "utf-8")
    findings: list[Finding] = []
    return yolo.read_cells(path, SIZE, classes, path.name, findings), findings


def read(path: Path, **options: object) -> ImageCells:
    (image,) = yolo.read(path, ReadOptions(**options), [])
    return image


def folder(root: Path, labels: str = "labels", images: str = "images", name: str = "a") -> Path:
    """A label file with the rectangle of 1200, and its image."""
    write_image(root / images / f"{name}.jpg", np.zeros((80, 100, 3), np.uint8))
    path = root / labels / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("1 0.3 0.3125 0.4 0.375\n")
    return path


@given(st.tuples(*[st.integers(0, 50)] * 2, *[st.integers(1, 30)] * 2))
def test_boxes_come_back(tmp_path_factory: pytest.TempPathFactory, box: tuple[int, ...]) -> None:
    x, y, w, h = box
    shares = (x + w / 2) / 100, (y + h / 2) / 80, w / 100, h / 80
    line = "0 " + " ".join(f"{share:.6f}" for share in shares)
    cells, findings = read_cells(tmp_path_factory.mktemp("yolo") / "a.txt", line)
    assert np.allclose(cells[0].bounds, (x, y, x + w, y + h), atol=1e-3)
    assert min(cells[0].bounds) >= 0  # rounding does not push a box over the border
    assert not findings


def test_the_rectangle_of_1200_as_box_and_as_polygon(tmp_path: Path) -> None:
    polygon = "0 0.1 0.125 0.5 0.125 0.5 0.5 0.1 0.5"
    cells, findings = read_cells(tmp_path / "a.txt", f"1 0.3 0.3125 0.4 0.375\n\n{polygon}\n")
    assert [(c.label, c.outline) for c in cells] == [("RBC", "box"), ("WBC", "drawn")]
    assert [c.area for c in cells] == pytest.approx([1200, 1200], rel=1e-12)
    assert shapely.symmetric_difference(cells[0].shape, cells[1].shape).area < 1e-9
    assert not findings


def test_bad_lines_are_named_with_their_number(tmp_path: Path) -> None:
    lines = [
        "0 0.5 0.5 0.2 0.2",
        "0 0.5 0.5 0.2 nan",
        "0 0.5 0.5",
        "0 0.5 0.5 0.2 0.2 0.9",  # a score
        "0 465 181 286 273",  # px
        "WBC 0.5 0.5 0.2 0.2",
        "0 0.5 0.5 0.2 x",
        "7 0.5 0.5 0.2 0.2",
        "0 0.5 0.5 0 0.2",
        "0 0.1 0.1 0.9 0.9 0.5 0.5",  # three points on a line
        "0 0.1 0.1 0.9 0.9 0.9 0.1 0.1 0.9",  # a bow tie
    ]
    cells, findings = read_cells(tmp_path / "a b é.txt", "\ufeff" + "\r\n".join(lines))
    assert len(cells) == 2
    assert cells[1].shape.is_valid
    assert cells[1].area == pytest.approx(0.8 * 0.8 * 100 * 80 / 2)
    kinds = [*["invalid"] * 6, "unknown_label", "zero_area", "zero_area", "repaired"]
    assert [f.kind for f in findings] == kinds
    assert [f.id for f in findings] == [f"line {n}" for n in range(2, 12)]


def test_what_lies_around_the_file(tmp_path: Path) -> None:
    path = folder(tmp_path)
    (tmp_path / "classes.txt").write_text("WBC\nRBC\n\n")
    image = read(path)
    assert (image.file_name, image.size) == ("a.jpg", SIZE)
    assert (image.cells[0].label, image.annotated) == ("RBC", {"WBC", "RBC"})
    assert formats.recognise(path) == "yolo"
    (tmp_path / "labels" / "classes.txt").write_text("A\nB")
    assert read(path).cells[0].label == "B"
    assert read(path, classes=("x", "y")).cells[0].label == "y"


@pytest.mark.parametrize("names", ["[WBC, RBC]", "{0: WBC, 1: RBC}", "\n  1: RBC\n"])
def test_data_yaml_two_folders_up(tmp_path: Path, names: str) -> None:
    path = folder(tmp_path, "labels/train", "images/train")
    (tmp_path / "data.yaml").write_text(f"train: images/train\nnames: {names}\n")
    assert read(path).cells[0].label == "RBC"


def test_without_class_names_the_numbers_stay(tmp_path: Path) -> None:
    path = folder(tmp_path, "elsewhere", "pictures")
    findings: list[Finding] = []
    (image,) = yolo.read(path, ReadOptions(images=tmp_path / "pictures"), findings)
    assert [cell.label for cell in image.cells] == ["1"]
    assert image.annotated == {"1"}
    assert [f.kind for f in findings] == ["note"]


def test_without_its_image_the_size_is_unknown(tmp_path: Path) -> None:
    path = folder(tmp_path, "elsewhere", "pictures")
    with pytest.raises(DataError, match="neither beside it nor in a folder `images`"):
        read(path)


@pytest.mark.parametrize("text", ["names: 5", "- a", "names: {a: 1}", "names: [", "names: {99999999: x}", ""])
def test_a_data_yaml_that_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(DataError, match=r"data\.yaml"):
        yolo.find_classes(tmp_path)


def test_what_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"0 0.1\0")
    with pytest.raises(DataError, match="not text"):
        yolo.read_cells(path, SIZE, CLASSES, "a.txt", [])


def test_a_long_polygon_is_recognised_by_its_beginning() -> None:
    line = b"3 " + b" ".join([b"0.123456 0.654321"] * 1000)
    for cut in range(4090, 4097):
        assert yolo.sniff(Path("a.txt"), line[:cut].ljust(4096, b"1")[:4096])
    assert yolo.sniff(Path("a.txt"), line + b"\n")


@pytest.mark.parametrize(
    "head",
    [b"", b"WBC\nRBC\n", b"10 20\n", b"1 2 3 4 5\n", b"0.1 0.2 0.3 0.4 0.5\n", b"0 0.1 0.2 0.3 0.4 0.5\n"],
)
def test_other_text_is_not_claimed(head: bytes) -> None:
    assert not yolo.sniff(Path("a.txt"), head)
