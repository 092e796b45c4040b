"""The DO-U-Net tool's markup: valid outlines as they are, broken ones named."""

import json

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from smearprep.errors import DataError
from smearprep.formats import do_unet, recognise
from smearprep.formats.reading import ReadOptions

RECTANGLE = [(10, 10), (50, 10), (50, 40), (10, 40)]
TEXT = """
{"version":"v0.0.1","last_modified":"...",
 "image_information":{"image_name":"a.jpg","image_height":80,"image_width":100},
 "markup":[{"shape":5,"vertices":[{"x":10,"y":10},{"x":50,"y":10},{"x":50,"y":40},{"x":10,"y":40}],
   "bounding_box":{"top_left":{"x":10,"y":10}, "...":{}},"object_label":"Truck",
   "marker":"","marker_comments":[]}],
 "completed_chips":[],"last_viewed_chip":{"x":0,"y":0},"percentage_complete":0.0}
"""


def entry(points, label="Truck", **more):
    return {"vertices": [{"x": x, "y": y} for x, y in points], "object_label": label, **more}


def read(path, *markup, **more):
    image = {"image_name": "a.jpg", "image_height": 80, "image_width": 100}
    path.write_text(json.dumps({"image_information": image, "markup": list(markup), **more}))
    findings = []
    (image,) = do_unet.read(path, ReadOptions(base=path.parent), findings)
    return image, findings


def test_the_rectangle_of_area_1200(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(TEXT)
    assert recognise(path) == "do_unet"
    findings = []
    (image,) = do_unet.read(path, ReadOptions(), findings)
    (cell,) = image.cells
    assert (image.file_name, image.size, findings) == ("a.jpg", (100, 80), [])
    assert (cell.label, cell.area, cell.outline, cell.attributes) == ("Truck", 1200, "drawn", {})
    assert list(cell.shape.exterior.coords)[:4] == RECTANGLE


@given(
    points=st.lists(
        st.tuples(st.integers(0, 100), st.integers(0, 80)), min_size=3, max_size=12, unique=True
    ).filter(lambda p: shapely.Polygon(p).is_valid and shapely.Polygon(p).area > 0)
)
@settings(deadline=None)
def test_valid_outlines_keep_their_vertices(tmp_path_factory, points):
    image, findings = read(tmp_path_factory.mktemp("m") / "a.json", entry(points))
    assert not findings
    assert list(image.cells[0].shape.exterior.coords)[:-1] == points


def test_broken_polygons_are_named_by_index_and_the_others_kept(tmp_path):
    nan = float("nan")
    image, findings = read(
        tmp_path / "a.json",
        entry(RECTANGLE),
        entry([(0, 0), (4, 4), (4, 0), (0, 4)], "Tanker"),
        entry([(0, 0), (4, 4), (8, 8)]),
        entry([(0, 0), (4, 4)]),
        entry([(0, 0), (4, nan), (4, 0)]),
        entry([(0, 0), (4, "x"), (4, 0)]),
        {"object_label": "Truck"},
        {"vertices": 5, "object_label": "Truck"},
        "polygon",
        entry(RECTANGLE, ""),
        entry(RECTANGLE, None),
        {"vertices": [{"x": 1}], "object_label": "Truck"},
        entry([*RECTANGLE, RECTANGLE[0]]),
    )
    assert [c.area for c in image.cells] == [1200, 8, 1200]
    assert [(f.kind, f.id) for f in findings] == [
        ("repaired", "1"), ("zero_area", "2"), ("invalid", "3"), ("invalid", "4"), ("invalid", "5"),
        ("invalid", "6"), ("invalid", "7"), ("invalid", "8"), ("invalid", "9"), ("invalid", "10"),
        ("invalid", "11"),
    ]  # fmt: skip
    assert {f.file for f in findings} == {"a.json"}
    assert "2 points" in findings[2].what and "not finite" in findings[3].what
    assert "numbers x and y" in findings[4].what and "object_label" in findings[8].what


def test_labels_stay_and_the_tools_three_were_all_looked_for(tmp_path):
    image, _ = read(tmp_path / "a.json", entry(RECTANGLE), entry(RECTANGLE, "Zelle ü"))
    assert [c.label for c in image.cells] == ["Truck", "Zelle ü"]
    assert image.annotated == {"Truck", "Tanker", "Trailer", "Zelle ü"}
    image, _ = read(tmp_path / "a.json", entry(RECTANGLE, "RBC"))
    assert image.annotated == {"RBC"}


def test_remarks_are_kept_and_the_computers_name_is_not(tmp_path):
    image, _ = read(tmp_path / "a.json", entry(RECTANGLE, marker="PC-7", marker_comments=["burr cell?"]))
    assert image.cells[0].attributes == {"comments": ["burr cell?"]}


@pytest.mark.parametrize(
    ("stated", "name"),
    [("C:\\blood\\b.jpg", "b.jpg"), ("../../b.jpg", "b.jpg"), ("..", "a"), (None, "a"), (5, "a"), ("", "a")],
)
def test_the_image_is_named_without_its_folder(tmp_path, stated, name):
    image, _ = read(tmp_path / "a.json", image_information={"image_name": stated})
    assert image.file_name == name


@pytest.mark.parametrize("information", [None, {}, {"image_width": "100", "image_height": 0}])
def test_a_missing_size_is_said(tmp_path, information):
    image, findings = read(tmp_path / "a.json", entry(RECTANGLE), image_information=information)
    assert image.size is None and len(image.cells) == 1
    assert [f.kind for f in findings] == ["damaged"]


@pytest.mark.parametrize("text", ["[]", "{}", '{"markup": {}}', "5", '{"markup": [', ""])
def test_what_is_no_markup_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError):
        list(do_unet.read(tmp_path / "a.json", ReadOptions(), []))


def test_an_empty_markup_is_an_image_without_cells(tmp_path):
    image, findings = read(tmp_path / "a.json")
    assert (image.cells, image.annotated, findings) == ((), frozenset(), [])
