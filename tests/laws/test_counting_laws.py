"""Counting: every cell is one component, no pixel changes hands, and the border rules share cells out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.measure import label as label_regions
from skimage.measure import regionprops

from smearprep.counting import (
    BORDERS,
    METHODS,
    Components,
    Hough,
    Method,
    Parameters,
    Tally,
    Watershed,
    counted_boxes,
    find,
    how_many,
    image_accuracy,
    instances,
    labels_to_cells,
)
from smearprep.geometry import shape_to_mask
from tests.laws.strategies import LAW, masks

SMALL = Parameters(
    components=Components(3), hough=Hough(min_radius=2, max_radius=8, votes=5.0), watershed=Watershed(2)
)
counts = st.integers(0, 1000)


def plane(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return mask.astype(np.uint8) * np.uint8(255)


@st.composite
def planes(draw: st.DrawFn) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A mask and an edge map of one size, of any probabilities."""
    mask = draw(masks())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    edge = rng.random(mask.shape) < draw(st.sampled_from([0.0, 0.2, 0.5]))
    grey = rng.integers(
        0, 128, mask.shape, dtype=np.uint8
    )  # is added to 128 or to 0: the threshold is between
    return plane(mask) // 255 * 128 + grey, plane(edge)


# ---------------------------------------------------------------- components and instances


@LAW
@given(both=planes(), min_area=st.integers(1, 6))
def test_components_are_the_regions_that_are_large_enough(
    both: tuple[NDArray[np.uint8], NDArray[np.uint8]], min_area: int
) -> None:
    mask, edge = both
    found = find("components", mask, edge, Parameters(components=Components(min_area)))
    regions = label_regions((mask >= 128) & (edge == 0), connectivity=1)
    large = [region for region in regionprops(regions) if region.area >= min_area]
    assert len(found) == len(large)
    assert found.labels is not None
    for k, (point, box) in enumerate(zip(found.points, found.boxes, strict=True)):
        same = [r for r in large if (found.labels[tuple(r.coords.T)] == k + 1).all()]
        assert len(same) == 1 and (found.labels == k + 1).sum() == same[0].area
        y0, x0, y1, x1 = same[0].bbox
        assert box.tolist() == [x0, y0, x1, y1]
        np.testing.assert_allclose(point, same[0].centroid[::-1] + np.array(0.5))
    assert (np.diff(found.points[:, 1]) >= 0).all()


@LAW
@given(both=planes())
def test_instances_are_components_grown_to_all_of_the_mask_that_they_reach(
    both: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> None:
    mask, edge = both
    inner = find("components", mask, edge, SMALL).labels
    grown = instances(mask, edge, SMALL)
    assert inner is not None and grown.dtype == np.int32
    assert (grown[inner > 0] == inner[inner > 0]).all()
    assert set(np.unique(grown)) - {0} == set(np.unique(inner)) - {0}
    regions = label_regions(mask >= 128, connectivity=1)
    reached = np.unique(regions[inner > 0])
    assert ((grown > 0) == np.isin(regions, reached[reached > 0])).all()
    for k in range(1, grown.max(initial=0) + 1):
        assert label_regions(grown == k, connectivity=1).max() == 1


@LAW
@given(mask=masks())
def test_cells_of_labels_are_the_labels_pixel_for_pixel(mask: NDArray[np.bool_]) -> None:
    labels = instances(plane(mask), None, Parameters(components=Components(1)))
    rng = np.random.default_rng(0)
    probability = rng.integers(0, 256, mask.shape, dtype=np.uint8)
    cells = labels_to_cells(labels, probability, "WBC", "a run")
    assert len(cells) == labels.max(initial=0)
    back = np.zeros_like(labels)
    for k, cell in enumerate(cells, 1):
        assert not isinstance(cell.shape, type(None)) and cell.outline == "made"
        inside = shape_to_mask(cell.shape, mask.shape[::-1])  # type: ignore[arg-type]
        assert (back[inside] == 0).all()
        back[inside] = k
        assert cell.attributes["score"] == pytest.approx(probability[inside].mean() / 255, abs=1e-4)
    assert (back == labels).all()


@LAW
@given(both=planes(), around=st.integers(0, 9))
def test_background_around_an_image_moves_components_and_changes_nothing_else(
    both: tuple[NDArray[np.uint8], NDArray[np.uint8]], around: int
) -> None:
    mask, edge = both
    here = find("components", mask, edge, SMALL)
    there = find("components", np.pad(mask, around), np.pad(edge, around), SMALL)
    np.testing.assert_allclose(here.points + around, there.points)
    assert here.labels is not None and there.labels is not None
    assert (np.pad(here.labels, around) == there.labels).all()


@LAW
@given(both=planes(), method=st.sampled_from(METHODS), border=st.sampled_from(BORDERS))
def test_how_many_is_how_many_are_found(
    both: tuple[NDArray[np.uint8], NDArray[np.uint8]], method: Method, border: str
) -> None:
    mask, edge = both
    found = find(method, mask, edge, SMALL, border)  # type: ignore[arg-type]
    assert how_many(method, mask, edge, SMALL, border) == len(found)  # type: ignore[arg-type]
    assert len(found.points) == len(found.boxes) == len(found)
    if found.labels is not None:
        assert set(np.unique(found.labels)) - {0} == set(range(1, len(found) + 1))
    assert (found.radii is None) == (method != "hough")


@LAW
@given(both=planes())
def test_the_peaks_of_a_watershed_lie_in_their_own_regions_within_the_mask(
    both: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> None:
    mask, edge = both
    found = find("watershed", mask, edge, SMALL)
    assert found.labels is not None
    columns, rows = np.floor(found.points).astype(int).T
    assert (found.labels[rows, columns] == np.arange(1, len(found) + 1)).all()
    assert not found.labels[(mask < 128) | (edge > 0)].any()


# ---------------------------------------------------------------- borders


@st.composite
def boxes(draw: st.DrawFn) -> NDArray[np.float64]:
    """Boxes that lie within 100x80 px."""
    rows = []
    for _ in range(draw(st.integers(0, 6))):
        x, y = draw(st.integers(0, 90)), draw(st.integers(0, 70))
        rows.append([x, y, x + draw(st.integers(1, 10)), y + draw(st.integers(1, 10))])
    return np.array(rows, np.float64).reshape(-1, 4)


@LAW
@given(some=boxes())
def test_a_stricter_border_rule_counts_some_of_the_same_cells(some: NDArray[np.float64]) -> None:
    every, half, none = (counted_boxes(some, (100, 80), border) for border in ("all", "half", "none"))  # type: ignore[arg-type]
    assert every.all() and not (half & ~every).any() and not (none & ~half).any()
    turned = np.hstack([(100, 80) - some[:, 2:], (100, 80) - some[:, :2]])
    other = counted_boxes(turned, (100, 80), "half")  # top and left are now bottom and right
    assert (none == (half & other)).all()


@LAW
@given(x=st.integers(91, 99), width=st.integers(10, 30), y=st.integers(5, 50), height=st.integers(1, 20))
def test_of_two_fields_side_by_side_one_counts_the_cell_between_them(
    x: int, width: int, y: int, height: int
) -> None:
    right_field = np.array([[0, y, x + width - 100, y + height]], np.float64)
    left_field = np.array([[x, y, 100, y + height]], np.float64)
    counted = [counted_boxes(part, (100, 80), "half")[0] for part in (left_field, right_field)]
    assert counted == [False, True]


# ---------------------------------------------------------------- accuracy


@LAW
@given(counted=counts, true=counts)
def test_accuracy_is_a_share_and_whole_only_for_the_true_number(counted: int, true: int) -> None:
    accuracy = image_accuracy(counted, true)
    assert 0 <= accuracy <= 1
    assert (accuracy == 1) == (counted == true)
    if counted <= 2 * true:
        assert accuracy == pytest.approx(
            image_accuracy(2 * true - counted, true)
        )  # one too many, one too few


@LAW
@given(pairs=st.lists(st.tuples(counts, counts), min_size=1, max_size=8))
def test_a_tally_is_that_of_its_images(pairs: list[tuple[int, int]]) -> None:
    tally = Tally.of(pairs)
    assert tally == Tally.of(pairs) and tally.images == len(pairs)
    assert tally.counted - tally.true == pytest.approx(tally.bias * len(pairs))
    assert abs(tally.bias) <= tally.error + 1e-9
    spread = np.mean([abs(c - t) ** 2 for c, t in pairs]) - tally.error**2
    assert tally.error_sd**2 == pytest.approx(spread, abs=1e-5)
    assert tally.accuracy == pytest.approx(np.mean([image_accuracy(c, t) for c, t in pairs]))
