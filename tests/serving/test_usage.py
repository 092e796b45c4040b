"""The annotate command given what cannot be served: status 2, one clear message, nothing written."""

import importlib.util
import socket

import pytest

from smearprep.annotating import Session
from smearprep.cli.annotating import _logged_in
from tests.sets import call, fail, tree


@pytest.fixture(autouse=True)
def never_served(monkeypatch):
    """Nothing here comes so far; if it did, the test would wait for ever."""

    def serve(*arguments):
        raise AssertionError("it is served")

    monkeypatch.setattr("smearprep.serving.job.serve", serve)


def test_help():
    shown = call("annotate", "--help")
    text = " ".join(shown.stdout.split())
    assert "Draw and correct outlines in the browser." in text
    assert "this computer alone until Ctrl-C" in text and "Every edit is saved at once" in text


def test_no_set(tmp_path):
    assert f"{tmp_path / 'nowhere'}: is not there" in fail("annotate", tmp_path / "nowhere", "--no-browser")


def test_a_file(folder):
    message = fail("annotate", folder / "manifest.json", "--no-browser")
    assert "manifest.json" in message and "folder" in message


def test_an_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty" in fail("annotate", tmp_path / "empty", "--no-browser")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_set_that_cannot_be_written(folder):
    (folder / "edits.jsonl").mkdir()
    message = fail("annotate", folder, "--no-browser", "--port", 0)
    assert "edits.jsonl" in message and "cannot be" in message


def test_a_port_in_use(folder):
    before = tree(folder)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = fail("annotate", folder, "--no-browser", "--port", port)
    assert f"--port {port}: is in use" in message
    assert tree(folder) == before


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_no_port(folder, port):
    assert "--port" in fail("annotate", folder, "--no-browser", "--port", port)


def test_an_address_of_another_computer(folder):
    message = fail("annotate", folder, "--no-browser", "--host", "203.0.113.7")
    assert "--host 203.0.113.7: is no address of this computer" in message


def test_a_set_that_is_served_already(folder):
    session = Session(folder, "other")
    try:
        message = fail("annotate", folder, "--no-browser", "--port", 0)
    finally:
        session.close()
    assert str(folder) in message


def test_who_is_logged_in(monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "somebody")
    assert _logged_in() == "somebody"

    def nobody():
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert _logged_in() == ""


def test_the_extra_is_not_installed(folder, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "uvicorn" else find(name, *more)
    )
    message = fail("annotate", folder, "--no-browser")
    assert "needs uvicorn, which is not installed" in message and 'pip install "smearprep[serve]"' in message
