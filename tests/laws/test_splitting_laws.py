"""Splits: nothing in two subsets, nothing lost, the same for the same seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smearprep.errors import RecipeError
from smearprep.splitting import NO_CELL, SUBSETS, Split, Unit, assign, targets
from tests.laws.strategies import LAW

RATIOS = st.sampled_from(
    [(7, 1, 2), (7, 1, 0), (8, 0, 2), (1, 1, 1), (1, 0, 0), (0.7, 0.1, 0.2), (70, 10, 20)]
)


@st.composite
def _units(draw: st.DrawFn, official: bool = False) -> list[Unit]:
    count = draw(st.integers(3, 30))
    subsets = st.sampled_from([None, None, "val", "test"]) if official else st.none()
    return [
        Unit(
            f"smear {n}",
            draw(st.integers(1, 20)),
            draw(st.dictionaries(st.sampled_from(["RBC", "WBC"]), st.integers(0, 50))),
            draw(subsets),
        )
        for n in range(count)
    ]


@LAW
@given(units=_units(), ratio=RATIOS, seed=st.integers(0, 99), stratify=st.booleans())
def test_every_unit_has_one_subset_and_every_share_is_filled(
    units: list[Unit], ratio: tuple[float, float, float], seed: int, stratify: bool
) -> None:
    chosen = assign(units, Split(ratio, seed=seed, stratify=stratify))
    assert chosen.keys() == {unit.key for unit in units}
    assert set(chosen.values()) == {name for name, share in zip(SUBSETS, ratio, strict=True) if share}


def _assigned(units: list[Unit], seed: int) -> dict[str, str] | str:
    """The subsets, or the refusal where official subsets leave too few units for the others."""
    try:
        return assign(units, Split(seed=seed))
    except RecipeError as error:
        return str(error)


@LAW
@given(
    units=st.one_of(_units(), _units(official=True)),
    seed=st.integers(0, 99),
    mixed=st.randoms(use_true_random=False),
)
def test_the_order_in_which_units_come_does_not_matter(units: list[Unit], seed: int, mixed: Random) -> None:
    shuffled = list(units)
    mixed.shuffle(shuffled)
    assert _assigned(shuffled, seed) == _assigned(units, seed)


@LAW
@given(units=_units(), official=st.data())
def test_official_subsets_are_kept_and_the_rest_fills_the_others(
    units: list[Unit], official: st.DataObject
) -> None:
    count = official.draw(st.integers(1, len(units) - 2))
    units = [replace(unit, official="test") if n < count else unit for n, unit in enumerate(units)]
    chosen = assign(units, Split())
    assert {key for key, name in chosen.items() if name == "test"} == {u.key for u in units[:count]}
    assert set(chosen.values()) == set(SUBSETS)
    ignored = assign(units, Split(official=False))
    assert ignored == assign([replace(unit, official=None) for unit in units], Split())


@LAW
@given(count=st.integers(3, 400), ratio=RATIOS, seed=st.integers(0, 99))
def test_single_images_are_split_exactly_by_the_targets(
    count: int, ratio: tuple[float, float, float], seed: int
) -> None:
    """Unless a target is 0: no subset with a share stays empty."""
    shares = {name: share for name, share in zip(SUBSETS, ratio, strict=True) if share}
    due = targets(count, shares)
    chosen = Counter(assign([Unit(f"{n:03}", 1) for n in range(count)], Split(ratio, seed=seed)).values())
    if min(due.values()) > 0:
        assert chosen == due
    else:
        assert min(chosen.values()) == 1 and chosen.keys() == due.keys()


@LAW
@given(total=st.integers(0, 5000), ratio=RATIOS)
def test_targets_add_up_and_are_rounded(total: int, ratio: tuple[float, float, float]) -> None:
    shares = {name: share for name, share in zip(SUBSETS, ratio, strict=True) if share}
    due = targets(total, shares)
    assert sum(due.values()) == total and min(due.values()) >= 0
    for name in due.keys() - {"train"}:
        assert abs(due[name] - total * shares[name] / sum(shares.values())) <= 0.5 + 1e-9


def _imbalance(units: list[Unit], split: Split) -> float:
    """The largest distance of a category's share in a subset from the share it should have."""
    chosen = assign(units, split)
    worst = 0.0
    for category in ("common", "rare"):
        total = sum(unit.cells[category] for unit in units)
        for name, share in zip(SUBSETS, split.ratio, strict=True):
            there = sum(unit.cells[category] for unit in units if chosen[unit.key] == name)
            worst = max(worst, abs(there / total - share / sum(split.ratio)))
    return worst


@LAW
@given(seed=st.integers(0, 10_000))
def test_stratified_images_have_each_category_s_share_within_a_twentieth(seed: int) -> None:
    """Of 200 images with up to 30 common cells, and a rare one in every fourth."""
    rng = np.random.default_rng(seed)
    cells = zip(rng.integers(0, 31, 200).tolist(), (rng.random(200) < 0.25).tolist(), strict=True)
    units = [Unit(f"{n:03}", 1, {"common": c, "rare": int(r)}) for n, (c, r) in enumerate(cells)]
    assert _imbalance(units, Split(seed=seed)) < 0.05


@st.composite
def _windows(draw: st.DrawFn) -> list[Unit]:
    """Single images of which a share shows nothing; some categories crowd, some are rare."""
    count, empty = draw(st.integers(20, 300)), draw(st.floats(0, 1))
    means = draw(st.dictionaries(st.sampled_from("ABCD"), st.sampled_from([0.05, 0.3, 1, 4, 40]), min_size=1))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shown = rng.random(count) >= empty
    cells = {name: (rng.poisson(mean, count) * shown).tolist() for name, mean in means.items()}
    return [Unit(f"{n:03}", 1, {name: cells[name][n] for name in cells}) for n in range(count)]


def _spread(units: list[Unit], chosen: dict[str, str], has: Callable[[Unit], int]) -> float:
    """How many images of a kind a subset has too many or too few, at most, for its number of images."""
    sizes = Counter(chosen.values())
    there = Counter(chosen[unit.key] for unit in units if has(unit))
    return max(abs(there[name] - there.total() * size / len(units)) for name, size in sizes.items())


@LAW
@given(units=_windows(), ratio=RATIOS, seed=st.integers(0, 99))
def test_images_without_cells_and_images_with_a_category_are_shared_in_proportion(
    units: list[Unit], ratio: tuple[float, float, float], seed: int
) -> None:
    """No subset has five too many or too few of a kind, whatever its size; mostly it is less than one."""
    chosen = assign(units, Split(ratio, seed=seed))
    assert _spread(units, chosen, lambda unit: not any(unit.cells.values())) < 5
    for category in units[0].cells:
        assert _spread(units, chosen, lambda unit, name=category: unit.cells[name] > 0) < 5


@LAW
@given(cells=st.lists(st.integers(0, 6), min_size=10, max_size=300), ratio=RATIOS, seed=st.integers(0, 99))
def test_of_one_category_images_with_and_without_cells_are_shared_to_an_image(
    cells: list[int], ratio: tuple[float, float, float], seed: int
) -> None:
    units = [Unit(f"{n:03}", 1, {"WBC": count}) for n, count in enumerate(cells)]
    chosen = assign(units, Split(ratio, seed=seed))
    assert _spread(units, chosen, lambda unit: unit.cells["WBC"] == 0) < 2


def test_a_crowd_of_cells_does_not_decide_where_images_without_cells_go() -> None:
    """As the windows of real smears are: a quarter without cells, every fifth with one, few with dozens."""
    crowded = [1] * 200 + [2] * 150 + [5] * 150 + [30] * 50
    units = [Unit(f"{n:04}", 1, {"RBC": count}) for n, count in enumerate([0] * 250 + crowded)]
    chosen = assign(units, Split())
    for count, total in Counter(unit.cells["RBC"] for unit in units).items():
        there = Counter(chosen[unit.key] for unit in units if unit.cells["RBC"] == count)
        for name, due in targets(total, {"train": 7, "val": 1, "test": 2}).items():
            assert abs(there[name] - due) <= 2


def _films(rng: np.random.Generator) -> list[Unit]:
    """40 smears in windows; in each, another share of the windows shows nothing."""
    out = []
    for n, size in enumerate(rng.integers(20, 80, 40).tolist()):
        cells = rng.poisson(3, size) * (rng.random(size) < rng.random())
        shows = {"WBC": int((cells > 0).sum()), NO_CELL: int((cells == 0).sum())}
        out.append(Unit(f"{n:02}", size, {"WBC": int(cells.sum())}, showing=shows))
    return out


def test_smears_whose_windows_are_counted_share_out_the_empty_ones() -> None:
    """Within a fiftieth of all, as a mean of forty sets; far better than without stratifying."""
    worst: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(40):
        units = _films(np.random.default_rng(seed))
        empty = {unit.key: (unit.showing or {})[NO_CELL] for unit in units}
        for stratify, found in worst.items():
            chosen = assign(units, Split(seed=seed, stratify=stratify))
            images, without = Counter[str](), Counter[str]()
            for unit in units:
                images[chosen[unit.key]] += unit.size
                without[chosen[unit.key]] += empty[unit.key]
            share = {name: without[name] / without.total() - images[name] / images.total() for name in images}
            found.append(max(abs(value) for value in share.values()))
    assert np.mean(worst[True]) < min(0.02, 0.5 * np.mean(worst[False]))


def test_stratified_smears_are_better_balanced_than_those_that_are_not() -> None:
    with_, without = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        units = [
            Unit(
                f"{n:03}", size, {"common": int(rng.poisson(5 * size)), "rare": int(rng.poisson(0.3 * size))}
            )
            for n, size in enumerate(rng.integers(1, 12, 40).tolist())
        ]
        with_.append(_imbalance(units, Split(seed=seed)))
        without.append(_imbalance(units, Split(seed=seed, stratify=False)))
    assert np.mean(with_) < 0.75 * np.mean(without)
