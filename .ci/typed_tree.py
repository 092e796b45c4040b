"""Make the tree in which mypy and import-linter see the three folders as one package, as they are installed.

build/typed/smearprep/{everything in smearprep/, cli, models} are links. Without it both tools report success
without having looked at cli/ and models/.
"""

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def make_typed_tree(target: Path) -> None:
    """Replace `target` by a folder whose `smearprep` links to every module of the three folders."""
    package = target / "smearprep"
    shutil.rmtree(package, ignore_errors=True)  # not the whole target: mypy keeps its cache beside it
    package.mkdir(parents=True)
    for entry in [*(ROOT / "smearprep").iterdir(), ROOT / "cli", ROOT / "models"]:
        if entry.name != "__pycache__":
            (package / entry.name).symlink_to(entry)


if __name__ == "__main__":
    make_typed_tree(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "build" / "typed")
