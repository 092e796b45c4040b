"""`--json`: one object on standard output and nothing else; without it, tables of the same numbers."""

import json
import shlex

import pytest

from smearprep.findings import KINDS
from tests.sets import OBJECT, call, edit_json, images_of, report, start, tree, write_folder

RECIPE = """
sources:
  - {dataset: folder, tile: {size: 20, stride: 10}}
split: {ratio: 1:1:1}
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A raw folder, a recipe, and a set made of them."""
    root = tmp_path_factory.mktemp("desk")
    write_folder(root / "raw")
    (root / "recipe.yaml").write_text(RECIPE)
    report("prepare", root / "recipe.yaml", root / "set", "--raw", root / "raw")
    return root


def job(name, desk, out):
    """The arguments of a command that succeeds."""
    return {
        "datasets": ["datasets"],
        "inspect": ["inspect", desk / "raw"],
        "check": ["check", desk / "set"],
        "tile": ["tile", desk / "raw", out, "--size", 20],
        "pad": ["pad", desk / "raw", out],
        "split": ["split", desk / "raw", out],
        "prepare": ["prepare", desk / "recipe.yaml", out, "--raw", desk / "raw"],
        "prepare --dry-run": ["prepare", desk / "recipe.yaml", out, "--raw", desk / "raw", "--dry-run"],
        "convert": ["convert", desk / "raw/cells.json", "-o", out],
    }[name]


NAMES = ("datasets", "inspect", "check", "tile", "pad", "split", "prepare", "prepare --dry-run", "convert")


@pytest.mark.parametrize("name", NAMES)
def test_one_object_and_nothing_else(desk, tmp_path, name):
    result = call(*job(name, desk, tmp_path / "out"), "--json")
    assert result.exit_code == 0 and result.stderr == ""
    data = json.loads(result.stdout)
    assert tuple(data)[: len(OBJECT)] == OBJECT
    assert set(data) <= {*OBJECT, "tables"}
    assert data["command"] == name.partition(" ")[0]
    writes = name in ("tile", "pad", "split", "prepare", "convert")
    assert data["output"] == (str(tmp_path / "out") if writes else None)
    assert (tmp_path / "out").exists() == writes
    assert data["counts"] and all(type(count) is int for count in data["counts"].values())
    assert sum(data["by_category"].values()) == data["counts"].get("cells", 0)
    for finding in data["findings"]:
        assert list(finding) == ["file", "id", "kind", "what"]
        assert finding["kind"] in KINDS and finding["what"]


@pytest.mark.parametrize("name", NAMES)
def test_tables_say_the_same(desk, tmp_path, name):
    arguments = job(name, desk, tmp_path / "out")
    data = json.loads(call(*arguments, "--json").stdout)
    result = call(*arguments)
    assert result.exit_code == 0 and result.stderr == ""
    words = result.stdout.replace(",", "").split()
    for key, count in data["counts"].items():
        assert key.split("_")[0] in words and str(count) in words
    for subset, row in data["by_subset"].items():
        assert subset in words and str(row["images"]) in words
    if data["output"]:
        assert "written to" in result.stdout


def test_counts_of_a_set(desk):
    data = report("check", desk / "set")
    assert data["counts"]["images"] == len(images_of(desk / "set")) == 90
    assert {name: row["images"] for name, row in data["by_subset"].items()} == {
        "train": 30,
        "val": 30,
        "test": 30,
    }


def test_the_same_object_from_a_process(desk, tmp_path):
    arguments = job("tile", desk, tmp_path / "out")
    done = start(*arguments, "--json")
    assert done.returncode == 0 and done.stderr == b""
    assert json.loads(done.stdout) == report(*arguments)


def test_workers_and_force_change_nothing(desk, tmp_path):
    arguments = job("prepare", desk, tmp_path / "out")
    data = report(*arguments)
    before = tree(tmp_path / "out")
    assert report(*arguments, "--workers", 1, "--force") == data
    assert tree(tmp_path / "out") == before == tree(desk / "set")


# ---------------------------------------------------------------- exit status


def test_problems_of_the_data_are_status_1(desk, tmp_path):
    raw = write_folder(tmp_path / "raw")
    (raw / "i0.png").write_bytes(b"")
    for arguments in (
        ["inspect", raw],
        ["tile", raw, tmp_path / "tiles", "--size", 20],
        ["split", raw, tmp_path / "split"],
    ):
        data = report(*arguments, status=1)
        assert data["counts"].get("findings", 1) >= 1
        assert ("unreadable", f"{'' if arguments[0] == 'inspect' else 'folder/'}i0.png") in [
            (finding["kind"], finding["file"]) for finding in data["findings"]
        ]
        assert call(*arguments).exit_code == 1


def test_check_finds_problems_with_status_1(desk, tmp_path):
    report("tile", desk / "raw", tmp_path / "set", "--size", 20)
    images_of(tmp_path / "set")[3].unlink()
    data = report("check", tmp_path / "set", status=1)
    assert [finding["kind"] for finding in data["findings"]] == ["missing_image"]
    result = call("check", tmp_path / "set")
    assert result.exit_code == 1
    assert "missing image (1)" in result.stdout and data["findings"][0]["file"] in result.stdout


def test_what_is_worth_knowing_is_status_0(tmp_path):
    raw = write_folder(tmp_path / "raw")
    (raw / "cells.json").unlink()
    data = report("inspect", raw)
    assert {finding["kind"] for finding in data["findings"]} == {"missing_annotation"}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "datasets"])
def test_unusable_input_is_status_2_and_silent_on_standard_output(tmp_path, name):
    arguments = job(name, tmp_path / "nowhere", tmp_path / "out")
    for flags in ([], ["--json"]):
        result = call(*arguments, *flags)
        assert result.exit_code == 2 and result.stdout == ""
        assert result.stderr.startswith("error: ") and "fault of smearprep" not in result.stderr
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------- what is said


def test_advice_can_be_followed(desk, tmp_path):
    out = tmp_path / "a folder with blanks"
    shown = call(*job("split", desk, out)).stdout
    command, check, folder = shlex.split(shown.partition("next: ")[2].replace("\n", " "))
    assert (command, check) == ("smearprep", "check")
    assert "".join(folder.split()) == "".join(str(out).split())  # the terminal may break the line


def test_findings_are_shortened_for_people_and_whole_for_programs(tmp_path):
    raw = write_folder(tmp_path / "raw", images=12)
    for path in raw.glob("*.png"):
        path.write_bytes(b"")
    shown = call("inspect", raw)
    assert shown.exit_code == 1
    assert "unreadable (12)" in shown.stdout and "... and 7 more" in shown.stdout
    assert shown.stdout.count("is empty (0 bytes)") == 5
    kinds = [finding["kind"] for finding in report("inspect", raw, status=1)["findings"]]
    assert kinds.count("unreadable") == 12


@pytest.mark.parametrize("label", ["[bold]x[/bold]", "<b>&amp;</b>", "細胞", "L" * 3000])
def test_labels_are_shown_as_they_are(tmp_path, label):
    raw = write_folder(tmp_path / "raw", images=2)
    edit_json(raw / "cells.json", lambda data: data["categories"][0].update(name=label))
    assert report("inspect", raw)["by_category"][label] == 2
    shown = call("inspect", raw)
    assert shown.exit_code == 0
    assert "".join(label.split()) in "".join(shown.stdout.split())
    data = report("split", raw, tmp_path / "set", "--ratio", "1:1:0", "--category", label)
    assert data["by_category"] == {label: 2}
    assert report("check", tmp_path / "set")["by_category"] == {label: 2}
