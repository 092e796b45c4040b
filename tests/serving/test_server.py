"""Around the server: the browser that is opened, and signals that are put back."""

import queue
import signal

import pytest

from smearprep.serving import server
from smearprep.serving.hosts import listen

LIMIT_S = 60


@pytest.mark.parametrize("is_there", [True, False])
def test_a_browser_is_opened_if_there_is_one(monkeypatch, is_there):
    happened = queue.Queue()

    def open_(url):
        happened.put(url)
        return is_there

    monkeypatch.setattr("webbrowser.open", open_)
    server.open_browser("http://127.0.0.1:1/#ticket=x", happened.put)
    assert happened.get(timeout=LIMIT_S) == "http://127.0.0.1:1/#ticket=x"
    if not is_there:
        assert "open the link above" in happened.get(timeout=LIMIT_S)


def test_signals_end_it_once_and_are_put_back(monkeypatch):
    """uvicorn raises the signal that ended it once more; that is not to reach this process."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    greeted = []

    def greet():
        signal.raise_signal(signal.SIGTERM)  # by somebody who was quick
        greeted.append(True)

    def run(self, sockets):
        assert self.should_exit
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        assert self.should_exit

    monkeypatch.setattr("uvicorn.Server.run", run)
    place = listen("127.0.0.1", 0)
    server.serve(None, place, greet)
    place.listener.close()
    assert greeted
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
