"""Splits by the numbers of the papers; the laws are in laws/test_splitting_laws.py."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from smearprep.errors import RecipeError
from smearprep.splitting import Split, Unit, assign, targets


def _images(count: int, official: str | None = None, start: int = 0) -> list[Unit]:
    return [Unit(f"{n:05}", 1, {"WBC": 1}, official) for n in range(start, start + count)]


def test_678_images_are_474_68_136() -> None:
    assert targets(678, {"train": 7, "val": 1, "test": 2}) == {"train": 474, "val": 68, "test": 136}
    assert Counter(assign(_images(678), Split()).values()) == {"train": 474, "val": 68, "test": 136}


def test_1145_cells_with_233_official_test_images_are_798_114_233() -> None:
    units = _images(912) + _images(233, "test", start=912)
    chosen = assign(units, Split())
    assert Counter(chosen.values()) == {"train": 798, "val": 114, "test": 233}
    assert all(chosen[unit.key] == "test" for unit in units[912:])


def test_official_subsets_that_fill_all_are_kept_as_they_are() -> None:
    units = _images(205, "train") + _images(87, "val", 205) + _images(72, "test", 292)
    assert Counter(assign(units, Split()).values()) == {"train": 205, "val": 87, "test": 72}
    again = Counter(assign(units, Split(official=False)).values())
    assert again == targets(364, {"train": 7, "val": 1, "test": 2})


def test_what_official_subsets_leave_open_goes_to_training_if_all_are_filled() -> None:
    units = [*_images(1, "train"), *_images(1, "val", 1), *_images(1, "test", 2), *_images(5, None, 3)]
    assert Counter(assign(units, Split()).values()) == {"train": 6, "val": 1, "test": 1}


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        ((7, 1, 0), {"train": 70, "val": 10}),
        ((7, 0, 1), {"train": 70, "test": 10}),
        ((1, 0, 0), {"train": 80}),
        ((0.7, 0.1, 0.2), {"train": 56, "val": 8, "test": 16}),
    ],
)
def test_a_share_of_0_leaves_a_subset_out(
    ratio: tuple[float, float, float], expected: dict[str, int]
) -> None:
    assert Counter(assign(_images(80), Split(ratio)).values()) == expected


@pytest.mark.parametrize(
    "ratio", [(0, 1, 1), (-1, 1, 1), (7, -1, 2), (0, 0, 0), (float("nan"), 1, 1), (float("inf"), 1, 1)]
)
def test_impossible_ratios_are_refused(ratio: tuple[float, float, float]) -> None:
    with pytest.raises(RecipeError, match="ratio"):
        Split(ratio)


@pytest.mark.parametrize(("by", "what"), [("smear", "2 smears"), ("image", "2 images")])
def test_fewer_units_than_subsets_is_a_clear_error(by: str, what: str) -> None:
    with pytest.raises(RecipeError, match=rf"{what} cannot fill 3 subsets \(train, val, test\).*7:3:0"):
        assign(_images(2), Split(by=by))  # type: ignore[arg-type]
    assert set(assign(_images(2), Split((7, 3, 0))).values()) == {"train", "val"}


def test_one_smear_is_told_in_the_singular() -> None:
    with pytest.raises(RecipeError, match=r"^1 smear cannot"):
        assign(_images(1), Split())


def test_no_units_at_all() -> None:
    assert assign([], Split()) == {}


def test_one_smear_with_nearly_all_images_leaves_none_empty() -> None:
    units = [Unit("giant", 1000), Unit("a", 1), Unit("b", 1)]
    chosen = assign(units, Split())
    assert sorted(chosen.values()) == ["test", "train", "val"]
    assert chosen["giant"] == "train"


def test_the_seed_counts() -> None:
    splits = {tuple(assign(_images(40), Split(seed=seed)).items()) for seed in range(5)}
    assert len(splits) == 5
    assert assign(_images(40), Split(seed=3)) == assign(_images(40), Split(seed=3))


def test_a_rare_category_reaches_every_subset() -> None:
    """3 of 60 images hold the one kind of cell that matters."""
    units = [Unit(f"{n:02}", 1, {"RBC": 10, **({"blast": 1} if n in (4, 5, 6) else {})}) for n in range(60)]
    for seed in range(10):
        chosen = assign(units, Split((1, 1, 1), seed=seed))
        assert {chosen[f"{n:02}"] for n in (4, 5, 6)} == {"train", "val", "test"}


def test_images_without_cells_are_no_filling_material() -> None:
    """Crowded images must not take the room of validation and test from those without cells."""
    units = [Unit(f"{n:03}", 1, {"RBC": max(n - 30, 0)}) for n in range(100)]
    chosen = assign(units, Split())
    empty = Counter(chosen[unit.key] for unit in units if not unit.cells["RBC"])
    assert empty == {"train": 22, "val": 3, "test": 6}


def test_the_same_ratio_in_other_figures_is_the_same_split() -> None:
    units = [Unit(f"{n:03}", 1, {"RBC": n % 7, "WBC": n % 3}) for n in range(100)]
    assert assign(units, Split((7, 1, 2))) == assign(units, Split((70, 10, 20)))


def test_100_000_images_take_seconds() -> None:
    units = [Unit(f"{n:06}", 1, {"RBC": n % 7, "WBC": n % 3}) for n in range(100_000)]
    began = time.process_time()
    assert Counter(assign(units, Split()).values()) == {"train": 70_000, "val": 10_000, "test": 20_000}
    assert time.process_time() - began < 20
