"""COCO: what is written is read back; what others write is read or named; masks survive to the pixel."""

import json
import math
import warnings

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.errors import DataError, OutputError, RecipeError
from smearprep.formats import coco, recognise
from smearprep.formats.coco import CocoWriter, annotation_fields
from smearprep.formats.reading import ReadOptions
from smearprep.geometry import mask_to_shapes
from smearprep.records import Cell

SIZE = (60, 50)
RECTANGLE = Polygon([(10, 10), (50, 10), (50, 40), (10, 40)])


def write(path, cells, size=SIZE, annotated=None, **options):
    with CocoWriter(path, **options) as writer:
        image = writer.add_image("a.jpg", size, annotated)
        writer.add_cells(
            image,
            size,
            [c.label for c in cells],
            [c.shape for c in cells],
            [c.outline for c in cells],
            [annotation_fields(c.attributes) for c in cells],
        )
    return json.loads(path.read_bytes())


def read(path):
    findings = []
    return list(coco.read(path, ReadOptions(base=path.parent), findings)), findings


def read_one(path, **changes):
    """Read a file of one image and one annotation, both changed as asked."""
    annotation = {"id": 7, "image_id": 1, "category_id": 1, "bbox": [10, 10, 40, 30], "segmentation": []}
    value = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 80}],
        "annotations": [{**annotation, **changes}],
        "categories": [{"id": 1, "name": "WBC"}],
    }
    path.write_text(json.dumps(value))
    (image,), findings = read(path)
    return image.cells, findings


def loaded(path):
    from pycocotools.coco import COCO

    return COCO(str(path))


def their_mask(other, id_):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pycocotools 2.0.11 under numpy 2
        return other.annToMask(other.anns[id_]).astype(bool)


# ---------------------------------------------------------------- laws

labels = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=6).filter(str.strip)
quarter = st.integers(0, 200).map(lambda n: n / 4)


@st.composite
def drawn(draw):
    """A valid polygon around (30, 25): a vertex on each of several rays."""
    count = draw(st.integers(3, 9))
    radius = draw(st.lists(st.floats(1, 20), min_size=count, max_size=count))
    turn = draw(st.floats(0, 1))
    angles = [2 * math.pi * (n + turn) / count for n in range(count)]
    shape = Polygon(
        [(30 + r * math.cos(a), 25 + r * math.sin(a)) for r, a in zip(radius, angles, strict=True)]
    )
    return Cell(draw(labels), shape, draw(st.sampled_from(["drawn", "component", "made"])))


@st.composite
def masks(draw):
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    bits = draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))
    return np.array(bits).reshape(height, width)


boxes = st.builds(
    lambda label, x, y, w, h: Cell(label, shapely.box(x, y, x + w + 1, y + h + 1), "box"),
    labels, quarter, quarter, quarter, quarter,
)  # fmt: skip
points = st.builds(lambda label, x, y: Cell(label, Point(x, y), "point"), labels, quarter, quarter)
parts = st.builds(
    lambda label, n: Cell(label, MultiPolygon([shapely.box(4 * i, 1, 4 * i + 2.5, 3) for i in range(n)])),
    labels, st.integers(2, 5),
)  # fmt: skip
attributes = st.dictionaries(
    st.sampled_from(["visible", "cell", "score", "group", "category_id", "ü"]), st.integers() | labels
).map(lambda told: {k: v if not isinstance(v, int) else v % 2**53 for k, v in told.items()})


@given(cells=st.lists(st.one_of(drawn(), boxes, points, parts), max_size=6), told=attributes)
@settings(deadline=None)
def test_read_is_the_inverse_of_write(tmp_path_factory, cells, told):
    path = tmp_path_factory.mktemp("coco") / "c.json"
    cells = [Cell(c.label, c.shape, c.outline, told) for c in cells]
    write(path, cells)
    (image,), findings = read(path)
    assert not findings
    assert len(image.cells) == len(cells)
    for back, cell in zip(image.cells, cells, strict=True):
        assert (back.label, back.outline, back.attributes) == (cell.label, cell.outline, told)
        assert back.shape.normalize().equals_exact(cell.shape.normalize(), 0)
    assert image.annotated == {c.label for c in cells}


@given(mask=masks())
@settings(deadline=None)
def test_a_traced_mask_comes_back_pixel_for_pixel(tmp_path_factory, mask):
    """Through our reader and through pycocotools; holes and corner contacts included."""
    path = tmp_path_factory.mktemp("coco") / "c.json"
    size = mask.shape[::-1]
    shapes, _ = mask_to_shapes(mask)
    record = write(path, [Cell("WBC", s, "component") for s in shapes], size)
    other = loaded(path)
    seen = np.zeros(mask.shape, bool)
    for annotation in record["annotations"]:
        one = their_mask(other, annotation["id"])
        assert not (seen & one).any()
        assert annotation["area"] == one.sum()
        ys, xs = np.nonzero(one)
        assert annotation["bbox"] == [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
        seen |= one
    assert (seen == mask).all()
    (image,), findings = read(path)
    assert not findings
    for cell, shape in zip(image.cells, shapes, strict=True):
        assert cell.shape.equals(shape)


@given(counts=st.lists(st.integers(0, 5000), min_size=1, max_size=30))
def test_compressed_run_lengths_are_decoded_as_pycocotools_encodes_them(counts):
    from pycocotools import mask

    from smearprep.formats.coco.runs import _decompress

    height = sum(counts) or 1
    encoded = mask.frPyObjects({"size": [height, 1], "counts": counts}, height, 1)["counts"].decode()
    assert _decompress(encoded) == counts


# ---------------------------------------------------------------- the writer


def test_the_rectangle_of_area_1200(tmp_path):
    record = write(tmp_path / "c.json", [Cell("WBC", RECTANGLE)], (100, 80))
    (annotation,) = record["annotations"]
    assert annotation["segmentation"] == [[10, 10, 50, 10, 50, 40, 10, 40]]
    assert (annotation["area"], annotation["bbox"], annotation["iscrowd"]) == (1200, [10, 10, 40, 30], 0)
    other = loaded(tmp_path / "c.json")
    assert their_mask(other, 1).sum() == 1200


def test_what_has_no_outline_gets_none(tmp_path):
    cells = [Cell("A", RECTANGLE, "box"), Cell("A", Point(3, 4.5), "point")]
    box, point = write(tmp_path / "c.json", cells)["annotations"]
    assert (box["segmentation"], box["bbox"], box["area"]) == ([], [10, 10, 40, 30], 1200)
    assert (point["segmentation"], point["bbox"], point["area"]) == ([], [3, 4.5, 0, 0], 0)
    assert (point["keypoints"], point["num_keypoints"]) == ([3, 4.5, 2], 1)
    other = loaded(tmp_path / "c.json")
    with pytest.raises(IndexError):  # pycocotools has no mask for it: the module says so
        their_mask(other, 1)


def test_category_ids_do_not_depend_on_the_order_of_the_input(tmp_path):
    cells = [Cell(label, RECTANGLE) for label in ("c", "a", "b", '"category_id":1,', "a")]
    forth, back = write(tmp_path / "1.json", cells), write(tmp_path / "2.json", cells[::-1])
    assert forth["categories"] == back["categories"]
    names = {row["id"]: row["name"] for row in forth["categories"]}
    assert [names[a["category_id"]] for a in forth["annotations"]] == [c.label for c in cells]
    assert [names[a["category_id"]] for a in back["annotations"]] == [c.label for c in cells[::-1]]


def test_ids_go_on_and_categories_can_be_stated(tmp_path):
    record = write(
        tmp_path / "c.json", [Cell("B", RECTANGLE)], categories=["Z", "B"], first_image_id=5,
        first_annotation_id=70,
    )  # fmt: skip
    assert [row["id"] for row in record["images"]] == [5]
    assert [(a["id"], a["image_id"], a["category_id"]) for a in record["annotations"]] == [(70, 5, 2)]
    with pytest.raises(RecipeError, match="'C' is none of the categories Z, B"):
        write(tmp_path / "d.json", [Cell("C", RECTANGLE)], categories=["Z", "B"])
    assert [p.name for p in tmp_path.iterdir()] == ["c.json"]


def test_an_image_says_what_was_looked_for(tmp_path):
    path = tmp_path / "c.json"
    with CocoWriter(path) as writer:
        first = writer.add_image("a.jpg", SIZE, frozenset({"WBC", "PLT"}), smear="s1")
        writer.add_image("b.jpg", SIZE)
        writer.add_cell(first, SIZE, "WBC", RECTANGLE, "drawn", visible=0.5)
        writer.add_cell(first, SIZE, "RBC", RECTANGLE, "drawn")
    a, b = json.loads(path.read_bytes())["images"]
    assert a["smear"] == "s1"
    assert (a["not_exhaustive_category_ids"], a["neg_category_ids"]) == ([2], [1])  # PLT RBC WBC
    assert "neg_category_ids" not in b
    images, _ = read(path)
    assert [image.annotated for image in images] == [{"WBC", "PLT"}, {"WBC", "PLT", "RBC"}]
    assert images[0].cells[0].attributes == {"visible": 0.5}


def test_the_same_calls_give_the_same_bytes_and_replace_the_file(tmp_path):
    path = tmp_path / "new" / "c.json"
    write(path, [Cell("B", RECTANGLE), Cell("A", Point(1, 2), "point")])
    once = path.read_bytes()
    write(path, [Cell("B", RECTANGLE), Cell("A", Point(1, 2), "point")])
    assert path.read_bytes() == once
    assert [p.name for p in path.parent.iterdir()] == ["c.json"]


def test_an_exception_leaves_nothing_new(tmp_path):
    path = tmp_path / "c.json"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), CocoWriter(path) as writer:
        writer.add_cell(writer.add_image("a.jpg", SIZE), SIZE, "A", RECTANGLE, "drawn")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["c.json"]


def test_an_output_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), CocoWriter(tmp_path / "file" / "c.json"):
        pass
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="cannot be written"), CocoWriter(tmp_path / "folder"):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_an_empty_file_is_a_file(tmp_path):
    with CocoWriter(tmp_path / "c.json"):
        pass
    assert read(tmp_path / "c.json") == ([], [])


# ---------------------------------------------------------------- what others write


def test_run_lengths_uncompressed(tmp_path):
    from smearprep.geometry import shape_to_counts

    holed = RECTANGLE.difference(shapely.box(20, 20, 30, 30))
    runs = {"size": [80, 100], "counts": shape_to_counts(holed, (100, 80))}
    (cell,), findings = read_one(tmp_path / "c.json", segmentation=runs)
    assert cell.shape.equals(holed) and cell.outline == "drawn" and not findings


def test_run_lengths_of_several_regions_are_one_cell(tmp_path):
    (cell,), _ = read_one(tmp_path / "c.json", segmentation={"size": [80, 100], "counts": [0, 2, 3, 1, 7994]})
    assert cell.shape.equals(MultiPolygon([shapely.box(0, 0, 1, 2), shapely.box(0, 5, 1, 6)]))


def test_overlapping_and_empty_parts_are_repaired_and_named(tmp_path):
    ring, beside = [10, 10, 50, 10, 50, 40, 10, 40], [20, 20, 60, 20, 60, 30, 20, 30]
    (cell,), findings = read_one(tmp_path / "c.json", segmentation=[ring, beside, [1, 1, 2, 2, 3, 3]])
    assert cell.area == 1300
    assert [(f.kind, f.id) for f in findings] == [("repaired", "annotation 7")]
    assert "1 of its 3 parts" in findings[0].what and "overlapped" in findings[0].what


def test_a_ring_without_its_outer_list(tmp_path):
    (cell,), _ = read_one(tmp_path / "c.json", segmentation=[10, 10, 50, 10, 50, 40, 10, 40])
    assert cell.area == 1200 and cell.outline == "drawn"


def test_boxes_and_keypoints(tmp_path):
    (box,), _ = read_one(tmp_path / "c.json")
    assert box.outline == "box" and box.bounds == (10, 10, 50, 40)
    (point,), _ = read_one(tmp_path / "c.json", bbox=[3, 4, 0, 0], keypoints=[0, 0, 0, 3, 4, 1])
    assert point.outline == "point" and (point.shape.x, point.shape.y) == (3, 4)
    (both,), _ = read_one(tmp_path / "c.json", keypoints=[3, 4, 2])
    assert both.outline == "box"


@pytest.mark.parametrize(
    ("changes", "kind", "what"),
    [
        ({"category_id": 9}, "unknown_label", "category_id 9"),
        ({"category_id": [1]}, "unknown_label", "category_id"),
        ({"image_id": 9}, "missing_image", "image_id 9"),
        ({"image_id": {}}, "missing_image", "image_id"),
        ({"bbox": [1, 1, 0, 5]}, "zero_area", "no area"),
        ({"bbox": [1, 1, float("nan"), 5]}, "invalid", "no number"),
        ({"bbox": "wide"}, "invalid", "neither an outline nor a box"),
        ({"bbox": None}, "invalid", "neither an outline nor a box"),
        ({"segmentation": [[1, 1, 5, 5]]}, "invalid", "at least 3 points"),
        ({"segmentation": [[1, 1, 5, 5, 9]]}, "invalid", "at least 3 points"),
        ({"segmentation": [[1, 1, 5, 5, "x", None]]}, "invalid", "at least 3 points"),
        ({"segmentation": [[1, 1, 5, 5, float("nan"), 7]]}, "invalid", "at least 3 points"),
        ({"segmentation": [[1, 1, 5, 5, 9, 9]]}, "zero_area", "no area"),
        ({"segmentation": {"size": [80, 100], "counts": [5]}}, "invalid", "do not add up"),
        ({"segmentation": {"size": [80, 100], "counts": [8000]}}, "zero_area", "no pixel"),
        ({"segmentation": {"size": [80, 100], "counts": [-1, 8001]}}, "invalid", "do not add up"),
        ({"segmentation": {"size": [80, 100], "counts": ["a"]}}, "invalid", "neither"),
        ({"segmentation": {"size": [80, 100], "counts": "!!"}}, "invalid", "damaged"),
        ({"segmentation": {"size": [80, 100], "counts": "oooooooooooooooo"}}, "invalid", "damaged"),
        ({"segmentation": {"size": [80, 100], "counts": "P"}}, "invalid", "too soon"),
        ({"segmentation": {"size": [80, 100], "counts": ""}}, "invalid", "do not add up"),
        ({"segmentation": {"size": [9, 9], "counts": [81]}}, "invalid", "9x9"),
        ({"segmentation": {"size": None, "counts": [81]}}, "invalid", "no size"),
    ],
)
def test_a_broken_annotation_is_left_out_and_named(tmp_path, changes, kind, what):
    cells, (finding,) = read_one(tmp_path / "c.json", **changes)
    assert not cells
    assert (finding.kind, finding.file, finding.id) == (kind, "c.json", "annotation 7")
    assert what in finding.what and "left out" in finding.what


def test_a_self_crossing_outline_is_repaired_and_named(tmp_path):
    (cell,), (finding,) = read_one(tmp_path / "c.json", segmentation=[[0, 0, 4, 4, 4, 0, 0, 4]])
    assert cell.area == 8 and cell.shape.geom_type == "MultiPolygon"
    assert (finding.kind, finding.id) == ("repaired", "annotation 7")


def test_sparse_ids_id_0_and_an_empty_root_category(tmp_path):
    path = tmp_path / "c.json"
    image = {"id": 0, "file_name": "ünï cöde.jpg", "width": 100, "height": 80}
    value = {
        "images": [image, {"id": 90, "file_name": "no-size.jpg"}],
        "annotations": [{"id": 0, "image_id": 0, "category_id": 90, "bbox": [1, 1, 5, 5]}],
        "categories": [
            {"id": 0, "name": "cells", "supercategory": "none"},
            {"id": 90, "name": "WBC", "supercategory": "cells"},
            {"id": 7, "name": "血小板", "supercategory": "cells"},
        ],
    }
    path.write_text(json.dumps(value))
    images, findings = read(path)
    assert not findings
    assert [(i.file_name, i.size, len(i.cells)) for i in images] == [
        ("ünï cöde.jpg", (100, 80), 1),
        ("no-size.jpg", None, 0),
    ]
    assert images[0].annotated == {"WBC", "血小板"}


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/..", "C:\\", "x\\..\\..\\a.jpg", "", " ", None, 3, "a\0"])
def test_an_image_name_that_leads_out_is_left_out(tmp_path, name):
    path = tmp_path / "c.json"
    value = {
        "images": [{"id": 1, "file_name": name}, {"id": 2, "file_name": "in/side..jpg"}],
        "annotations": [{"id": 0, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}],
        "categories": [{"id": 1, "name": "WBC"}],
    }
    path.write_text(json.dumps(value))
    (image,), (finding,) = read(path)
    assert image.file_name == "in/side..jpg"
    assert (finding.kind, finding.id) == ("missing_image", "image 1")


@pytest.mark.parametrize("name", ["/home/anna/a.jpg", "C:\\pictures\\a.jpg", "\\\\server\\share\\x\\a.jpg"])
def test_a_path_on_another_computer_is_taken_for_its_name(tmp_path, name):
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"images": [{"id": 1, "file_name": name}], "annotations": []}))
    (image,), findings = read(path)
    assert image.file_name == "a.jpg" and not findings


def test_odd_records_are_named(tmp_path):
    path = tmp_path / "c.json"
    value = {
        "images": [
            {"id": 1, "file_name": "a.jpg", "width": "wide", "height": 80},
            {"id": 1, "file_name": "b.jpg"},
            "image",
            {"file_name": "c.jpg"},
        ],
        "annotations": [5, *2 * [{"id": 0, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}]],
        "categories": [{"id": 1, "name": "WBC"}, {"id": 1, "name": "RBC"}, {"id": 2}, 3],
    }
    path.write_text(json.dumps(value))
    (image,), findings = read(path)
    assert len(image.cells) == 2 and image.size is None
    assert [(f.kind, f.id) for f in findings] == [
        ("invalid", "category 1"),
        ("invalid", "category 2"),
        ("invalid", "category at position 3"),
        ("invalid", "image 1"),
        ("invalid", "image at position 2"),
        ("invalid", "image at position 3"),
        ("invalid", "annotation at position 0"),
        ("duplicate", "annotation 0"),
        ("damaged", "image 1"),
    ]


@pytest.mark.parametrize("text", ["[]", "{}", '{"images": 3}'])
def test_json_that_is_no_coco_file_is_refused(tmp_path, text):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(DataError, match="no list of images"):
        read(tmp_path / "c.json")


def test_without_annotations_nothing_was_looked_for(tmp_path):
    path = tmp_path / "c.json"
    path.write_text('{"images": [{"id": 1, "file_name": "a.jpg"}], "categories": [{"id": 1, "name": "WBC"}]}')
    (image,), _ = read(path)
    assert image.annotated == frozenset()


def test_it_is_recognised(tmp_path):
    path = tmp_path / "c.json"
    write(path, [Cell("A", RECTANGLE)])
    assert recognise(path) == "coco"
    path.write_text('\ufeff{\n "info" : {"year": 2020}}')
    assert recognise(path) == "coco"
    for head in (b'[{"annotations": []}]', b'{"shapes": []}', b""):
        assert not coco.sniff(path, head)


# ---------------------------------------------------------------- dialects


def save(path, images=None, annotations=(), categories=None, **further):
    value = {
        "images": images or [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 80}],
        "annotations": list(annotations),
        "categories": categories or [{"id": 1, "name": "WBC"}, {"id": 2, "name": "RBC"}],
    }
    path.write_text(json.dumps({**value, **further}))
    return path


RING = [10, 10, 50, 10, 50, 40, 10, 40]
RUNS = {"size": [80, 100], "counts": [810, *[30, 50] * 39, 30, 4040]}


def test_cvat(tmp_path):
    """Every mask is a crowd there; a turned box is stated unturned; all have occluded, rotation, track_id."""
    base = {"image_id": 1, "category_id": 1, "iscrowd": 0, "area": 1.0}
    told = {"occluded": False, "rotation": 0.0}
    path = save(
        tmp_path / "instances_default.json",
        [
            {"id": 1, "width": 100, "height": 80, "file_name": "a.jpg", "license": 0, "flickr_url": "",
             "coco_url": "", "date_captured": 0},
            {"id": 2, "width": 0, "height": 0, "file_name": "b.jpg", "license": 0, "date_captured": 0},
        ],
        [
            {**base, "id": 1, "segmentation": [RING], "bbox": [10, 10, 40, 30],
             "attributes": {**told, "track_id": 4, "keyframe": True}},
            {**base, "id": 2, "segmentation": RUNS, "bbox": [10, 10, 40, 30], "iscrowd": 1,
             "attributes": told},
            {**base, "id": 3, "segmentation": [], "bbox": [40, 20, 20, 10],
             "attributes": {**told, "rotation": 90.0}},
            {**base, "id": 4, "segmentation": [], "bbox": [40, 20, 20, 10],
             "attributes": {**told, "rotation": 30.0}},
            {**base, "id": 5, "segmentation": RUNS, "bbox": [10, 10, 40, 30], "iscrowd": 1},
        ],
        [{"id": 1, "name": "WBC", "supercategory": ""}, {"id": 2, "name": "RBC", "supercategory": ""}],
        info={"contributor": "", "date_created": "", "year": ""},
        licenses=[{"name": "", "id": 0, "url": ""}],
    )  # fmt: skip
    (image, second), findings = read(path)
    polygon, mask, upright, turned = image.cells
    assert polygon.attributes == {**told, "track_id": 4, "keyframe": True}
    assert mask.shape.equals(RECTANGLE) and mask.outline == "drawn"
    assert upright.outline == "box" and upright.bounds == pytest.approx((45, 15, 55, 35))
    assert turned.outline == "drawn" and turned.area == pytest.approx(200)
    corners = shapely.get_coordinates(turned.shape)
    right = corners[corners[:, 0].argmax()]  # the upper right corner (60, 20), turned with the clock
    cos, sin = math.cos(math.pi / 6), math.sin(math.pi / 6)
    assert right == pytest.approx([50 + 10 * cos + 5 * sin, 25 + 10 * sin - 5 * cos])
    assert "rotation" not in turned.attributes and turned.attributes["occluded"] is False
    assert image.annotated == {"WBC", "RBC"} and second.size is None
    assert [(f.kind, f.id) for f in findings] == [
        ("note", ""), ("note", ""), ("damaged", "image 2"),
    ]  # fmt: skip
    assert "as CVAT does with every mask: 1;" in findings[0].what
    assert "(iscrowd): 1;" in findings[1].what and len(image.crowds) == 1


def test_a_turned_box_is_turned_once(tmp_path):
    """What smearprep writes has an `outline`, and its box is the box."""
    told = {"rotation": 30.0, "occluded": False}
    (cell,), _ = read_one(tmp_path / "a.json", attributes=told, outline="box")
    assert cell.outline == "box" and cell.bounds == (10, 10, 50, 40) and cell.attributes == told
    for rotation in (None, "30", True, 0, 360):
        (cell,), _ = read_one(tmp_path / "a.json", attributes={"rotation": rotation})
        assert cell.bounds == (10, 10, 50, 40)


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("images/0a1b2c3d-a.jpg", "images/0a1b2c3d-a.jpg"),
        ("images\\1/0a1b2c3d-a.jpg", "images\\1/0a1b2c3d-a.jpg"),
        ("..\\..\\label-studio\\label-studio\\media\\upload\\4\\0a1b2c3d-a.jpg", "0a1b2c3d-a.jpg"),
        ("../../label-studio/data/media/upload/4/0a1b2c3d-a.jpg", "0a1b2c3d-a.jpg"),
        ("/data/upload/4/0a1b2c3d-a.jpg", "0a1b2c3d-a.jpg"),
        ("/data/local-files/?d=smears/1/a.jpg", "a.jpg"),
        ("/data/local-files/?d=a.jpg", "a.jpg"),
        ("https://label.example/data/upload/4/a.jpg?token=x/y", "a.jpg"),
        ("s3://bucket/smears/a.jpg", "a.jpg"),
    ],
)
def test_names_of_label_studio(tmp_path, stated, name):
    path = save(tmp_path / "result.json", [{"id": 0, "file_name": stated, "width": 100, "height": 80}])
    (image,), findings = read(path)
    assert image.file_name == name and not findings


@pytest.mark.parametrize(
    "stated",
    [
        "../media/upload.jpg",
        "../../upload/1/a.jpg",
        "https://",
        "/data/local-files/?d=..",
        "x/media/upload/..",
    ],
)
def test_other_names_that_lead_out_are_left_out(tmp_path, stated):
    path = save(tmp_path / "result.json", [{"id": 0, "file_name": stated, "width": 100, "height": 80}])
    images, (finding,) = read(path)
    assert not images and finding.kind == "missing_image"


def test_label_studio(tmp_path):
    """Ids from 0, one record an annotator, and who it was beside the attributes."""
    images = [{"id": n, "file_name": "images/0a1b2c3d-a.jpg", "width": 100, "height": 80} for n in (0, 1)]
    entry = {
        "category_id": 0,
        "segmentation": [RING],
        "bbox": [10, 10, 40, 30],
        "ignore": 0,
        "iscrowd": 0,
        "area": 1,
    }
    annotations = [{**entry, "id": n, "image_id": n, "annotator": f"{n}@lab"} for n in (0, 1)]
    categories = [{"id": 0, "name": "WBC"}, {"id": 1, "name": "RBC"}]
    read_images, findings = read(save(tmp_path / "result.json", images, annotations, categories))
    assert [[c.attributes for c in image.cells] for image in read_images] == [
        [{"annotator": "0@lab"}], [{"annotator": "1@lab"}],
    ]  # fmt: skip
    assert not findings and read_images[0].annotated == {"WBC", "RBC"}


def test_a_category_0_that_is_real(tmp_path):
    """It is in use, or nothing stands under it."""
    above = {"id": 0, "name": "cells", "supercategory": "none"}
    below = {"id": 1, "name": "WBC", "supercategory": "cells"}
    entry = {"id": 1, "image_id": 1, "category_id": 0, "bbox": [1, 1, 5, 5]}
    for annotations, categories, found in (
        ([], [above, below], {"WBC"}),
        ([entry], [above, below], {"WBC", "cells"}),
        ([], [above, {**below, "supercategory": "none"}], {"WBC", "cells"}),
        ([], [{**above, "supercategory": "cells"}, {**below, "supercategory": "x"}], {"WBC", "cells"}),
    ):
        (image,), findings = read(save(tmp_path / "a.json", None, annotations, categories))
        assert image.annotated == found and not findings


def test_ids_as_text_in_one_place_and_as_number_in_another(tmp_path):
    images = [
        {"id": "1", "file_name": "a.jpg"},
        {"id": 2.0, "file_name": "b.jpg", "not_exhaustive_category_ids": [7]},
    ]
    entry = {"bbox": [1, 1, 5, 5]}
    annotations = [
        {**entry, "id": "x", "image_id": 1, "category_id": "7"},
        {**entry, "id": 2.0, "image_id": "2", "category_id": 7.0},
        {**entry, "id": 3, "image_id": 2, "category_id": 7.5},
        {**entry, "id": 4, "image_id": True, "category_id": 7},
        {**entry, "id": 5, "image_id": "1.0", "category_id": 7},
    ]
    path = save(
        tmp_path / "a.json", images, annotations, [{"id": 7, "name": "WBC"}, {"id": True, "name": "RBC"}]
    )
    (a, b), findings = read(path)
    assert [len(image.cells) for image in (a, b)] == [1, 1] and b.annotated == frozenset()
    assert [(f.kind, f.id) for f in findings] == [
        ("invalid", "category at position 1"),
        ("missing_image", "annotation 4"),
        ("missing_image", "annotation 5"),
        ("unknown_label", "annotation 3"),
    ]


def test_ids_that_are_both_text_and_number_stay_apart(tmp_path):
    images = [{"id": "1", "file_name": "a.jpg"}, {"id": 1, "file_name": "b.jpg"}]
    annotations = [
        {"id": n, "image_id": id_, "category_id": 1, "bbox": [1, 1, 5, 5]}
        for n, id_ in enumerate(["1", 1, 1])
    ]
    (a, b), findings = read(save(tmp_path / "a.json", images, annotations))
    assert (len(a.cells), len(b.cells)) == (1, 2) and not findings


@pytest.mark.parametrize("segmentation", [[], [[]], [[], []], {}, None])
def test_no_outline_but_a_box(tmp_path, segmentation):
    (cell,), findings = read_one(tmp_path / "a.json", segmentation=segmentation)
    assert cell.outline == "box" and cell.bounds == (10, 10, 50, 40) and not findings


def test_skeletons_are_boxes(tmp_path):
    (cell,), _ = read_one(tmp_path / "a.json", keypoints=[1, 1, 2, 5, 5, 1, 0, 0, 0], num_keypoints=2)
    assert cell.outline == "box"


@pytest.mark.parametrize("text", ['[{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.9}]'])
def test_a_list_of_results_says_what_to_do(tmp_path, text):
    path = tmp_path / "results.json"
    path.write_text(text)
    assert recognise(path) == "coco"
    with pytest.raises(DataError, match=r"list of detection results.*as `annotations` of the COCO file"):
        read(path)
    whole = save(tmp_path / "whole.json", None, [{"id": 1, **json.loads(text)[0]}])
    (image,), _ = read(whole)
    assert image.cells[0].attributes == {"score": 0.9} and image.cells[0].label == "RBC"


def test_annotations_that_are_no_list(tmp_path):
    path = save(tmp_path / "a.json", annotations={"1": {}})
    path.write_text(path.read_text().replace('["1"]', "{}"))
    (image,), (finding,) = read(path)
    assert image.annotated == frozenset() and finding.kind == "invalid" and "no list" in finding.what


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"bbox": [1e308, 1, 1e308, 5]}, "invalid"),
        ({"bbox": [-2e9, 1, 5, 5]}, "invalid"),
        ({"bbox": [1e9, 1, 1e-9, 5]}, "zero_area"),
        ({"bbox": [1, 1, 1e-200, 1e-200]}, "zero_area"),
        ({"bbox": [1, 1, 0, 0], "keypoints": [1e300, 5, 2]}, "zero_area"),
        ({"segmentation": {"size": [True, 8000], "counts": [0, 8000]}}, "invalid"),
        ({"segmentation": {"size": [2**31, 2**31], "counts": [0, 2**62]}}, "invalid"),
    ],
)
def test_numbers_beyond_all_images(tmp_path, changes, kind):
    cells, (finding,) = read_one(tmp_path / "a.json", **changes)
    assert not cells and finding.kind == kind


def test_nesting_that_could_not_be_written_is_dropped(tmp_path):
    deep = json.loads("[" * 400 + "]" * 400)
    (cell,), _ = read_one(tmp_path / "a.json", attributes={"deep": deep, "note": [1]}, cell=deep)
    assert cell.attributes == {"note": [1]}
    write(tmp_path / "b.json", [cell])


# ---------------------------------------------------------------- run lengths of any size


@given(mask=masks())
@settings(deadline=None)
def test_runs_are_traced_as_masks_are(mask):
    from smearprep.formats.coco.runs import runs_to_shape
    from smearprep.geometry import shape_to_counts

    shapes, _ = mask_to_shapes(mask)
    if shapes:
        whole = shapes[0] if len(shapes) == 1 else MultiPolygon(shapes)
        size = mask.shape[::-1]
        counts = shape_to_counts(whole, size)
        assert runs_to_shape({"size": list(mask.shape), "counts": counts}, size).equals_exact(whole, 0)


def test_the_mask_of_the_largest_image_takes_no_memory():
    import tracemalloc

    from smearprep.formats.coco.runs import runs_to_shape

    tracemalloc.start()
    whole = runs_to_shape({"size": [13_000, 13_000], "counts": [0, 13_000**2]}, None)
    corners = runs_to_shape({"size": [13_000, 13_000], "counts": [0, 1, 13_000**2 - 2, 1]}, None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert whole.equals(shapely.box(0, 0, 13_000, 13_000)) and corners.area == 2
    assert peak < 2**20


def test_noise_is_no_cell(tmp_path):
    """Every second pixel of 200 x 200: 20,000 regions."""
    from smearprep.formats.coco import runs
    from smearprep.formats.coco.runs import Unusable, runs_to_shape

    rows = ["".join("01"[(x + y) % 2] for y in range(200)) for x in range(200)]
    flat = np.array([int(bit) for bit in "".join(rows)])
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, len(flat)]).tolist()
    with pytest.raises(Unusable, match="20000 separate regions"):
        runs_to_shape({"size": [200, 200], "counts": counts}, None)
    side = int(runs._MOST_LAID_OUT**0.5) + 2
    scattered = [0, *[1, side] * side]
    scattered[-1] = side**2 - sum(scattered[:-1])
    with pytest.raises(Unusable, match="scattered"):
        runs_to_shape({"size": [side, side], "counts": scattered}, None)
