"""A browser, and a small real set served to one test.

Where SMEARPREP_BROWSER is not set these tests are left out. Where it is set, as in CI, it names the program
of Chromium, which must be there.
"""

import os
import shutil
from pathlib import Path

import pytest

from tests.browser.seat import seated
from tests.browser.small_set import prepare_small_set


@pytest.fixture(scope="module")
def chromium():
    """The browser, without a window.

    Of one module: while Playwright is there, an event loop runs in this thread, and tests of other modules
    could start none.
    """
    program = os.environ.get("SMEARPREP_BROWSER")
    if not program:
        pytest.skip("SMEARPREP_BROWSER is not set: tests in a browser are left out")
    if not Path(program).is_file():
        pytest.fail(f"SMEARPREP_BROWSER={program}: no such file")
    from tests.browser.chromium import launched

    with launched(program) as browser:
        yield browser


@pytest.fixture(scope="session")
def small_set(real_data, tmp_path_factory):
    """A prepared set of real images: a photograph, a tile of one, and one with boxes. Not to be changed."""
    return prepare_small_set(real_data, tmp_path_factory.mktemp("small"))


@pytest.fixture
def folder(small_set, tmp_path):
    """A copy of it for one test."""
    return shutil.copytree(small_set, tmp_path / "set")


@pytest.fixture
def seat(chromium, folder):
    """The page on a served copy of the small set; at the end the files hold what the server said."""
    with seated(chromium, folder) as taken:
        yield taken
        if not taken.is_checked:  # by the test itself, before it served the set again
            taken.check()
