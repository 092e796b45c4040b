"""Standard output that is a pipe, is full, is closed, or is not UTF-8; and names that are no text."""

import json
import os
import subprocess

import pytest

from smearprep.synthetic import write_image
from tests.sets import COMMAND, noise, report, start, write_folder


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("streams") / "raw", images=3)


@pytest.mark.parametrize("arguments", [["datasets"], ["prepare", "raabin", "--show"]])
def test_reader_has_gone(arguments):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([COMMAND, *arguments], stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_reader_goes_while_a_set_is_written(raw, tmp_path):
    read, write = os.pipe()
    os.close(read)
    arguments = ["tile", raw, tmp_path / "set", "--size", "20"]
    done = subprocess.run([COMMAND, *arguments], stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")
    assert report("check", tmp_path / "set")["counts"]["images"] == 45


def test_standard_output_is_full():
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        done = subprocess.run([COMMAND, "datasets"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert done.stderr == b"error: standard output cannot be written (No space left on device)\n"


def test_standard_output_is_closed(raw, tmp_path):
    script = '"$1" split "$2" "$3" --ratio 1:1:1 >&-'
    arguments = ["bash", "-c", script, "bash", COMMAND, raw, tmp_path / "set"]
    done = subprocess.run(arguments, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "set/manifest.json").is_file()


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8"])
def test_terminals_of_other_encodings(tmp_path, encoding):
    write_image(tmp_path / "raw/細胞 é.png", noise())
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = start("inspect", tmp_path / "raw", env=environment)
    assert done.returncode == 0 and done.stderr == b""
    assert ("細胞" if encoding == "utf-8" else "\\u7d30\\u80de") in done.stdout.decode(encoding)
    shown = start("inspect", tmp_path / "raw", "--json", env=environment)
    assert shown.returncode == 0
    assert [f["file"] for f in json.loads(shown.stdout.decode("utf-8"))["findings"]] == ["細胞 é.png"]


def test_names_that_are_no_text(tmp_path):
    raw = write_folder(tmp_path / "raw", images=3)
    os.rename(raw / "i2.png", os.path.join(os.fsencode(raw), b"\xff\xe9.png"))  # noqa: PTH104, PTH118 - bytes
    for arguments in (["inspect", raw], ["split", raw, tmp_path / "set", "--ratio", "1:1:1"]):
        data = report(*arguments, status=1)  # the annotation of i2.png has no image
        assert {finding["kind"] for finding in data["findings"]} == {"missing_image", "missing_annotation"}
    assert report("check", tmp_path / "set")["counts"]["images"] == 3
