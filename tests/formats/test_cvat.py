"""CVAT for images 1.1: every kind of shape, parts and groups, and back to the very same cells."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.errors import DataError, OutputError
from smearprep.findings import Finding
from smearprep.formats import asap, cvat, do_unet, imagescope, voc
from smearprep.formats.reading import ReadOptions
from smearprep.formats.writing import WriteOptions, fit_to_format
from smearprep.geometry import shape_to_mask
from smearprep.records import Cell, ImageCells
from tests.laws.strategies import LAW, areas, boxes, masks, points, reals

PAGE = """<annotations><version>1.1</version><image id="0" name="a.jpg" width="100" height="80">
<polygon label="WBC" source="manual" occluded="0" points="10.00,10.00;50.00,10.00;50.00,40.00;10.00,40.00" \
z_order="0"></polygon>
<mask label="PLT" source="manual" occluded="0" rle="1, 1, 1, 3" left="60" top="50" width="3" height="2" \
z_order="0"></mask>
<ellipse label="RBC" source="manual" occluded="0" cx="75.00" cy="55.00" rx="10.00" ry="10.00" \
z_order="0"></ellipse></image></annotations>"""
SQUARE = 'points="0,0;4,0;4,4;0,4"'


def read(path: Path, text: str) -> tuple[list[ImageCells], list[Finding]]:
    path.write_text(text, "utf-8")
    findings: list[Finding] = []
    return list(cvat.read(path, ReadOptions(base=path.parent), findings)), findings


def one(path: Path, *shapes: str, meta: str = "") -> tuple[ImageCells, list[Finding]]:
    """The one image of a file with these shapes."""
    image = f'<image id="0" name="a.jpg" width="100" height="80">{"".join(shapes)}</image>'
    (found,), findings = read(path / "a.xml", f"<annotations>{meta}{image}</annotations>")
    return found, findings


def area(shape: Any) -> float:
    return float(shape.area)


def test_the_shapes_of_the_formats_page(tmp_path: Path) -> None:
    (image,), findings = read(tmp_path / "a.xml", PAGE)
    assert cvat.sniff(tmp_path / "a.xml", PAGE.encode())
    rectangle, mask, ellipse = image.cells
    assert (image.file_name, image.size, findings) == ("a.jpg", (100, 80), [])
    assert area(rectangle.shape) == 1200
    assert list(rectangle.shape.exterior.coords)[:4] == [(10, 10), (50, 10), (50, 40), (10, 40)]
    assert mask.shape.equals(shapely.box(61, 50, 62, 51) | shapely.box(60, 51, 63, 52))
    assert abs(area(ellipse.shape) / (100 * math.pi) - 1) < 1e-3
    assert ellipse.shape.bounds == pytest.approx((65, 45, 85, 65))
    assert {cell.outline for cell in image.cells} == {"drawn"}
    assert all(cell.attributes == {} for cell in image.cells)
    assert image.annotated == {"WBC", "PLT", "RBC"}


# ---------------------------------------------------------------- one shape


def test_boxes_straight_and_turned(tmp_path: Path) -> None:
    corners = 'label="WBC" xtl="10" ytl="20" xbr="50" ybr="40"'
    image, findings = one(
        tmp_path,
        f"<box {corners}/>",
        f'<box {corners} rotation="0.00"/>',
        f'<box {corners} rotation="90"/>',
        f'<box {corners} rotation="30"/>',
        f'<box {corners} rotation="540"/>',
    )
    straight, zero, quarter, turned, half = image.cells
    assert not findings
    assert [cell.outline for cell in image.cells] == ["box", "box", "box", "drawn", "box"]
    assert straight.bounds == zero.bounds == half.bounds == (10, 20, 50, 40)
    assert quarter.bounds == (20, 10, 40, 50)
    expected = shapely.affinity.rotate(straight.shape, 30, origin="center")  # y points down: with the clock
    assert shapely.symmetric_difference(turned.shape, expected).area < 1e-9
    right = max(turned.shape.exterior.coords)
    assert right[1] > 30  # the right end goes down


def test_a_turned_ellipse(tmp_path: Path) -> None:
    image, _ = one(tmp_path, '<ellipse label="RBC" cx="50" cy="40" rx="30" ry="5" rotation="45"/>')
    (cell,) = image.cells
    assert area(cell.shape) == pytest.approx(150 * math.pi, rel=1e-3)
    assert cell.shape.contains(Point(50 + 20, 40 + 20))
    assert not cell.shape.contains(Point(50 + 20, 40 - 20))


@LAW
@given(masks(), st.integers(-3, 9), st.integers(0, 9))
def test_masks_are_exact(tmp_path_factory: Any, mask: Any, left: int, top: int) -> None:
    flat = np.concatenate([[False], mask.ravel(), [not mask.ravel()[-1]]])
    edges = np.flatnonzero(np.diff(flat))
    runs = np.diff(np.concatenate([[0], edges]))
    rle = ", ".join(map(str, runs if runs.sum() == mask.size else [*runs, mask.size - runs.sum()]))
    height, width = mask.shape
    image, findings = one(
        tmp_path_factory.mktemp("m"),
        f'<mask label="PLT" rle="{rle}" left="{left}" top="{top}" width="{width}" height="{height}"/>',
    )
    if not mask.any():
        assert not image.cells
        assert [f.kind for f in findings] == ["zero_area"]
        return
    (cell,) = image.cells
    assert not findings
    moved = shapely.transform(cell.shape, lambda xy: xy - (left, top))
    np.testing.assert_array_equal(shape_to_mask(moved, (width, height)), mask)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ('rle="1, 1" left="0" top="0" width="3" height="2"', "add up to 2 px, its box has 6"),
        ('rle="7" left="0" top="0" width="3" height="2"', "add up to 7 px"),
        ('rle="3, -3, 6" left="0" top="0" width="3" height="2"', "not all whole numbers"),
        ('rle="" left="0" top="0" width="3" height="2"', "not all whole numbers"),
        ('left="0" top="0" width="3" height="2"', "not all whole numbers"),
        ('rle="6" left="0" top="0" width="3"', "its box needs whole numbers"),
        ('rle="6" left="x" top="0" width="3" height="2"', "its box needs whole numbers"),
        ('rle="0,6" left="9000000000" top="0" width="3" height="2"', "its box needs whole numbers"),
        ('rle="0" left="0" top="0" width="0" height="0"', "its box needs whole numbers"),
        ('rle="0,99980001" left="0" top="0" width="9999" height="9999"', "too large for a cell"),
        (f'rle="0,{10**18}" left="0" top="0" width="{10**9}" height="{10**9}"', "larger than any image"),
        (f'rle="0{",1" * 40_401}" left="0" top="0" width="201" height="201"', "more than 5,000 pieces"),
        (f'rle="{"1," * 250_000}1" left="0" top="0" width="500" height="500"', "more than 200,000 runs"),
    ],
)
def test_broken_masks_are_named(tmp_path: Path, what: str, said: str) -> None:
    image, findings = one(tmp_path, f'<mask label="PLT" {what}/>')
    assert not image.cells
    ((kind, told, id),) = [(f.kind, f.what, f.id) for f in findings]
    assert (kind, id) == ("invalid", "mask 1 of a.jpg")
    assert said in told


def test_a_large_box_round_a_small_mask_costs_nothing(tmp_path: Path) -> None:
    rle = f"{5 * 10_000 + 3}, 2, {10_000 * 10_000 - 5 * 10_000 - 5}"
    image, _ = one(tmp_path, f'<mask label="PLT" rle="{rle}" left="1" top="2" width="10000" height="10000"/>')
    assert image.cells[0].bounds == (4, 7, 6, 8)


def test_each_point_is_a_cell(tmp_path: Path) -> None:
    image, findings = one(
        tmp_path,
        '<points label="PLT" points="1.50,2.50;3,4;5,6" group_id="2"><attribute name="big">no</attribute>'
        "</points>",
        '<points label="PLT" points="1,2;3"/>',
        '<points label="PLT" points="1,nan"/>',
        '<points label="PLT" points=""/>',
        '<points label="PLT"/>',
        '<points label=" " points="1,1"/>',
    )
    assert [(c.shape.x, c.shape.y, c.outline) for c in image.cells] == [
        (1.5, 2.5, "point"),
        (3, 4, "point"),
        (5, 6, "point"),
    ]
    assert all(cell.attributes == {"big": "no", "group": 2} for cell in image.cells)
    assert [f.kind for f in findings] == ["invalid"] * 5


def test_what_has_no_area_is_named(tmp_path: Path) -> None:
    image, findings = one(
        tmp_path,
        '<polyline label="x" points="0,0;5,5;9,0"/>',
        '<cuboid label="x" xtl1="1"/>',
        '<skeleton label="x"><points label="1" points="1,1"/></skeleton>',
        '<tag label="blurred"/>',
        '<strange label="x"/>',
        f'<polygon label="WBC" {SQUARE}/>',
    )
    assert [cell.label for cell in image.cells] == ["WBC"]
    note, *others = findings
    assert (note.kind, note.what) == ("note", "1 tags are said of whole images; they are not read")
    assert [(f.kind, f.id) for f in others] == [
        ("invalid", "polyline 1 of a.jpg"),
        ("invalid", "cuboid 2 of a.jpg"),
        ("invalid", "skeleton 3 of a.jpg"),
        ("invalid", "shape 5 of a.jpg"),
    ]
    assert all(f.what.endswith("; left out") and f.file == "a.xml" for f in others)


def test_broken_outlines_are_named_and_the_others_kept(tmp_path: Path) -> None:
    image, findings = one(
        tmp_path,
        '<polygon label="WBC" points="0,0;4,4;4,0;0,4"/>',
        '<polygon label="WBC" points="0,0;4,4;8,8"/>',
        '<polygon label="WBC" points="0,0;4,4"/>',
        '<polygon label="WBC" points="0,0;4,nan;4,0"/>',
        '<polygon label="WBC" points="0,0;4;4,0"/>',
        '<polygon label="WBC" points="0,0,4;4;4,0;1,1"/>',
        '<polygon label="WBC" points="a,b;c,d;e,f"/>',
        '<polygon label="WBC"/>',
        f"<polygon {SQUARE}/>",
        '<box label="WBC" xtl="5" ytl="5" xbr="5" ybr="9"/>',
        '<box label="WBC" xtl="5" ytl="5" xbr="x" ybr="9"/>',
        '<box label="WBC" xtl="5" ytl="5" xbr="8" ybr="9" rotation="inf"/>',
        '<box label="WBC" ytl="5" xbr="8" ybr="9" rotation="1"/>',
        '<box label="WBC" xtl="1e300" ytl="5" xbr="8" ybr="1e308" rotation="1"/>',
        '<ellipse label="WBC" cx="5" cy="5" rx="0" ry="3"/>',
        '<ellipse label="WBC" cx="5" cy="5" rx="1e308" ry="3" rotation="4"/>',
        '<ellipse label="WBC" cx="5" cy="5" ry="3"/>',
        '<polygon label="WBC" points="0,0;4,0;4,4;0,4;"/>',
    )
    assert [area(cell.shape) for cell in image.cells] == [8, 16]
    assert [f.kind for f in findings] == [
        "repaired", "zero_area", "invalid", "invalid", "invalid", "invalid", "invalid", "invalid", "invalid",
        "zero_area", "invalid", "invalid", "invalid", "invalid", "zero_area", "invalid", "invalid",
    ]  # fmt: skip


# ---------------------------------------------------------------- what else is known of a cell


def test_attributes_groups_and_sources(tmp_path: Path) -> None:
    meta = """<meta><task><labels><label><name>WBC</name><attributes>
        <attribute><name>lobes</name><input_type>number</input_type></attribute>
        <attribute><name>smudge</name><input_type>checkbox</input_type></attribute>
        <attribute><name>stain</name><input_type>select</input_type></attribute>
        </attributes></label></labels></task></meta>"""
    told = (
        '<attribute name="lobes">{}</attribute><attribute name="smudge">{}</attribute>'
        '<attribute name="stain"> {} </attribute><attribute>nameless</attribute>'
    )
    image, findings = one(
        tmp_path,
        f'<polygon label="WBC" {SQUARE} group_id="5" z_order="-2" occluded="1">'
        f"{told.format(3, 'true', 'Giemsa')}</polygon>",
        f'<polygon label="WBC" {SQUARE} group_id="5" z_order="0" source="semi-auto">'
        f"{told.format('2.5', 'maybe', '')}</polygon>",
        f'<polygon label="WBC" {SQUARE} group_id="x" source="auto">{told.format("9" * 30, "false", "5")}'
        '<attribute name="score">0.75</attribute></polygon>',
        f'<polygon label="PLT" {SQUARE} source="auto"><attribute name="lobes">1</attribute>'
        '<attribute name="made_by">cellpose</attribute></polygon>',
        '<box label="PLT" xtl="1" ytl="1" xbr="2" ybr="2" source="auto"/>',
        f'<polygon label="PLT" {SQUARE} source="file"><attribute name="score">1</attribute>'
        '<attribute name="made_by">cellpose</attribute></polygon>',
        meta=meta,
    )
    assert not findings
    assert [cell.outline for cell in image.cells] == ["drawn", "drawn", "made", "made", "box", "made"]
    assert [dict(cell.attributes) for cell in image.cells] == [
        {"lobes": 3, "smudge": True, "stain": " Giemsa ", "group": 5, "z_order": -2, "occluded": True},
        {"lobes": 2.5, "smudge": "maybe", "stain": "  ", "group": 5, "source": "semi-auto"},
        {"lobes": 1e30, "smudge": False, "stain": " 5 ", "group": "x", "score": 0.75, "made_by": "CVAT"},
        {"lobes": "1", "made_by": "cellpose"},
        {"made_by": "CVAT"},
        {"score": 1, "made_by": "cellpose", "source": "file"},
    ]


@pytest.mark.parametrize("where", ["task", "job", "project"])
def test_the_list_of_labels_says_what_was_looked_for(tmp_path: Path, where: str) -> None:
    labels = "".join(
        f"<label><name>{name}</name>{more}</label>"
        for name, more in [
            ("WBC", ""),
            ("PLT", "<type>any</type>"),
            ("blurred", "<type>tag</type>"),
            ("hand", "<type>skeleton</type>"),
            ("1", "<type>points</type><parent>hand</parent>"),
            ("", ""),
        ]
    )
    meta = f"<meta><{where}><labels>{labels}</labels></{where}></meta>"
    assert one(tmp_path, meta=meta)[0].annotated == {"WBC", "PLT"}
    image, _ = one(tmp_path, f'<polygon label="other" {SQUARE}/>', meta=meta)
    assert image.annotated == {"WBC", "PLT", "other"}


def test_without_a_list_what_occurs_in_the_file_was_looked_for(tmp_path: Path) -> None:
    images, findings = read(
        tmp_path / "a.xml",
        f'<annotations><image name="b/a.jpg" width="9" height="9"><polygon label="WBC" {SQUARE}/></image>'
        f'<image id="1" width="9" height="9"><polygon label="WBC" {SQUARE}/></image>'
        '<image name="C:\\x\\c.jpg" width="-9" height="9"/></annotations>',
    )
    assert [(i.file_name, i.size, i.annotated) for i in images] == [
        ("b/a.jpg", (9, 9), {"WBC"}),
        ("c.jpg", None, {"WBC"}),
    ]
    assert [(f.kind, f.id) for f in findings] == [("missing_image", "image 1"), ("damaged", "image c.jpg")]
    assert "left out, with its 1 shapes" in findings[0].what


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    for text, said in [
        ('<annotations><track id="0" label="x"/></annotations>', 'again as "CVAT for images 1.1"'),
        ("<annotations><version>1.1</version></annotations>", "holds no images"),
        ("<annotation/>", "its root is <annotation>, not <annotations>"),
        ("<annotations>", "broken XML at line 1"),
        ("", "is empty"),
    ]:
        with pytest.raises(DataError, match=said):
            read(path, text)
    with pytest.raises(DataError, match="is not there"):
        list(cvat.read(tmp_path / "b.xml", ReadOptions(), []))


@pytest.mark.parametrize(
    ("head", "whose"),
    [
        (PAGE.encode(), cvat),
        (b'<?xml version="1.0"?>\n<annotations>\n <meta>', cvat),
        (b'<Annotations MicronsPerPixel="0.25"><Annotation Id="1">', imagescope),
        (b"<Annotations/>", imagescope),
        (b'<?xml version="1.0"?><ASAP_Annotations><Annotations><Annotation Name="1">', asap),
        (b"<annotation><folder>x</folder><size>", voc),
        (b"<annotation><filename>a.jpg</filename><imagesize><nrows>80</nrows>", None),
        (b'<annotations><ndpviewstate id="1">', None),
        (b'{"annotations": 1}', None),
        (b"", None),
    ],
)
def test_every_xml_format_is_told_from_the_others(head: bytes, whose: Any) -> None:
    for module in (cvat, imagescope, asap, voc, do_unet):
        assert module.sniff(Path("a.xml"), head) == (module is whose)


# ---------------------------------------------------------------- written and read back

TEXTS = st.text(
    st.one_of(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), st.sampled_from("<>&\"'\n\t\r")),
    min_size=1,
).filter(str.strip)
VALUES = st.one_of(TEXTS, st.booleans(), st.integers(-(2**63), 2**64 - 1), reals(-9, 9))
NAMES = st.lists(
    st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=9), min_size=1, max_size=3
).map(lambda parts: "/".join(parts) + ".jpg")


@st.composite
def cells_of(draw: st.DrawFn, labels: list[str], further: dict[str, list[Any]]) -> Cell:
    """A cell of any outline; values of one attribute are all of one kind."""
    outline = draw(st.sampled_from(["drawn", "component", "made", "box", "point"]))
    shape: Any = draw(boxes() if outline == "box" else points() if outline == "point" else areas())
    told: dict[str, Any] = {
        name: draw(st.sampled_from(values)) for name, values in further.items() if draw(st.booleans())
    }
    for name, values in {
        "group": st.integers(1, 9),
        "z_order": st.sampled_from([-3, 1, 2]),
        "occluded": st.just(True),
        "source": st.sampled_from(["semi-auto", "file"]),
    }.items():
        if draw(st.booleans()):
            told[name] = draw(values)
    if outline == "made":
        told |= {"made_by": "cellpose", "score": draw(st.floats(0, 1))}
    return Cell(draw(st.sampled_from(labels)), shape, outline, told)


@st.composite
def image_lists(draw: st.DrawFn) -> list[ImageCells]:
    labels = draw(st.lists(TEXTS, min_size=1, max_size=3, unique=True))
    names = st.sampled_from(["a", "é x", 'q"<&>'])
    further = draw(
        st.dictionaries(
            names,
            st.sampled_from(
                [[True, False], [1, -5, 2**64 - 1], [0.5, 1e300, -1e-7, 3.0], ["a\r\n<b> ", "1"]]
            ),
        )
    )
    return [
        ImageCells(
            name,
            (draw(st.integers(1, 99)), 80),
            tuple(draw(st.lists(cells_of(labels, further), max_size=4))),
            "a.json",
            frozenset(labels),
        )
        for name in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    ]


def written(path: Path, images: list[ImageCells], **options: Any) -> list[Finding]:
    findings: list[Finding] = []
    with cvat.writer(path, WriteOptions(**options), findings) as writer:
        for image in images:
            writer.add(fit_to_format(image, cvat.HOLDS, WriteOptions(**options), findings), None)
    return findings


@LAW
@given(image_lists())
def test_cells_come_back_as_they_were(tmp_path_factory: Any, images: list[ImageCells]) -> None:
    """To the last digit; a cell with a hole by its area, for it went through a slit."""
    path = tmp_path_factory.mktemp("law") / "a.xml"
    told = written(path, images)
    assert all("has a hole" in finding.what for finding in told)
    findings: list[Finding] = []
    back = list(cvat.read(path, ReadOptions(), findings))
    assert [(i.file_name, i.size, i.annotated) for i in back] == [
        (i.file_name, i.size, i.annotated) for i in images
    ]
    assert all(finding.kind == "repaired" for finding in findings)
    for cell, other in zip(
        (c for i in images for c in i.cells), (c for i in back for c in i.cells), strict=True
    ):
        assert (cell.label, cell.outline) == (other.label, other.outline)
        assert cell.attributes == other.attributes
        assert {n: type(v) for n, v in cell.attributes.items()} == {
            n: type(v) for n, v in other.attributes.items()
        }
        if cell.outline == "box":
            assert cell.bounds == other.bounds
        elif (
            isinstance(cell.shape, Polygon | MultiPolygon)
            and shapely.get_num_interior_rings(shapely.get_parts(cell.shape)).any()
        ):
            assert shapely.symmetric_difference(cell.shape, other.shape).area < 1e-9
        else:
            assert cell.shape.equals_exact(other.shape, 0)


@LAW
@given(images=image_lists())
def test_the_same_cells_give_the_same_bytes(tmp_path_factory: Any, images: list[ImageCells]) -> None:
    folder = tmp_path_factory.mktemp("law")
    for name in ("a.xml", "b.xml"):
        written(folder / name, images)
    assert (folder / "a.xml").read_bytes() == (folder / "b.xml").read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["a.xml", "b.xml"]
    assert cvat.sniff(folder / "a.xml", (folder / "a.xml").read_bytes()[:4096])


def image_of(*cells: Cell, name: str = "a.jpg", annotated: frozenset[str] = frozenset()) -> ImageCells:
    return ImageCells(name, (100, 80), cells, "a.json", annotated | {cell.label for cell in cells})


TWO = MultiPolygon([shapely.box(0, 0, 2, 2), shapely.box(5, 0, 9, 3)])


def test_parts_are_a_group_in_cvat_and_one_cell_here(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    cells = [
        Cell("WBC", TWO),
        Cell("WBC", TWO, attributes={"group": 4, "z_order": 6}),
        Cell("WBC", shapely.box(0, 0, 1, 1), attributes={"group": 4}),
        Cell("WBC", TWO),
    ]
    assert not written(path, [image_of(*cells)])
    groups = [node.get("group_id") for node in ElementTree.parse(path).iter("polygon")]
    assert groups == ["5", "5", "4", "4", "4", "7", "7"]
    ((image,), findings) = read(path, path.read_text("utf-8"))
    assert not findings
    assert [dict(cell.attributes) for cell in image.cells] == [
        {},
        {"group": 4, "z_order": 6},
        {"group": 4},
        {},
    ]
    assert [area(cell.shape) for cell in image.cells] == [16, 16, 1, 16]


def test_other_groups_stay_cells_of_their_own(tmp_path: Path) -> None:
    shape = f'<polygon label="WBC" {SQUARE} group_id="1"/>'
    image, _ = one(tmp_path, shape, shape)
    assert [dict(cell.attributes) for cell in image.cells] == [{"group": 1}] * 2


def test_text_that_xml_cannot_hold_is_replaced_and_named(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    cell = Cell(
        "W\x00BC", shapely.box(0, 0, 1, 1), attributes={"no\x07te": "\ud800 and \uffff", "l": ["\ufffe"]}
    )
    findings = written(path, [image_of(cell, name="a\x1f.jpg")])
    assert [(f.kind, f.file, f.id) for f in findings] == [
        ("simplified", "a\ufffd.jpg", ""),
        ("simplified", "a\ufffd.jpg", "0"),
    ]
    ((image,), _) = read(path, path.read_text("utf-8"))
    assert (image.file_name, image.cells[0].label) == ("a\ufffd.jpg", "W\ufffdBC")
    assert image.cells[0].attributes == {"no\ufffdte": "\ufffd and \ufffd", "l": '["\ufffd"]'}


def test_attributes_of_mixed_kinds_come_back_as_text(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    values: list[Any] = [1, "1", None, {"a": [1, 2]}]
    written(path, [image_of(*(Cell("WBC", Point(1, 2), "point", {"x": value}) for value in values))])
    ((image,), _) = read(path, path.read_text("utf-8"))
    assert [cell.attributes["x"] for cell in image.cells] == ["1", "1", "null", '{"a":[1,2]}']


def test_images_that_were_not_searched_for_all_labels_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    images = [
        image_of(annotated=frozenset({"WBC", "RBC"})),
        image_of(name="b.jpg", annotated=frozenset({"WBC"})),
    ]
    (note,) = written(path, images)
    assert (note.kind, note.what[:35]) == ("note", "1 of 2 images were not searched for")
    assert not written(path, images[:1], categories=("RBC", "WBC"))
    names = [node.text for node in ElementTree.parse(path).iter("name")]
    assert names == ["RBC", "WBC"]


def test_the_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.xml"
    with pytest.raises(KeyboardInterrupt), cvat.writer(path, WriteOptions(), []) as writer:
        writer.add(image_of(), None)
        raise KeyboardInterrupt
    assert not list(path.parent.iterdir())
    (path.parent / ".a.xml.spool.part").write_text("of a killed run")
    written(path, [image_of()])
    assert [found.name for found in path.parent.iterdir()] == ["a.xml"]
    for bad, said in ((tmp_path / "a.json", "name it so"), (path / "b.xml", "cannot be written")):
        with pytest.raises(OutputError, match=said), cvat.writer(bad, WriteOptions(), []):
            raise AssertionError
