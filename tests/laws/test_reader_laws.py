"""Whatever the bytes are: a reader ends in cells or in a SmearprepError. The long run is tests/fuzz."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from smearprep import formats
from tests.fuzz.harness import Harness
from tests.fuzz.mutations import mutate
from tests.fuzz.seeds import SUFFIXES, seeds


def test_every_reader_is_tried() -> None:
    assert set(SUFFIXES) == set(formats.NAMES)


@pytest.mark.parametrize("name", formats.NAMES)
def test_sound_files_are_recognised_and_give_cells(name: str, tmp_path: Path) -> None:
    harness = Harness(tmp_path, name)
    for n, data in enumerate(seeds(name)):
        assert harness.try_out(data) > 0, n
        assert formats.recognise(tmp_path / f"a{SUFFIXES[name]}") == name, n


@pytest.mark.parametrize("name", formats.NAMES)
def test_damaged_files_end_in_cells_or_in_a_message(name: str, tmp_path: Path) -> None:
    harness, rng = Harness(tmp_path, name), random.Random(name)
    sound = seeds(name)
    for _ in range(300):
        harness.try_out(mutate(rng.choice(sound), rng))
