"""The key that opens a served set, and the tickets by which a browser gets it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from hmac import compare_digest

_LIFE_S = 120.0
_BYTES = 32  # of chance: more than anyone can try


class Keys:
    """The token, which every request but those for the page itself must show, and one-time tickets.

    A browser is started by a command line, which other users of the computer can read: it holds a ticket,
    which is worth nothing once the page has exchanged it for the token.

    Args:
        clock: Seconds, of any beginning.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.token = secrets.token_urlsafe(_BYTES)
        self._clock = clock
        self._tickets: dict[str, float] = {}  # ticket -> when it ends

    def ticket(self) -> str:
        """A new ticket, good for one exchange within two minutes."""
        ticket = secrets.token_urlsafe(_BYTES)
        self._tickets[ticket] = self._clock() + _LIFE_S
        return ticket

    def exchange(self, ticket: str) -> str | None:
        """The token for a ticket; None for one that was used, is too old, or was never given."""
        known = next((own for own in tuple(self._tickets) if _are_equal(own, ticket)), None)
        end = None if known is None else self._tickets.pop(known, None)
        return self.token if end is not None and self._clock() <= end else None

    def opens(self, token: str) -> bool:
        """True for the token; takes as long whatever is wrong with another one."""
        return _are_equal(self.token, token)


def _are_equal(one: str, other: str) -> bool:
    return compare_digest(one.encode(), other.encode("utf-8", "surrogatepass"))
