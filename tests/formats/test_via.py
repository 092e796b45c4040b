"""VGG Image Annotator: JSON, projects, CSV, 1.x; which attribute is the class; all its shapes."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats import via
from smearprep.formats.reading import ReadOptions
from smearprep.records import ImageCells
from tests.laws.strategies import LAW

TEXT = """{"a.jpg12345":{"filename":"a.jpg","size":12345,"regions":[{"shape_attributes":{"name":"polygon",
"all_points_x":[10,50,50,10],"all_points_y":[10,10,40,40]},"region_attributes":{"type":"WBC"}}],
"file_attributes":{}}}"""
RECTANGLE = {"name": "polygon", "all_points_x": [10, 50, 50, 10], "all_points_y": [10, 10, 40, 40]}
HEADER = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"


def region(shape: Any = RECTANGLE, /, **told: Any) -> dict[str, Any]:
    return {"shape_attributes": shape, "region_attributes": told}


def image(*regions: Any, name: Any = "a.jpg") -> dict[str, Any]:
    return {"filename": name, "size": 5, "regions": list(regions), "file_attributes": {"sex": "f"}}


def project(images: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    return {
        "_via_settings": {"ui": {}},
        "_via_img_metadata": images,
        "_via_attributes": {"region": attributes, "file": {}},
    }


def read(path: Path, value: Any, **options: Any) -> tuple[list[ImageCells], list[Finding]]:
    path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
    assert via.sniff(path, path.read_bytes()[:4096])
    findings: list[Finding] = []
    return list(via.read(path, ReadOptions(base=path.parent, **options), findings)), findings


def read_one(path: Path, *regions: Any, **options: Any) -> tuple[ImageCells, list[Finding]]:
    (only,), findings = read(path, {"a.jpg5": image(*regions)}, **options)
    return only, findings


def test_the_rectangle_of_1200(tmp_path: Path) -> None:
    (only,), findings = read(tmp_path / "via.json", TEXT)
    (cell,) = only.cells
    assert (only.file_name, only.size, only.annotated, findings) == ("a.jpg", None, {"WBC"}, [])
    assert (cell.label, cell.area, cell.outline, cell.attributes) == ("WBC", 1200, "drawn", {})


CORNERS = st.lists(st.tuples(st.floats(0, 999), st.floats(0, 999)), min_size=3, max_size=9, unique=True)


@LAW
@given(
    outlines=st.lists(CORNERS.filter(lambda c: shapely.Polygon(c).is_valid and shapely.Polygon(c).area > 0)),
    label=st.text(min_size=1).filter(lambda text: text == text.strip()),
    note=st.text(min_size=1),
)
def test_json_project_and_csv_say_the_same(
    outlines: list[list[tuple[float, float]]],
    label: str,
    note: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("via") / "a b.json"
    shapes = [
        {"name": "polygon", "all_points_x": [x for x, _ in c], "all_points_y": [y for _, y in c]}
        for c in outlines
    ]
    regions = [region(shape, **{"class": label, "Note": note}) for shape in shapes]
    name = "Zelle ü, 'ä\".jpg"
    table = io.StringIO(newline="")
    lines = csv.writer(table)
    lines.writerow(HEADER.split(","))
    for n, one in enumerate(regions):
        told = json.dumps(one["region_attributes"])
        lines.writerow([name, 5, "{}", len(regions), n, json.dumps(one["shape_attributes"]), told])
    if not regions:
        lines.writerow([name, 5, "{}", 0, 0, "{}", "{}"])
    found = []
    numbered = image(name=name) | {"regions": {str(n): one for n, one in enumerate(regions)}}
    for value in (
        {name + "5": image(*regions, name=name)},
        project({name + "5": image(*regions, name=name)}),
        {name + "5": numbered},
        table.getvalue(),
    ):
        (only,), _ = read(path, value)
        assert only.file_name == name
        found.append(only.cells)
    assert all(cells == found[0] for cells in found)
    assert [cell.label for cell in found[0]] == [label] * len(outlines)
    assert [list(cell.shape.exterior.coords)[:-1] for cell in found[0]] == outlines
    assert all(cell.attributes == {"Note": note} for cell in found[0])


def test_every_shape(tmp_path: Path) -> None:
    only, findings = read_one(
        tmp_path / "a.json",
        region({"name": "circle", "cx": 70, "cy": 50, "r": 10}, type="a"),
        region({"name": "ellipse", "cx": 70, "cy": 50, "rx": 20, "ry": 10, "theta": math.pi / 2}, type="a"),
        region({"name": "ellipse", "cx": 70, "cy": 50, "rx": 20, "ry": 10}, type="a"),
        region({"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4}, type="a"),
        region({"name": "point", "cx": 1.5, "cy": 2}, type="a"),
        region({"name": "polyline", "all_points_x": [1, 2, 3], "all_points_y": [1, 2, 9]}, type="a"),
    )
    circle, turned, ellipse, box, point = only.cells
    assert circle.bounds == (60, 40, 80, 60)
    assert circle.area == pytest.approx(math.pi * 100, rel=1e-3)
    assert turned.bounds == pytest.approx((60, 30, 80, 70))
    assert ellipse.bounds == (50, 40, 90, 60)
    assert turned.area == pytest.approx(math.pi * 200, rel=1e-3)
    assert (box.outline, box.bounds) == ("box", (1, 2, 4, 6))
    assert (point.outline, point.shape) == ("point", shapely.Point(1.5, 2))
    assert [(f.kind, f.id) for f in findings] == [("zero_area", "region 5 of a.jpg")]
    assert "polyline" in findings[0].what


def test_an_ellipse_turns_the_way_the_screen_does(tmp_path: Path) -> None:
    shape = {"name": "ellipse", "cx": 0, "cy": 0, "rx": 20, "ry": 1, "theta": math.pi / 4}
    only, _ = read_one(tmp_path / "a.json", region(shape, type="a"))
    assert only.cells[0].shape.contains(shapely.Point(10, 10))
    assert not only.cells[0].shape.contains(shapely.Point(10, -10))


BROKEN = [
    None, {}, [], "polygon", {"name": "cloud"}, {"name": []}, {"name": "polygon"},
    {"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1, 2]},
    {"name": "polygon", "all_points_x": [1, 2, 3], "all_points_y": [1, 2]},
    {"name": "polygon", "all_points_x": [1, 2, None], "all_points_y": [1, 2, 3]},
    {"name": "polygon", "all_points_x": [1, 2, float("nan")], "all_points_y": [1, 9, 3]},
    {"name": "polygon", "all_points_x": {"0": 1}, "all_points_y": {"0": 1}},
    {"name": "circle", "cx": 1, "cy": 2}, {"name": "circle", "cx": 1, "cy": 2, "r": "9"},
    {"name": "circle", "cx": 1, "cy": float("nan"), "r": 3}, {"name": "circle", "cx": 1, "cy": 1, "r": 1e300},
    {"name": "ellipse", "cx": 1, "cy": 2, "rx": 3, "ry": 4, "theta": []},
    {"name": "rect", "x": 1, "y": 2, "width": True, "height": 4}, {"name": "point", "cx": 1},
]  # fmt: skip
EMPTY = [
    {"name": "polygon", "all_points_x": [1, 2, 3], "all_points_y": [1, 2, 3]},
    {"name": "circle", "cx": 1, "cy": 2, "r": 0}, {"name": "circle", "cx": 1, "cy": 2, "r": -1},
    {"name": "ellipse", "cx": 1, "cy": 2, "rx": 3, "ry": 0},
    {"name": "rect", "x": 1, "y": 2, "width": 0, "height": 4},
]  # fmt: skip


@pytest.mark.parametrize(("kind", "shapes"), [("invalid", BROKEN), ("zero_area", EMPTY)])
def test_broken_shapes_are_named_and_left_out(tmp_path: Path, kind: str, shapes: list[Any]) -> None:
    regions = [region(shape, type="a") for shape in shapes]
    only, findings = read_one(tmp_path / "a.json", *regions, region(type="WBC"))
    assert [cell.label for cell in only.cells] == ["WBC"]
    named = [(f.kind, f.id, f.file) for f in findings]
    expected = [(kind, f"region {n} of a.jpg", "a.json") for n in range(len(shapes))]
    assert sorted(named) == sorted(expected)
    assert all(f.what.endswith("left out") for f in findings)


def test_regions_that_are_no_objects(tmp_path: Path) -> None:
    only, findings = read_one(
        tmp_path / "a.json", 5, None, {}, {"shape_attributes": RECTANGLE}, region(a="b")
    )
    assert [cell.label for cell in only.cells] == ["b"]
    assert [(f.kind, f.id) for f in findings] == [("invalid", f"region {n} of a.jpg") for n in range(4)]
    assert "'a', the class, is empty" in findings[3].what


def test_a_rectangle_drawn_backwards_is_a_box(tmp_path: Path) -> None:
    shape = {"name": "rect", "x": 4, "y": 6, "width": -3, "height": -4}
    only, _ = read_one(tmp_path / "a.json", region(shape, type="a"))
    assert (only.cells[0].bounds, only.cells[0].outline) == ((1, 2, 4, 6), "box")


# ---------------------------------------------------------------- the class


def test_the_only_attribute_is_the_class(tmp_path: Path) -> None:
    only, findings = read_one(tmp_path / "a.json", region(Zellart="WBC", Notiz=""))
    assert ([cell.label for cell in only.cells], findings) == (["WBC"], [])


@pytest.mark.parametrize("name", ["label", "Class", "TYPE", "cell type", "category"])
def test_a_usual_name_is_the_class_and_said_to_be(tmp_path: Path, name: str) -> None:
    only, findings = read_one(tmp_path / "a.json", region(name="cell 7", remark="big", **{name: "WBC"}))
    assert [(cell.label, cell.attributes) for cell in only.cells] == [
        ("WBC", {"name": "cell 7", "remark": "big"})
    ]
    assert [f.kind for f in findings] == ["note"]
    assert f"{name!r} is taken" in findings[0].what and "--attribute" in findings[0].what


def test_nobody_can_tell_the_class(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\('shape', 'colour'\); name the one of the class by --attribute"):
        read_one(tmp_path / "a.json", region(shape="round", colour="blue"))


@pytest.mark.parametrize("asked", ["colour", "Colour"])
def test_the_class_by_name(tmp_path: Path, asked: str) -> None:
    only, findings = read_one(tmp_path / "a.json", region(shape="round", colour="blue"), attribute=asked)
    assert [(cell.label, cell.attributes) for cell in only.cells] == [("blue", {"shape": "round"})]
    assert not findings
    with pytest.raises(DataError, match="no region has an attribute 'cell'; there are: 'shape', 'colour'"):
        read_one(tmp_path / "a.json", region(shape="round", colour="blue"), attribute="cell")


def test_a_file_without_attributes_takes_the_label_that_is_given(tmp_path: Path) -> None:
    only, findings = read_one(tmp_path / "a.json", region(), label="RBC")
    assert ([cell.label for cell in only.cells], only.annotated) == (["RBC"], {"RBC"})
    assert [f.kind for f in findings] == ["note"] and "--label" in findings[0].what


def test_ticks_numbers_and_what_is_no_class(tmp_path: Path) -> None:
    only, findings = read_one(
        tmp_path / "a.json",
        region(type={"WBC": True, "RBC": False}),
        region(type=" RBC "),
        region(type=3),
        region(type={"WBC": True, "RBC": True}),
        region(type={}),
        region(type=""),
        region(type=None),
        region(type=True),
        region(type=["WBC"]),
    )
    assert [cell.label for cell in only.cells] == ["WBC", "RBC", "3"]
    assert only.annotated == {"WBC", "RBC", "3"}
    assert [(f.kind, f.id) for f in findings] == [("invalid", f"region {n} of a.jpg") for n in range(3, 9)]
    assert "2 ticks" in findings[0].what and "WBC" in findings[0].what


def test_all_options_of_the_class_were_looked_for(tmp_path: Path) -> None:
    options = {"type": "dropdown", "options": {"WBC": "white", "PLT": ""}, "default_options": {}}
    images = {"a.jpg5": image(region(type="RBC", free="x")), "b.jpg5": image(name="b.jpg")}
    found, findings = read(tmp_path / "a.json", project(images, type=options, free={"type": "text"}))
    assert [one.annotated for one in found] == [{"WBC", "PLT", "RBC"}] * 2
    assert [len(one.cells) for one in found] == [1, 0]
    assert ["1 of 2 images have no region" in f.what for f in findings] == [False, True]


def test_attributes_too_deep_to_be_written_are_not_kept(tmp_path: Path) -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    only, _ = read_one(tmp_path / "a.json", region(type="WBC", deep=deep, flat=[1]))
    assert only.cells[0].attributes == {"flat": [1]}


# ---------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("https://host/x/a%20b.jpg?sig=1/2#top", "a b.jpg"),
        ("http://[broken/a.jpg", "a.jpg"),
        ("C:\\blood\\b.jpg", "b.jpg"),
        ("sub/b.jpg", "sub/b.jpg"),
        ("../../b.jpg", "b.jpg"),
        (None, "via"),
        ("https://host/", "via"),
    ],
)
def test_the_name_of_an_image(tmp_path: Path, stated: Any, name: str) -> None:
    found, _ = read(tmp_path / "via.json", {"k": image(region(type="WBC"), name=stated)})
    assert [one.file_name for one in found] == [name]


def test_an_image_listed_twice_is_named(tmp_path: Path) -> None:
    images = {"1": image(name="http://a/x.jpg"), "2": image(region(a="b"), name="http://b/x.jpg")}
    found, findings = read(tmp_path / "a.json", images)
    assert [one.file_name for one in found] == ["x.jpg", "x.jpg"]
    assert ("duplicate", "image x.jpg") in [(f.kind, f.id) for f in findings]


def test_entries_that_are_no_images_are_named(tmp_path: Path) -> None:
    found, findings = read(tmp_path / "a.json", {"a": image(region(a="b")), "x": 5, "y": {"regions": 7}})
    assert [one.file_name for one in found] == ["a.jpg", "a"]
    assert [(f.kind, f.id) for f in findings if f.kind == "invalid"] == [("invalid", "image x")]


@pytest.mark.parametrize(
    "text",
    [
        "[]", "5", "{}", '{"a": 1}', '{"_via_img_metadata": []}', '{"_via_img_metadata": {"a"', "", "\0\0",
        '{"a.jpg": {"filename": "\\ud800", "regions": []}}',
    ],
)  # fmt: skip
def test_what_is_no_via_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError):
        list(via.read(tmp_path / "a.json", ReadOptions(), []))


def test_an_empty_project_has_no_images(tmp_path: Path) -> None:
    assert read(tmp_path / "a.json", project({})) == ([], [])
    assert read(tmp_path / "a.json", project({}), attribute="type") == ([], [])


@pytest.mark.parametrize(
    "head",
    [
        b'{"images": [], "annotations": [{"id": 1, "attributes": {"regions": 2}}]}', b"a,b\nc,d\n", b"",
        b'[{"data": {"image": "a.jpg"}}]', b'{"shapes": []}', b"filename,width,height,class\n", b"\xff\xfe",
        b'{"type": "FeatureCollection", "features": []}', b'{"markup": [{"vertices": []}]}',
    ],
)  # fmt: skip
def test_other_files_are_not_claimed(head: bytes) -> None:
    assert not via.sniff(Path("a.json"), head)


# ---------------------------------------------------------------- CSV


def table(*rows: str, header: str = HEADER) -> str:
    return "\r\n".join([header, *rows, ""])


def quoted(value: Any) -> str:
    return '"' + json.dumps(value).replace('"', '""') + '"'


ROW = f'a.jpg,5,"{{}}",1,0,{quoted(RECTANGLE)},{quoted({"type": "WBC"})}'


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("header", [HEADER, "#" + HEADER])
def test_a_table(tmp_path: Path, mark: str, header: str) -> None:
    bare = 'b.jpg,5,"{}",0,0,"{}","{}"'
    found, findings = read(tmp_path / "a.csv", mark + table(ROW, "", bare, header=header))
    assert [(one.file_name, [c.area for c in one.cells]) for one in found] == [
        ("a.jpg", [1200]),
        ("b.jpg", []),
    ]
    assert [f.kind for f in findings] == ["note"]


def test_a_table_that_a_spreadsheet_has_saved(tmp_path: Path) -> None:
    row = f'a.jpg;5;"{{}}";1;0;{quoted(RECTANGLE)};{quoted({"type": "WBC; big"})}'
    (only,), _ = read(tmp_path / "a.csv", table(row, header=HEADER.replace(",", ";")))
    assert [(c.label, c.area) for c in only.cells] == [("WBC; big", 1200)]


def test_outlines_longer_than_the_csv_module_reads(tmp_path: Path) -> None:
    usual = csv.field_size_limit()
    turns = [2 * math.pi * n / 9000 for n in range(9000)]
    xs, ys = [500 + 400 * math.cos(t) for t in turns], [500 + 400 * math.sin(t) for t in turns]
    shape = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
    row = f'a.jpg,5,"{{}}",1,0,{quoted(shape)},{quoted({"type": "WBC"})}'
    assert len(row) > usual
    (only,), _ = read(tmp_path / "a.csv", table(row))
    assert only.cells[0].area == pytest.approx(math.pi * 400**2, rel=1e-6)
    assert csv.field_size_limit() == usual


def test_broken_lines_are_named_by_number(tmp_path: Path) -> None:
    rows = [
        f'a.jpg,5,"{{}}",1,0,{quoted(RECTANGLE)[:-9]}"', f',5,"{{}}",1,0,{quoted(RECTANGLE)},"{{}}"', "a.jpg",
        'a.jpg,5,"{}",1,3,"[1]","{}"', 'a.jpg,5,"{}",1,4,"{}","{"',
    ]  # fmt: skip
    (only,), findings = read(tmp_path / "a.csv", table(*rows, ROW))
    assert [(c.label, c.area) for c in only.cells] == [("WBC", 1200)]
    assert [(f.kind, f.id) for f in findings] == [
        ("invalid", "line 2"), ("invalid", "line 3"), ("invalid", "line 6"), ("invalid", "region 3 of a.jpg"),
    ]  # fmt: skip


def test_tables_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(table(ROW).encode() + b"\xff\xfe")
    with pytest.raises(DataError, match="not UTF-8 text"):
        list(via.read(path, ReadOptions(), []))
    with pytest.raises(DataError, match="is not there"):
        list(via.read(tmp_path / "b.csv", ReadOptions(), []))
