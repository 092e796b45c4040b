"""The three folders are one package, and asking for help costs nothing."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import smearprep
import smearprep.cli
import smearprep.models

ROOT = Path(__file__).resolve().parents[2]

HEAVY = (
    "PIL",
    "albumentations",
    "cv2",
    "lightning",
    "matplotlib",
    "numpy",
    "pandas",
    "pycocotools",
    "scipy",
    "shapely",
    "skimage",
    "torch",
    "yaml",
)

ASK_FOR_HELP = f"""
import sys
from smearprep.cli import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
print("HEAVY:", *sorted(set(sys.modules) & set({HEAVY!r})))
"""


def test_three_packages_come_from_this_checkout():
    """Two checkouts installed into one environment would mix without a word."""
    places = [Path(module.__path__[0]).resolve() for module in (smearprep, smearprep.cli, smearprep.models)]
    assert places == [ROOT / "smearprep", ROOT / "cli", ROOT / "models"]


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["tile"],
        ["prepare"],
        ["convert"],
        ["models"],
        ["augment"],
        ["train"],
        ["predict"],
        ["count"],
        ["tune"],
    ],
    ids=lambda c: " ".join(c) or "top",
)
def test_help_imports_nothing_heavy(command):
    done = subprocess.run(
        [sys.executable, "-c", ASK_FOR_HELP, *command, "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
    assert done.stdout.splitlines()[-1].strip() == "HEAVY:"


def test_typed_tree_shows_the_checkers_every_module(tmp_path):
    runpy.run_path(str(ROOT / ".ci" / "typed_tree.py"))["make_typed_tree"](tmp_path)
    seen = {path.resolve() for path in (tmp_path / "smearprep").iterdir()}
    assert {ROOT / "cli", ROOT / "models"} < seen
    assert set((ROOT / "smearprep").glob("*.py")) < seen
