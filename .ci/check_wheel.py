"""Check that a wheel holds every module and recipe of the checkout, where they belong, and nothing else.

Usage: python check_wheel.py WHEEL
"""

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"smearprep": "smearprep", "cli": "smearprep/cli", "models": "smearprep/models"}
SHIPPED = {".py", ".yaml", ".typed", ".html", ".css", ".js", ".svg"}


def expected_names() -> set[str]:
    """What the wheel must hold, as paths inside it."""
    return {
        f"{package}/{file.relative_to(ROOT / folder).as_posix()}"
        for folder, package in FOLDERS.items()
        for file in (ROOT / folder).rglob("*")
        if file.suffix in SHIPPED
    }


def main(wheel: str) -> int:
    """Print each difference; return the exit status."""
    found = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = expected_names()
    problems = [f"missing from the wheel: {name}" for name in sorted(expected - found)]
    problems += [f"in the wheel by mistake: {name}" for name in sorted(found - expected)]
    problems += [
        f"the wheel has no {prefix}"
        for prefix in ("smearprep/cli/", "smearprep/models/", "smearprep/shipped/")
        if not any(name.startswith(prefix) for name in found)
    ]
    print("\n".join(problems) or f"{len(found)} files in the wheel, all in their place")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
