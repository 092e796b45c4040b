"""Whatever the bytes are: a result comes out, or a SmearprepError. The long run is `python -m tests.fuzz`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from smearprep import formats
from tests.fuzz.fuzzing import fuzz, outcome_of
from tests.fuzz.seeds import SUFFIXES, seeds
from tests.fuzz.targets import TARGETS

CASES = 300
SLOW = {
    "manifest": 40, "journal": 40, "edits": 30, "set": 60,
    "predictions": 60, "predicted_cells": 60, "predicted_mask": 60,
}  # fmt: skip
"""Targets whose files take long."""


def test_every_reader_is_tried() -> None:
    assert set(SUFFIXES) == set(formats.NAMES) <= set(TARGETS)


@pytest.mark.parametrize("name", formats.NAMES)
def test_sound_annotations_are_recognised_and_give_cells(name: str, tmp_path: Path) -> None:
    target = TARGETS[name](tmp_path)
    for n, data in enumerate(seeds(name)):
        assert target.try_out(data).startswith("some cells"), n
        assert formats.recognise(tmp_path / f"a{SUFFIXES[name]}") == name, n


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_files_end_in_a_result_or_in_a_message(name: str, tmp_path: Path) -> None:
    target = TARGETS[name](tmp_path)
    for n, data in enumerate(target.seeds):
        assert not outcome_of(target, data).startswith("error"), (n, outcome_of(target, data))
    for data, error in fuzz(target, SLOW.get(name, CASES), random.Random(name)):
        error.add_note(f"{len(data)} bytes: {data[:2000]!r}")
        raise error
