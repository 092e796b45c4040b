"""What several tests need."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tests themselves run on all cores; torch reads it once


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real raw data sets (ALL_IDB1, BCCD, RAABIN_WBC), named by SMEARPREP_DATA.

    Where the variable is not set, tests that need it are left out; where it is set, as in CI, the data
    must be there.
    """
    named = os.environ.get("SMEARPREP_DATA")
    if named is None:
        pytest.skip("SMEARPREP_DATA is not set: tests on the real data sets are left out")
    root = Path(named)
    if not (root / "ALL_IDB1").is_dir():
        pytest.fail(f"SMEARPREP_DATA={named}: no folder ALL_IDB1 in it")
    return root
