"""Edits are folded after a quiet moment, and a failure is told once and tried again."""

import threading

import pytest

from smearprep.errors import OutputError
from smearprep.serving import folding
from smearprep.serving.folding import Folding

LIMIT_S = 60


class Fold:
    """Fails the first few times."""

    def __init__(self, failures=0, error=None):
        self.failures = failures
        self.error = error or OutputError("cells.json: cannot be written (No space left on device)")
        self.done = threading.Semaphore(0)
        self.calls = 0

    def __call__(self):
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        self.done.release()


def test_folds_after_a_quiet_moment():
    fold = Fold()
    thread = Folding(fold, print, quiet_s=0)
    for count in (1, 2):
        thread.touch()
        assert fold.done.acquire(timeout=LIMIT_S)
        assert fold.calls == count
    thread.close()


def test_does_not_fold_before():
    fold = Fold()
    thread = Folding(fold, print, quiet_s=3600)
    thread.touch()
    thread.close()
    assert fold.calls == 0


def test_folds_at_once_when_asked():
    fold = Fold()
    thread = Folding(fold, print, quiet_s=3600)
    thread.touch()
    thread.now()
    assert fold.calls == 1
    thread.close()


@pytest.mark.parametrize("error", [None, ValueError("never thought of")], ids=["disk", "fault"])
def test_a_failure_is_told_once_and_tried_again(monkeypatch, error):
    monkeypatch.setattr(folding, "_RETRY_S", 0)
    said = []
    fold = Fold(failures=3, error=error)
    thread = Folding(fold, said.append, quiet_s=0)
    thread.touch()
    assert fold.done.acquire(timeout=LIMIT_S)
    thread.close()
    assert fold.calls == 4
    assert len(said) == 1 and "No edit is lost" in said[0]
    assert str(fold.error) in said[0]


def test_a_failure_when_asked_is_raised_and_tried_again(monkeypatch):
    monkeypatch.setattr(folding, "_RETRY_S", 0)
    fold = Fold(failures=1)
    thread = Folding(fold, print, quiet_s=3600)
    with pytest.raises(OutputError):
        thread.now()
    assert fold.done.acquire(timeout=LIMIT_S)
    thread.close()
