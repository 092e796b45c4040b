"""The server: from the first request to the signal that ends it."""

from __future__ import annotations

import signal
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from smearprep.serving.hosts import Place

_GRACE_S = 5
_MOST_CONNECTIONS = 200
_SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK")  # Windows alone has the last one


def serve(application: ASGIApp, place: Place, greet: Callable[[], None]) -> None:
    """Answer requests until Ctrl-C, or a request of the system to end.

    Requests that are under way then are answered first.

    Args:
        application: What answers.
        place: Where to listen; its socket is closed at the end.
        greet: Called once a signal ends the server in order; the socket takes requests already.
    """
    config = uvicorn.Config(
        application,
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = uvicorn.Server(config)
    with _ended_by_signals(server):
        greet()
        server.run(sockets=[place.listener])


@contextmanager
def _ended_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """Signals end the server and nothing else.

    When uvicorn has ended it raises the signal again, which would end this process before its last edits
    are folded.
    """

    def end(*_: Any) -> None:
        server.should_exit = True

    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def open_browser(url: str, say: Callable[[str], None]) -> None:
    """Open a page in the user's browser, without waiting for it: some run in the terminal."""

    def opening() -> None:
        if not webbrowser.open(url):
            say("no browser could be opened here; open the link above in one")

    threading.Thread(target=opening, name="browser", daemon=True).start()
