"""Label Studio: percents, turned shapes, brushes, several annotators, predictions, names of uploads."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats import label_studio
from smearprep.formats.label_studio.brush import BrokenBrushError, brush_to_shape, painted_runs
from smearprep.formats.reading import ReadOptions
from smearprep.geometry import shape_to_mask
from smearprep.records import ImageCells
from tests.laws.strategies import LAW, masks

TEXT = """[{"id":1,"data":{"image":"/data/upload/1/0a1b2c3d-a.jpg"},"annotations":[{"id":7,"result":[
{"id":"r1","type":"polygonlabels","from_name":"label","to_name":"image","original_width":100,"original_height":80,
"image_rotation":0,"value":{"points":[[10,12.5],[50,12.5],[50,50],[10,50]],"polygonlabels":["WBC"]}}]}]}]"""
POINTS = [[10, 12.5], [50, 12.5], [50, 50], [10, 50]]
PAINTED = [0, 0, 0, 48, 57, 27, 254, 19, 0, 159, 255, 9, 128, 0]  # 4x3 px: row 1, columns 1 and 2


def result(kind: str, label: Any = "WBC", id_: Any = None, /, **value: Any) -> dict[str, Any]:
    labels = {} if label is None else {f"{kind}labels": label if isinstance(label, list) else [label]}
    return {
        "id": id_,
        "type": f"{kind}labels" if labels else kind,
        "from_name": "label",
        "to_name": "image",
        "original_width": 100,
        "original_height": 80,
        "image_rotation": 0,
        "value": {**value, **labels},
    }


def polygon(label: Any = "WBC", id_: Any = None, /, **more: Any) -> dict[str, Any]:
    return {**result("polygon", label, id_, points=POINTS), **more}


def task(*annotations: Any, name: Any = "a.jpg", **more: Any) -> dict[str, Any]:
    return {"id": 1, "data": {"image": name}, "annotations": list(annotations), **more}


def annotation(*results: Any, **more: Any) -> dict[str, Any]:
    return {"id": 7, "completed_by": 3, "was_cancelled": False, "result": list(results), **more}


def read(path: Path, value: Any, **options: Any) -> tuple[list[ImageCells], list[Finding]]:
    path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
    assert label_studio.sniff(path, path.read_bytes()[:4096])
    findings: list[Finding] = []
    return list(label_studio.read(path, ReadOptions(base=path.parent, **options), findings)), findings


def read_one(path: Path, *results: Any, **options: Any) -> tuple[ImageCells, list[Finding]]:
    (only,), findings = read(path, [task(annotation(*results))], **options)
    return only, findings


def labels(image: ImageCells) -> list[str]:
    return [cell.label for cell in image.cells]


def test_the_rectangle_of_1200(tmp_path: Path) -> None:
    (only,), findings = read(tmp_path / "x.json", TEXT)
    (cell,) = only.cells
    assert (only.file_name, only.size, only.annotated, findings) == ("a.jpg", (100, 80), {"WBC"}, [])
    assert (cell.label, cell.area, cell.outline, cell.attributes) == ("WBC", 1200, "drawn", {})
    assert cell.bounds == (10, 10, 50, 40)


# ---------------------------------------------------------------- shapes


def test_every_shape(tmp_path: Path) -> None:
    only, findings = read_one(
        tmp_path / "x.json",
        result("rectangle", x=10, y=12.5, width=40, height=37.5, rotation=0),
        result("ellipse", x=50, y=50, radiusX=20, radiusY=10, rotation=0),
        result("keypoint", x=5.5, y=50, width=0.3),
        result("ellipse", x=50, y=50, radiusX=20, radiusY=10),
        result("rectangle", x=50, y=50, width=-40, height=-37.5),
    )
    box, ellipse, point, same, backwards = only.cells
    assert not findings
    assert (box.outline, box.bounds, box.area) == ("box", (10, 10, 50, 40), 1200)
    assert (ellipse.outline, ellipse.bounds) == ("drawn", pytest.approx((30, 32, 70, 48)))
    assert ellipse.area == pytest.approx(math.pi * 20 * 8, rel=1e-3)
    assert (point.outline, point.shape) == ("point", shapely.Point(5.5, 40))
    assert same.shape == ellipse.shape
    assert (backwards.outline, backwards.bounds) == ("box", (10, 10, 50, 40))


def test_rectangles_turn_about_their_first_corner_in_px(tmp_path: Path) -> None:
    only, findings = read_one(
        tmp_path / "x.json",
        result("rectangle", x=50, y=12.5, width=40, height=37.5, rotation=90),
        result("rectangle", x=50, y=12.5, width=40, height=37.5, rotation=45),
        result("rectangle", x=10, y=12.5, width=40, height=37.5, rotation=360),
    )
    quarter, eighth, whole = only.cells
    assert not findings
    assert quarter.bounds == pytest.approx((20, 10, 50, 50))
    assert [cell.outline for cell in only.cells] == ["drawn", "drawn", "box"]
    assert eighth.area == pytest.approx(1200)
    half = math.sqrt(0.5)
    assert eighth.bounds == pytest.approx((50 - 30 * half, 10, 50 + 40 * half, 10 + 70 * half))
    assert whole.bounds == (10, 10, 50, 40)


def test_ellipses_turn_about_their_centre_in_px(tmp_path: Path) -> None:
    only, _ = read_one(
        tmp_path / "x.json",
        result("ellipse", x=50, y=50, radiusX=20, radiusY=10, rotation=90),
        result("ellipse", x=50, y=50, radiusX=20, radiusY=2, rotation=45),
    )
    assert only.cells[0].bounds == pytest.approx((42, 20, 58, 60))
    assert only.cells[1].shape.contains(shapely.Point(60, 50))
    assert not only.cells[1].shape.contains(shapely.Point(60, 30))


@LAW
@given(
    points=st.lists(
        st.tuples(st.integers(0, 640), st.integers(0, 480)), min_size=3, max_size=9, unique=True
    ).filter(lambda p: shapely.Polygon(p).is_valid and shapely.Polygon(p).area > 0)
)
def test_outlines_come_back_from_percents(
    points: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    value = result("polygon", points=[[x * 100 / 640, y * 100 / 480] for x, y in points])
    value |= {"original_width": 640, "original_height": 480}
    only, findings = read_one(tmp_path_factory.mktemp("ls") / "x.json", value)
    assert not findings
    found = shapely.get_coordinates(only.cells[0].shape)[:-1]
    np.testing.assert_allclose(found, points, rtol=0, atol=1e-12 * 640)


BROKEN = [
    result("polygon", points=POINTS[:2]), result("polygon", points=None), result("polygon"),
    result("polygon", points=[[1, 2], [3, 9], [5]]), result("polygon", points=[[1, 2], [3, 9], ["x", 5]]),
    result("polygon", points=[[1, 2], [3, 9], [float("nan"), 5]]),
    result("polygon", points=[[1, 2], [3, 9], {}]),
    result("polygon", points=[["1", "2"], ["3", "9"], ["5", "5"]]),
    result("polygon", points=[[1, 2], [3, 9], [1e308, 5]]), result("polygon", points="abc"),
    result("rectangle", x=1, y=2, width=3), result("rectangle", x=1, y=2, width=3, height="4"),
    result("rectangle", x=1, y=2, width=3, height=4, rotation="right"),
    result("ellipse", x=1, y=2, radiusX=True, radiusY=2), result("keypoint", x=1, y=float("nan")),
    result("brush", format="rle"), result("brush", rle=7), result("brush", rle=PAINTED),
    {**polygon(), "value": None}, polygon([]), polygon([7]), {**polygon(), "value": 5},
    polygon(original_width=50), polygon(image_rotation=90), polygon(to_name="other"), polygon(item_index=1),
    {**polygon(), "type": "bitmasklabels"}, {**polygon(), "type": 7}, 5, None,
]  # fmt: skip
EMPTY = [
    result("polygon", points=[[1, 1], [2, 1], [3, 1]]), result("rectangle", x=1, y=2, width=0, height=4),
    result("ellipse", x=1, y=2, radiusX=0, radiusY=2), result("ellipse", x=1, y=2, radiusX=1, radiusY=-2),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "results"), [("invalid", BROKEN), ("zero_area", EMPTY)])
def test_broken_regions_are_named_and_left_out(tmp_path: Path, kind: str, results: list[Any]) -> None:
    only, findings = read_one(tmp_path / "x.json", polygon("RBC"), *results)
    assert labels(only) == ["RBC"]
    expected = [(kind, f"region at position {n} of a.jpg", "x.json") for n in range(1, len(results) + 1)]
    assert sorted((f.kind, f.id, f.file) for f in findings) == sorted(expected)
    assert all(f.what.endswith("left out") for f in findings)


def test_an_outline_that_crosses_itself_is_mended(tmp_path: Path) -> None:
    only, findings = read_one(tmp_path / "x.json", result("polygon", points=[[0, 0], [4, 5], [4, 0], [0, 5]]))
    assert [cell.area for cell in only.cells] == [8]
    assert [f.kind for f in findings] == ["repaired"]


# ---------------------------------------------------------------- brushes


def test_the_brush_of_the_formats_page(tmp_path: Path) -> None:
    assert brush_to_shape(PAINTED, (4, 3)) == shapely.Polygon([(1, 1), (3, 1), (3, 2), (1, 2)])
    value = result("brush", format="rle", rle=PAINTED) | {"original_width": 4, "original_height": 3}
    only, findings = read_one(tmp_path / "x.json", value)
    assert [(cell.bounds, cell.outline) for cell in only.cells] == [((1, 1, 3, 2), "drawn")]
    assert (only.size, findings) == ((4, 3), [])


Block = tuple[int, list[int]]
"""How many values: all of them, or the one that is repeated, as a list of one."""
SIZES = ((3, 4, 8, 16), (1, 2, 5, 9))


def packed(blocks: list[Block], total: int, sizes: tuple[int, ...] = SIZES[0], bits: int = 8) -> list[int]:
    """A stream of blocks."""
    text = [f"{total:032b}{bits - 1:05b}", *(f"{size - 1:04b}" for size in sizes)]
    for length, values in blocks:
        which = next(n for n, size in enumerate(sizes) if length <= 2**size)
        text.append(f"{len(values) < length:b}{which:02b}{length - 1:0{sizes[which]}b}")
        text += [f"{value:0{bits}b}" for value in values]
    stream = "".join(text)
    stream += "0" * (-len(stream) % 8)
    return [int(stream[n : n + 8], 2) for n in range(0, len(stream), 8)]


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[int], NDArray[np.bool_]]:
    """A mask and a stream of it, cut into blocks anywhere; its colours are noise."""
    mask = draw(masks())
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    image = rng.integers(0, 256, (*mask.shape, 4))
    if draw(st.booleans()):
        image[...] = mask[..., None] * 255
    image[..., 3] = np.where(mask, rng.integers(128, 256, mask.shape), rng.integers(0, 128, mask.shape))
    flat = image.ravel().tolist()
    sizes = draw(st.sampled_from(SIZES))
    blocks: list[Block] = []
    at = 0
    while at < len(flat):
        length = draw(st.integers(1, min(len(flat) - at, 2 ** sizes[3])))
        same = next((n for n in range(1, length) if flat[at + n] != flat[at]), length)
        if same > 1 and draw(st.booleans()):
            length = same
            blocks.append((length, flat[at : at + 1]))
        else:
            blocks.append((length, flat[at : at + length]))
        at += length
    return packed(blocks, len(flat), sizes), mask


@LAW
@given(streams())
def test_a_brush_is_the_mask_that_was_painted(stream: tuple[list[int], NDArray[np.bool_]]) -> None:
    rle, mask = stream
    size = (mask.shape[1], mask.shape[0])
    shape = brush_to_shape(rle, size)
    assert (shape is None) == (not mask.any())
    again = np.zeros_like(mask) if shape is None else shape_to_mask(shape, size)
    np.testing.assert_array_equal(again, mask)
    runs = painted_runs(rle, size)
    assert (np.diff(runs.ravel()) > 0).all()


def test_the_threshold_of_a_brush() -> None:
    rle = packed([(16, [100])], 16)
    assert brush_to_shape(rle, (2, 2)) is None
    whole = brush_to_shape(rle, (2, 2), threshold=99)
    assert whole is not None and whole.area == 4


@pytest.mark.parametrize(
    "rle",
    [
        [], None, "abc", 10**9, [256], [-1], ["a"], [0.5], PAINTED[:-3], PAINTED[:5], [0],
        [255, 255, 255, 255, *PAINTED[4:]], [0, 0, 0, 47, *PAINTED[4:]], [0, 0, 0, 0, *PAINTED[4:]],
        packed([(60, [0])], 48), packed([(60, [0] * 60)], 48), packed([(48, [1])], 48, bits=4),
        packed([(48, [9] * 48)], 48)[:-2],
    ],
)  # fmt: skip
def test_a_broken_brush_is_named(rle: Any, tmp_path: Path) -> None:
    with pytest.raises(BrokenBrushError):
        brush_to_shape(rle, (4, 3))
    value = result("brush", rle=rle) | {"original_width": 4, "original_height": 3}
    only, findings = read_one(tmp_path / "x.json", value)
    assert not only.cells
    assert [f.kind for f in findings] == ["invalid"] and "brush mask" in findings[0].what


def test_brushes_without_paint_and_in_parts(tmp_path: Path) -> None:
    size = {"original_width": 5, "original_height": 1}
    dots = packed([(4, [255]), (12, [0]), (4, [255])], 20)
    only, findings = read_one(
        tmp_path / "x.json",
        result("brush", rle=packed([(20, [0])], 20)) | size,
        result("brush", rle=dots) | size,
    )
    assert [(cell.area, cell.shape.geom_type) for cell in only.cells] == [(2, "MultiPolygon")]
    assert [f.kind for f in findings] == ["zero_area", "note"]
    assert "2 parts" in findings[1].what


def filled(total: int, value: int) -> list[Block]:
    return [(min(65536, total - at), [value]) for at in range(0, total, 65536)]


def test_a_brush_that_asks_for_gigabytes() -> None:
    side = 13_000
    corners = [(4, [255]), *filled(4 * side**2 - 8, 0), (4, [255])]
    with pytest.raises(BrokenBrushError, match="spans 13000x13000 px, more than can be traced"):
        brush_to_shape(packed(corners, 4 * side**2), (side, side))
    dot = packed([(4, [255]), *filled(4 * side**2 - 4, 0)], 4 * side**2)
    assert brush_to_shape(dot, (side, side)) == shapely.Polygon([(0, 0), (1, 0), (1, 1), (0, 1)])


# ---------------------------------------------------------------- labels and remarks


def test_a_shape_and_its_labels_apart(tmp_path: Path) -> None:
    bare = polygon(None, "r1", type="polygon")
    named = {"id": "r1", "type": "labels", "to_name": "image", "value": {"points": POINTS, "labels": ["WBC"]}}
    remark = {"id": "r1", "type": "choices", "from_name": "stage", "value": {"choices": ["late"]}}
    text = {"id": "r1", "type": "textarea", "from_name": "note", "value": {"text": ["torn"]}}
    overall = {"id": "x", "type": "choices", "from_name": "stain", "value": {"choices": ["good"]}}
    relation = {"from_id": "r1", "to_id": "r2", "type": "relation", "direction": "right"}
    only, findings = read_one(tmp_path / "x.json", bare, named, remark, text, overall, relation)
    assert [(cell.label, cell.area, cell.attributes) for cell in only.cells] == [
        ("WBC", 1200, {"stage": ["late"], "note": ["torn"]})
    ]
    assert not findings


def test_several_labels_are_said(tmp_path: Path) -> None:
    twice = {**polygon("big", "r1"), "from_name": "size"}
    only, findings = read_one(tmp_path / "x.json", polygon(["WBC", "RBC"]), polygon("RBC", "r1"), twice)
    assert [(cell.label, cell.attributes) for cell in only.cells] == [
        ("WBC", {"labels": ["WBC", "RBC"]}), ("RBC", {"labels": ["RBC", "big"]}),
    ]  # fmt: skip
    assert [f.kind for f in findings] == ["note", "note"]
    assert only.annotated == {"WBC", "RBC", "big"}


def test_shapes_without_a_label_and_labels_without_a_shape(tmp_path: Path) -> None:
    loose = {"id": "r2", "type": "labels", "value": {"labels": ["WBC"]}}
    only, findings = read_one(tmp_path / "x.json", polygon(None, "r1"), loose)
    assert not only.cells
    assert {(f.kind, f.id) for f in findings} == {
        ("invalid", "region r1 of a.jpg"), ("invalid", "region r2 of a.jpg"),
    }  # fmt: skip


def test_remarks_become_attributes(tmp_path: Path) -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    remark = {"id": "r1", "type": "choices", "from_name": "deep", "value": {"choices": deep}}
    only, _ = read_one(
        tmp_path / "x.json",
        polygon("WBC", "r1", meta={"text": ["two", "lobes"]}, parentID="slide", score=0.5),
        remark,
    )
    assert only.cells[0].attributes == {"description": "two\nlobes", "group": "slide"}


# ---------------------------------------------------------------- whose work


def by(who: Any, *results: Any, **more: Any) -> dict[str, Any]:
    return annotation(*results, completed_by=who, **more)


ANN, BO = {"id": 1, "email": "ann@lab", "username": "Ann"}, {"id": 2, "email": "bo@lab"}


def test_of_several_people_the_first_is_read_and_the_others_named(tmp_path: Path) -> None:
    tasks = [
        task(by(ANN, polygon("A")), by(BO, polygon("B"))),
        task(by(9, polygon("C"), was_cancelled=True), by(BO, polygon("B")), name="b.jpg"),
        task(by(ANN, polygon("A")), by(BO, polygon("G"), ground_truth=True), name="c.jpg"),
    ]
    found, findings = read(tmp_path / "x.json", tasks)
    assert [labels(one) for one in found] == [["A"], ["B"], ["G"]]
    assert all(one.cells[0].attributes == {} for one in found)
    assert [f.kind for f in findings] == ["note"]
    assert findings[0].what.startswith("2 images have several annotations (by ann@lab, bo@lab)")
    assert "--annotator" in findings[0].what


def test_everybody_is_read(tmp_path: Path) -> None:
    nameless = annotation(polygon("C"))
    del nameless["completed_by"]
    value = [task(by(ANN, polygon("A")), by(2, polygon("B")), nameless)]
    (only,), findings = read(tmp_path / "x.json", value, annotator="all")
    assert [(cell.label, cell.attributes) for cell in only.cells] == [
        ("A", {"annotator": "ann@lab"}), ("B", {"annotator": "2"}), ("C", {"annotator": "unknown"}),
    ]  # fmt: skip
    assert not findings


@pytest.mark.parametrize("name", ["ann@lab", "ANN", "1"])
def test_one_person_is_read(tmp_path: Path, name: str) -> None:
    tasks = [task(by(BO, polygon("B")), by(ANN, polygon("A"))), task(by(BO, polygon("B")), name="b.jpg")]
    found, findings = read(tmp_path / "x.json", tasks, annotator=name)
    assert [labels(one) for one in found] == [["A"], []]
    assert [one.annotated for one in found] == [{"A", "B"}, frozenset()]
    assert [f.what.startswith(f"{name} annotated none of 1 images") for f in findings] == [True]


def test_nobody_of_that_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nobody is called 'Cy' in it; there are: ann@lab, bo@lab"):
        read(tmp_path / "x.json", [task(by(BO, polygon()), by(ANN, polygon()))], annotator="Cy")


def test_what_was_looked_for(tmp_path: Path) -> None:
    skipped = annotation(polygon("X"), was_cancelled=True)
    tasks = [
        task(annotation(polygon("A"))), task(annotation(), name="b.jpg"), task(name="c.jpg"),
        task(skipped, name="d.jpg", predictions=[{"result": [polygon("Y")]}]),
    ]  # fmt: skip
    found, findings = read(tmp_path / "x.json", tasks)
    searched = {"A", "X", "Y"}
    assert [one.annotated for one in found] == [searched, searched, frozenset(), frozenset()]
    assert [one.size for one in found] == [(100, 80), None, None, None]
    assert [len(one.cells) for one in found] == [1, 0, 0, 0]
    assert not findings


def test_predictions_are_read_where_nobody_has_annotated(tmp_path: Path) -> None:
    dot = result("keypoint", x=1, y=2)
    guesses = [
        {"model_version": "none", "result": []},
        {"model_version": "net 3", "score": 0.25, "result": [polygon("A", score=0.75), polygon("B"), dot]},
        {"model_version": "net 4", "result": [polygon("C")]},
    ]
    tasks = [
        task(predictions=guesses), task(annotation(polygon("A")), name="b.jpg", predictions=guesses),
        task(name="c.jpg", predictions=[{"model_version": None, "score": 7, "result": [polygon("D")]}, 5]),
        task(name="d.jpg", predictions=5),
    ]  # fmt: skip
    found, findings = read(tmp_path / "x.json", tasks)
    assert [(cell.label, cell.outline, cell.attributes) for cell in found[0].cells] == [
        ("A", "made", {"made_by": "net 3", "score": 0.75}),
        ("B", "made", {"made_by": "net 3", "score": 0.25}),
        ("WBC", "point", {"made_by": "net 3", "score": 0.25}),
    ]  # fmt: skip
    assert [(cell.outline, cell.attributes) for cell in found[1].cells] == [("drawn", {})]
    assert found[2].cells[0].attributes == {"made_by": "unnamed model"}
    assert [f.what.startswith("2 images have predictions") for f in findings] == [True]


# ---------------------------------------------------------------- images


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("/data/upload/1/0a1b2c3d-a.jpg", "a.jpg"),
        ("/data/upload/1/0a1b2c3d-a%20b%20%C3%BC.jpg", "a b ü.jpg"),
        ("upload/1/0a1b2c3d-a.jpg", "a.jpg"),
        ("/data/upload/1/abcd-a.jpg", "abcd-a.jpg"),
        ("/data/upload/1/0a1b2c3d-", "0a1b2c3d-"),
        ("0a1b2c3d-a.jpg", "0a1b2c3d-a.jpg"),
        ("/data/local-files/?d=smears/day%201/a.jpg", "smears/day 1/a.jpg"),
        ("http://host:8080/data/local-files/?x=1&d=a.jpg&y=2", "a.jpg"),
        ("/storage-data/uploaded/?filepath=upload/1/0a1b2c3d-a.jpg", "a.jpg"),
        ("s3://bucket/x/a.jpg", "a.jpg"),
        ("https://host/x/a%20b.jpg?X-Amz=1/2", "a b.jpg"),
        ("C:\\blood\\a.jpg", "a.jpg"),
        ("sub/a.jpg", "sub/a.jpg"),
        ("../a.jpg", "a.jpg"),
        ("s3://bucket/nosuffix", "nosuffix"),
    ],
)
def test_the_name_of_an_image(tmp_path: Path, stated: str, name: str) -> None:
    (only,), _ = read(tmp_path / "x.json", [task(annotation(polygon()), name=stated)])
    assert only.file_name == name


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"img": "b.png", "text": "image"}, "b.png"),
        ({"text": "a remark", "picture": "/data/upload/2/0a1b2c3d-c.TIF"}, "c.TIF"),
        ({"other": "x.jpg", "image": "b.png"}, "b.png"),
        ({"thumb": "x.jpg", "photo": "b.png"}, "b.png"),
        ({"image": 5, "url": "b.png"}, "b.png"),
    ],
)
def test_the_key_of_an_image_is_the_users_choice(tmp_path: Path, data: Any, name: str) -> None:
    target = "photo" if "photo" in data else "image"
    (only,), _ = read(
        tmp_path / "x.json", [{"data": data, "annotations": [annotation(polygon(to_name=target))]}]
    )
    assert (only.file_name, len(only.cells)) == (name, 1)


@pytest.mark.parametrize(
    "data", [{"text": "words"}, {}, {"image": "data:image/png;base64,AAAA"}, {"image": None}, 5]
)
def test_a_task_without_an_image_is_named(tmp_path: Path, data: Any) -> None:
    value = [{"id": 5, "data": data, "annotations": [annotation(polygon())]}, task()]
    found, findings = read(tmp_path / "x.json", value)
    assert [one.file_name for one in found] == ["a.jpg"]
    assert [(f.kind, f.id) for f in findings] == [("missing_image", "image of task 5")]
    assert "left out with its 1 regions" in findings[0].what


def test_an_image_listed_twice_is_named(tmp_path: Path) -> None:
    tasks = [task(name="/data/upload/1/0a1b2c3d-a.jpg"), task(name="/data/upload/1/ffffffff-a.jpg", id=[2])]
    found, findings = read(tmp_path / "x.json", tasks)
    assert [one.file_name for one in found] == ["a.jpg", "a.jpg"]
    assert [(f.kind, f.id) for f in findings] == [("duplicate", "image of task at position 1")]


def test_a_size_that_one_region_states_holds_for_all(tmp_path: Path) -> None:
    silent = polygon()
    del silent["original_width"]
    only, findings = read_one(tmp_path / "x.json", silent, polygon())
    assert ([cell.area for cell in only.cells], findings) == ([1200, 1200], [])
    only, findings = read_one(tmp_path / "x.json", silent)
    assert (only.cells, only.size) == ((), None)
    assert [f.kind for f in findings] == ["invalid"] and "original_width" in findings[0].what


# ---------------------------------------------------------------- files


def test_single_tasks_and_annotations_that_hold_their_task(tmp_path: Path) -> None:
    inside = annotation(polygon(), task={"id": 1, "data": {"image": "b.jpg"}})
    old = {"data": {"image": "b.jpg"}, "completions": [annotation(polygon())]}
    for value in (task(annotation(polygon()), name="b.jpg"), inside, [inside], old):
        (only,), findings = read(tmp_path / "x.json", value)
        assert (only.file_name, len(only.cells), findings) == ("b.jpg", 1, [])


def test_regions_are_called_by_their_ids(tmp_path: Path) -> None:
    _, findings = read_one(tmp_path / "x.json", result("polygon", "A", 7), result("polygon", "A", ""))
    assert [f.id for f in findings] == ["region 7 of a.jpg", "region at position 1 of a.jpg"]


def test_entries_that_are_no_tasks(tmp_path: Path) -> None:
    found, _ = read(tmp_path / "x.json", [5, task(annotation(polygon())), None])
    assert [labels(one) for one in found] == [["WBC"]]
    value = task(5, {"result": 5}, annotation(polygon()))
    (only,), _ = read(tmp_path / "x.json", [value])
    assert labels(only) == ["WBC"]


def test_the_short_export_is_refused_with_advice(tmp_path: Path) -> None:
    short = [
        {
            "image": "a.jpg",
            "id": 1,
            "label": [{"x": 1, "original_width": 9}],
            "annotator": 1,
            "annotation_id": 1,
        }
    ]
    with pytest.raises(
        DataError, match=r"short export \(JSON-MIN\), which leaves out too much; export it as JSON"
    ):
        read(tmp_path / "x.json", short)


@pytest.mark.parametrize(
    "text", ["[]", "{}", "5", '[{"data": 5}]', '[{"annotations": []}]', '[{"data": {}', ""]
)
def test_what_is_no_export_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError):
        list(label_studio.read(tmp_path / "x.json", ReadOptions(), []))


@pytest.mark.parametrize(
    "head",
    [
        b'{"images": [], "annotations": [{"id": 1}], "categories": []}', b'{"shapes": []}', b"", b"[]",
        b'{"images": [{"original_width": 5}], "annotations": []}', b'"original_width": 5',
        b'{"type": "FeatureCollection"}', b'{"data": [1], "annotations": []}',
        b'{"a.jpg1": {"filename": "a.jpg", "regions": [], "file_attributes": {}}}',
    ],
)  # fmt: skip
def test_other_files_are_not_claimed(head: bytes) -> None:
    assert not label_studio.sniff(Path("a.json"), head)
