"""YOLO labels: boxes, polygons, what lies around the file, bad lines; what is written comes back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Polygon

from smearprep import formats
from smearprep.errors import DataError, OutputError, RecipeError
from smearprep.findings import Finding
from smearprep.formats import yolo
from smearprep.formats.reading import ReadOptions
from smearprep.formats.writing import WriteOptions, fit_to_format
from smearprep.records import Cell, ImageCells
from smearprep.synthetic import write_image
from tests.laws.strategies import LAW, areas

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


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nnames: [*c]"


@pytest.mark.parametrize(
    "text",
    [
        "names: 5", "- a", "names: {a: 1}", "names: [", "names: {99999999: x}", "", BOMB,
        f"names: [0x{'f' * 5000}]", f"names: {{0x{'f' * 5000}: a}}",
    ],
)  # fmt: skip
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


def test_names_go_with_the_folders_of_the_images(tmp_path: Path) -> None:
    path = folder(tmp_path, "labels/train/x", "images/train/x")
    (tmp_path / "data.yaml").write_text("names: [WBC, RBC]")
    image = read(path)
    assert (image.file_name, image.cells[0].label) == ("train/x/a.jpg", "RBC")
    write_image(tmp_path / "images" / "a.jpg", np.zeros((8, 10, 3), np.uint8))
    assert read(path, images=tmp_path / "images").size == SIZE  # not the other a.jpg
    assert read(path, images=tmp_path).file_name == "images/train/x/a.jpg"
    (tmp_path / "images" / "train" / "x" / "a.jpg").unlink()
    assert read(path, images=tmp_path / "images").file_name == "a.jpg"


def test_an_empty_file_is_an_image_without_cells(tmp_path: Path) -> None:
    path = folder(tmp_path)
    path.write_text(" \n")
    with pytest.raises(DataError, match="in no annotation format"):
        formats.recognise(path)
    (tmp_path / "classes.txt").write_text("WBC\nRBC")
    assert formats.recognise(path) == "yolo"
    image = read(path)
    assert (image.cells, image.annotated) == ((), {"WBC", "RBC"})


def test_classes_without_a_name_and_numbers_that_are_none(tmp_path: Path) -> None:
    lines = ["1 0.5 0.5 0.2 0.2", f"{'1' * 5000} 0.5 0.5 0.2 0.2", "2 0.5 0.5 0.2 0.2"]
    cells, findings = read_cells(tmp_path / "a.txt", "\n".join(lines), ("WBC", "", "RBC"))
    assert [cell.label for cell in cells] == ["RBC"]
    assert [f.kind for f in findings] == ["unknown_label", "invalid"]
    assert "0 has" not in findings[0].what and "class 1 has no name" in findings[0].what


@pytest.mark.parametrize(
    ("left", "found"),
    [
        ("0.000002", 0.0),
        ("0.000003", 0.3),
        ("0.000001500000", 0.15),
        ("0.000000000001", 0.0),
        ("1.5e-06", 0.0),
    ],
)
def test_a_border_is_missed_by_no_more_than_the_files_rounding(
    tmp_path: Path, left: str, found: float
) -> None:
    path = tmp_path / "a.txt"
    path.write_text(f"0 {left} 0.1 0.5 0.1 0.5 0.5")
    (cell,) = yolo.read_cells(path, (100_000, 80), CLASSES, "a.txt", [])
    assert cell.bounds[0] == pytest.approx(found, abs=1e-9)


# ---------------------------------------------------------------- writing


def write(out: Path, *images: ImageCells, categories: tuple[str, ...] = (), **how: object) -> list[Finding]:
    findings: list[Finding] = []
    options = WriteOptions(categories=categories, **how)  # type: ignore[arg-type]
    with yolo.writer(out, options, findings) as writer:
        for image in images:
            writer.add(fit_to_format(image, yolo.HOLDS, options, findings), None)
    return findings


def image_of(
    *cells: Cell, name: str = "a.jpg", size: tuple[int, int] = SIZE, annotated: str = ""
) -> ImageCells:
    labels = frozenset(cell.label for cell in cells) | frozenset(annotated.split())
    return ImageCells(name, size, cells, "given", labels)


RECTANGLE = Polygon([(10, 10), (50, 10), (50, 40), (10, 40)])
CHARACTERS = st.characters(exclude_categories=["Cs"])
LABELS = st.text(CHARACTERS, min_size=1, max_size=12).filter(str.strip)
NAMES = st.lists(
    st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=8), min_size=1, max_size=3
)


@st.composite
def shaped(draw: st.DrawFn) -> Cell:
    """A cell of any shape, 12 px off the border of a 70x70 image."""
    shape = shapely.transform(draw(areas()), lambda xy: xy + 12)
    if draw(st.booleans()):
        return Cell(draw(LABELS), shape)
    return Cell(draw(LABELS), shapely.box(*shape.bounds), "box")


@settings(LAW, max_examples=100)
@given(given_cells=st.lists(shaped(), max_size=4), parts=NAMES)
def test_what_is_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory, given_cells: list[Cell], parts: list[str]
) -> None:
    tmp_path = tmp_path_factory.mktemp("yolo")
    image = image_of(*given_cells, name="/".join(parts) + ".png", size=(70, 70))
    write_image(tmp_path / "images" / image.file_name, np.zeros((70, 70, 3), np.uint8))
    write(tmp_path / "out", image)
    (path,) = (tmp_path / "out" / "labels").rglob("*.txt")
    findings: list[Finding] = []
    (back,) = formats.read(path, ReadOptions(images=tmp_path / "images"), findings)
    assert (back.file_name, back.size, back.annotated) == (image.file_name, image.size, image.annotated)
    assert {f.kind for f in findings} <= {"repaired"}  # slits and bridges
    assert [(c.label, c.outline) for c in back.cells] == [(c.label, c.outline) for c in image.cells]
    for cell, other in zip(back.cells, image.cells, strict=True):
        assert shapely.symmetric_difference(cell.shape, other.shape).area < 1e-6
        if isinstance(other.shape, Polygon) and not other.shape.interiors:
            xy, expected = (shapely.get_coordinates(c.shape) for c in (cell, other))
            assert other.outline == "box" or xy == pytest.approx(expected, abs=1e-9)


@LAW
@given(
    size=st.tuples(st.integers(1, 100_000), st.integers(1, 100_000)),
    share=st.tuples(*[st.floats(0, 1)] * 4),
    is_box=st.booleans(),
)
def test_coordinates_come_back_in_the_largest_images(
    tmp_path_factory: pytest.TempPathFactory,
    size: tuple[int, int],
    share: tuple[float, ...],
    is_box: bool,
) -> None:
    (x0, x1), (y0, y1) = (
        sorted([share[0] * size[0], share[1] * size[0]]),
        sorted([share[2] * size[1], share[3] * size[1]]),
    )
    if x1 - x0 < 1e-3 or y1 - y0 < 1e-3:
        x0, x1, y0, y1 = 0, size[0], 0, size[1]
    shape = shapely.box(x0, y0, x1, y1) if is_box else Polygon([(x0, y0), (x1, y0), (x1, y1)])
    out = tmp_path_factory.mktemp("yolo") / "out"
    write(out, image_of(Cell("RBC", shape, "box" if is_box else "drawn"), size=size))
    (cell,) = yolo.read_cells(out / "labels" / "a.txt", size, ("RBC",), "a.txt", [])
    assert cell.bounds == pytest.approx((x0, y0, x1, y1), abs=1e-6)


def test_the_files_of_a_set(tmp_path: Path) -> None:
    images = (
        image_of(Cell("WBC", RECTANGLE), name="images/train/a.jpg"),
        image_of(Cell("RBC", shapely.box(0, 0, 100, 40), "box"), name="images/val/b.jpg", annotated="PLT"),
        image_of(name="images/val/none.jpg"),
    )
    assert not write(tmp_path / "out", *images)
    found = {
        path.relative_to(tmp_path / "out").as_posix(): path.read_text()
        for path in (tmp_path / "out").rglob("*.*")
    }
    polygon = ["0.1", "0.125", "0.5", "0.125", "0.5", "0.5", "0.1", "0.5"]
    assert found == {
        "labels/train/a.txt": "2 " + " ".join(f"{float(share):.12f}" for share in polygon) + "\n",
        "labels/val/b.txt": "1 0.500000000000 0.250000000000 1.000000000000 0.500000000000\n",
        "labels/val/none.txt": "",
        "classes.txt": "PLT\nRBC\nWBC\n",
        "data.yaml": "train: images/train\nval: images/val\nnames:\n  0: PLT\n  1: RBC\n  2: WBC\n",
    }


def test_the_same_images_in_another_order_have_the_same_labels(tmp_path: Path) -> None:
    images = [image_of(*[Cell(label, RECTANGLE)] * 3, name=f"{label}.jpg") for label in ("b", "c", "a")]
    for n, order in enumerate((images, images[::-1])):
        write(tmp_path / str(n), *order)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / n).rglob("*.*")} for n in "01")
    assert one == two
    assert [one[f"{label}.txt"][:2] for label in "abc"] == [b"0 ", b"1 ", b"2 "]


def test_stated_categories_keep_their_order(tmp_path: Path) -> None:
    image = image_of(Cell("WBC", RECTANGLE), annotated="WBC RBC")
    write(tmp_path / "out", image, categories=("WBC", "PLT"))
    assert (tmp_path / "out" / "classes.txt").read_text() == "WBC\nPLT\n"
    with pytest.raises(RecipeError, match="'WBC' is none of the categories RBC"):
        write(tmp_path / "more", image, categories=("RBC",))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("label", ["a\nb", " a", "\ufeffa", "a\0", "a\u2028"])
def test_names_that_no_line_can_hold_stand_in_the_data_yaml(tmp_path: Path, label: str) -> None:
    write(tmp_path / "out", image_of(Cell(label, RECTANGLE)))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["data.yaml", "labels"]
    assert yolo.find_classes(tmp_path / "out" / "labels") == (label,)


def test_holes_and_parts_are_named_and_come_back(tmp_path: Path) -> None:
    ring = shapely.box(10, 10, 40, 40) - shapely.box(20, 20, 30, 30)
    two = MultiPolygon([shapely.box(50, 10, 60, 20), shapely.box(70, 10, 80, 20)])
    point = Cell("RBC", shapely.Point(3, 3), "point")
    findings = write(tmp_path / "out", image_of(Cell("RBC", ring), Cell("RBC", two), point))
    assert [(f.kind, f.id) for f in findings] == [
        ("simplified", "0"),
        ("simplified", "1"),
        ("simplified", "2"),
    ]
    cells = yolo.read_cells(tmp_path / "out" / "labels" / "a.txt", SIZE, ("RBC",), "a.txt", [])
    assert [
        shapely.symmetric_difference(c.shape, s).area < 1e-9 for c, s in zip(cells, (ring, two), strict=True)
    ]
    assert [c.area for c in cells] == pytest.approx([800, 200])


def test_a_name_taken_and_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    findings = write(
        tmp_path / "out", image_of(name="a.jpg"), image_of(Cell("x", RECTANGLE), name="images/a.png")
    )
    assert [(f.kind, f.file) for f in findings] == [("missing_image", "images/a.png")]
    with pytest.raises(OutputError, match="not empty"):
        write(tmp_path / "out", image_of())
    with pytest.raises(KeyboardInterrupt), yolo.writer(tmp_path / "new", WriteOptions(), []) as writer:
        writer.add(image_of(), None)
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
