"""The real server: killed while it saves, ended by a signal, and open to this computer's browser alone."""

import http.client
import json
import signal
import threading
import time

import pytest

from tests.serving.asking import drawn
from tests.serving.processes import LIMIT_S, serving
from tests.sets import coco_files, report

KEY = "train/i0.png"


class Editor(threading.Thread):
    """Draws cell after cell, and remembers those that were answered."""

    def __init__(self, process, name):
        super().__init__(daemon=True)
        self.process = process
        self.label = name
        self.ids = []
        self.error = None

    def run(self):
        try:
            _, state = self.process.ask("GET", "/api/image", query={"key": KEY})
            while True:
                edit = f"{self.label}-{len(self.ids)}"
                body = {"key": KEY, "edit": edit, "revision": state["revision"], "title": "1 cell drawn"}
                status, state = self.process.ask("POST", "/api/edit", {**body, "cells": {"new-a": drawn()}})
                assert status == 200, state
                self.ids.append(state["ids"]["new-a"])
        except (OSError, http.client.HTTPException):
            pass  # the server is gone
        except Exception as error:
            self.error = error


def wait_for(condition):
    """Until it holds."""
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end, "not within a minute"
        time.sleep(0.002)


def test_no_answered_edit_is_lost_by_kills(folder):
    answered = set()
    for turn, count in enumerate((1, 12, 30)):
        with serving(folder) as process:
            editor = Editor(process, f"turn{turn}")
            editor.start()
            wait_for(lambda: len(editor.ids) >= count or not editor.is_alive())  # noqa: B023
            process.child.send_signal(signal.SIGKILL)
            editor.join(LIMIT_S)
            assert editor.error is None and len(editor.ids) >= count
            assert not answered & set(editor.ids)
            answered |= set(editor.ids)
    with serving(folder) as process:
        status, state = process.ask("GET", "/api/image", query={"key": KEY})
        assert status == 200 and answered <= {cell["id"] for cell in state["cells"]}
        status, _, told = process.end()
        assert status == 0, told
    annotations = coco_files(folder)["train"]["annotations"]
    assert answered <= {annotation["id"] for annotation in annotations}
    report("check", folder)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_it_with_all_saved(folder, name):
    with serving(folder, "--json", "--category", "Platelets") as process:
        body = {"key": KEY, "edit": "e", "revision": 0, "title": "t", "cells": {"new-a": drawn("Platelets")}}
        body["revision"] = process.ask("GET", "/api/image", query={"key": KEY})[1]["revision"]
        status, state = process.ask("POST", "/api/edit", body)
        assert status == 200, state
        status, out, told = process.end(getattr(signal, name))
    assert status == 0, told
    data = json.loads(out)
    assert data["command"] == "annotate" and data["output"] == str(folder)
    assert data["counts"]["edits"] == 2 and data["counts"]["images"] == 3
    ids = {annotation["id"] for annotation in coco_files(folder)["train"]["annotations"]}
    assert state["ids"]["new-a"] in ids
    assert told.count(process.token) == 1 and "Traceback" not in told
    report("check", folder)


def test_the_browser_is_opened_with_a_ticket(folder, tmp_path):
    shown = tmp_path / "shown"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {shown}.part && mv {shown}.part {shown}\n')
    browser.chmod(0o755)
    with serving(folder, BROWSER=f"{browser} %s") as process:
        wait_for(shown.exists)
        address, _, ticket = shown.read_text().partition("#ticket=")
        assert address == f"http://127.0.0.1:{process.port}/"
        assert ticket and process.token not in shown.read_text()
        for status in (200, 403):
            found, value = process.ask("POST", "/api/token", {"ticket": ticket}, Authorization="")
            assert found == status
            assert (value == {"token": process.token}) == (status == 200)
        assert process.ask("GET", "/api/set", Authorization="Bearer wrong")[0] == 401
        assert process.ask("GET", "/api/set", Host="evil.example")[0] == 403
        assert process.ask("GET", "/api/set", **{"X-Forwarded-Host": "evil.example"})[0] == 200
