"""ImageScope's XML: where a label can stand, boxes and ellipses by their corners, holes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Polygon

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats import imagescope
from smearprep.formats.reading import ReadOptions
from smearprep.records import ImageCells
from tests.laws.strategies import LAW, areas

RECTANGLE = [(10, 10), (50, 10), (50, 40), (10, 40)]
INNER = [(20, 20), (20, 30), (30, 30), (30, 20)]


def region(points: Any, type: object = 0, **more: object) -> str:
    told = "".join(f' {name}="{value}"' for name, value in more.items())
    vertices = "".join(f'<Vertex X="{x}" Y="{y}" Z="0"/>' for x, y in points)
    return f'<Region Type="{type}"{told}><Attributes/><Vertices>{vertices}</Vertices></Region>'


def layer(*regions: str, name: str = "WBC", attribute: str = "") -> str:
    inside = f"<Attributes>{attribute}</Attributes><Regions>{''.join(regions)}</Regions>"
    return f'<Annotation Id="1" Name="{name}" Type="4">{inside}</Annotation>'


def read(path: Path, *layers: str, label: str = "cell") -> tuple[ImageCells, list[Finding]]:
    text = f'<Annotations MicronsPerPixel="0.25">{"".join(layers)}</Annotations>'
    assert imagescope.sniff(path, text.encode()[:4096])
    path.write_text(text, "utf-8")
    findings: list[Finding] = []
    (image,) = imagescope.read(path, ReadOptions(base=path.parent, label=label), findings)
    return image, findings


def test_the_rectangle_of_1200(tmp_path: Path) -> None:
    image, findings = read(tmp_path / "slide 1.xml", layer(region(RECTANGLE)))
    (cell,) = image.cells
    assert (image.file_name, image.size, findings) == ("slide 1", None, [])
    assert (cell.label, cell.area, cell.outline, cell.attributes) == ("WBC", 1200, "drawn", {})
    assert list(cell.shape.exterior.coords)[:4] == RECTANGLE
    assert image.annotated == {"WBC"}


@LAW
@given(shapes=st.lists(areas(), min_size=1, max_size=4))
def test_outlines_keep_their_vertices_and_holes(tmp_path_factory: Any, shapes: list[Any]) -> None:
    """Every part is a region; its holes are negative regions of the same layer, all listed after it."""
    parts: list[Polygon] = [p for s in shapes for p in (s.geoms if isinstance(s, MultiPolygon) else [s])]
    layers = [
        layer(
            region(part.exterior.coords[:-1]),
            *(region(hole.coords[:-1], NegativeROA=1) for hole in part.interiors),
        )
        for part in parts
    ]
    image, findings = read(tmp_path_factory.mktemp("law") / "a.xml", *layers)
    assert not findings
    for cell, part in zip(image.cells, parts, strict=True):
        assert shapely.normalize(cell.shape).equals_exact(shapely.normalize(part), 0)


def test_rectangles_and_ellipses_by_their_corners(tmp_path: Path) -> None:
    turned = [(10, 0), (20, 10), (10, 20), (0, 10)]
    image, findings = read(
        tmp_path / "a.xml",
        layer(
            region([(50, 10), (10, 10), (10, 40), (50, 40)], 1),
            region([(50, 10), (10, 40)], 1),
            region([*RECTANGLE, RECTANGLE[0]], "Rectangle"),
            region(turned, 1),
            region([(7032, 26205), (7074, 26239)], 2),
            region(RECTANGLE, "Ellipse"),
            region([(0, 0), (4, 0), (6, 3), (4, 6), (0, 6)], 2),
            region(turned, 2),
            region([(0, 0), (0, 9)], 2),
            region([(0, 0), (0, 9)], 1),
        ),
    )
    assert [cell.outline for cell in image.cells] == ["box"] * 3 + ["drawn"] * 4
    assert [cell.bounds for cell in image.cells[:3]] == [(10, 10, 50, 40)] * 3
    assert image.cells[3].area == 200
    assert image.cells[4].area == pytest.approx(1121.5, rel=1e-3)  # what ImageScope itself says of this one
    assert image.cells[5].area == pytest.approx(20 * 15 * math.pi, rel=1e-3)
    assert image.cells[6].area == 30
    assert [f.kind for f in findings] == ["invalid"] * 3


def test_a_negative_region_is_a_hole_of_the_smallest_that_holds_it(tmp_path: Path) -> None:
    far = [(x + 100, y) for x, y in INNER]
    reaching = [(40, 20), (60, 20), (60, 30)]
    island = [(24, 24), (26, 24), (26, 26), (24, 26)]
    image, findings = read(
        tmp_path / "a.xml",
        layer(
            region([(0, 0), (90, 0), (90, 90), (0, 90)]),
            region(RECTANGLE, 1),
            region(INNER, NegativeROA=1, Id=7),
            region(far, NegativeROA=1, Id=8),
            region(reaching, NegativeROA=1, Id=9),
            region([(1, 1), (2, 2)], NegativeROA=1, Id=10),
            region(island),
        ),
        layer(region(INNER, NegativeROA=1), name="RBC"),
    )
    large, rectangle, small = image.cells
    assert rectangle.area == 1100
    assert rectangle.outline == "drawn"  # a box with a hole is none
    assert large.area == 8100 - shapely.area(Polygon(reaching))
    assert small.area == 4
    assert [(f.kind, f.id) for f in findings] == [
        ("invalid", "region 8 of layer 1"),
        ("invalid", "region 10 of layer 1"),
        ("invalid", "region 1 of layer 1"),
    ]
    assert all("no region of its layer holds" in f.what for f in findings)
    assert image.annotated == {"WBC", "RBC"}


def test_where_a_label_can_stand(tmp_path: Path) -> None:
    a = region(RECTANGLE)
    image, findings = read(
        tmp_path / "a.xml",
        layer(a, name="by name", attribute='<Attribute Name="Epithelial" Value=""/>'),
        layer(a, name=" ", attribute='<Attribute Name="Epithelial" Id="0" Value=""/>'),
        layer(a, name="", attribute='<Attribute Name="Description" Id="0" Value="by value"/>'),
        layer(
            region(RECTANGLE, Text="by text"), name="", attribute='<Attribute Name="Description" Value=""/>'
        ),
        layer(region(RECTANGLE, Text="smudged"), name="with text"),
        layer(a, a, name=""),
        layer(name="empty"),
        label="thing",
    )
    assert [(cell.label, dict(cell.attributes)) for cell in image.cells] == [
        ("by name", {}),
        ("Epithelial", {}),
        ("by value", {}),
        ("by text", {}),
        ("with text", {"description": "smudged"}),
        ("thing", {}),
        ("thing", {}),
    ]
    assert [(f.kind, f.what) for f in findings] == [
        ("note", "2 regions have no name, nor have their layers; their label is 'thing'")
    ]
    assert image.annotated == {c.label for c in image.cells} | {"empty"}


def test_the_fields_of_a_region(tmp_path: Path) -> None:
    headers = '<RegionAttributeHeaders><AttributeHeader Id="1" Name="Stage"/></RegionAttributeHeaders>'
    fields = '<Attributes><Attribute Name="1" Value="band"/><Attribute Name="2" Value=" "/></Attributes>'
    image, _ = read(tmp_path / "a.xml", layer(headers, region(RECTANGLE).replace("<Attributes/>", fields, 1)))
    assert image.cells[0].attributes == {"Stage": "band"}


def test_what_has_no_area_and_what_is_broken_is_named(tmp_path: Path) -> None:
    short = region(RECTANGLE, "Polygon").replace("<Vertex ", "<V ")  # HALO's way
    image, findings = read(
        tmp_path / "a.xml",
        layer(
            region(RECTANGLE, 3, Id="a"),
            region([(0, 0), (5, 5)], 4),
            region(RECTANGLE, "Pin"),
            region([(0, 0), (5, 5)]),
            region([(0, 0), (5, "x"), (5, 5)]),
            region([(0, 0), (5, "nan"), (5, 5)]),
            region([(0, 0), (5, "1e300"), (5, 5)], 2),
            region([(0, 0), (1, 1), (2, 2)]),
            region([(0, 0), (4, 4), (4, 0), (0, 4)]),
            "<Region/>",
            short,
        ),
    )
    assert [cell.area for cell in image.cells] == [8, 1200]
    assert [(f.kind, f.id) for f in findings] == [
        ("invalid", "region a of layer 1"),
        ("invalid", "region 2 of layer 1"),
        ("invalid", "region 3 of layer 1"),
        ("invalid", "region 4 of layer 1"),
        ("invalid", "region 5 of layer 1"),
        ("invalid", "region 6 of layer 1"),
        ("invalid", "region 7 of layer 1"),
        ("zero_area", "region 8 of layer 1"),
        ("repaired", "region 9 of layer 1"),
        ("invalid", "region 10 of layer 1"),
    ]
    assert findings[0].what == "its kind is 'arrow', which has no area; left out"


def test_a_broken_region_beside_a_hole(tmp_path: Path) -> None:
    broken, hole = region([(0, 0), (5, 5)]), region(INNER, NegativeROA=1)
    image, findings = read(tmp_path / "a.xml", layer(broken, hole, region(RECTANGLE)))
    assert [cell.area for cell in image.cells] == [1100]
    assert [f.id for f in findings] == ["region 1 of layer 1"]
    image, findings = read(tmp_path / "a.xml", layer(broken, hole))
    assert not image.cells
    assert len(findings) == 2


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    for text, said in [
        ("<annotations/>", "its root is <annotations>, not <Annotations>"),
        ("<Annotations>\n<Annotation>", "broken XML at line 2"),
        ("", "is empty"),
    ]:
        path.write_text(text, "utf-8")
        with pytest.raises(DataError, match=said):
            list(imagescope.read(path, ReadOptions(), []))
    with pytest.raises(DataError, match="is not there"):
        list(imagescope.read(tmp_path / "b.xml", ReadOptions(), []))
