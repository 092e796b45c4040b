"""QuPath GeoJSON: what is written is read back to the last bit; classes, children, planes, bad geometry."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.errors import DataError, OutputError
from smearprep.findings import Finding
from smearprep.formats import qupath
from smearprep.formats.qupath.metadata import text_to_value, value_to_text
from smearprep.formats.qupath.writing import image_to_geojson
from smearprep.formats.reading import ReadOptions
from smearprep.formats.writing import ALL_SHAPES, WriteOptions
from smearprep.records import Cell, ImageCells
from tests.laws.strategies import LAW, areas, boxes, points

RING = [[10, 10], [50, 10], [50, 40], [10, 40], [10, 10]]
HOLE = [[20, 20], [20, 30], [30, 30], [30, 20], [20, 20]]
FAR = [[60, 60], [70, 60], [70, 70], [60, 60]]
TEXT = """{"type":"FeatureCollection","features":[{"type":"Feature","id":"u1","geometry":{"type":"Polygon",
"coordinates":[[[10,10],[50,10],[50,40],[10,40],[10,10]]]},
"properties":{"objectType":"annotation","classification":{"name":"WBC","color":[200,0,0]}}}]}"""


def feature(*rings: Any, kind: str = "Polygon", class_: Any = None, **properties: Any) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": list(rings)}
    told = {"objectType": "annotation", "classification": class_ or {"name": "WBC", "color": [1, 2, 3]}}
    return {"type": "Feature", "id": "u", "geometry": geometry, "properties": {**told, **properties}}


def read(path: Path, value: Any, **options: Any) -> tuple[ImageCells, list[Finding]]:
    if isinstance(value, bytes):
        path.write_bytes(value)
    else:
        path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
    assert qupath.sniff(path, path.read_bytes()[:4096])
    findings: list[Finding] = []
    (only,) = qupath.read(path, ReadOptions(base=path.parent, **options), findings)
    return only, findings


def collection(*features: Any, **more: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features), **more}


def test_the_rectangle_of_1200(tmp_path: Path) -> None:
    only, findings = read(tmp_path / "a.geojson", TEXT)
    (cell,) = only.cells
    assert (only.file_name, only.size, only.annotated, findings) == ("a", None, {"WBC"}, [])
    assert (cell.label, cell.area, cell.outline, cell.attributes) == ("WBC", 1200, "drawn", {})


# ---------------------------------------------------------------- round trip

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["5", "007", "1e5", "true", "null", '"a"', "[1]", '{"a":1}', " 7", "NaN", "1.0", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
ATTRIBUTES = st.dictionaries(st.sampled_from(["name", "measurements", "score", "made_by"]) | st.text(), JSON)
MEASURED = st.dictionaries(st.text(), st.integers(-5, 5) | st.floats(-1e9, 1e9), max_size=3)
LABELS = st.sampled_from(["RBC", "Tumor: Positive", " Zelle ü ", "白血球"]) | st.text(min_size=1).filter(
    str.strip
)


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    outline: Any = draw(st.sampled_from(["drawn", "drawn", "component", "made", "box", "point"]))
    shape = draw(points() if outline == "point" else boxes() if outline == "box" else areas())
    attributes = draw(ATTRIBUTES | st.builds(lambda m: {"measurements": m}, MEASURED))
    return Cell(draw(LABELS), shape, outline, attributes)


SIZES = st.none() | st.tuples(st.integers(1, 2**31), st.integers(1, 2**31))
NAMES = st.sampled_from(["a.jpg", "Grün/b c.jpg", "x/y/z", "geo.geojson.png", "名前.tif"])


@LAW
@given(
    found=st.lists(cells(), max_size=4), name=NAMES, size=SIZES, searched=st.frozensets(LABELS, max_size=2)
)
def test_what_is_written_is_read_back_exactly(
    found: list[Cell],
    name: str,
    size: tuple[int, int] | None,
    searched: frozenset[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("qupath") / "there.geojson"
    annotated = searched.union(cell.label for cell in found)
    image = ImageCells(name, size, tuple(found), str(path), annotated)
    data = image_to_geojson(image)
    again, findings = read(path, data)
    assert again == image
    assert not findings
    assert image_to_geojson(again) == data


def test_the_file_is_as_qupath_wants_it(tmp_path: Path) -> None:
    holed = Polygon(RING, [HOLE])
    far = Polygon([(60.5, 60), (70, 60), (70, 70)])
    attributes = {"measurements": {"Area": 1.5}, "name": "seen", "score": 0.5, "text": "5", "list": [1]}
    image = ImageCells(
        "sub/a.jpg",
        (100, 80),
        (
            Cell("WBC", MultiPolygon([holed, far]), "drawn", attributes),
            Cell("WBC", shapely.box(1, 2, 3, 4), "box"),
            Cell("RBC", Point(5, 6.25), "point"),
        ),
        "x",
    )
    findings: list[Finding] = []
    with qupath.writer(tmp_path / "out", WriteOptions(), findings) as out:
        out.add(image, None)
    text = (tmp_path / "out" / "sub" / "a.geojson").read_text("utf-8")
    value = json.loads(text)
    assert value["image"] == {"name": "sub/a.jpg", "width": 100, "height": 80, "annotated": []}
    first, box, point = value["features"]
    assert first["geometry"]["type"] == "MultiPolygon"
    assert first["geometry"]["coordinates"][0] == [RING, HOLE]
    assert "[[60.5,60],[70,60],[70,70],[60.5,60]]" in text
    told = first["properties"]
    assert told["objectType"] == "annotation"
    assert (told["name"], told["measurements"]) == ("seen", {"Area": 1.5})
    assert told["metadata"] == {"score": "0.5", "text": '"5"', "list": "[1]"}
    assert box["properties"]["metadata"] == {"smearprep outline": "box"}
    assert point["geometry"] == {"type": "Point", "coordinates": [5, 6.25]}
    assert "metadata" not in point["properties"]
    ids = [uuid.UUID(one["id"]) for one in value["features"]]
    assert len(set(ids)) == 3
    colours = [one["properties"]["classification"]["color"] for one in value["features"]]
    assert colours[0] == colours[1] != colours[2]
    assert all(isinstance(n, int) and 0 <= n <= 255 for colour in colours for n in colour)
    assert qupath.HOLDS == ALL_SHAPES and not findings


def test_ids_differ_between_images() -> None:
    cell = Cell("RBC", shapely.box(0, 0, 1, 1))
    ids = {
        json.loads(image_to_geojson(ImageCells(name, None, (cell, cell), "x")))["features"][n]["id"]
        for name in ("a.jpg", "1 a.jpg", "b.jpg")
        for n in (0, 1)
    }
    assert len(ids) == 6


def test_common_labels_have_colours_of_their_own() -> None:
    labels = [
        "RBC",
        "WBC",
        "Platelets",
        "PLT",
        "Neutrophil",
        "Lymphocyte",
        "Monocyte",
        "Eosinophil",
        "Basophil",
    ]
    image = ImageCells("a", None, tuple(Cell(label, shapely.box(0, 0, 1, 1)) for label in labels), "x")
    features = json.loads(image_to_geojson(image))["features"]
    assert len({str(one["properties"]["classification"]["color"]) for one in features}) == len(labels)


def test_a_folder_appears_whole_and_names_are_taken_once(tmp_path: Path) -> None:
    findings: list[Finding] = []
    with pytest.raises(KeyError), qupath.writer(tmp_path / "out", WriteOptions(), findings) as out:
        out.add(ImageCells("a.jpg", None, (), "x"), None)
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    with qupath.writer(tmp_path / "out", WriteOptions(), findings) as out:
        out.add(ImageCells("a.jpg", None, (), "x"), None)
        out.add(ImageCells("a.png", None, (), "x"), None)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.geojson"]
    assert [f.kind for f in findings] == ["missing_image"]
    with (
        pytest.raises(OutputError, match="is not empty"),
        qupath.writer(tmp_path / "out", WriteOptions(), []),
    ):
        pass


@LAW
@given(JSON)
def test_values_survive_as_texts(value: Any) -> None:
    text = value_to_text(value)
    again = text_to_value(text)
    assert again == value and type(again) is type(value)


@LAW
@given(st.text())
def test_texts_that_people_wrote_are_plain_where_they_are_no_json(text: str) -> None:
    found = text_to_value(text)
    assert (
        found == text if isinstance(found, str) and not text.startswith('"') else value_to_text(found) == text
    )


def test_a_text_nested_too_deeply_stays_a_text() -> None:
    assert text_to_value("[" * 300 + "]" * 300) == "[" * 300 + "]" * 300


def test_a_box_that_somebody_has_changed_is_drawn(tmp_path: Path) -> None:
    told = {"smearprep outline": "box"}
    bent = [[10, 10], [50, 12], [50, 40], [10, 40], [10, 10]]
    only, _ = read(
        tmp_path / "a.geojson",
        collection(
            feature(RING, metadata=told), feature(bent, metadata=told), feature(RING, HOLE, metadata=told),
            feature([RING], [FAR], kind="MultiPolygon", metadata=told),
            feature(RING, metadata={"smearprep outline": "point"}),
            feature(RING, metadata={"smearprep outline": "a guess"}),
        ),
    )  # fmt: skip
    assert [cell.outline for cell in only.cells] == ["box", *["drawn"] * 5]
    assert [cell.attributes for cell in only.cells] == [{}] * 6


# ---------------------------------------------------------------- what QuPath writes


def test_lists_and_single_objects(tmp_path: Path) -> None:
    for value in (collection(feature(RING, HOLE)), [feature(RING, HOLE)], feature(RING, HOLE)):
        only, findings = read(tmp_path / "a b.geojson", value)
        assert ([cell.area for cell in only.cells], findings) == ([1100], [])
        assert only.file_name == "a b"


@pytest.mark.parametrize(
    ("file", "name"), [("a.jpg.geojson", "a.jpg"), ("a.geojson.json", "a"), ("x.json", "x")]
)
def test_the_image_is_named_after_the_file(tmp_path: Path, file: str, name: str) -> None:
    only, _ = read(tmp_path / file, collection(feature(RING)))
    assert (only.file_name, only.size) == (name, None)
    only, _ = read(
        tmp_path / file, collection(image={"name": 5, "width": "9", "height": 0, "annotated": [7]})
    )
    assert (only.file_name, only.size, only.annotated) == (name, None, frozenset())


@pytest.mark.parametrize(
    ("class_", "label"),
    [
        ({"name": "Tumor", "colorRGB": -377282}, "Tumor"),
        ({"names": ["Tumor", "Positive"], "color": [1, 2, 3]}, "Tumor: Positive"),
        ({"name": "Positive", "parentClass": {"name": "Tumor", "colorRGB": -1}}, "Tumor: Positive"),
        ("Stroma", "Stroma"),
    ],
)
def test_classes_of_all_versions(tmp_path: Path, class_: Any, label: str) -> None:
    only, findings = read(tmp_path / "a.geojson", feature(RING, class_=class_, name="Annotation 7"))
    assert [(cell.label, cell.attributes) for cell in only.cells] == [(label, {"name": "Annotation 7"})]
    assert not findings


def test_objects_without_a_class(tmp_path: Path) -> None:
    bare = {**feature(RING), "properties": {}}
    named = {**feature(RING), "properties": {"name": "Neutrophil", "classification": None}}
    empty = {**feature(RING), "properties": {"classification": {}, "name": " "}}
    only, findings = read(
        tmp_path / "a.geojson", [bare, named, empty, {**bare, "properties": None}], label="RBC"
    )
    assert [cell.label for cell in only.cells] == ["RBC", "Neutrophil", "RBC", "RBC"]
    assert [f.kind for f in findings] == ["note"]
    assert findings[0].what.startswith("4 objects without a class") and "'RBC'" in findings[0].what


@pytest.mark.parametrize(
    "class_", [{"name": 5}, {"names": []}, {"names": ["a", None]}, {"name": " "}, [1], 7, "  "]
)
def test_a_class_without_a_name_is_named(tmp_path: Path, class_: Any) -> None:
    only, findings = read(tmp_path / "a.geojson", [feature(RING, class_=class_), feature(RING)])
    assert len(only.cells) == 1
    assert [(f.kind, f.id) for f in findings] == [("invalid", "object 0")]
    assert "has no name; left out" in findings[0].what


def test_every_geometry(tmp_path: Path) -> None:
    only, findings = read(
        tmp_path / "a.geojson",
        collection(
            feature([RING, HOLE], [FAR], kind="MultiPolygon"),
            feature([[x, y, 7] for x, y in RING[:-1]]),
            {**feature(), "geometry": {"type": "Point", "coordinates": [5, 6, 0]}},
            feature([1, 2], [3, 4.5], kind="MultiPoint"),
            feature([1, 2], [3, 4], kind="LineString"),
            feature([[1, 2], [3, 4]], kind="MultiLineString"),
            {**feature(), "geometry": {"type": "GeometryCollection", "geometries": []}},
        ),
    )
    parts, flat, *dots = only.cells
    assert parts.shape == MultiPolygon([Polygon(RING, [HOLE]), Polygon(FAR)])
    assert list(flat.shape.exterior.coords) == [tuple(xy) for xy in RING]
    assert [(dot.shape, dot.outline) for dot in dots] == [
        (Point(xy), "point") for xy in ((5, 6), (1, 2), (3, 4.5))
    ]
    assert [(f.kind, f.id) for f in findings] == [
        ("zero_area", "object 4"), ("zero_area", "object 5"), ("invalid", "object 6"),
    ]  # fmt: skip


def test_what_qupath_found_by_itself_is_made(tmp_path: Path) -> None:
    values = [
        feature(
            RING, objectType="detection", measurements=[{"name": "Area", "value": 2.5}, 5, {"name": "x"}]
        ),
        {
            **feature(RING, objectType="cell", measurements={"Area": 3, "bad": "?", "also": float("nan")}),
            "nucleusGeometry": {"type": "Polygon", "coordinates": [HOLE]},
        },
        {**feature(RING), "id": "PathDetectionObject", "properties": {"classification": "WBC"}},
        feature(RING, metadata={"stain": "Giemsa", "rank": "3", "plate": 5, "odd": [1]}),
        feature(RING, objectType="tmaCore"),
        feature(RING, objectType="root"),
    ]
    only, findings = read(tmp_path / "a.geojson", values)
    assert [(cell.outline, cell.attributes) for cell in only.cells] == [
        ("made", {"made_by": "QuPath", "measurements": {"Area": 2.5}}),
        ("made", {"made_by": "QuPath", "measurements": {"Area": 3}}),
        ("made", {"made_by": "QuPath"}),
        ("drawn", {"stain": "Giemsa", "rank": 3, "plate": 5}),
    ]
    assert [f.kind for f in findings] == ["note", "note"]
    assert "1 objects with an outline of the nucleus" in findings[0].what
    assert "2 objects that are TMA cores" in findings[1].what


def test_objects_inside_objects(tmp_path: Path) -> None:
    inner = feature(HOLE, class_="Platelet")
    outer = feature(RING, childObjects=[feature(FAR, class_="RBC", children=[inner]), 5])
    only, findings = read(tmp_path / "a.geojson", [outer, feature(RING, class_="last")])
    assert [cell.label for cell in only.cells] == ["WBC", "RBC", "Platelet", "last"]
    assert [(f.kind, f.id) for f in findings] == [("invalid", "object 3")]


def test_other_planes_are_said(tmp_path: Path) -> None:
    values = [feature(RING) for _ in range(4)]
    for one, plane in zip(values, ({"c": -1, "z": 2, "t": 0}, {"z": 0, "t": 0}, {"t": 1}, 5), strict=True):
        one["geometry"]["plane"] = plane
    only, findings = read(tmp_path / "a.geojson", values)
    assert len(only.cells) == 4
    assert [f.what.startswith("2 objects on another plane") for f in findings] == [True]


# ---------------------------------------------------------------- what is broken

CROSSED = [[0, 0], [4, 4], [4, 0], [0, 4]]


def test_outlines_that_cross_are_mended(tmp_path: Path) -> None:
    only, findings = read(
        tmp_path / "a.geojson",
        collection(
            feature(CROSSED),
            feature([CROSSED], [FAR], [[[1, 1], [2, 2], [3, 3]]], kind="MultiPolygon"),
            feature(RING, [[40, 20], [60, 20], [60, 30], [40, 30]]),
            feature([RING], [RING], kind="MultiPolygon"),
        ),
    )
    assert [cell.area for cell in only.cells] == [8, 58, 1100, 1200]
    assert [f.kind for f in findings] == ["repaired"] * 4
    assert sorted(f.id for f in findings) == [f"object {n}" for n in range(4)]
    (mended,) = [f.what for f in findings if f.id == "object 1"]
    assert "1 of its 3 parts had no area: dropped" in mended


BROKEN = [
    [], [[]], [[[]]], [5], [[5, 6]], [[[1, 2], [3, 4]]], [[[1, 2], [3, 4], [5]]], [[[1, 2], [3, 4], "ab"]],
    [[[1, 2], [3, 4], [5, None]]], [[{"x": 1}, {"x": 2}, {"x": 3}]], "ab", {"a": 1}, None,
    [[[1, 2], [3, 9], [5, 1e300]]], [[[1, 2], [3, 9], [5, float("nan")]]], [["abc", "def", "ghi"]],
    [[["1", "2"], ["3", "9"], ["5", "5"]]],
    [[[1, 2]], RING],
]  # fmt: skip


@pytest.mark.parametrize("kind", ["Polygon", "MultiPolygon"])
def test_broken_outlines_are_named_and_left_out(tmp_path: Path, kind: str) -> None:
    values = []
    for coordinates in BROKEN:
        one = feature(kind=kind)
        one["geometry"]["coordinates"] = coordinates if kind == "Polygon" else [coordinates]
        values.append(one)
    only, findings = read(tmp_path / "a.geojson", [*values, feature(RING)])
    assert [cell.area for cell in only.cells] == [1200]
    assert sorted((f.kind, f.id) for f in findings) == sorted(
        ("invalid", f"object {n}") for n in range(len(BROKEN))
    )
    assert all(f.what.endswith("; left out") for f in findings)


def test_other_broken_objects_are_named(tmp_path: Path) -> None:
    values = [
        5, None, {}, {"type": "Feature"}, {**feature(RING), "geometry": None},
        {**feature(RING), "type": "Thing"},
        {**feature(), "geometry": {"type": "Point", "coordinates": [5]}},
        {**feature(), "geometry": {"type": "Point", "coordinates": [5, "6"]}},
        {**feature(), "geometry": {"type": "Point", "coordinates": None}},
        {**feature(), "geometry": {"type": "MultiPoint", "coordinates": []}},
        {**feature(), "geometry": {"type": ["Polygon"], "coordinates": [RING]}},
        feature(RING, kind="Circle"),
    ]  # fmt: skip
    only, findings = read(tmp_path / "a.geojson", collection(*values, feature(RING)))
    assert len(only.cells) == 1
    assert [(f.kind, f.id) for f in findings] == [("invalid", f"object {n}") for n in range(len(values))]


def test_a_flat_outline_has_no_area(tmp_path: Path) -> None:
    flat = [[1, 1], [2, 2], [3, 3], [1, 1]]
    only, findings = read(
        tmp_path / "a.geojson", [feature(flat), feature([flat], [flat], kind="MultiPolygon")]
    )
    assert not only.cells
    assert sorted((f.kind, f.id) for f in findings) == [("zero_area", "object 0"), ("zero_area", "object 1")]


def test_thousands_of_parts_and_holes_take_no_time(tmp_path: Path) -> None:
    """Each hole is looked for in its own part alone, also where the outlines are not valid."""
    parts = []
    for n in range(3000):
        x, y = 20 * (n % 100), 20 * (n // 100)
        outer = [[x, y], [x + 10, y], [x + 10, y + 10], [x, y + 10]]
        parts.append([outer, [[x + 2, y + 2], [x + 4, y + 2], [x + 4, y + 4], [x + 2, y + 4]]])
    broken = [*parts, [[[-90, -90], [-80, -80], [-80, -90], [-90, -80]]]]
    values = [feature(*parts, kind="MultiPolygon"), feature(*broken, kind="MultiPolygon")]
    only, findings = read(tmp_path / "a.geojson", values)
    assert [cell.area for cell in only.cells] == [3000 * 96, 3000 * 96 + 50]
    assert [(f.kind, f.id) for f in findings] == [("repaired", "object 1")]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[]", "no Feature"), ("5", "no Feature"), ("{}", "no Feature"), ("[1, 2]", "no Feature"),
        ('{"type": "FeatureCollection"}', "no Feature"),
        ('{"type": "FeatureCollection", "features": 5}', "no Feature"),
        ('{"type": "Polygon", "coordinates": []}', "is a bare Polygon without a class"),
        ('{"type": "GeometryCollection", "geometries": []}', "is a bare GeometryCollection"),
        ('{"type": ["Polygon"]}', "no Feature"), ('{"type": "Feature"', "broken JSON"), ("", "is empty"),
    ],
)  # fmt: skip
def test_what_holds_no_objects_is_refused(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "a.geojson").write_text(text)
    with pytest.raises(DataError, match=what):
        list(qupath.read(tmp_path / "a.geojson", ReadOptions(), []))


def test_an_image_without_objects(tmp_path: Path) -> None:
    only, findings = read(tmp_path / "a.geojson", collection())
    assert (only.cells, only.annotated, findings) == ((), frozenset(), [])


@pytest.mark.parametrize(
    "head",
    [
        b'\xef\xbb\xbf {"features": [{"geometry": {}, "type" : "Feature"',
        b'[{"geometry": {"coordinates": [[[1, 2], [3, 4], [5, 6]]], "type": "Polygon"}, "properties"',
        b'{"geometries": [], "type": "GeometryCollection"}',
    ],
)
def test_files_are_claimed_by_what_comes_first(head: bytes) -> None:
    assert qupath.sniff(Path("a.json"), head)


@pytest.mark.parametrize(
    "head",
    [
        b'{"images": [], "annotations": [], "categories": [{"name": "Feature"}]}', b"",
        b'[{"type": "polygon"}]',
        b'{"images": [], "annotations": [{"attributes": {"type": "Polygon"}}]}',
        b'{"shapes": [{"shape_type": "polygon"}]}', b'"type": "Feature"', b'[{"type": "polygonlabels"}]',
    ],
)  # fmt: skip
def test_other_files_are_not_claimed(head: bytes) -> None:
    assert not qupath.sniff(Path("a.json"), head)
