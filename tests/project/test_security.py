"""What SECURITY.md promises: each promise names tests that are there, and the code keeps to its rules."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from smearprep import synthetic
from tests.sets import write_folder

ROOT = Path(__file__).resolve().parents[2]
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", SECURITY)))
OWN = sorted(path for folder in ("smearprep", "cli", "models") for path in (ROOT / folder).rglob("*.py"))

PICKLERS = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}
UNPICKLES = {"load", "loads", "Unpickler"}
RUNS_TEXT = {"eval", "exec", "compile", "__import__"}
STARTS_SHELLS = {"system", "popen", "spawnl", "spawnv"}

OFFLINE = """
import json, os, sys


def forbid(event, args):
    asks = event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
    reaches = event in ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg")
    if asks or (reaches and isinstance(args[1], tuple)):
        os.write(2, f"{event} {args[-1]!r}\\n".encode())
        os._exit(99)


sys.addaudithook(forbid)
from typer.testing import CliRunner
from smearprep.cli.app import app

for command in json.loads(sys.argv[1]):
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, (command, result.output)
print("done")
"""
"""Runs commands in a process that ends at the first attempt to reach, or be reached by, another computer."""


def calls_of(path: Path) -> list[tuple[str, str, ast.Call]]:
    """Every call in a file: what is before the last dot, the name, and the call."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            names = ast.unparse(node.func)
            found.append((*names.rpartition(".")[::2], node))
    return found


def test_it_promises_something_and_every_promise_names_a_test():
    promises = re.split(r"^## ", SECURITY, flags=re.MULTILINE)[1:]
    told = {text.partition("\n")[0]: text for text in promises if not text.startswith(("Tell", "Known"))}
    assert len(told) >= 5
    for title, text in told.items():
        assert re.search(r"`tests/[\w/]+\.py::\w+`", text), title


@pytest.mark.parametrize(("file", "name"), NAMED, ids="::".join)
def test_the_tests_that_it_names_are_there(file, name):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_nothing_is_unpickled():
    for path in OWN:
        for owner, name, call in calls_of(path):
            where = f"{path.relative_to(ROOT)}:{call.lineno}"
            assert not (owner in PICKLERS and name in UNPICKLES), where
            given = {word.arg: ast.unparse(word.value) for word in call.keywords}
            if (owner, name) == ("torch", "load"):
                assert given.get("weights_only") == "True", where
            if (owner, name) in (("np", "load"), ("numpy", "load")):
                assert "allow_pickle" not in given, where


def test_no_text_is_run_and_no_shell_is_started():
    for path in OWN:
        for owner, name, call in calls_of(path):
            where = f"{path.relative_to(ROOT)}:{call.lineno}"
            assert not (owner == "" and name in RUNS_TEXT), where
            assert not (owner == "os" and name in STARTS_SHELLS), where
            assert all(word.arg != "shell" for word in call.keywords), where


def test_the_main_commands_reach_nobody(tmp_path):
    raw, images = write_folder(tmp_path / "raw"), tmp_path / "ALL_IDB1"
    synthetic.write_all_idb1(images)
    commands = [
        ["datasets"],
        ["inspect", raw],
        ["convert", raw / "cells.json", "-o", tmp_path / "again.json"],
        ["coco", "stats", tmp_path / "again.json"],
        ["tile", raw, tmp_path / "tiles", "--size", 20, "--processes", 1],
        ["check", tmp_path / "tiles"],
        ["prepare", "unet-wbc", tmp_path / "set", "--raw", images],
        ["report", tmp_path / "set"],
        ["assist", tmp_path / "set", "--part"],
        ["train", "yolact-quick", tmp_path / "set", "--run", tmp_path / "run", "--epochs", 1, "--size", 64],
        ["predict", tmp_path / "run", tmp_path / "set/images/test", "-o", tmp_path / "said"],
        ["count", tmp_path / "said", "-o", tmp_path / "counts"],
    ]
    asked = json.dumps([[str(word) for word in command] for command in commands])
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, asked], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().endswith("done")
