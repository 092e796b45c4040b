"""Pascal VOC: 1-based inclusive corners, zero sizes, hostile files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smearprep import formats
from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats import voc
from smearprep.formats.reading import ReadOptions
from smearprep.records import ImageCells

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
