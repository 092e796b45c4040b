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
        ({"iscrowd": 1}, "invalid", "crowd"),
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
