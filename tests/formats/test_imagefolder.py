"""Hugging Face's imagefolder: images as they are, and lines from which a loader guesses the types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.errors import DataError, OutputError, RecipeError
from smearprep.findings import Finding
from smearprep.formats import imagefolder
from smearprep.formats.writing import WriteOptions, fit_to_format
from smearprep.records import Cell, ImageCells
from tests.laws.strategies import LAW, shapes

SIZE = (100, 80)
RECTANGLE = Cell("WBC", Polygon([(10, 10), (50, 10), (50, 40), (10, 40)]))
BOX = Cell("RBC", shapely.box(1, 2, 4, 6), "box")
PIXELS = b"these bytes are no image, and nobody looks"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "given.png"
    path.write_bytes(PIXELS)
    return path


def image_of(*cells: Cell, name: str = "a.png", annotated: str = "") -> ImageCells:
    labels = frozenset(cell.label for cell in cells) | frozenset(annotated.split())
    return ImageCells(name, SIZE, cells, "given", labels)


def write(
    out: Path, picture: Path | None, *images: ImageCells, categories: tuple[str, ...] = ()
) -> list[Finding]:
    findings: list[Finding] = []
    options = WriteOptions(categories=categories)
    with imagefolder.writer(out, options, findings) as writer:
        for image in images:
            writer.add(fit_to_format(image, imagefolder.HOLDS, options, findings), picture)
    return findings


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def names(out: Path) -> list[str]:
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())


def guessed(value: Any) -> Any:
    """The type that Arrow guesses of a JSON value; None of an element that is never there."""
    if isinstance(value, dict):
        return {key: guessed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        found: Any = None
        for inner in value:
            found = merged(found, guessed(inner))
        return [found]
    return type(value)


def merged(a: Any, b: Any) -> Any:
    """The type of both; an assertion fails where Arrow's reader does."""
    if a is None or b is None or a == b:
        return b if a is None else a
    assert type(a) is type(b) is list, (a, b)
    return [merged(a[0], b[0])]


TYPES = {
    "bbox": [[float]],
    "category": [int],
    "category_name": [str],
    "segmentation": [[[float]]],
    "area": [float],
    "outline": [str],
}


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    shape = shapely.transform(draw(shapes()), lambda xy: xy + 20)
    label = draw(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6))
    if isinstance(shape, Point):
        return Cell(label, shape, "point")
    return Cell(label, shapely.box(*shape.bounds), "box") if draw(st.booleans()) else Cell(label, shape)


@LAW
@given(images=st.lists(st.lists(cells(), max_size=3), max_size=4))
def test_every_line_holds_the_cells_of_its_image(
    tmp_path_factory: pytest.TempPathFactory, images: list[list[Cell]]
) -> None:
    tmp_path = tmp_path_factory.mktemp("hf")
    (tmp_path / "p.jpg").write_bytes(PIXELS)
    given_images = [image_of(*found, name=f"{n}.jpg") for n, found in enumerate(images)]
    write(tmp_path / "out", tmp_path / "p.jpg", *given_images)
    if not images:
        assert names(tmp_path / "out") == []
        return
    found = {line["file_name"]: line for line in lines(tmp_path / "out" / "metadata.jsonl")}
    labels = sorted({cell.label for one in images for cell in one})
    assert sorted(found) == [f"{n}.jpg" for n in range(len(images))]
    for image in given_images:
        objects = found[image.file_name]["objects"]
        assert {key: len(column) for key, column in objects.items()} == dict.fromkeys(TYPES, len(image.cells))
        for n, cell in enumerate(image.cells):
            x, y, width, height = objects["bbox"][n]
            assert (x, y, x + width, y + height) == pytest.approx(cell.bounds, abs=1e-9)
            assert objects["area"][n] == pytest.approx(cell.area, abs=1e-6)
            assert labels[objects["category"][n]] == objects["category_name"][n] == cell.label
            assert objects["outline"][n] == cell.outline
            rings = objects["segmentation"][n]
            if cell.outline in ("box", "point"):
                assert rings == []
            else:
                parts = [shapely.make_valid(Polygon(list(zip(r[::2], r[1::2], strict=True)))) for r in rings]
                assert len(parts) == (len(cell.shape.geoms) if isinstance(cell.shape, MultiPolygon) else 1)
                assert shapely.union_all(parts).symmetric_difference(cell.shape).area < 1e-6


@LAW
@given(images=st.lists(st.lists(cells(), max_size=3), min_size=1, max_size=5))
def test_the_first_line_shows_all_types(
    tmp_path_factory: pytest.TempPathFactory, images: list[list[Cell]]
) -> None:
    tmp_path = tmp_path_factory.mktemp("hf")
    (tmp_path / "p.jpg").write_bytes(PIXELS)
    given_images = [image_of(*found, name=f"{n}.jpg") for n, found in enumerate(images)]
    write(tmp_path / "out", tmp_path / "p.jpg", *given_images)
    first, *others = (guessed(line["objects"]) for line in lines(tmp_path / "out" / "metadata.jsonl"))
    for other in others:
        assert {key: merged(first[key], other[key]) for key in TYPES} == first
    if any(cell.outline == "drawn" for found in images for cell in found):
        assert first == TYPES


def test_the_files_of_a_set(tmp_path: Path, picture: Path) -> None:
    images = (
        image_of(name="images/train/x/none.png"),
        image_of(BOX, name="train/box.png"),
        image_of(RECTANGLE, BOX, name="train/a b é.png"),
        image_of(RECTANGLE, name="images/val/a.png", annotated="PLT"),
    )
    assert not write(tmp_path / "out", picture, *images)
    assert names(tmp_path / "out") == [
        "train/a b é.png", "train/box.png", "train/metadata.jsonl", "train/x/none.png", "val/a.png",
        "val/metadata.jsonl",
    ]  # fmt: skip
    assert (tmp_path / "out" / "train" / "x" / "none.png").read_bytes() == PIXELS
    train, (val,) = lines(tmp_path / "out/train/metadata.jsonl"), lines(tmp_path / "out/val/metadata.jsonl")
    assert [line["file_name"] for line in train] == ["a b é.png", "x/none.png", "box.png"]
    assert val == {
        "file_name": "a.png",
        "width": 100,
        "height": 80,
        "objects": {
            "bbox": [[10.0, 10.0, 40.0, 30.0]],
            "category": [2],
            "category_name": ["WBC"],
            "segmentation": [[[10.0, 10.0, 50.0, 10.0, 50.0, 40.0, 10.0, 40.0]]],
            "area": [1200.0],
            "outline": ["drawn"],
        },
    }
    assert train[0]["objects"]["category"] == [2, 1]


def test_a_hole_is_gone_round_through_a_slit(tmp_path: Path, picture: Path) -> None:
    ring = Cell("WBC", shapely.box(10, 10, 40, 40) - shapely.box(20, 20, 30, 30))
    findings = write(tmp_path / "out", picture, image_of(ring))
    assert [f.kind for f in findings] == ["simplified"]
    (line,) = lines(tmp_path / "out" / "metadata.jsonl")
    assert line["objects"]["area"] == [800]
    assert len(line["objects"]["segmentation"][0]) == 1


def test_stated_categories_keep_their_numbers(tmp_path: Path, picture: Path) -> None:
    write(tmp_path / "out", picture, image_of(RECTANGLE, BOX), categories=("WBC", "PLT", "RBC"))
    (line,) = lines(tmp_path / "out" / "metadata.jsonl")
    assert line["objects"]["category"] == [0, 2]
    with pytest.raises(RecipeError, match="none of the categories PLT"):
        write(tmp_path / "more", picture, image_of(BOX), categories=("PLT",))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["given.png", "out"]


def test_without_its_image_nothing_can_be_written(tmp_path: Path, picture: Path) -> None:
    with pytest.raises(DataError, match=r"x/a\.png: its image is needed.* --images"):
        write(tmp_path / "out", None, image_of(RECTANGLE, name="x/a.png"))
    with pytest.raises(DataError, match="is not there"):
        write(tmp_path / "out", tmp_path / "gone.png", image_of(RECTANGLE))
    assert [path.name for path in tmp_path.iterdir()] == ["given.png"]


def test_a_name_without_a_suffix_gets_that_of_the_image(tmp_path: Path, picture: Path) -> None:
    findings = write(tmp_path / "out", picture, image_of(name="Im001_1.5"), image_of(name="Im001_1.5.PNG"))
    assert names(tmp_path / "out") == ["Im001_1.5.png", "metadata.jsonl"]
    assert [(f.kind, f.file) for f in findings] == [("missing_image", "Im001_1.5.PNG")]
    assert len(lines(tmp_path / "out" / "metadata.jsonl")) == 1
    with pytest.raises(OutputError, match="not empty"):
        write(tmp_path / "out", picture, image_of())


# ---------------------------------------------------------------- what `load_dataset` would make of it


def notes(out: Path, picture: Path, *images: ImageCells) -> list[tuple[str, str]]:
    found = write(out, picture, *images)
    assert {f.kind for f in found} <= {"note"}
    return [(f.file, f.what) for f in found]


def test_images_in_no_split_beside_others(tmp_path: Path, picture: Path) -> None:
    images = image_of(RECTANGLE, name="train/a.png"), image_of(RECTANGLE, name="images/b.png")
    ((file, what),) = notes(tmp_path / "out", picture, *images)
    assert (file, what.partition(":")[0]) == (
        "metadata.jsonl",
        "some images lie in train, others in no split",
    )
    assert names(tmp_path / "out")[0] == "images/b.png"


@pytest.mark.parametrize(
    ("name", "is_misread"),
    [
        ("test_1.png", True), ("Im test.png", True), ("val.png", True), ("x/dev-2/a.png", True),
        ("train/x/test/a.png", True), ("latest.png", False), ("train/test_1.png", False),
        ("valve1.png", False),
    ],
)  # fmt: skip
def test_names_that_say_a_split(tmp_path: Path, picture: Path, name: str, is_misread: bool) -> None:
    found = notes(tmp_path / "out", picture, image_of(RECTANGLE, name=name))
    assert [file for file, _ in found] == [name] * is_misread
    both = notes(
        tmp_path / "two", picture, image_of(RECTANGLE, name=name), image_of(RECTANGLE, name="test 2.png")
    )
    assert any("and so of 1 others" in what for _, what in both) == is_misread


def test_splits_whose_types_cannot_be_guessed_alike(tmp_path: Path, picture: Path) -> None:
    images = [
        image_of(name="test/a.png"),
        image_of(BOX, name="val/a.png"),
        image_of(RECTANGLE, name="train/a.png"),
    ]
    found = notes(tmp_path / "out", picture, *images)
    assert [(file, what.partition(",")[0]) for file, what in found] == [
        ("test/metadata.jsonl", "holds no cell"),
        ("val/metadata.jsonl", "holds no outline"),
    ]
    assert not notes(
        tmp_path / "boxes", picture, image_of(BOX, name="val/a.png"), image_of(BOX, name="train/a.png")
    )
