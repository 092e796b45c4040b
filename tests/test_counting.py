"""Counting drawn discs: where they are is known, so what is found can be told right from wrong."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from smearprep.counting import (
    DEFAULTS,
    METHODS,
    Components,
    Hough,
    Method,
    Parameters,
    Tally,
    Watershed,
    defaults,
    find,
    how_many,
    image_accuracy,
    instances,
    labels_to_cells,
)
from smearprep.errors import GeometryError, RecipeError

Plane = NDArray[np.uint8]
CENTRES = [(60, 60), (137, 60), (250, 70), (60, 200), (240, 190), (318, 190)]
"""Of discs of 40 px radius: 1 with 2, and 5 with 6, overlap by a few px."""


def draw_discs(
    centres: list[tuple[int, int]], radius: int = 40, size: tuple[int, int] = (380, 260)
) -> tuple[Plane, Plane]:
    """The mask of discs, and their outlines 2 px wide."""
    mask, edge = np.zeros(size[::-1], np.uint8), np.zeros(size[::-1], np.uint8)
    for centre in centres:
        cv2.circle(mask, centre, radius, 255, -1)
    for centre in centres:
        cv2.circle(edge, centre, radius, 255, 2)
    return mask, edge


@pytest.mark.parametrize("method", METHODS)
def test_discs_are_found_where_they_are_although_they_touch(method: Method) -> None:
    mask, edge = draw_discs(CENTRES)
    found = find(method, mask, edge, defaults("RBC"))
    assert len(found) == len(CENTRES)
    near = [np.abs(found.points - 0.5 - centre).max(axis=1).min() for centre in CENTRES]
    assert max(near) < 4
    sizes = found.boxes[:, 2:] - found.boxes[:, :2]
    assert (np.abs(sizes - 80) < 12).all()


def test_without_an_edge_map_discs_that_touch_are_one_component_and_two_peaks() -> None:
    mask, _ = draw_discs(CENTRES)
    assert how_many("components", mask, None, defaults("RBC")) == 4
    assert how_many("watershed", mask, None, defaults("RBC")) == 6


def test_white_cells_and_platelets_are_counted_on_the_mask() -> None:
    white, _ = draw_discs([(100, 100), (250, 130)], 60)
    assert [how_many(method, white, None, defaults("WBC")) for method in METHODS] == [2, 2, 2]
    platelets, _ = draw_discs([(50, 50), (100, 90), (200, 200)], 10)
    assert [how_many(method, platelets, None, defaults("Platelets")) for method in METHODS] == [3, 3, 3]


def test_edges_go_back_to_the_cell_they_were_taken_from() -> None:
    mask, edge = draw_discs(CENTRES)
    labels = instances(mask, edge, defaults("RBC"))
    assert ((labels > 0) == (mask > 0)).all()
    areas = np.bincount(labels.ravel())[1:]
    assert len(areas) == len(CENTRES) and (np.abs(areas / areas.max() - 1) < 0.1).all()
    middle = [labels[y, x] for x, y in CENTRES]
    assert len(set(middle)) == len(CENTRES)
    assert labels[60, 60 + 36] == labels[60, 60] and labels[60, 137 - 36] == labels[60, 137]


def test_the_score_of_a_cell_is_its_mean_probability() -> None:
    mask, edge = draw_discs([(60, 60), (250, 70)])
    said = np.where(mask > 0, np.uint8(204), np.uint8(0))
    said[:, 200:][mask[:, 200:] > 0] = 255
    cells = labels_to_cells(instances(said, edge, defaults("RBC")), said, "RBC", "unet 1234")
    assert [cell.attributes for cell in cells] == [
        {"made_by": "unet 1234", "score": 0.8},
        {"made_by": "unet 1234", "score": 1.0},
    ]
    assert {cell.label for cell in cells} == {"RBC"} and {cell.outline for cell in cells} == {"made"}


@pytest.mark.parametrize("method", METHODS)
def test_border_rules(method: Method) -> None:
    mask, edge = draw_discs([(190, 10), (10, 130), (190, 130), (190, 250), (370, 130)])
    parameters = replace(defaults("RBC"), watershed=Watershed(15))
    found = {border: how_many(method, mask, edge, parameters, border) for border in ("all", "half", "none")}  # type: ignore[arg-type]
    assert found == {"all": 5, "half": 3, "none": 1}


def test_a_cell_in_two_corners_of_the_border_counts_where_none_is_the_bottom_or_the_right() -> None:
    corners = [(10, 10), (370, 10), (10, 250), (370, 250)]
    mask, _ = draw_discs(corners)
    found = find("components", mask, None, defaults("RBC"), "half")
    assert len(found) == 1 and (found.points[0] < 40).all()
    assert found.labels is not None and set(np.unique(found.labels)) == {0, 1}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("with_edge", [True, False])
def test_an_empty_mask_has_no_cells(method: Method, with_edge: bool) -> None:
    empty = np.zeros((50, 70), np.uint8)
    for border in ("all", "half"):
        found = find(method, empty, empty if with_edge else None, defaults("RBC"), border)  # type: ignore[arg-type]
        assert len(found) == 0 and found.points.shape == (0, 2) and found.boxes.shape == (0, 4)
    assert labels_to_cells(instances(empty, None, defaults("RBC")), empty, "RBC", "x") == ()


def test_the_threshold_is_a_probability() -> None:
    mask = np.zeros((60, 60), np.uint8)
    mask[10:50, 10:50] = 127
    at = {t: how_many("components", mask, None, Parameters(threshold=t)) for t in (0.49, 0.5, 0.6)}
    assert at == {0.49: 1, 0.5: 0, 0.6: 0}


@pytest.mark.parametrize("method", METHODS)
def test_the_same_image_gives_the_same_cells(method: Method) -> None:
    rng = np.random.default_rng(1)
    centres = [(int(x), int(y)) for x, y in rng.integers(0, 600, (60, 2))]
    mask, edge = draw_discs(centres, 35, (600, 600))
    first, second = (find(method, mask, edge, defaults("RBC")) for _ in range(2))
    assert len(first) > 20
    assert (first.points == second.points).all() and (first.boxes == second.boxes).all()
    assert first.labels is None or (first.labels == second.labels).all()  # type: ignore[operator]


@pytest.mark.parametrize(
    "planes",
    [
        (np.zeros((4, 4, 3), np.uint8), None),
        (np.zeros((4, 4), np.float32), None),
        (np.zeros((0, 4), np.uint8), None),
        (np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)),
        (np.zeros((4, 4), np.uint8), np.zeros((4, 4), bool)),
    ],
)
def test_other_arrays_are_refused(planes: tuple[Plane, Plane | None]) -> None:
    for method in METHODS:
        with pytest.raises(GeometryError, match=r"mask|edge map"):
            find(method, *planes, Parameters())
        with pytest.raises(GeometryError, match=r"mask|edge map"):
            how_many(method, *planes, Parameters())
    with pytest.raises(GeometryError, match=r"mask|edge map"):
        instances(*planes, Parameters())


@pytest.mark.parametrize(
    ("build", "word"),
    [
        (lambda: Components(0), "min_area"),
        (lambda: Hough(plane="both"), "plane"),
        (lambda: Hough(dp=0.5), "dp"),
        (lambda: Hough(votes=0.0), "votes"),
        (lambda: Hough(gradient=float("nan")), "gradient"),
        (lambda: Hough(min_distance=-1), "min_distance"),
        (lambda: Hough(min_radius=30, max_radius=20), "radii"),
        (lambda: Watershed(0), "min_distance"),
        (lambda: Watershed(5, -1.0), "min_height"),
        (lambda: Parameters(threshold=1.0), "threshold"),
        (lambda: defaults("Cells"), "--parameters"),
    ],
)
def test_parameters_that_cannot_be_are_refused_by_name(build, word: str) -> None:
    with pytest.raises(RecipeError, match=word):
        build()


def test_each_category_has_its_own_figures() -> None:
    assert list(DEFAULTS) == ["RBC", "WBC", "Platelets"]
    assert defaults("RBC").hough.plane == "edge" and defaults("WBC").hough.plane == "mask"


def test_accuracy_of_one_image() -> None:
    assert image_accuracy(95, 100) == image_accuracy(105, 100) == pytest.approx(0.95)
    assert (image_accuracy(0, 0), image_accuracy(1, 0), image_accuracy(0, 5), image_accuracy(11, 5)) == (
        1,
        0,
        0,
        0,
    )


def test_a_tally_of_three_images() -> None:
    tally = Tally.of([(9, 10), (12, 10), (0, 0)])
    assert (tally.images, tally.counted, tally.true) == (3, 21, 20)
    assert tally.accuracy == pytest.approx((0.9 + 0.8 + 1) / 3)
    assert (tally.error, tally.bias) == (pytest.approx(1), pytest.approx(1 / 3))
    assert tally.error_sd == pytest.approx(np.std([1, 2, 0]))
    assert Tally.of([]) == Tally(0, 0, 0, 0, 0, 0, 0)
