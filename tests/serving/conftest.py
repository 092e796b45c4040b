"""A small set, and the same set served in this process."""

import shutil

import pytest

from tests.serving.asking import prepare_set, served
from tests.sets import tree


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A prepared set; not to be changed."""
    return prepare_set(tmp_path_factory.mktemp("serving"))


@pytest.fixture
def folder(prepared, tmp_path):
    """A copy of it for one test."""
    return shutil.copytree(prepared, tmp_path / "set")


@pytest.fixture
def site(folder):
    """A set served to one test, which may change it."""
    with served(folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(prepared, tmp_path_factory):
    """A set served to the tests of a module that change nothing."""
    folder = shutil.copytree(prepared, tmp_path_factory.mktemp("shared") / "set")
    with served(folder) as opened:
        yield opened


@pytest.fixture
def nothing_changes(shared):
    """Neither files nor session."""
    before, edits = tree(shared.folder), shared.session.overview()["revision"]
    yield
    assert tree(shared.folder) == before
    assert shared.session.overview()["revision"] == edits
