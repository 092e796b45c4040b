"""What tests of the served page share: a served set, and a client that sends what no library would."""

import asyncio
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from smearprep.annotating import Session
from smearprep.serving import Keys, site
from smearprep.serving.folding import Folding
from tests.sets import call, write_folder

HOST = "127.0.0.1:8123"
HOSTS = frozenset({HOST, "localhost:8123"})
NEVER_S = 3600
TRIANGLE = {"outer": [[20, 5.5], [30, 5.5], [25, 15]], "holes": []}


@dataclass(frozen=True)
class Answer:
    """What a request was answered with."""

    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """The sentence that says what is wrong; every error is one."""
        assert self.headers["content-type"] == "application/json"
        assert set(self.json) <= {"error", "image"}
        assert len(self.json["error"].split()) > 3 and "Traceback" not in self.json["error"]
        return self.json["error"]


class Client:
    """Asks an ASGI application.

    `path` is sent as it is, so that it may hold anything; `headers` of value None are left away; `body` is
    bytes, a list of chunks of bytes, or a value that is sent as JSON.
    """

    def __init__(self, application, token=""):
        self.application = application
        self.token = token
        self.unread = 0
        """Chunks of the last request's body that were not read."""

    def get(self, path, query=(), **how):
        return self.ask("GET", path, query=query, **how)

    def post(self, path, body, **how):
        return self.ask("POST", path, body=body, **how)

    def ask(self, method, path, *, query=(), body=b"", headers=(), states_length=True):
        is_chunks = isinstance(body, list) and bool(body) and all(isinstance(chunk, bytes) for chunk in body)
        if not isinstance(body, bytes) and not is_chunks:
            body = json.dumps(body).encode()
        chunks = body if is_chunks else [body]
        sent = {"host": HOST, "authorization": f"Bearer {self.token}"}
        if method == "POST":
            sent["content-type"] = "application/json"
            if states_length:
                sent["content-length"] = str(sum(map(len, chunks)))
        sent = {**sent, **dict(headers)}
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
            "scheme": "http", "path": path, "raw_path": quote(path, errors="replace").encode(),
            "root_path": "", "client": ("127.0.0.1", 50000),
            "query_string": (query if isinstance(query, str) else urlencode(query)).encode(),
            "headers": [(k.encode(), v.encode("latin-1")) for k, v in sent.items() if v is not None],
        }  # fmt: skip
        return asyncio.run(self._answer(scope, chunks))

    async def _answer(self, scope, chunks):
        left, messages = list(chunks), []

        async def receive():
            if not left:
                return {"type": "http.disconnect"}
            body = left.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(left)}

        async def send(message):
            messages.append(message)

        await self.application(scope, receive, send)
        self.unread = len(left)
        start, *rest = messages
        names = [name.decode() for name, _ in start["headers"]]
        assert len(set(names)) == len(names)
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], headers, b"".join(message["body"] for message in rest))


def prepare_set(folder, images=3):
    """A prepared set of a few noise images of 60x40 px, in each a square of either label. Returns it."""
    raw = write_folder(folder / "raw", images=images)
    done = call("split", raw, folder / "set", "--ratio", "1:0:0")
    assert done.exit_code == 0, done.output
    return folder / "set"


@dataclass(frozen=True)
class Served:
    """A set that is served in this process."""

    folder: object
    session: Session
    keys: Keys
    client: Client
    folding: Folding
    said: list

    @property
    def names(self):
        return [row["key"] for row in self.session.overview()["images"]]

    def edit(self, key, edit, revision, cells=None, image=None, **more):
        """Send an edit."""
        body = {"key": key, "edit": edit, "revision": revision, "title": "tried"}
        body |= {name: value for name, value in (("cells", cells), ("image", image)) if value is not None}
        return self.client.post("/api/edit", {**body, **more})


@contextmanager
def served(folder):
    """Serve a set; nothing folds by itself."""
    said = []
    session = Session(folder, "tester")
    folding = Folding(session.fold, said.append, NEVER_S)
    try:
        keys = Keys()
        client = Client(site(session, keys, HOSTS, folding), keys.token)
        yield Served(folder, session, keys, client, folding, said)
    finally:
        folding.close()
        session.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "folding"]


def drawn(category="WBC", part=TRIANGLE):
    """A new cell."""
    return {"category": category, "outline": "drawn", "parts": [part]}
