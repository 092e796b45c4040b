"""Laws of the work on COCO files: what changes nothing, what does not depend on the order."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smearprep.coco_files import Criteria, agree, filter_cells, merge, relabel_cells
from smearprep.coco_files.agreement import cohens_kappa
from smearprep.records import OUTLINES
from tests.coco_files.making import LABELS, data, read, same_cells, sets, write
from tests.laws.strategies import LAW

categories = st.permutations(LABELS)
annotated = st.sets(st.sampled_from(LABELS))
FILES = settings(deadline=None, max_examples=25)
"""For laws whose one example reads and writes several files."""


def place(tmp_path_factory):
    return tmp_path_factory.mktemp("coco")


def unchanged(before, after, *without):
    """The same cells, ids, categories and image records (a mask without a hole may be stated as a ring)."""
    same_cells(read(before), read(after), *without)
    assert [row["id"] for row in data(before)["annotations"]] == [
        row["id"] for row in data(after)["annotations"]
    ]
    for rows in ("images", "categories"):
        assert data(before)[rows] == data(after)[rows]


@given(images=sets(), order=categories, looked_for=annotated)
@FILES
def test_a_merge_of_one_file_is_that_file(tmp_path_factory, images, order, looked_for):
    root = place(tmp_path_factory)
    write(root / "a.json", images, order, looked_for, smear="s1")
    merge([root / "a.json"], root / "out.json")
    unchanged(root / "a.json", root / "out.json", "source_file")
    assert all(a["attributes"]["source_file"] == "a.json" for a in data(root / "out.json")["annotations"])


@given(one=sets(), two=sets(), three=sets(), looked_for=st.tuples(annotated, annotated, annotated))
@FILES
def test_merging_is_associative(tmp_path_factory, one, two, three, looked_for):
    root = place(tmp_path_factory)
    a, b, c = (root / f"{name}.json" for name in "abc")
    for path, images, labels in zip((a, b, c), (one, two, three), looked_for, strict=True):
        write(path, images, annotated=labels)
    merge([a, b], root / "ab.json")
    merge([b, c], root / "bc.json")
    results = {}
    for name, files in {
        "at once": [a, b, c],
        "left": [root / "ab.json", c],
        "right": [a, root / "bc.json"],
    }.items():
        out = root / f"{name}.json"
        counts = merge(files, out).counts
        results[name] = read(out)
        assert counts["cells"] == sum(len(cells) for images in (one, two, three) for cells in images.values())
        ids = [row["id"] for row in data(out)["annotations"]]
        assert len(set(ids)) == len(ids)
    same_cells(results["at once"], results["left"])
    same_cells(results["at once"], results["right"])


@given(images=sets(), order=categories, looked_for=annotated)
@FILES
def test_a_merge_with_itself_has_every_cell_twice_and_no_new_one_with_first(
    tmp_path_factory, images, order, looked_for
):
    root = place(tmp_path_factory)
    write(root / "a.json", images, order, looked_for)
    (root / "b.json").write_bytes((root / "a.json").read_bytes())
    files = [root / "a.json", root / "b.json"]
    count = sum(map(len, images.values()))
    kept = merge(files, root / "keep.json")
    assert (kept.counts["cells"], kept.counts["near_duplicates"]) == (2 * count, count)
    assert kept.counts["images_in_several_files"] == len(images)
    first = merge(files, root / "first.json", duplicates="first")
    assert (first.counts["cells"], first.counts["near_duplicates"]) == (count, count)
    same_cells(read(root / "a.json"), read(root / "first.json"), "source_file")


@given(images=sets(), order=categories, looked_for=annotated)
@FILES
def test_filtering_by_everything_changes_nothing(tmp_path_factory, images, order, looked_for):
    root = place(tmp_path_factory)
    write(root / "a.json", images, order, looked_for, smear="s1", window=[0, 0, 9, 9])
    everything = Criteria(
        categories=tuple(order), max_area=math.inf, outlines=OUTLINES, min_score=-1, annotators=()
    )
    for criteria in (Criteria(), everything):
        summary = filter_cells(root / "a.json", root / "out.json", criteria)
        assert summary.counts["cells_left_out"] == 0 and not summary.findings
        unchanged(root / "a.json", root / "out.json")
    filter_cells(root / "out.json", root / "again.json", Criteria())
    assert (root / "again.json").read_bytes() == (root / "out.json").read_bytes()


@given(images=sets(), order=categories, looked_for=annotated)
@FILES
def test_relabelling_by_identity_changes_nothing(tmp_path_factory, images, order, looked_for):
    root = place(tmp_path_factory)
    write(root / "a.json", images, order, looked_for, smear="s1")
    for labels in ({}, {name: name for name in LABELS}):
        summary = relabel_cells(root / "a.json", root / "out.json", labels)
        assert summary.counts["relabelled"] == 0 and not summary.findings
        unchanged(root / "a.json", root / "out.json")


@given(images=sets(), names=st.permutations(("A", "B", "C")))
@FILES
def test_relabelling_there_and_back(tmp_path_factory, images, names):
    root = place(tmp_path_factory)
    write(root / "a.json", images)
    there = dict(zip(LABELS, names, strict=True))
    relabel_cells(root / "a.json", root / "b.json", there)
    relabel_cells(root / "b.json", root / "c.json", {new: old for old, new in there.items()})
    same_cells(read(root / "a.json"), read(root / "c.json"), "original_label")
    assert data(root / "a.json")["categories"] == data(root / "c.json")["categories"]


HALVES = [
    (Criteria(categories=("WBC",)), Criteria(categories=("PLT", "RBC"))),
    (Criteria(outlines=("box",)), Criteria(outlines=("drawn", "component", "made"))),
    (Criteria(min_area=20), Criteria(max_area=math.nextafter(20, 0))),
    (Criteria(only_images_with_cells=True), Criteria(images_with=LABELS)),
]


@given(images=sets(without_points=True))
@FILES
def test_a_filter_and_its_opposite_are_the_whole(tmp_path_factory, images):
    root = place(tmp_path_factory)
    write(root / "a.json", images)
    count = sum(map(len, images.values()))
    for one, other in HALVES[:3]:
        counts = [filter_cells(root / "a.json", root / "o.json", half).counts for half in (one, other)]
        assert sum(c["cells"] for c in counts) == count
        assert all(c["cells"] + c["cells_left_out"] == count for c in counts)
    for criteria in HALVES[3]:
        counts = filter_cells(root / "a.json", root / "o.json", criteria).counts
        assert (counts["cells"], counts["images"]) == (count, sum(map(bool, images.values())))


@given(images=sets())
@FILES
def test_everybody_agrees_with_himself(tmp_path_factory, images):
    root = place(tmp_path_factory)
    if not images:
        return
    path = write(root / "a.json", images)
    summary = agree(path, path, point_distance=0)
    (figures,) = summary.tables["agreement"]
    count = sum(map(len, images.values()))
    assert summary.counts["matched"] == summary.counts["same_label"] == count
    assert summary.counts["only_in_a"] == summary.counts["only_in_b"] == 0
    labels = {cell.label for cells in images.values() for cell in cells}
    drawn = [c for cells in images.values() for c in cells if c.outline != "point"]
    assert figures["mean overlap"] == figures["median overlap"] == (1 if drawn else None)
    assert figures["detection F1"] == figures["same label"] == (1 if count else None)
    assert figures["Cohen's kappa"] == (1 if len(labels) > 1 else None)


@given(
    one=sets(),
    two=sets(),
    looked_for=st.tuples(annotated, annotated) | st.just((LABELS, LABELS)),
    iou=st.sampled_from([0.1, 0.5, 1]),
)
@FILES
def test_agreement_is_symmetric(tmp_path_factory, one, two, looked_for, iou):
    root = place(tmp_path_factory)
    if not set(one) & set(two):
        return
    a = write(root / "a.json", one, annotated=looked_for[0])
    b = write(root / "b.json", two, annotated=looked_for[1])
    forth, back = (agree(*pair, iou=iou, point_distance=3) for pair in ((a, b), (b, a)))
    x, y = forth.counts, back.counts
    for key, other in {"images": "images", "matched": "matched", "same_label": "same_label",
                       "cells_in_a": "cells_in_b", "cells_in_b": "cells_in_a"}.items():  # fmt: skip
        assert x[key] == y[other]
    for counts in (x, y):
        alone = counts["only_in_a"] + counts["only_in_b"] + counts["not_looked_for"]
        assert alone == counts["cells_in_a"] + counts["cells_in_b"] - 2 * counts["matched"]
    if looked_for == (LABELS, LABELS):
        assert (x["only_in_a"], x["only_in_b"]) == (y["only_in_b"], y["only_in_a"])
    (x,), (y,) = forth.tables["agreement"], back.tables["agreement"]
    assert x["same label"] == y["same label"]
    assert x["mean overlap"] == y["mean overlap"] or x["mean overlap"] == pytest.approx(y["mean overlap"])


counted = st.dictionaries(
    st.tuples(st.sampled_from("xyz"), st.sampled_from("xyz")), st.integers(1, 50), max_size=9
)


@given(labels=counted)
@LAW
def test_kappa_is_symmetric_and_at_most_1(labels):
    kappa = cohens_kappa(labels)
    back = cohens_kappa({(y, x): count for (x, y), count in labels.items()})
    assert kappa == back
    if kappa is None:
        assert len({label for pair in labels for label in pair}) <= 1
    else:
        assert -1 <= kappa <= 1
        assert (kappa == 1) == all(x == y for x, y in labels)
