"""Label maps, borders, duplicates."""

from __future__ import annotations

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.cells import fit_to_image, near_duplicates, parse_label_map, relabel, relabel_names
from smearprep.errors import RecipeError
from smearprep.records import Cell
from tests.laws.strategies import LAW, areas, points


def _cell(label: str, *bounds: float, **attributes: str) -> Cell:
    return Cell(label, shapely.box(*bounds), attributes=attributes)


# ---------------------------------------------------------------- labels


def test_a_label_map_is_read_with_blanks_and_signs() -> None:
    assert parse_label_map(["Truck=RBC", " Tanker = burr cell ", "a=b=c"]) == {
        "Truck": "RBC",
        "Tanker": "burr cell",
        "a": "b=c",
    }
    assert parse_label_map(["Truck=RBC", "Truck=RBC"]) == {"Truck": "RBC"}
    assert parse_label_map([]) == {}


@pytest.mark.parametrize("entry", ["Truck", "=RBC", "Truck=", "", " = "])
def test_a_label_map_without_two_sides_is_refused(entry: str) -> None:
    with pytest.raises(RecipeError, match="OLD=NEW"):
        parse_label_map([entry])


def test_a_label_mapped_twice_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"'Truck'.*'RBC'.*'WBC'"):
        parse_label_map(["Truck=RBC", "Truck=WBC"])


def test_relabelled_cells_keep_their_first_label() -> None:
    cells = (_cell("Truck", 0, 0, 1, 1, by="A"), _cell("RBC", 0, 0, 1, 1))
    mapped = relabel(cells, {"Truck": "RBC", "RBC": "RBC"})
    assert [cell.label for cell in mapped] == ["RBC", "RBC"]
    assert mapped[0].attributes == {"original_label": "Truck", "by": "A"}
    assert mapped[0].shape is cells[0].shape
    assert mapped[1] is cells[1]
    again = relabel(mapped, {"RBC": "cell"})
    assert [cell.attributes["original_label"] for cell in again] == ["Truck", "RBC"]


def test_labels_can_be_swapped() -> None:
    mapped = relabel((_cell("A", 0, 0, 1, 1), _cell("B", 0, 0, 1, 1)), {"A": "B", "B": "A"})
    assert [cell.label for cell in mapped] == ["B", "A"]


@pytest.mark.parametrize(
    ("annotated", "expected"),
    [
        ({"Truck", "Tanker"}, {"RBC"}),
        ({"Truck"}, set()),  # nobody looked for the other part of RBC
        ({"WBC"}, {"WBC"}),
        (set(), set()),
        ({"Truck", "Tanker", "WBC"}, {"RBC", "WBC"}),
    ],
)
def test_a_merged_category_was_looked_for_only_if_all_its_parts_were(
    annotated: set[str], expected: set[str]
) -> None:
    labels = {"Truck": "RBC", "Tanker": "RBC"}
    known = frozenset({"Truck", "Tanker", "WBC"})
    assert relabel_names(frozenset(annotated), labels, known) == expected


# ---------------------------------------------------------------- the image's border


def test_cells_are_cut_at_the_border_and_each_change_is_told() -> None:
    inside, across, beyond = (
        _cell("WBC", 1, 1, 5, 5),
        _cell("RBC", 8, 1, 14, 5, by="A"),
        _cell("RBC", 20, 20, 25, 25),
    )
    kept, findings = fit_to_image([inside, across, beyond], (10, 8), "a.json")
    assert kept[0] is inside
    assert kept[1].bounds == (8, 1, 10, 5) and kept[1].attributes == {"by": "A"}
    assert len(kept) == 2
    assert [(f.kind, f.file, f.id) for f in findings] == [
        ("clipped", "a.json", "1"),
        ("outside", "a.json", "2"),
    ]
    assert all("10x8" in f.what and "RBC" in f.what for f in findings)


def test_no_cells_and_cells_at_the_very_border_are_left_alone() -> None:
    whole = _cell("WBC", 0, 0, 10, 8)
    assert fit_to_image([], (10, 8), "a") == ((), [])
    assert fit_to_image([whole], (10, 8), "a") == ((whole,), [])


@pytest.mark.parametrize("at", [(10, 4), (4, 8), (10, 8), (-0.5, 4), (4, 9)])
def test_a_point_on_the_far_border_is_in_no_pixel_and_left_out(at: tuple[float, float]) -> None:
    """Else it would be counted in the image, and be in none of its windows."""
    kept, findings = fit_to_image([Cell("WBC", Point(at), "point")], (10, 8), "a.xyc")
    assert kept == () and [f.kind for f in findings] == ["outside"]


def test_a_cell_that_only_touches_the_image_is_outside() -> None:
    kept, findings = fit_to_image([_cell("WBC", 10, 2, 12, 4)], (10, 8), "a")
    assert kept == () and [f.kind for f in findings] == ["outside"]


@LAW
@given(
    shapes=st.lists(st.one_of(areas(), points()), max_size=6),
    size=st.tuples(st.integers(1, 24), st.integers(1, 24)),
)
def test_what_is_kept_lies_in_the_image_and_what_is_not_is_told(
    shapes: list[Polygon | MultiPolygon | Point], size: tuple[int, int]
) -> None:
    cells = [Cell("WBC", s, "point" if isinstance(s, Point) else "drawn") for s in shapes]
    kept, findings = fit_to_image(cells, size, "a")
    image = shapely.box(0, 0, *size)
    lost = {int(f.id) for f in findings if f.kind == "outside"}
    cut = {int(f.id) for f in findings if f.kind == "clipped"}
    left = [n for n in range(len(cells)) if n not in lost]
    assert len(kept) == len(left)
    for n, cell in zip(left, kept, strict=True):
        if isinstance(cell.shape, Point):
            assert 0 <= cell.shape.x < size[0] and 0 <= cell.shape.y < size[1]
        assert image.buffer(1e-9).covers(cell.shape)
        assert (cell is cells[n]) == (n not in cut) == image.covers(cells[n].shape)
        assert abs(cell.area - shapely.intersection(cells[n].shape, image).area) < 1e-9


# ---------------------------------------------------------------- duplicates


def test_near_duplicates_are_pairs_of_one_label() -> None:
    cells = [
        _cell("RBC", 0, 0, 20, 20),
        _cell("WBC", 0, 0, 20, 20),
        _cell("RBC", 1, 1, 21, 21),
        _cell("RBC", 0, 0, 20, 20),
        _cell("RBC", 50, 50, 70, 70),
        Cell("RBC", Point(5, 5), "point"),
        Cell("RBC", Point(5, 5), "point"),
        _cell("WBC", 1, 1, 21, 21),
    ]
    found = near_duplicates(cells)
    assert [(a, b) for a, b, _ in found] == [(0, 2), (0, 3), (1, 7), (2, 3)]
    assert [iou for _, _, iou in found] == pytest.approx([361 / 439, 1, 361 / 439, 361 / 439])
    assert [(a, b) for a, b, _ in near_duplicates(cells, 0.9)] == [(0, 3)]


def test_few_cells_have_no_duplicates() -> None:
    assert near_duplicates([]) == near_duplicates([_cell("RBC", 0, 0, 1, 1)]) == []
