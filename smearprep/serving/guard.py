"""Who may ask: this server's own page, with the key, under this server's own name."""

from __future__ import annotations

from collections.abc import Set

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Scope, Send

from smearprep.serving.answers import Refused
from smearprep.serving.keys import Keys

API = "/api/"
TOKEN = "/api/token"
"""The one request without the key: the one that gives it for a ticket."""

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob:",
    "connect-src": "'self'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{what} {who}" for what, who in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer: labels and notes are never taken for a page, and no other page can use this one."""


def check_caller(scope: Scope, keys: Keys, hosts: Set[str]) -> None:
    """Refuse a request that is not this server's own page's.

    Args:
        scope: Of ASGI, "http".
        keys: Who shows the token may ask.
        hosts: Names by which this server may be asked for, with the port.

    Raises:
        Refused: A foreign host (a page that had its own name pointed here), a foreign page, or no key.
    """
    headers = Headers(scope=scope)
    named = [host.lower() for host in headers.getlist("host")]
    if len(named) != 1 or named[0] not in hosts:
        raise Refused(403, f"this server answers only at {', '.join(sorted(hosts))}")
    if any(origin.lower() != f"http://{named[0]}" for origin in headers.getlist("origin")):
        raise Refused(403, "this server answers only its own page")
    path = str(scope["path"])
    if not path.startswith(API) or path == TOKEN:
        return
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not keys.opens(token.strip()):
        raise Refused(
            401, "this page has no key, or an old one; open the link that the terminal shows",
            {"WWW-Authenticate": "Bearer"},
        )  # fmt: skip


def with_headers(send: Send) -> Send:
    """`send` that adds to an answer what keeps a browser safe."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return sending
