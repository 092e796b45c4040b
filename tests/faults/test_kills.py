"""Killed while it writes and given again: the same bytes. The long run is `python -m tests.faults`."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from tests.faults.jobs import JOBS, fresh
from tests.faults.kills import Sound, difference, disturbed, left_of, undisturbed


@pytest.mark.parametrize(("name", "kills"), [("prepare", 3), ("train", 1), ("prepare_in_processes", 2)])
def test_a_killed_command_is_finished_by_the_same_command(name: str, kills: int, tmp_path: Path) -> None:
    job, given = JOBS[name], tmp_path / "given"
    given.mkdir()
    job.given(given)
    sound = undisturbed(job, fresh(given, tmp_path / "sound"))
    assert sound.status == 0 and job.output in sound.result
    found = disturbed(job, given, tmp_path / "run", sound, kills, random.Random(name))
    assert not found.wrong
    assert found.kills  # it was killed at all


def test_processes_do_the_same_as_threads(tmp_path: Path) -> None:
    """What is compared with a disturbed run is the same for both."""
    given = tmp_path / "given"
    given.mkdir()
    JOBS["count"].given(given)
    one, other = (
        undisturbed(JOBS[name], fresh(given, tmp_path / name)) for name in ("count", "count_in_processes")
    )
    assert one.status == other.status == 0 and "counts/counts.csv" in one.result
    assert one.result == other.result


def test_processes_that_stay_are_found_out() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as one:
        try:
            assert left_of(one.pid, patience=0.0) == 1
        finally:
            one.kill()
    assert left_of(one.pid) == 0


def test_what_is_compared() -> None:
    assert not difference({"a": b"1", "b": None}, {"a": b"1", "b": None})
    assert difference({"a": b"1"}, {"a": b"2", "b": None}) == "a is another; b is missing"
    assert difference({"a": None}, {}) == "a is left over"


def test_a_command_that_is_not_finished_is_found_out(tmp_path: Path) -> None:
    job = JOBS["convert"]
    (tmp_path / "given").mkdir()
    job.given(tmp_path / "given")
    never = Sound(0, {}, 1)
    assert (
        "left over" in disturbed(job, tmp_path / "given", tmp_path / "run", never, 0, random.Random(0)).wrong
    )
