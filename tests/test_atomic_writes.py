"""Files are there whole or not at all, also where two processes write one file at the same time."""

from __future__ import annotations

from pathlib import Path

import pytest

from smearprep.errors import OutputError
from smearprep.executors import hire
from smearprep.images import write_atomic
from smearprep.output_folder import tidy

SIZES = (200_000, 3, 70_000)  # bytes: a longer and a shorter file that meet in one place would show
TIMES = 300


def whole(data: bytes) -> bool:
    """True of a file that one writer wrote from its beginning to its end."""
    return len(data) in SIZES and data == data[:1] * len(data)


def write_and_look(path: Path, letter: bytes) -> int:
    """Write a file many times, and look at it after each; how often it was not whole."""
    broken = 0
    for n in range(TIMES):
        write_atomic(path, letter * SIZES[n % len(SIZES)], shared=True)
        broken += not whole(path.read_bytes())
    return broken


def test_two_processes_that_write_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "images" / "train" / "a.png"
    with hire(processes=2) as processes:
        written = [processes.submit(write_and_look, path, letter) for letter in (b"a", b"b")]
        assert [one.result() for one in written] == [0, 0]
    assert whole(path.read_bytes())
    assert [file.name for file in path.parent.iterdir()] == ["a.png"]


def test_two_threads_that_write_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with hire(workers=2) as threads:
        assert list(threads.map(write_and_look, [path, path], (b"a", b"b"))) == [0, 0]
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("shared", [False, True])
def test_the_temporary_name_is_no_image_and_goes_with_an_error(tmp_path: Path, shared: bool) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomic(tmp_path / "a.png", b"a", shared)
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_what_killed_writers_leave_goes_with_the_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill between writing and renaming: the part file stays until the set is finished."""
    path = tmp_path / "images" / "train" / "a.png"
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with hire(workers=1) as other, pytest.raises(KeyboardInterrupt):
            other.submit(write_atomic, path, b"a", shared=True).result()
    write_atomic(path, b"b", shared=True)
    assert len(list(path.parent.glob(".*.part"))) == 1
    tidy(tmp_path)
    assert [file.name for file in path.parent.iterdir()] == ["a.png"]
    assert path.read_bytes() == b"b"
