"""Every command that the README shows runs, in its order, on raw folders in the data sets' true layouts."""

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from smearprep import synthetic

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OTHERS = (ROOT / "examples" / "other_trainers.md").read_text(encoding="utf-8")


SHORTER = {
    "smearprep train white-cells": "--epochs 1 --chips 8",
    "smearprep train yolact-quick": "--epochs 1 --batch 4 --size 64",
    "smearprep ablate set yolact-cis": "--batch 4",
    "smearprep annotate": "--no-browser --port 0",
}
"""What is added to commands that would take long, or open a window."""

ROWS = "name: one\nrecipe: yolact-quick\nrows:\n  - {name: one}\n"
"""Instead of the long list of an ablation."""


def shortened(command):
    """A command as it is run here."""
    added = [more for begin, more in SHORTER.items() if command.startswith(begin)]
    short = " ".join([command, *added])
    return short.replace("ablate set yolact-cis", "ablate set one.yaml").replace(
        "--epochs 10 --size 160", "--epochs 1 --size 64"
    )


def commands(text):
    """The lines that begin with `$ ` in the console blocks."""
    blocks = re.findall(r"^```console\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder as the README's reader has it: the raw data sets side by side."""
    folder = tmp_path_factory.mktemp("desk")
    synthetic.write_all_idb1(folder / "ALL_IDB1")
    synthetic.write_bccd(folder / "BCCD")
    synthetic.write_raabin(folder / "RAABIN_WBC")
    (folder / "one.yaml").write_text(ROWS)
    shutil.make_archive(str(folder / "BCCD"), "zip", folder, "BCCD")
    (folder / "my_images").mkdir()
    for image in sorted((folder / "BCCD").rglob("*.jpg"))[:2]:
        shutil.copy(image, folder / "my_images")
    return folder


def test_every_command_runs(desk):
    """One test, because the later commands use what the earlier ones wrote."""
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    shown = [*commands(README), *commands(OTHERS)]
    assert shown
    for command in shown:
        with subprocess.Popen(
            ["bash", "-c", f"exec {shortened(command)} 2>&1"],
            cwd=desk,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        ) as running:
            told = []
            for line in running.stdout:
                told.append(line)
                if "Ctrl-C here ends" in line:  # a server: it would wait for ever
                    running.terminate()
        assert running.returncode == 0, f"{command}\n{''.join(told)}"


def test_what_is_shown_of_other_programs_is_python():
    blocks = re.findall(r"^```python\n(.*?)^```$", OTHERS, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        compile(block, "other_trainers.md", "exec")


def test_every_make_target_it_names_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"^make (\w+)$", README, flags=re.MULTILINE))
    assert named == {"demo", "test", "bench"}
    assert all(re.search(rf"^{target}:", makefile, flags=re.MULTILINE) for target in named)


def test_every_link_to_a_file_leads_somewhere():
    local = [target for target in re.findall(r"\]\(([^)]+)\)", README) if "://" not in target]
    assert local
    assert all((ROOT / target).exists() for target in local)
