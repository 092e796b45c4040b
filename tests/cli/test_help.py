"""Help: of every command, at once, and with nothing heavy loaded."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from smearprep.cli.app import app
from tests.sets import call

COMMANDS = (
    "datasets", "formats", "inspect", "check", "tile", "pad", "split", "prepare", "convert", "coco", "report",
    "assist", "annotate", "models", "augment", "train", "evaluate", "predict", "ablate", "count", "tune",
    "demo", "unpack",
)  # fmt: skip
HEAVY = {
    "numpy",
    "cv2",
    "PIL",
    "shapely",
    "pycocotools",
    "yaml",
    "orjson",
    "defusedxml",
    "torch",
    "lightning",
    "albumentations",
    "skimage",
    "scipy",
}
# Not pydantic: typer itself loads it to read the arguments of a command.


def test_commands():
    assert set(typer.main.get_command(app).commands) == set(COMMANDS)
    shown = call("--help")
    assert shown.exit_code == 0
    assert all(f"\n  {name} " in shown.stdout for name in COMMANDS)


def test_no_command_shows_help():
    shown = call()
    assert "Usage:" in shown.output and all(name in shown.output for name in COMMANDS)


COCO = ("merge", "filter", "relabel", "stats", "agree")
SINGLE = [(name,) for name in COMMANDS if name != "coco"] + [("coco", name) for name in COCO]


@pytest.mark.parametrize("name", SINGLE)
def test_help_of_a_command(name):
    shown = call(*name, "--help")
    assert shown.exit_code == 0 and shown.stderr == ""
    command = typer.main.get_command(app)
    for word in name:
        command = command.commands[word]
    text = " ".join(shown.stdout.split())
    assert command.help.split("\n")[0] in text
    for parameter in command.params:
        assert parameter.help or parameter.name == "help", f"{name}: {parameter.name} is not explained"
        for word in (parameter.help or "").split():
            assert word in text
    assert "--json" in text


def modules(*arguments):
    """Top-level packages that a process of the command line has loaded at its end."""
    code = (
        "import sys\n"
        "from smearprep.cli import main\n"
        "sys.argv = ['smearprep', *sys.argv[1:]]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, cwd=Path("/")
    )
    return set(ast.literal_eval(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [("--help",), ("prepare", "--help"), ("tile",)])
def test_help_loads_nothing_heavy(arguments):
    loaded = modules(*arguments)
    assert "typer" in loaded
    assert not loaded & HEAVY


def test_nothing_needs_torch(tmp_path):
    (tmp_path / "x.txt").write_text("no image")
    assert not modules("inspect", str(tmp_path)) & {"torch", "lightning", "matplotlib", "starlette"}


def test_unknown_command():
    result = call("prepaer")
    assert result.exit_code == 2 and result.stdout == ""
    assert "prepaer" in result.stderr
