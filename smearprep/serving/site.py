"""The page and its requests as an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Set
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from smearprep.annotating import Session
from smearprep.serving.answers import Refused, error_answer, json_answer
from smearprep.serving.asked import AnyAsked, read_body, read_query
from smearprep.serving.folding import Folding
from smearprep.serving.guard import TOKEN, check_caller, with_headers
from smearprep.serving.keys import Keys
from smearprep.serving.page_files import page_files
from smearprep.serving.verbs import Verbs

MOST_BYTES = 16 * 2**20
"""Of a request's body."""

Endpoint = Callable[[Request], Awaitable[Response]]
Routes = dict[str, dict[str, Endpoint]]  # path -> method -> endpoint


def site(session: Session, keys: Keys, hosts: Set[str], folding: Folding) -> ASGIApp:
    """The application that serves a set.

    Args:
        session: Of the set.
        keys: Who shows its token may ask.
        hosts: Names by which the server may be asked for, each with the port, for example
            "127.0.0.1:8123".
        folding: Told of edits.
    """
    routes = {**_page_routes(), **_verb_routes(Verbs(session, keys, folding))}

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"this application answers HTTP, not {scope['type']}")
        response = await _respond(Request(scope, receive), routes, keys, hosts)
        await response(scope, receive, with_headers(send))

    return application


async def _respond(request: Request, routes: Routes, keys: Keys, hosts: Set[str]) -> Response:
    try:
        check_caller(request.scope, keys, hosts)
        methods = routes.get(str(request.scope["path"]))
        if methods is None:
            raise Refused(404, "there is nothing at this address")
        if request.method not in methods:
            allowed = ", ".join(methods)
            raise Refused(405, f"this address takes {allowed} only", {"Allow": allowed})
        return await methods[request.method](request)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    except Exception as error:
        return error_answer(error)


# ---------------------------------------------------------------- routes


def _page_routes() -> Routes:
    """The page's files; no path that a client names touches the disk."""

    def endpoint(data: bytes, kind: str) -> Endpoint:
        async def answer(request: Request) -> Response:
            return Response(data, media_type=kind)

        return answer

    routes = {f"/page/{name}": {"GET": endpoint(*file)} for name, file in page_files().items()}
    return {"/": routes["/page/index.html"], **routes}


def _verb_routes(verbs: Verbs) -> Routes:
    gets, posts = verbs.gets(), verbs.posts()
    routes: Routes = {f"/api/{name}": {"GET": _get(*verb)} for name, verb in gets.items()}
    routes |= {f"/api/{name}": {"POST": _post(*verb)} for name, verb in posts.items()}
    assert TOKEN in routes
    return routes


def _get(kind: type[AnyAsked], work: Callable[[AnyAsked], Any]) -> Endpoint:
    async def answer(request: Request) -> Response:
        return await run_in_threadpool(_done, work, read_query(kind, request.query_params))

    return answer


def _post(kind: type[AnyAsked], work: Callable[[AnyAsked], Any]) -> Endpoint:
    async def answer(request: Request) -> Response:
        if request.query_params:
            raise Refused(400, "values of this request stand in its body, not in its address")
        body = await _body(request)
        return await run_in_threadpool(lambda: _done(work, read_body(kind, body)))

    return answer


def _done(work: Callable[[AnyAsked], Any], asked: AnyAsked) -> Response:
    value = work(asked)
    return value if isinstance(value, Response) else json_answer(value)


async def _body(request: Request) -> bytes:
    """A request's body, read no further than it may go.

    Raises:
        Refused: It is too large, or is not declared to be JSON. (A form on a foreign page can send other
            types without the browser's asking first.)
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "requests to this address are of type application/json")
    too_large = Refused(413, f"the request is too large; at most {MOST_BYTES:,} bytes are taken")
    stated = request.headers.get("content-length", "0")
    if not (stated.isascii() and stated.isdecimal() and len(stated) < 20) or int(stated) > MOST_BYTES:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise too_large
    return bytes(body)
