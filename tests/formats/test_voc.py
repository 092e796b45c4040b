"""Pascal VOC: 1-based inclusive corners, zero sizes, hostile files; what is written comes back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from smearprep import formats
from smearprep.errors import DataError, OutputError
from smearprep.findings import Finding
from smearprep.formats import voc
from smearprep.formats.reading import ReadOptions
from smearprep.formats.writing import WriteOptions, fit_to_format
from smearprep.records import Cell, ImageCells
from tests.laws.strategies import LAW, reals

Box = tuple[object, object, object, object]


def xml(*boxes: tuple[str, Box], name: str = "a.jpg", size: tuple[object, object] = (100, 80)) -> str:
    """A VOC file; corners as VOC writes them."""
    objects = "".join(
        f"<object><name>{label}</name><difficult>0</difficult><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin>"
        f"<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
        for label, (x0, y0, x1, y1) in boxes
    )
    return (
        f"<annotation><filename>{name}</filename><size><width>{size[0]}</width><height>{size[1]}</height>"
        f"<depth>3</depth></size>{objects}</annotation>"
    )


def read(path: Path, text: str) -> tuple[ImageCells, list[Finding]]:
    path.write_text(text, "utf-8")
    findings: list[Finding] = []
    (image,) = voc.read(path, ReadOptions(base=path.parent), findings)
    return image, findings


PIXEL_BOXES = st.tuples(*[st.integers(0, 60)] * 2, *[st.integers(2, 40)] * 2)


@given(st.lists(PIXEL_BOXES, max_size=4))
def test_boxes_come_back(tmp_path_factory: pytest.TempPathFactory, boxes: list[tuple[int, ...]]) -> None:
    path = tmp_path_factory.mktemp("voc") / "a.xml"
    stated = [("WBC", (x + 1, y + 1, x + w, y + h)) for x, y, w, h in boxes]
    image, findings = read(path, xml(*stated))
    assert [cell.bounds for cell in image.cells] == [(x, y, x + w, y + h) for x, y, w, h in boxes]
    assert all(cell.outline == "box" for cell in image.cells)
    assert not findings


def test_the_rectangle_of_1200(tmp_path: Path) -> None:
    image, _ = read(tmp_path / "a b é.xml", xml(("WBC", (11, 11, 50, 40))))
    assert formats.recognise(tmp_path / "a b é.xml") == "voc"
    assert (image.file_name, image.size) == ("a.jpg", (100, 80))
    assert image.cells[0].area == 1200
    assert image.cells[0].bounds == (10, 10, 50, 40)
    assert image.annotated == {"WBC"}


def test_bad_boxes_are_named_and_left_out(tmp_path: Path) -> None:
    boxes: list[tuple[str, Box]] = [
        ("RBC", (504, 337, 504, 337)),
        ("RBC", (5, 5, 5, 9)),
        ("RBC", (9, 5, 5, 9)),
        ("RBC", ("nan", 5, 6, 9)),
        ("RBC", ("", 5, 6, 9)),
        ("", (1, 1, 6, 9)),
        ("WBC", (1, 1, 100, 80)),
    ]
    image, findings = read(tmp_path / "a.xml", xml(*boxes))
    assert [cell.bounds for cell in image.cells] == [(0, 0, 100, 80)]
    assert [f.kind for f in findings] == ["zero_area", "zero_area", *["invalid"] * 4]
    assert findings[0].id == "RBC (504, 337, 504, 337)"
    assert {f.file for f in findings} == {"a.xml"}


def test_an_object_without_a_box_and_one_with_a_polygon(tmp_path: Path) -> None:
    image, findings = read(
        tmp_path / "a.xml",
        "<annotation><object><name>WBC</name><polygon><x1>1</x1></polygon></object></annotation>",
    )
    assert not image.cells
    assert [f.kind for f in findings] == ["invalid", "note"]
    assert (image.file_name, image.size) == ("a", None)


@pytest.mark.parametrize("size", [(0, 0), ("", ""), ("x", 5)])
def test_a_size_that_says_nothing(tmp_path: Path, size: tuple[object, object]) -> None:
    assert read(tmp_path / "a.xml", xml(size=size))[0].size is None


def test_broken_xml_names_line_and_column(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.xml: broken XML at line 2, column 5: mismatched tag$"):
        read(tmp_path / "a.xml", "<annotation>\n  </size>\n</annotation>")
    with pytest.raises(DataError, match="is empty"):
        read(tmp_path / "a.xml", " \n")
    with pytest.raises(DataError, match="not <annotation>"):
        read(tmp_path / "a.xml", "<annotations/>")
    with pytest.raises(DataError, match="is not there"):
        list(voc.read(tmp_path / "b.xml", ReadOptions(), []))


def test_an_xml_bomb_is_not_lit(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE annotation [<!ENTITY l0 "lol">{entities}]><annotation>&l9;</annotation>'
    with pytest.raises(DataError, match="XML bomb"):
        read(tmp_path / "a.xml", bomb)
    stranger = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><annotation>&x;</annotation>'
    with pytest.raises(DataError, match="XML bomb"):
        read(tmp_path / "a.xml", stranger)


@pytest.mark.parametrize(
    "head",
    [b"<annotations><version>1.1</version>", b"<annotation><imagesize><nrows>1", b"{}", b"", b"annotation"],
)
def test_other_files_are_not_claimed(head: bytes) -> None:
    assert not voc.sniff(Path("a.xml"), head)


@pytest.mark.parametrize("corner", ["1e308", "-1e10", "inf", "9" * 5000, "1e999999", "0x10", "٣٣٣٣٣٣٣٣٣٣٣"])
def test_corners_where_no_image_reaches(tmp_path: Path, corner: str) -> None:
    image, findings = read(tmp_path / "a.xml", xml(("RBC", (1, 1, corner, 9)), ("WBC", (1, 1, 6, 9))))
    assert [cell.label for cell in image.cells] == ["WBC"]
    assert [f.kind for f in findings] == ["invalid"]


@pytest.mark.parametrize("side", ["9" * 5000, 2**32, -5, "nan"])
def test_a_size_that_no_image_has(tmp_path: Path, side: object) -> None:
    assert read(tmp_path / "a.xml", xml(size=(side, 80)))[0].size is None


def test_the_image_is_named_without_folders_of_another_computer(tmp_path: Path) -> None:
    for stated, name in (
        ("C:\\x\\b.jpg", "b.jpg"),
        ("../../b.jpg", "b.jpg"),
        ("..", "a"),
        ("x/b.jpg", "x/b.jpg"),
    ):
        assert read(tmp_path / "a.xml", xml(name=stated))[0].file_name == name


# ---------------------------------------------------------------- writing


def write(out: Path, *images: ImageCells) -> list[Finding]:
    findings: list[Finding] = []
    with voc.writer(out, WriteOptions(), findings) as writer:
        for image in images:
            writer.add(fit_to_format(image, voc.HOLDS, WriteOptions(), findings), None)
    return findings


def image_of(*cells: Cell, name: str = "a.jpg") -> ImageCells:
    return ImageCells(name, (100, 80), cells, "given", frozenset(cell.label for cell in cells))


def box(x0: float, y0: float, x1: float, y1: float, label: str = "RBC", **attributes: Any) -> Cell:
    return Cell(label, shapely.box(x0, y0, x1, y1), "box", attributes)


CHARACTERS = st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
TEXTS = st.text(CHARACTERS, min_size=1, max_size=12).filter(lambda text: text == text.strip())
NAMES = st.lists(
    st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=8), min_size=1, max_size=3
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False),
    st.text(CHARACTERS, max_size=8), st.sampled_from([" 12 ", "true", "\r\n", '"', "]]>", "<a>&amp;"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3))
)
FLAGS = st.fixed_dictionaries(
    {}, optional={key: st.just(True) for key in ("truncated", "difficult", "occluded")}
)


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    x, y, w, h = (draw(reals(*ends)) for ends in ((0, 50), (0, 40), (1.001, 50), (1.001, 40)))
    attributes = draw(FLAGS) | draw(st.dictionaries(TEXTS, VALUES, max_size=3))
    return replace(box(x, y, x + w, y + h, draw(TEXTS)), attributes=attributes)


@LAW
@given(given_cells=st.lists(cells(), max_size=4), parts=NAMES)
def test_what_is_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory, given_cells: list[Cell], parts: list[str]
) -> None:
    out = tmp_path_factory.mktemp("voc") / "out"
    image = image_of(*given_cells, name="/".join(parts) + ".jpg")
    assert not write(out, image)
    (path,) = out.rglob("*.xml")
    assert path.relative_to(out).as_posix() == "/".join(parts) + ".xml"
    assert formats.recognise(path) == "voc"
    findings: list[Finding] = []
    (back,) = voc.read(path, ReadOptions(), findings)
    assert (back.file_name, back.size, back.annotated) == (image.file_name, image.size, image.annotated)
    assert not findings
    assert [(c.label, c.outline) for c in back.cells] == [(c.label, "box") for c in image.cells]
    for cell, other in zip(back.cells, image.cells, strict=True):
        assert cell.attributes == other.attributes
        assert list(map(type, cell.attributes.values())) == list(map(type, other.attributes.values()))
        assert cell.bounds == pytest.approx(other.bounds, abs=1e-9)


@given(st.lists(PIXEL_BOXES, max_size=4))
def test_boxes_of_whole_px_are_the_same_file_again(
    tmp_path_factory: pytest.TempPathFactory, boxes: list[tuple[int, ...]]
) -> None:
    tmp_path = tmp_path_factory.mktemp("voc")
    stated = [("WBC", (x + 1, y + 1, x + w, y + h)) for x, y, w, h in boxes]
    first, _ = read(tmp_path / "a.xml", xml(*stated))
    write(tmp_path / "one", first)
    (second,) = voc.read(tmp_path / "one" / "a.xml", ReadOptions(), [])
    write(tmp_path / "two", second)
    assert [cell.bounds for cell in second.cells] == [cell.bounds for cell in first.cells]
    assert (tmp_path / "one" / "a.xml").read_bytes() == (tmp_path / "two" / "a.xml").read_bytes()


def test_a_file_as_it_is_written(tmp_path: Path) -> None:
    write(tmp_path / "out", image_of(box(10, 10, 50, 40, "W<C", truncated=True, score=0.5), name="x/ä.jpg"))
    assert (tmp_path / "out" / "x" / "ä.xml").read_text("utf-8").splitlines() == [
        "<annotation>",
        "\t<folder></folder>",
        "\t<filename>x/ä.jpg</filename>",
        "\t<size><width>100</width><height>80</height><depth>3</depth></size>",
        "\t<segmented>0</segmented>",
        "\t<object>",
        "\t\t<name>W&lt;C</name>",
        "\t\t<pose>Unspecified</pose>",
        "\t\t<truncated>1</truncated>",
        "\t\t<difficult>0</difficult>",
        "\t\t<occluded>0</occluded>",
        "\t\t<bndbox><xmin>11</xmin><ymin>11</ymin><xmax>50</xmax><ymax>40</ymax></bndbox>",
        "\t\t<attributes>",
        "\t\t\t<attribute><name>score</name><value>0.5</value></attribute>",
        "\t\t</attributes>",
        "\t</object>",
        "</annotation>",
    ]


def test_a_box_that_readers_take_for_nothing_is_named_and_left_out(tmp_path: Path) -> None:
    findings = write(tmp_path / "out", image_of(box(1, 1, 2, 9), box(1, 1, 9, 1.5), box(1, 1, 2.25, 9)))
    assert [(f.kind, f.file, f.id) for f in findings] == [
        ("simplified", "a.jpg", "0"),
        ("simplified", "a.jpg", "1"),
    ]
    (image,) = voc.read(tmp_path / "out" / "a.xml", ReadOptions(), [])
    assert [cell.bounds for cell in image.cells] == [(1, 1, 2.25, 9)]


def test_outlines_become_boxes_and_points_are_left_out(tmp_path: Path) -> None:
    triangle = Cell("WBC", shapely.Polygon([(1, 1), (9, 1), (5, 8)]))
    findings = write(tmp_path / "out", image_of(triangle, Cell("WBC", shapely.Point(3, 3), "point")))
    assert [f.what.rpartition("; ")[2] for f in findings] == ["only its box is written", "left out"]
    (image,) = voc.read(tmp_path / "out" / "a.xml", ReadOptions(), [])
    assert [(cell.bounds, cell.outline) for cell in image.cells] == [((1, 1, 9, 8), "box")]


def test_what_xml_cannot_hold_is_named(tmp_path: Path) -> None:
    findings = write(tmp_path / "out", image_of(box(1, 1, 9, 9, "R\0B\x1fC"), box(1, 1, 9, 9, note="\uffff")))
    assert [f.what[:14] for f in findings] == ["3 characters o"]
    (image,) = voc.read(tmp_path / "out" / "a.xml", ReadOptions(), [])
    assert image.cells[0].label == "R\ufffdB\ufffdC"


def test_attributes_of_other_tools(tmp_path: Path) -> None:
    attributes = (
        "<attribute><name>rotation</name><value>0.0</value></attribute><attribute><name> </name></attribute>"
    )
    attributes += (
        "<attribute><name>note</name><value>[1, burr</value></attribute><attribute><name>n</name></attribute>"
    )
    text = xml(("RBC", (1, 1, 6, 9))).replace("</object>", f"<attributes>{attributes}</attributes></object>")
    image, findings = read(tmp_path / "a.xml", text)
    assert image.cells[0].attributes == {"rotation": 0, "note": "[1, burr", "n": ""}
    assert not findings


def test_an_image_without_cells_has_a_file_and_a_name_twice_is_said(tmp_path: Path) -> None:
    findings = write(tmp_path / "out", image_of(), image_of(box(1, 1, 9, 9)))
    assert [(f.kind, f.file) for f in findings] == [("missing_image", "a.jpg")]
    (image,) = voc.read(tmp_path / "out" / "a.xml", ReadOptions(), [])
    assert (image.cells, image.size) == ((), (100, 80))
    with pytest.raises(OutputError, match="not empty"):
        write(tmp_path / "out", image_of())
