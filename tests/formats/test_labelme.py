"""labelme: every kind of shape, groups, embedded images; what is written is read back to the last digit."""

import base64
import io
import json
import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep import formats
from smearprep.converting import convert
from smearprep.errors import DataError
from smearprep.formats import labelme
from smearprep.formats.reading import ReadOptions
from smearprep.formats.writing import WriteOptions, fit_to_format
from smearprep.geometry import has_holes, shape_to_mask
from smearprep.records import Cell, ImageCells
from tests.laws import strategies

RECTANGLE = [[10, 10], [50, 10], [50, 40], [10, 40]]
TEXT = """
{"version":"5.5.0","flags":{},"imagePath":"a.jpg","imageData":null,"imageHeight":80,"imageWidth":100,"shapes":[
 {"label":"WBC","points":[[10,10],[50,10],[50,40],[10,40]],"group_id":null,"shape_type":"polygon","flags":{}},
 {"label":"RBC","points":[[70,50],[80,50]],"group_id":1,"shape_type":"circle","flags":{}}]}
"""


def entry(points=RECTANGLE, kind="polygon", label="WBC", **more):
    return {"label": label, "points": points, "shape_type": kind, **more}


def read_bytes(path, data, base=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    findings = []
    (image,) = labelme.read(path, ReadOptions(base=base or path.parent), findings)
    return image, findings


def read(path, *entries, **more):
    head = {"imagePath": "a.jpg", "imageData": None, "imageHeight": 80, "imageWidth": 100, **more}
    return read_bytes(path, json.dumps({**head, "shapes": entries}).encode())


def png(mask, mode="L"):
    file = io.BytesIO()
    Image.fromarray(np.asarray(mask, np.uint8)).convert(mode).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


# ---------------------------------------------------------------- what labelme writes


def test_the_rectangle_of_1200(tmp_path):
    image, findings = read_bytes(tmp_path / "b ü.json", TEXT.encode())
    assert (image.file_name, image.size, findings) == ("a.jpg", (100, 80), [])
    cell, circle = image.cells
    assert (cell.label, cell.area, cell.outline, cell.attributes) == ("WBC", 1200, "drawn", {})
    assert [list(xy) for xy in cell.shape.exterior.coords[:-1]] == RECTANGLE
    assert (circle.label, circle.outline, circle.attributes) == ("RBC", "drawn", {"group": 1})
    assert circle.area == pytest.approx(100 * math.pi, rel=1e-3)
    assert circle.bounds == (60, 40, 80, 60)
    assert image.annotated == {"WBC", "RBC"}


def test_it_is_recognised_by_its_content_and_claims_no_other(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(TEXT)
    head = TEXT.encode()[:4096]
    assert labelme.sniff(path, head)
    assert not any(formats.get(name).sniff(path, head) for name in formats.NAMES if name != "labelme")
    for mine in (
        '\ufeff {"version": "3.16", "shapes": [{"label": "a", "line_color": null, "points": [\n[1',
        '{"shapes": [], "lineColor": [0, 255, 0, 128], "imagePath": "a.jpg", "imageData": "abc"',
        '{"imageData": "' + 4000 * "A",
        '{"shapes": [{"label": "a", "mask": "' + 4000 * "A",
        '{"imagePath": "a.jpg", "imageHeight": 1, "shapes": []}',
    ):
        assert labelme.sniff(path, mine.encode())
    for other in (
        "", "{}", "[]", "5", '{"images":[],"annotations":[],"categories":[]}',
        '{"info":{},"images":[{"file_name":"shapes"}]}', '[{"version":0,"shapes":[{"points":[[1,2]]}]}]',
        '{"shapes": [{"type": "polygon", "points": [1.0, 2.0]}]}', '{"shapes": []}',
        '{"image_information":{"image_name":"a.jpg"},"markup":[]}', '{"type":"Feature","features":[]}',
        '{"a.jpg1":{"filename":"a.jpg","regions":[{"shape_attributes":{"name":"polygon"}}]}}',
    ):  # fmt: skip
        assert not labelme.sniff(path, other.encode()), other


CORNERS = st.tuples(*[st.integers(-5, 90)] * 2).map(list)


@strategies.LAW
@given(CORNERS, CORNERS)
def test_a_rectangle_is_a_box_whatever_its_corners_order(tmp_path_factory, a, b):
    image, findings = read(tmp_path_factory.mktemp("r") / "a.json", entry([a, b], "rectangle"))
    if a[0] == b[0] or a[1] == b[1]:
        assert not image.cells and [(f.kind, f.id) for f in findings] == [("zero_area", "0")]
    else:
        (cell,) = image.cells
        low, high = np.minimum(a, b), np.maximum(a, b)
        assert cell.outline == "box" and not findings
        assert cell.shape.equals(shapely.box(*low, *high))


def test_rectangles_of_four_corners(tmp_path):
    turned = [[30, 10], [50, 30], [30, 50], [10, 30]]
    image, findings = read(
        tmp_path / "a.json",
        entry(RECTANGLE, "rectangle"),
        entry([RECTANGLE[n] for n in (3, 2, 1, 0)], "rectangle"),
        entry([RECTANGLE[n] for n in (1, 2, 3, 0)], "rectangle"),
        entry(turned, "rectangle"),
        entry(turned, "oriented_rectangle"),
        entry(turned, "rotation"),
    )
    assert [(c.outline, c.area) for c in image.cells] == [("box", 1200)] * 3 + [("drawn", 800)] * 3
    assert not findings


@strategies.LAW
@given(st.floats(0.01, 1e4), st.floats(0, 7), st.floats(-1e3, 1e3))
def test_a_circle_is_right_to_a_thousandth(tmp_path_factory, radius, angle, x):
    rim = [x + radius * math.cos(angle), 5 + radius * math.sin(angle)]
    image, _ = read(tmp_path_factory.mktemp("c") / "a.json", entry([[x, 5], rim], "circle"))
    (cell,) = image.cells
    true = math.dist((x, 5), rim)
    assert cell.area == pytest.approx(math.pi * true**2, rel=1e-3)
    assert cell.bounds == pytest.approx((x - true, 5 - true, x + true, 5 + true))


def test_points_are_positions_and_lines_are_no_cells(tmp_path):
    image, findings = read(
        tmp_path / "a.json",
        entry([[3, 4.5]], "point"),
        entry([[3, 4], [5, 6]], "line"),
        entry([[3, 4], [5, 6], [7, 9]], "linestrip"),
        entry([[3, 4], [5, 6]], "points"),
    )
    (cell,) = image.cells
    assert (cell.shape, cell.outline) == (Point(3, 4.5), "point")
    assert [(f.kind, f.id) for f in findings] == [("zero_area", "1"), ("zero_area", "2"), ("zero_area", "3")]
    assert findings[1].what == "a shape of type 'linestrip' has no area; left out"


@strategies.LAW
@given(strategies.masks(), st.tuples(st.integers(0, 50), st.integers(0, 50)), st.sampled_from(["1", "L"]))
def test_a_mask_comes_back_pixel_for_pixel(tmp_path_factory, mask, corner, mode):
    (x, y), (h, w) = corner, mask.shape
    shape = entry([[x, y], [x + w - 1, y + h - 1]], "mask", mask=png(mask * 255, mode))
    image, findings = read(tmp_path_factory.mktemp("m") / "a.json", shape)
    whole = np.zeros((80, 100), bool)
    whole[y : y + h, x : x + w] = mask
    if mask.any():
        (cell,) = image.cells
        assert cell.outline == "drawn" and not findings
        assert (shape_to_mask(cell.shape, (100, 80)) == whole).all()
        assert cell.area == mask.sum()
    else:
        assert not image.cells and [f.kind for f in findings] == ["zero_area"]


def test_masks_as_labelme_and_its_relatives_write_them(tmp_path):
    ones = [[0, 1, 1], [0, 0, 1]]
    image, findings = read(
        tmp_path / "a.json",
        entry([[60, 50], [62, 51]], "mask", mask=png(ones)),  # labelme writes 0 and 1
        entry([[60.4, 50.4], [62.4, 51.4]], "mask", mask=png(ones)),  # dragged
        entry([[62, 51], [60, 50]], "mask", mask=png(ones)),
        entry([[60, 50], [62, 51]], "mask", mask=png(ones, "P")),
        entry([[60, 50], [63, 51]], "mask", mask=png(ones)),
        entry([[60, 50], [62, 51]], "mask", mask=png(ones, "RGB")),
        entry([[60, 50], [62, 51]], "mask", mask=png(ones)[:-30]),
        entry([[60, 50], [62, 51]], "mask", mask="?"),
        entry([[60, 50], [62, 51]], "mask", mask=None),
        entry([[60, 50]], "mask", mask=png(ones)),
        entry([[0, 0], [99999, 99999]], "mask", mask=png(ones)),
    )
    assert [cell.area for cell in image.cells] == [3, 3, 3, 3]
    assert {cell.bounds for cell in image.cells} == {(61, 50, 63, 52)}
    assert [(f.kind, f.id) for f in findings] == [("invalid", str(n)) for n in range(4, 11)]
    assert findings[0].what == "its mask is of 3x2 px, its corners span 4x2 px; left out"
    assert "in colours" in findings[1].what
    assert "too large" in findings[-1].what


# ---------------------------------------------------------------- several shapes, one cell


def square(x, y=0, side=10):
    return [[x, y], [x + side, y], [x + side, y + side], [x, y + side]]


def test_shapes_of_one_label_and_group_are_one_cell(tmp_path):
    image, findings = read(
        tmp_path / "a.json",
        entry(square(0), group_id=1, description="left"),
        entry(square(60), label="RBC"),
        entry(square(20), group_id=1, description="right", flags={"burr": True}),
        entry(square(40), label="RBC", group_id=1),
        entry(square(80), group_id=2),
        entry(square(0, 40), group_id=None),
        entry(square(20, 40), group_id=[1]),
    )
    assert [(c.label, c.area) for c in image.cells] == [
        ("WBC", 200), ("RBC", 100), ("RBC", 100), ("WBC", 100), ("WBC", 100), ("WBC", 100),
    ]  # fmt: skip
    assert isinstance(image.cells[0].shape, MultiPolygon)
    assert image.cells[0].attributes == {"description": "left", "burr": True, "group": 1}
    assert [c.attributes for c in image.cells[1:]] == [{}, {"group": 1}, {"group": 2}, {}, {}]
    assert not findings


def test_groups_of_mixed_kinds(tmp_path):
    ring = np.ones((4, 4))
    ring[1:3, 1:3] = 0
    shapes = [
        entry(square(0), group_id=1),
        entry([[20, 0], [30, 10]], "rectangle", group_id=1),
        entry([[5, 5]], "point", group_id=1),
        entry([[0, 20], [3, 23]], "mask", mask=png(ring), group_id=2),
        entry([[1, 21], [2, 22]], "mask", mask=png(np.ones((2, 2))), group_id=2),
        entry([[10, 20], [13, 23]], "mask", mask=png(ring), group_id=3),
        entry(square(20, 20), group_id=3),
        entry([[0, 40], [10, 50]], "rectangle", group_id=4),
        entry([[30, 45], [20, 60]], "rectangle", group_id=4),
        entry([[40, 40], [50, 50]], "rectangle", group_id=5),
        entry([[60, 60]], "point", group_id=6),
        entry([[61, 61]], "point", group_id=6),
        entry(square(60, 0), group_id=7),
        entry([[60, 0], [60, 0]], group_id=7),
        entry([[70, 40]], "point", group_id=8),
        entry(square(65, 35), group_id=8),
    ]
    image, findings = read(tmp_path / "a.json", *shapes)
    assert [(c.outline, c.area) for c in image.cells] == [
        ("drawn", 200), ("drawn", 16), ("drawn", 112), ("box", 600), ("box", 100), ("point", 0), ("point", 0),
        ("drawn", 100), ("drawn", 100),
    ]  # fmt: skip
    assert image.cells[3].bounds == (0, 40, 30, 60)
    assert has_holes(image.cells[2].shape) and not has_holes(image.cells[1].shape)
    assert [(f.kind, f.id) for f in findings] == [
        ("note", "2"), ("repaired", "3"), ("note", "7"), ("note", "14"), ("repaired", "12")
    ]  # fmt: skip
    assert "1 of its 2 outlines had no area" in findings[-1].what


# ---------------------------------------------------------------- what else it says


def test_what_is_said_of_a_cell(tmp_path):
    image, _ = read(
        tmp_path / "a.json",
        entry(description="burr cell?", flags={"touching": True, "blurred": False}, score=0.5),
        entry(description="", flags={}, score=None, group_id=None, line_color=None, attributes={}),
        entry(description=None, flags=None, score="high", difficult=False, attributes=None),
        entry(difficult=True, attributes={"stain": "Giemsa", "score": 7}),
        entry(flags=["x"], attributes=[1], description=5, score=True, group_id=True),
    )
    assert [dict(c.attributes) for c in image.cells] == [
        {"description": "burr cell?", "touching": True, "score": 0.5}, {}, {},
        {"difficult": True, "stain": "Giemsa", "score": 7}, {},
    ]  # fmt: skip


def test_how_an_outline_is_known(tmp_path):
    image, _ = read(
        tmp_path / "a.json",
        entry(score=0.5),
        entry(score=0.5, attributes={"made_by": "net"}),
        entry(outline="component"),
        entry(outline="box"),
        entry([[1, 1], [2, 2]], "rectangle", outline="drawn"),
        entry([[1, 1]], "point", outline="made"),
        entry(outline=["made"]),
    )
    outlines = ["drawn", "made", "component", "drawn", "box", "point", "drawn"]
    assert [c.outline for c in image.cells] == outlines


def test_old_files_do_not_state_the_kind(tmp_path):
    old = {"label": "WBC", "line_color": None, "fill_color": None, "points": RECTANGLE}
    image, findings = read(tmp_path / "a.json", old, {**old, "shape_type": None})
    assert [c.area for c in image.cells] == [1200, 1200] and not findings


def test_what_is_broken_is_named_and_the_rest_kept(tmp_path):
    nan = float("nan")
    text = [[str(x), str(y)] for x, y in RECTANGLE]
    image, findings = read(
        tmp_path / "a.json",
        entry([[1, 1], [5, 5]]),
        entry([[1, 1], [5, nan], [5, 1]]),
        entry(text),
        entry([*RECTANGLE[:3], ["10", 40]]),
        entry(["10", "51", "54"]),
        entry({"10": 1, "51": 2, "54": 3}),
        entry(None),
        {"label": "WBC"},
        "polygon",
        entry(label=""),
        entry(label=None, group_id=1),
        entry(label=["x"], group_id=1),
        entry(kind="cuboid"),
        entry(kind=["polygon"]),
        entry([[1, 1]], "circle"),
        entry([[1, 1], [1, 1]], "circle"),
        entry([[1, "1"], [2, 2]], "rectangle"),
        entry([[1, 1, 1], [2, 2]], "rectangle"),
        entry([[1, 1], [nan, 2]], "rectangle"),
        entry([[1, 1e300], [2, 2]], "circle"),
        entry([], "point"),
        entry([[0, 0], [4, 4], [4, 0], [0, 4]]),
        entry(),
    )
    assert [c.area for c in image.cells] == [8, 1200]
    others = {15: "zero_area", 21: "repaired"}
    assert sorted((int(f.id), f.kind) for f in findings) == [(n, others.get(n, "invalid")) for n in range(22)]
    assert {f.file for f in findings} == {"a.json"}
    assert all(f.what.endswith("left out") for f in findings if f.id != "21")


# ---------------------------------------------------------------- the image


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("im\\b.jpg", "sub/im/b.jpg"), ("./b.jpg", "sub/b.jpg"), ("../im/b ü.jpg", "im/b ü.jpg"),
        ("..\\im\\b.jpg", "im/b.jpg"), ("../../b.jpg", "b.jpg"), ("C:\\blood\\b.jpg", "b.jpg"),
        ("/home/b.jpg", "b.jpg"), ("..", "a"), (None, "sub/a"), (5, "sub/a"), ("", "sub/a"),
        (" ", "sub/a"), ("x\0", "sub/a"), ("../..", "a"),
    ],
)  # fmt: skip
def test_the_image_is_named_from_the_folder_that_was_given(tmp_path, stated, name):
    data = json.dumps({"imagePath": stated, "shapes": [], "imageWidth": 5, "imageHeight": 4}).encode()
    assert read_bytes(tmp_path / "sub" / "a.json", data, tmp_path)[0].file_name == name
    (alone,) = labelme.read(tmp_path / "sub" / "a.json", ReadOptions(), [])
    assert alone.file_name in (name.removeprefix("sub/"), name.rpartition("/")[2])


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_size_of_an_embedded_image(tmp_path, kind):
    file = io.BytesIO()
    Image.new("RGB", (90, 70), "pink").save(file, kind)
    data = file.getvalue()[:-40]  # its pixels need not be whole: they are not looked at
    text = base64.b64encode(data).decode()
    for embedded in (text, f"data:image/{kind.lower()};base64,{text}"):
        image, findings = read(
            tmp_path / "a.json", entry(), imageData=embedded, imageHeight=None, imageWidth=None
        )
        assert image.size == (90, 70) and len(image.cells) == 1 and not findings
    assert read(tmp_path / "a.json", imageData=text)[0].size == (100, 80)


@pytest.mark.parametrize(
    ("more", "kinds"),
    [
        ({"imageHeight": None, "imageWidth": None}, []),
        ({"imageHeight": "80", "imageWidth": 100}, ["damaged"]),
        ({"imageHeight": 0, "imageWidth": 100}, ["damaged"]),
        ({"imageHeight": None, "imageWidth": None, "imageData": "AAAA"}, ["damaged"]),
        ({"imageHeight": None, "imageWidth": None, "imageData": "ü"}, ["damaged"]),
        ({"imageHeight": None, "imageWidth": None, "imageData": 5}, []),
    ],
)
def test_a_size_that_nobody_states(tmp_path, more, kinds):
    image, findings = read(tmp_path / "a.json", entry(), **more)
    assert image.size is None and len(image.cells) == 1
    assert [f.kind for f in findings] == kinds


# ---------------------------------------------------------------- hostile files


NOT_LABELME = ("[]", "{}", '{"shapes": {}}', "5", '{"shapes": [', "", "\xff", '{"shapes":[1e999')


@pytest.mark.parametrize("text", NOT_LABELME)
def test_what_is_no_labelme_file_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text, "latin-1")
    with pytest.raises(DataError):
        list(labelme.read(tmp_path / "a.json", ReadOptions(), []))
    with pytest.raises(DataError):
        list(labelme.read(tmp_path / "b.json", ReadOptions(), []))


DEEP = "[" * 900 + "]" * 900
ODD = (
    "1e308", "-1e308", "1" * 25, "9" * 18, "null", "true", '"7"', "[]", "{}", '"\\u0000"', DEEP, "NaN", "-0.0"
)  # fmt: skip
KEYS = (
    "label", "points", "group_id", "shape_type", "flags", "description", "mask", "score", "attributes",
    "outline", "parts", "difficult",
)  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("kind", ["polygon", "rectangle", "circle", "mask", "point"])
def test_odd_values_are_findings_never_errors(tmp_path, key, kind):
    points = {"polygon": RECTANGLE, "point": [[5, 5]]}.get(kind, [[5, 5], [7, 7]])
    whole = entry(points, kind, mask=png(np.ones((3, 3))))
    for n, value in enumerate(ODD):
        odd = json.dumps({**whole, key: "ODD"}).replace('"ODD"', value)
        text = '{"imagePath":"a.jpg","imageHeight":80,"imageWidth":100,"shapes":[%s,%s]}'
        path, out = tmp_path / f"{n}.json", tmp_path / f"{n}.out.json"
        path.write_text(text % (odd, json.dumps(whole)))
        findings = []
        try:
            images = list(labelme.read(path, ReadOptions(), findings))
        except DataError:
            assert value in (DEEP, "1" * 25, "NaN")
            continue
        assert len(images[0].cells) + len([f for f in findings if "left out" in f.what]) in (1, 2)
        assert any(cell.label == "WBC" for cell in images[0].cells)
        with formats.get_written("coco").writer(out, WriteOptions(), findings) as writer:
            writer.add(images[0], None)


def test_a_mask_that_is_noise_is_not_traced(tmp_path):
    chequered = np.indices((600, 600)).sum(axis=0) % 2
    pierced = np.pad(chequered[1:-1, 1:-1], 1, constant_values=1)
    comb = np.ones((1500, 1500))
    comb[:-1, ::2] = 0
    corner = [0, 0]
    image, findings = read(
        tmp_path / "a.json",
        entry([corner, [599, 599]], "mask", mask=png(chequered)),
        entry([corner, [599, 599]], "mask", mask=png(pierced)),
        entry([corner, [1499, 1499]], "mask", mask=png(comb)),
        entry([corner, [19, 19]], "mask", mask=png(chequered[:20, :20])),
    )
    assert [cell.area for cell in image.cells] == [200]
    assert [(f.kind, f.id) for f in findings] == [("invalid", "0"), ("invalid", "1"), ("invalid", "2")]


def test_a_bomb_in_a_mask_is_not_decoded(tmp_path):
    file = io.BytesIO()
    Image.new("1", (10000, 10000)).save(file, "PNG")
    bomb = base64.b64encode(file.getvalue()).decode()
    image, findings = read(
        tmp_path / "a.json",
        entry([[0, 0], [9999, 9999]], "mask", mask=bomb),
        entry([[0, 0], [9, 9]], "mask", mask=bomb),
        imageData=bomb, imageHeight=None, imageWidth=None,
    )  # fmt: skip
    assert not image.cells and image.size == (10000, 10000)
    assert [f.kind for f in findings] == ["invalid", "invalid"]


# ---------------------------------------------------------------- written and read back


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
NAMES = st.text(st.sampled_from("abc ü細胞.-"), min_size=1, max_size=6).map(lambda text: f"x{text}x")
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
OWN = st.sampled_from(
    ["description", "score", "group", "made_by", "difficult", "flags", "attributes", "parts", "outline"]
)
SIZES = st.tuples(*[st.integers(1, 9999)] * 2)
ATTRIBUTES = st.dictionaries(OWN | TEXTS, st.integers(1, 2) | VALUES, max_size=4)


@st.composite
def cells(draw):
    label = draw(st.text("RBCü ", min_size=1, max_size=3).filter(str.strip))
    kind = draw(st.sampled_from(["box", "point", "drawn", "component", "made"]))
    shape = draw({"box": strategies.boxes(), "point": strategies.points()}.get(kind, strategies.areas()))
    return Cell(label, shape, kind, draw(ATTRIBUTES))


@strategies.LAW
@given(st.lists(cells(), max_size=5), st.lists(NAMES, min_size=1, max_size=3).map("/".join), SIZES)
def test_read_gives_back_what_was_written(tmp_path_factory, given_cells, stem, size):
    folder = tmp_path_factory.mktemp("law")
    name = f"{stem}.jpg"
    image = ImageCells(name, size, tuple(given_cells), "x.json", frozenset(c.label for c in given_cells))
    findings = []
    fitting = fit_to_format(image, labelme.HOLDS, WriteOptions(), findings)
    holed = [cell for cell in given_cells if not isinstance(cell.shape, Point) and has_holes(cell.shape)]
    assert len(findings) == len(holed)
    for out in ("one", "two"):
        with labelme.writer(folder / out, WriteOptions(), findings) as writer:
            writer.add(fitting, None)
    (path,) = (folder / "one").rglob("*.json")
    (again,) = (folder / "two").rglob("*.json")
    assert path.read_bytes() == again.read_bytes()
    found = []
    (back,) = labelme.read(path, ReadOptions(base=folder / "one"), found)
    assert (back.file_name, back.size, back.annotated) == (name, size, image.annotated)
    assert [f.kind for f in found] == ["repaired"] * len(holed)
    assert [(c.label, c.outline, c.attributes) for c in back.cells] == [
        (c.label, c.outline, c.attributes) for c in given_cells
    ]
    for before, after in zip(given_cells, back.cells, strict=True):
        if before in holed:
            assert before.shape.symmetric_difference(after.shape).area < 1e-6
        else:
            assert before.shape.normalize() == after.shape.normalize()


def test_what_is_written_is_as_labelme_has_it(tmp_path):
    two = MultiPolygon([Polygon(square(0)), Polygon(square(20.5))])
    told = {"score": 0.5, "difficult": True, "annotator": "B", "group": 1}
    drawn = (
        Cell("WBC", Polygon(RECTANGLE), "drawn", told),
        Cell("RBC", two, "component", {"description": "torn"}),
        Cell("RBC", shapely.box(1, 2, 3, 4.5), "box"),
        Cell("PLT", Point(7, 8), "point", {"group": 1}),
        Cell("PLT", Point(9, 8), "point", {"group": 1}),
    )
    image = ImageCells("im/a.b.jpg", (100, 80), drawn, "x", frozenset())
    with labelme.writer(tmp_path / "out", WriteOptions(), []) as writer:
        writer.add(image, None)
    data = json.loads((tmp_path / "out" / "im" / "a.b.json").read_bytes())
    shapes = data.pop("shapes")
    assert data == {
        "version": "5.5.0", "flags": {}, "imagePath": "a.b.jpg", "imageData": None, "imageHeight": 80,
        "imageWidth": 100,
    }  # fmt: skip
    common = {"label": "RBC", "description": "", "shape_type": "polygon", "flags": {}, "mask": None}
    of_two = {**common, "description": "torn", "group_id": 2, "outline": "component", "parts": 2}
    right = [[20.5, 0], [30.5, 0], [30.5, 10], [20.5, 10]]
    point = {**common, "label": "PLT", "group_id": None, "shape_type": "point", "attributes": {"group": 1}}
    assert shapes == [
        {**common, "label": "WBC", "points": RECTANGLE, "group_id": 1, "flags": {"difficult": True},
         "score": 0.5, "attributes": {"annotator": "B"}},
        {**of_two, "points": square(0)},
        {**of_two, "points": right},
        {**common, "points": [[1, 2], [3, 4.5]], "group_id": None, "shape_type": "rectangle"},
        {**point, "points": [[7, 8]]},
        {**point, "points": [[9, 8]]},
    ]  # fmt: skip
    assert b"[10,10]" in (tmp_path / "out" / "im" / "a.b.json").read_bytes()


def test_a_folder_is_converted_with_its_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "NAMES", ("labelme", *formats.NAMES))
    for folder in ("one", "two"):
        data = {"imagePath": "a.jpg", "imageHeight": 80, "imageWidth": 100, "shapes": [entry()]}
        (tmp_path / "in" / folder).mkdir(parents=True)
        (tmp_path / "in" / folder / "a.json").write_text(json.dumps(data))
    summary = convert([tmp_path / "in"], tmp_path / "out.json")
    assert (summary.counts["cells"], summary.findings) == (2, ())
    coco = json.loads((tmp_path / "out.json").read_bytes())
    assert [record["file_name"] for record in coco["images"]] == ["one/a.jpg", "two/a.jpg"]
    assert [row["area"] for row in coco["annotations"]] == [1200, 1200]
