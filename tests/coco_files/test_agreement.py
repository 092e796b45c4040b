"""Agreement of two annotators: worked examples, and what is no disagreement."""

import math

import pytest
import shapely
from shapely.geometry import Point

from smearprep.coco_files import agree
from smearprep.coco_files.agreement import cohens_kappa, f1, mean, median
from smearprep.errors import DataError, RecipeError
from smearprep.records import Cell
from tests.coco_files.making import box, edited, write

LABELS = ("RBC", "WBC", "PLT")


def pair(tmp_path, a, b, categories=(LABELS, LABELS)):
    """Two files of one image."""
    return (
        write(tmp_path / "a.json", {"a.jpg": a}, categories[0]),
        write(tmp_path / "b.json", {"a.jpg": b}, categories[1]),
    )


def cell(label, x, y=0, **how):
    return Cell(label, box(x, y), **how)


def test_a_worked_example(tmp_path):
    """Three cells seen by both, one of them with two names; one by A alone, two by B alone."""
    a = [cell("RBC", 0), cell("RBC", 20), cell("WBC", 40), cell("RBC", 60)]
    b = [cell("RBC", 1), cell("RBC", 20), cell("PLT", 40), cell("WBC", 60, 40), cell("WBC", 80, 40)]
    summary = agree(*pair(tmp_path, a, b))
    assert summary.counts == {
        "images": 1, "cells_in_a": 4, "cells_in_b": 5, "matched": 3, "only_in_a": 1, "only_in_b": 2,
        "same_label": 2, "not_looked_for": 0, "points_left_out": 0,
    }  # fmt: skip
    (figures,) = summary.tables["agreement"]
    assert figures["mean overlap"] == pytest.approx((9 / 11 + 1 + 1) / 3)
    assert figures["median overlap"] == 1
    assert figures["detection F1"] == 6 / 9 and figures["same label"] == 2 / 3
    assert figures["Cohen's kappa"] == pytest.approx((2 / 3 - 4 / 9) / (1 - 4 / 9))
    assert summary.tables["labels"] == (
        {"A \\ B": "RBC", "RBC": 2, "PLT": 0, "WBC": 0},
        {"A \\ B": "PLT", "RBC": 0, "PLT": 0, "WBC": 0},
        {"A \\ B": "WBC", "RBC": 0, "PLT": 1, "WBC": 0},
    )
    assert summary.tables["by label"][1] == {
        "label": "RBC", "same": 2, "in B another": 0, "in A another": 0, "only in A": 1, "only in B": 0,
        "F1": 4 / 5,
    }  # fmt: skip
    assert summary.tables["by label"][2] == {
        "label": "WBC", "same": 0, "in B another": 1, "in A another": 0, "only in A": 0, "only in B": 2,
        "F1": 0,
    }  # fmt: skip
    assert summary.tables["files"] == ({"as": "A", "file": "a.json"}, {"as": "B", "file": "b.json"})
    assert summary.by_category == {} and summary.output is None and not summary.findings


def test_kappa_of_cohens_formula():
    """The numbers of a 2 x 2 table: p_o = 0.7, p_c = 0.5."""
    assert cohens_kappa({("x", "x"): 20, ("x", "y"): 5, ("y", "x"): 10, ("y", "y"): 15}) == pytest.approx(0.4)
    assert cohens_kappa({("x", "y"): 1, ("y", "x"): 1}) == -1
    assert cohens_kappa({("x", "y"): 5}) == 0  # they never agree, and by chance never would
    assert cohens_kappa({}) is None and cohens_kappa({("x", "x"): 9}) is None


def test_figures_of_nothing_are_none():
    assert f1(0, 0, 0) is None and f1(0, 1, 0) == 0 and f1(1, 0, 0) == 1
    assert mean([]) is None and median([]) is None
    assert median([3, 1, 2]) == 2 and median([4, 1, 2, 3]) == 2.5


def test_one_label_has_no_kappa_and_that_is_said(tmp_path):
    summary = agree(*pair(tmp_path, [cell("RBC", 0)], [cell("RBC", 0)]))
    assert summary.tables["agreement"][0]["Cohen's kappa"] is None
    assert ["all matched cells are RBC" in f.what for f in summary.findings] == [True]


def test_nothing_matched(tmp_path):
    summary = agree(*pair(tmp_path, [cell("RBC", 0)], [cell("RBC", 50)]))
    (figures,) = summary.tables["agreement"]
    assert figures == {
        "mean overlap": None, "median overlap": None, "detection F1": 0, "same label": None,
        "Cohen's kappa": None,
    }  # fmt: skip
    assert "labels" not in summary.tables and not summary.findings


def test_the_threshold(tmp_path):
    """Half of either square: an intersection over union of 1/3."""
    files = pair(tmp_path, [cell("RBC", 0)], [cell("RBC", 5)])
    assert agree(*files).counts["matched"] == 0
    assert agree(*files, iou=1 / 3).counts["matched"] == 1
    assert agree(*files, iou=0.34).counts["matched"] == 0


def test_what_the_other_did_not_look_for_is_no_disagreement(tmp_path):
    """B knows no platelets; but a matched cell counts, whatever it is called."""
    a = [cell("PLT", 0), cell("PLT", 20), cell("RBC", 40)]
    files = pair(tmp_path, a, [cell("RBC", 0)], (LABELS, ("RBC", "WBC")))
    counts = agree(*files).counts
    assert (counts["matched"], counts["same_label"], counts["only_in_a"]) == (1, 0, 1)
    assert (counts["not_looked_for"], counts["only_in_b"]) == (1, 0)
    edited(files[1], lambda value: value["images"][0].update(not_exhaustive_category_ids=[1, 2]))
    counts = agree(*files).counts
    assert (counts["matched"], counts["only_in_a"], counts["not_looked_for"]) == (1, 0, 2)


def test_boxes_are_compared_by_their_boxes(tmp_path):
    disc = shapely.Point(50, 50).buffer(20)
    files = pair(tmp_path, [Cell("RBC", disc)], [Cell("RBC", shapely.box(*disc.bounds), "box")])
    assert agree(*files, iou=0.99).counts["matched"] == 1


def test_points_by_distance_or_not_at_all(tmp_path):
    a = [Cell("RBC", Point(10, 10), "point"), cell("WBC", 40)]
    b = [Cell("RBC", Point(13, 14), "point"), cell("WBC", 40)]
    files = pair(tmp_path, a, b)
    summary = agree(*files)
    assert (summary.counts["matched"], summary.counts["points_left_out"]) == (1, 2)
    assert summary.counts["cells_in_a"] == 1 and "points left out: 2" in summary.findings[-1].what
    summary = agree(*files, point_distance=5)
    assert (summary.counts["matched"], summary.counts["points_left_out"]) == (2, 0)
    assert summary.tables["agreement"][0]["mean overlap"] == 1  # of the cell alone
    assert agree(*files, point_distance=4.9).counts["matched"] == 1


def test_images_in_one_file_alone_are_named(tmp_path):
    write(tmp_path / "a.json", {name: [] for name in ("a.jpg", "x.jpg", "y.jpg")})
    write(tmp_path / "b.json", {"a.jpg": [], **{f"{n}.jpg": [] for n in range(5)}})
    summary = agree(tmp_path / "a.json", tmp_path / "b.json")
    assert summary.counts["images"] == 1
    assert [(f.file, f.what) for f in summary.findings] == [
        ("a.json", "2 of its 3 images are not in b.json: x.jpg, y.jpg; not compared"),
        ("b.json", "5 of its 6 images are not in a.json: 0.jpg, 1.jpg, 2.jpg, ...; not compared"),
    ]


def test_no_image_in_common(tmp_path):
    write(tmp_path / "a.json", {"images/0a1b2c3d-Im1.jpg": [cell("RBC", 0)]})
    write(tmp_path / "b.json", {"Im1.jpg": [cell("RBC", 0)]})
    with pytest.raises(
        DataError, match=r"no image in common with b\.json: 'images/0a1b2c3d-Im1\.jpg' is not in b"
    ):
        agree(tmp_path / "a.json", tmp_path / "b.json")
    assert agree(tmp_path / "a.json", tmp_path / "b.json", match="name").counts["matched"] == 1
    write(tmp_path / "b.json", {})
    with pytest.raises(DataError, match=r"b\.json has no image that can be used"):
        agree(tmp_path / "a.json", tmp_path / "b.json")
    with pytest.raises(DataError, match=r"b\.json has no image that can be used"):
        agree(tmp_path / "b.json", tmp_path / "a.json")


def test_another_size_is_a_problem(tmp_path):
    files = pair(tmp_path, [cell("RBC", 0)], [cell("RBC", 0)])
    edited(files[1], lambda value: value["images"][0].update(width=200))
    summary = agree(*files)
    (problem,) = summary.findings
    assert (problem.kind, problem.file) == ("size_mismatch", "b.json") and "100x80 and 200x80" in problem.what
    assert summary.counts["images"] == 0
    edited(files[1], lambda value: value["images"][0].pop("width"))
    assert agree(*files).counts["images"] == 1


def test_the_worst_images_come_first(tmp_path):
    good, bad = [cell("RBC", 0), cell("WBC", 20)], [cell("RBC", 50), cell("WBC", 20)]
    renamed = [cell("WBC", 0), cell("WBC", 20)]
    write(tmp_path / "a.json", {"same.jpg": good, "empty.jpg": [], "bad.jpg": good, "names.jpg": good})
    write(tmp_path / "b.json", {"same.jpg": good, "empty.jpg": [], "bad.jpg": bad, "names.jpg": renamed})
    rows = agree(tmp_path / "a.json", tmp_path / "b.json").tables["worst images"]
    assert [row["image"] for row in rows] == ["bad.jpg", "names.jpg", "same.jpg", "empty.jpg"]
    assert rows[0] == {
        "image": "bad.jpg", "only in A": 1, "only in B": 1, "matched": 1, "same label": 1,
        "detection F1": 0.5, "mean overlap": 1,
    }  # fmt: skip
    assert rows[3]["detection F1"] is None
    few = agree(tmp_path / "a.json", tmp_path / "b.json", worst=1)
    assert [row["image"] for row in few.tables["worst images"]] == ["bad.jpg"]
    assert "worst images" not in agree(tmp_path / "a.json", tmp_path / "b.json", worst=0).tables


def test_rare_labels_share_a_row(tmp_path):
    many = [f"L{n:02}" for n in range(40)]
    cells = [Cell(name, box(2 * n, 0, 1, 1)) for n, name in enumerate(many)] + [Cell("L39", box(0, 50))]
    rows = agree(*pair(tmp_path, cells, cells, (many, many))).tables["labels"]
    assert len(rows) == 31 and rows[0]["A \\ B"] == "L39" and rows[0]["L39"] == 2
    assert rows[-1]["A \\ B"] == "other labels" and rows[-1]["other labels"] == 10


@pytest.mark.parametrize(
    "options",
    [{"iou": 0}, {"iou": 1.1}, {"iou": math.nan}, {"point_distance": -1}, {"point_distance": math.nan}],
)
def test_options_out_of_range(tmp_path, options):
    with pytest.raises(RecipeError, match="give"):
        agree(*pair(tmp_path, [], []), **options)


def test_an_image_listed_twice_is_compared_as_one(tmp_path):
    def twice(value):
        value["images"].append({**value["images"][0], "id": 2})
        value["annotations"][1]["image_id"] = 2

    a = [cell("RBC", 0), cell("WBC", 20)]
    files = pair(tmp_path, a, a)
    edited(files[0], twice)
    summary = agree(*files)
    assert summary.counts["matched"] == 2 and summary.counts["images"] == 1
    assert [f.kind for f in summary.findings] == ["duplicate"]
