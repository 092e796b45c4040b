"""The coco commands: their arguments reach the one call each of them makes; mistakes are told."""

import json

import pytest
import typer
from typer.testing import CliRunner

from smearprep.cli import coco_files
from smearprep.records import Cell
from tests.coco_files.making import box, data, write
from tests.sets import OBJECT

COMMANDS = ("merge", "filter", "relabel", "stats", "agree")
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
coco_files.register(app)


def call(*arguments):
    return CliRunner().invoke(app, ["coco", *map(str, arguments)])


def report(*arguments, status=0):
    result = call(*arguments, "--json")
    assert result.exit_code == status, result.output
    value = json.loads(result.stdout)
    assert set(OBJECT) <= set(value) <= {*OBJECT, "tables"}
    assert value["command"] == f"coco {arguments[0]}"
    assert all(type(count) is int for count in value["counts"].values())
    if "cells" in value["counts"]:
        assert sum(value["by_category"].values()) == value["counts"]["cells"]
    return value


@pytest.fixture
def files(tmp_path):
    a = [Cell("RBC", box(0, 0), attributes={"score": 0.3}), Cell("WBC", box(30, 30, 20, 20))]
    b = [Cell("RBC", box(1, 0)), Cell("WBC", box(30, 30, 20, 20), "box")]
    write(tmp_path / "anna.json", {"a.jpg": a, "b.jpg": []}, ["RBC", "WBC"])
    write(tmp_path / "ben.json", {"x/1b2c3d4e-a.jpg": b}, ["WBC", "RBC"])
    return tmp_path


def job(name, files):
    anna, ben, out = files / "anna.json", files / "ben.json", files / "out.json"
    return {
        "merge": ["merge", anna, ben, "-o", out, "--match", "name"],
        "filter": ["filter", anna, "-o", out, "--category", "WBC"],
        "relabel": ["relabel", anna, "-o", out, "--map", "RBC=cell"],
        "stats": ["stats", anna, ben],
        "agree": ["agree", anna, ben, "--match", "name"],
    }[name]


@pytest.mark.parametrize("name", COMMANDS)
def test_one_object_or_tables_of_the_same(files, name):
    value = report(*job(name, files))
    writes = name not in ("stats", "agree")
    assert value["output"] == (str(files / "out.json") if writes else None)
    assert (files / "out.json").exists() == writes
    shown = call(*job(name, files))
    assert shown.exit_code == 0 and shown.stderr == ""
    words = shown.stdout.replace(",", "").split()
    for key, count in value["counts"].items():
        assert key.split("_")[0] in words and str(count) in words
    for title in value["tables"]:
        assert title in shown.stdout
    assert ("written to" in shown.stdout) == writes


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name):
    command = typer.main.get_command(app).commands["coco"].commands[name]
    shown = call(name, "--help")
    assert shown.exit_code == 0
    text = " ".join(shown.stdout.split())
    for parameter in command.params:
        assert parameter.help or parameter.name == "help", f"{name}: {parameter.name} is not explained"
    assert command.help in text and "--json" in text
    assert name in CliRunner().invoke(app, ["coco"]).output


def test_merge(files):
    out = files / "out.json"
    order = ("--category", "PLT", "--category", "WBC")
    how = ("--match", "name", "--annotator-from-file", "--duplicates", "first")
    value = report("merge", files / "anna.json", files / "ben.json", "-o", out, *order, *how)
    assert value["counts"]["cells"] == 2 and value["counts"]["near_duplicates"] == 2
    assert [row["name"] for row in data(out)["categories"]] == ["PLT", "WBC", "RBC"]
    assert {entry["attributes"]["annotator"] for entry in data(out)["annotations"]} == {"anna"}


def test_filter(files):
    out, anna = files / "out.json", files / "anna.json"
    assert report("filter", anna, "-o", out, "--category", "WBC")["by_category"] == {"WBC": 1}
    assert report("filter", anna, "-o", out, "--min-area", 101)["by_category"] == {"RBC": 0, "WBC": 1}
    assert report("filter", anna, "-o", out, "--max-area", 101)["by_category"] == {"RBC": 1, "WBC": 0}
    assert report("filter", anna, "-o", out, "--score-min", 0.5)["by_category"] == {"RBC": 0, "WBC": 1}
    assert report("filter", anna, "-o", out, "--outline", "box, point")["counts"]["cells"] == 0
    assert report("filter", anna, "-o", out, "--outline", "box", "--outline", "drawn")["counts"]["cells"] == 2
    assert report("filter", anna, "-o", out, "--images-with", "WBC")["counts"]["images"] == 1
    assert report("filter", anna, "-o", out, "--only-images-with-cells")["counts"]["images"] == 1
    merged = files / "merged.json"
    report("merge", anna, files / "ben.json", "-o", merged, "--annotator-from-file")
    assert report("filter", merged, "-o", out, "--annotator", "ben")["counts"]["cells"] == 2


def test_relabel(files):
    (files / "map.yaml").write_text("RBC: cell\nWBC: cell\n")
    value = report("relabel", files / "anna.json", "-o", files / "out.json", "--map", files / "map.yaml",
                   "--category", "blast")  # fmt: skip
    assert value["by_category"] == {"blast": 0, "cell": 2}


def test_stats(files):
    rows = report("stats", files / "anna.json", files / "ben.json")["tables"]["areas"]
    assert [(row["category"], row["median"]) for row in rows] == [("RBC", 100), ("WBC", 400)]


def test_agree(files):
    value = report(
        "agree", files / "anna.json", files / "ben.json", "--match", "name", "--iou", 0.9, "--worst", 1
    )
    assert (value["counts"]["matched"], value["counts"]["only_in_a"]) == (1, 1)
    assert value["tables"]["agreement"][0]["Cohen's kappa"] is None
    assert len(value["tables"]["worst images"]) == 1
    value = report("agree", files / "anna.json", files / "anna.json", "--point-distance", 3)
    assert value["tables"]["agreement"][0]["Cohen's kappa"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["merge", "ANNA"], ["--output"]),
        (["merge", "-o", "OUT"], ["files"]),
        (["merge", "ANNA", "nowhere.json", "-o", "OUT"], ["nowhere.json", "is not there"]),
        (["merge", "ANNA", "-o", "ANNA"], ["one of the files to read"]),
        (["merge", "ANNA", "ANNA", "-o", "OUT"], ["given twice"]),
        (["merge", "ANNA", "-o", "OUT", "--duplicates", "last"], ["'last'", "first"]),
        (["merge", "ANNA", "-o", "OUT", "--match", "size"], ["'size'", "name"]),
        (["filter", "ANNA", "-o", "OUT", "--category", "RCB"], ["'RCB'", "did you mean 'RBC'?"]),
        (["filter", "ANNA", "-o", "OUT", "--outline", "draw"], ["'draw'", "did you mean 'drawn'?"]),
        (["filter", "ANNA", "-o", "OUT", "--min-area", "-3"], ["-3"]),
        (["filter", "ANNA", "-o", "OUT", "--min-area", "large"], ["--min-area"]),
        (["filter", "ANNA", "-o", "OUT", "--annotator", "anna"], ["'anna'", "there are: none"]),
        (["relabel", "ANNA", "-o", "OUT", "--map", "RBC"], ["'RBC'", "OLD=NEW"]),
        (["relabel", "ANNA", "-o", "OUT", "--map", "nowhere.yaml"], ["nowhere.yaml"]),
        (["stats"], ["files"]),
        (["agree", "ANNA"], ["B"]),
        (["agree", "ANNA", "BEN"], ["no image in common", "by name"]),
        (["agree", "ANNA", "ANNA", "--iou", "2"], ["iou 2"]),
        (["agree", "ANNA", "ANNA", "--worst", "-1"], ["--worst"]),
    ],
    ids=lambda value: " ".join(value)[:60],
)
def test_mistakes(files, arguments, words):
    places = {"ANNA": files / "anna.json", "BEN": files / "ben.json", "OUT": files / "out.json"}
    before = {path: path.read_bytes() for path in files.iterdir()}
    result = call(*(places.get(argument, argument) for argument in arguments))
    assert result.exit_code == 2 and result.stdout == ""
    flat = " ".join(result.stderr.split())
    assert "Traceback" not in flat and "fault of smearprep" not in flat
    assert all(word in flat for word in words), flat
    assert {path: path.read_bytes() for path in files.iterdir()} == before


def test_a_problem_is_status_1(files):
    value = data(files / "anna.json")
    del value["images"][1]["width"], value["images"][1]["height"]
    (files / "anna.json").write_text(json.dumps(value))
    found = report("filter", files / "anna.json", "-o", files / "out.json", status=1)["findings"]
    assert [finding["kind"] for finding in found] == ["missing_image"]
