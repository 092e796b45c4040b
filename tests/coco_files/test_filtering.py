"""Filtering: what is asked for stays as it is, all else is counted."""

import math

import pytest
from shapely.geometry import Point

from smearprep.coco_files import Criteria, filter_cells
from smearprep.errors import DataError, OutputError, RecipeError
from smearprep.records import Cell
from tests.coco_files.making import box, data, edited, read, write

CELLS = [
    Cell("RBC", box(0, 0, 10, 10), attributes={"annotator": "anna"}),
    Cell("RBC", box(20, 0, 2, 2), attributes={"annotator": "ben"}),
    Cell("WBC", box(40, 0, 30, 30), "made", {"score": 0.4, "made_by": "net"}),
    Cell("WBC", box(40, 40, 30, 30), "box", {"score": 0.9}),
    Cell("PLT", Point(3, 4), "point"),
]


@pytest.fixture
def file(tmp_path):
    return write(
        tmp_path / "a.json", {"a.jpg": CELLS, "empty.jpg": [], "b.jpg": CELLS[:1]}, smear="s1", window=[1, 2]
    )


def kept(file, tmp_path, **criteria):
    summary = filter_cells(file, tmp_path / "out.json", Criteria(**criteria))
    ids = [entry["id"] for entry in data(tmp_path / "out.json")["annotations"]]
    counts = summary.counts
    left_out = {
        row["why"]: row["count"] for row in summary.tables.get("left out", ()) if row["what"] == "cells"
    }
    assert counts["cells"] == len(ids) == 6 - counts["cells_left_out"] == 6 - sum(left_out.values())
    return ids, left_out, summary


def test_categories_and_their_order(file, tmp_path):
    ids, left_out, summary = kept(file, tmp_path, categories=("WBC", "RBC"))
    assert ids == [1, 2, 3, 4, 6] and left_out == {"category PLT": 1}
    out = data(tmp_path / "out.json")
    assert [row["name"] for row in out["categories"]] == ["WBC", "RBC"]
    assert summary.by_category == {"WBC": 2, "RBC": 3}
    assert [image["neg_category_ids"] for image in out["images"]] == [[], [1, 2], [1]]
    assert [f.what for f in summary.findings] == [
        "category ids are 1, 2, ... in the output: WBC 2 -> 1, RBC 1 -> 2"
    ]


@pytest.mark.parametrize(
    ("criteria", "ids", "left_out"),
    [
        ({"min_area": 5}, [1, 3, 4, 5, 6], {"too small": 1}),
        ({"min_area": 4}, [1, 2, 3, 4, 5, 6], {}),
        ({"max_area": 100}, [1, 2, 5, 6], {"too large": 2}),
        ({"min_area": 5, "max_area": 99.5}, [5], {"too small": 1, "too large": 4}),
        ({"outlines": ("drawn",)}, [1, 2, 6], {"outline made": 1, "outline box": 1, "outline point": 1}),
        ({"outlines": ("box", "point")}, [4, 5], {"outline made": 1, "outline drawn": 3}),
        ({"min_score": 0.5}, [1, 2, 4, 5, 6], {"low score": 1}),
        ({"min_score": 0.4}, [1, 2, 3, 4, 5, 6], {}),
        ({"annotators": ("anna",)}, [1, 6], {"another annotator": 1, "no annotator": 3}),
        ({"annotators": ("anna", "ben")}, [1, 2, 6], {"no annotator": 3}),
        ({"images_with": ("PLT",)}, [1, 2, 3, 4, 5], {"in an image that is left out": 1}),
        ({"images_with": ("PLT",), "categories": ("RBC",)}, [1, 2],
         {"category PLT": 1, "category WBC": 2, "in an image that is left out": 1}),
        ({"images_with": ("WBC", "PLT"), "min_score": 1, "outlines": ("drawn", "made", "box")}, [],
         {"low score": 2, "outline point": 1, "in an image that is left out": 3}),
    ],
)  # fmt: skip
def test_criteria(file, tmp_path, criteria, ids, left_out):
    assert kept(file, tmp_path, **criteria)[:2] == (ids, left_out)


def test_images_without_cells(file, tmp_path):
    _, _, summary = kept(file, tmp_path)
    assert (summary.counts["images_read"], summary.counts["images"]) == (3, 3)
    _, _, summary = kept(file, tmp_path, only_images_with_cells=True)
    assert summary.counts["images"] == 2
    assert {"what": "images", "why": "no cell left in it", "count": 1} in summary.tables["left out"]
    _, _, summary = kept(file, tmp_path, only_images_with_cells=True, categories=("PLT",))
    assert list(read(tmp_path / "out.json")) == ["a.jpg"]
    _, _, summary = kept(file, tmp_path, images_with=("WBC", "PLT"))
    assert {"what": "images", "why": "no WBC or PLT in it", "count": 2} in summary.tables["left out"]


def test_everything_else_stays(file, tmp_path):
    edited(file, lambda value: value["annotations"][0].update(reviewed=True, keypoints=[1, 1, 2, 5, 5, 2]))
    kept(file, tmp_path, categories=("PLT", "RBC"))
    before, after = data(file), data(tmp_path / "out.json")
    assert {k: v for k, v in after["annotations"][0].items() if k != "category_id"} == {
        k: v for k, v in before["annotations"][0].items() if k != "category_id"
    }
    assert [{k: image[k] for k in ("id", "smear", "window")} for image in after["images"]] == [
        {"id": n, "smear": "s1", "window": [1, 2]} for n in (1, 2, 3)
    ]


def test_a_skeleton_of_one_point_is_a_point(file, tmp_path):
    edited(file, lambda value: value["annotations"][4].update(keypoints=[0, 0, 0, 3, 4, 1], num_keypoints=1))
    kept(file, tmp_path)
    point = data(tmp_path / "out.json")["annotations"][4]
    assert (point["keypoints"], point["num_keypoints"], point["outline"]) == ([3, 4, 2], 1, "point")


def test_categories_are_in_the_order_of_their_ids(file, tmp_path):
    edited(file, lambda value: value["categories"].reverse())
    kept(file, tmp_path)
    assert [row["name"] for row in data(tmp_path / "out.json")["categories"]] == ["RBC", "WBC", "PLT"]
    edited(file, lambda value: [row.update(id=f"c{row['id']}") for row in value["categories"]])
    edited(file, lambda value: [e.update(category_id=f"c{e['category_id']}") for e in value["annotations"]])
    kept(file, tmp_path)
    assert [row["name"] for row in data(tmp_path / "out.json")["categories"]] == ["PLT", "WBC", "RBC"]


def test_what_was_looked_for_stays_and_a_note_says_what_that_means(file, tmp_path):
    _, _, summary = kept(file, tmp_path, min_area=5)
    assert read(tmp_path / "out.json")["a.jpg"].annotated == {"RBC", "WBC", "PLT"}
    (note,) = summary.findings
    assert note.what.startswith("cells left out of categories that still count as looked for: 1")
    edited(file, lambda value: value["images"][0].update(not_exhaustive_category_ids=[1]))
    kept(file, tmp_path, categories=("WBC", "RBC"))
    images = read(tmp_path / "out.json")
    assert images["a.jpg"].annotated == {"WBC"} and images["b.jpg"].annotated == {"WBC", "RBC"}


def test_ids_that_cannot_stay_are_new(file, tmp_path):
    def spoil(value):
        value["images"][0]["id"] = "first"
        for entry in value["annotations"][:5]:
            entry["image_id"] = "first"
        value["annotations"][2]["id"] = "x"
        value["annotations"][3]["id"] = 2
        del value["annotations"][4]["id"]

    edited(file, spoil)
    summary = filter_cells(file, tmp_path / "out.json", Criteria())
    out = data(tmp_path / "out.json")
    assert [image["id"] for image in out["images"]] == [4, 2, 3]
    assert [(e["id"], e["image_id"]) for e in out["annotations"]] == [
        (1, 4),
        (2, 4),
        (7, 4),
        (8, 4),
        (9, 4),
        (6, 3),
    ]
    assert [f.what.partition(":")[0] for f in summary.findings if f.kind == "note"] == [
        "new ids for 1 of 3 images, 4 to 4",
        "new ids for 3 of 6 annotations, 7 to 9",
    ]


@pytest.mark.parametrize("id_", [-1, 2**60, 1.5, True, None])
def test_ids_that_other_programs_may_not_take_are_new(file, tmp_path, id_):
    edited(file, lambda value: value["annotations"][0].update(id=id_))
    filter_cells(file, tmp_path / "out.json", Criteria())
    assert [entry["id"] for entry in data(tmp_path / "out.json")["annotations"]] == [7, 2, 3, 4, 5, 6]


def test_a_file_with_sparse_ids_and_an_empty_root(tmp_path):
    """As Roboflow writes it: category 0 is only the name of the project."""

    def as_roboflow(value):
        value["categories"] = [{"id": 0, "name": "cells", "supercategory": "none"}] + [
            {"id": 10 * row["id"], "name": row["name"], "supercategory": "cells"}
            for row in value["categories"]
        ]
        for image in value["images"]:
            image["id"] -= 1
            del image["not_exhaustive_category_ids"], image["neg_category_ids"]
        for entry in value["annotations"]:
            entry.update(
                id=entry["id"] - 1, image_id=entry["image_id"] - 1, category_id=10 * entry["category_id"]
            )

    path = edited(write(tmp_path / "a.json", {"a.jpg": CELLS}), as_roboflow)
    summary = filter_cells(path, tmp_path / "out.json", Criteria())
    out = data(tmp_path / "out.json")
    assert [(row["id"], row["name"]) for row in out["categories"]] == [(1, "RBC"), (2, "WBC"), (3, "PLT")]
    assert [image["id"] for image in out["images"]] == [0]
    assert [entry["id"] for entry in out["annotations"]] == [0, 1, 2, 3, 4]
    assert [f.what for f in summary.findings] == [
        "category ids are 1, 2, ... in the output: RBC 10 -> 1, WBC 20 -> 2, PLT 30 -> 3"
    ]


def test_an_image_without_a_size_is_left_out_and_a_problem(file, tmp_path):
    edited(file, lambda value: value["images"][2].pop("width"))
    summary = filter_cells(file, tmp_path / "out.json", Criteria())
    assert summary.has_problems and summary.counts["images"] == 2 and summary.counts["missing_image"] == 1
    edited(file, lambda value: value["images"][2].update(width=2**20, height=2**20))
    summary = filter_cells(file, tmp_path / "out.json", Criteria())
    assert [(f.kind, f.is_problem) for f in summary.findings] == [("unreadable", True)]


@pytest.mark.parametrize(
    ("criteria", "words"),
    [
        ({"min_area": -1}, "area from -1"),
        ({"min_area": math.nan}, "area from nan"),
        ({"min_area": 5, "max_area": 4}, "area from 5 to 4"),
        ({"min_score": math.nan}, "min score"),
        ({"outlines": ("drawm",)}, "did you mean 'drawn'"),
        ({"categories": ("RBC", "RBC")}, "listed twice"),
        ({"categories": ("RBCs",)}, "category 'RBCs' is not there; did you mean 'RBC'"),
        ({"images_with": ("blast",)}, "category 'blast' is not there; there are: RBC, WBC, PLT"),
        ({"annotators": ("anne",)}, "annotator 'anne' is not there; did you mean 'anna'"),
    ],
)
def test_what_makes_no_sense(file, tmp_path, criteria, words):
    with pytest.raises(RecipeError, match=words.replace("?", r"\?")):
        filter_cells(file, tmp_path / "out.json", Criteria(**criteria))
    assert not (tmp_path / "out.json").exists()


def test_the_input_stays(file, tmp_path):
    before = file.read_bytes()
    with pytest.raises(OutputError, match="is one of the files to read"):
        filter_cells(file, file, Criteria())
    with pytest.raises(DataError, match="is not there"):
        filter_cells(tmp_path / "x.json", tmp_path / "out.json", Criteria())
    assert file.read_bytes() == before
