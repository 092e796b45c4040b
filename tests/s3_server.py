"""An S3-compatible server on this computer, for tests: a process of its own that checks who asks.

Its buckets are the sub-folders of a folder. What they hold dates from when the files were written, so that a
server that is started again tells the same of them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock, Thread
from typing import Any

_PROJECT = Path(__file__).parent.parent
_ACCOUNT, _REGION = "123456789012", "us-east-1"
_USERS = {"owner": ["s3:*"], "reader": ["s3:ListBucket", "s3:GetObject"], "lister": ["s3:ListBucket"]}
_READ = re.compile(r'"GET /([^ ?/]+/[^ ?]+) HTTP/1\.1" 200')
_NEVER = -1


@dataclass(frozen=True)
class S3Server:
    """A server that runs.

    Args:
        endpoint: Its address.
        keys: Of each user the access key's name and its secret.
        log: What it writes of each request.
        process: The server.
    """

    endpoint: str
    keys: dict[str, tuple[str, str]]
    log: Path
    process: subprocess.Popen[str]

    def environment(self, user: str) -> dict[str, str]:
        """What someone sets who wants to reach it; nothing that lies on this computer has a say."""
        name, secret = self.keys[user]
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": name,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",  # tests that want a failure need not wait for further tries
            "NO_PROXY": "127.0.0.1",
        }

    @property
    def reads(self) -> list[str]:
        """The objects that were read so far, as BUCKET/KEY, in that order."""
        return _READ.findall(self.log.read_text())


@contextmanager
def s3_server(folder: Path, log: Path, ends_at: int = _NEVER) -> Iterator[S3Server]:
    """A server, which ends at the end.

    Args:
        folder: Its sub-folders become the buckets.
        log: The file that it writes of each request to.
        ends_at: It dies in the middle of the n-th object that is read, counted from 0.
    """
    command = [sys.executable, "-m", "tests.s3_server", str(folder), str(ends_at)]
    there = {**os.environ, "PYTHONPATH": str(_PROJECT), "INITIAL_NO_AUTH_ACTION_COUNT": "0"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with log.open("wb") as told, subprocess.Popen(command, stderr=told, env=there, **pipes) as process:
        try:
            said = process.stdout.readline()
            if not said:
                raise RuntimeError(f"the S3 server did not start: {log.read_text()}")
            yield S3Server(**json.loads(said), log=log, process=process)
        finally:
            process.kill()


# ---------------------------------------------------------------- in the process of the server


def _serve(folder: Path, ends_at: int) -> None:
    """Serve until standard input ends: the server does not outlive who started it, whatever befalls them."""
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    _fill(folder)
    app = _Mortal(DomainDispatcherApplication(create_backend_app), ends_at)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
    Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"endpoint": f"http://127.0.0.1:{server.port}", "keys": _users()}), flush=True)
    sys.stdin.read()


def _users() -> dict[str, tuple[str, str]]:
    from moto.iam.models import iam_backends

    iam = iam_backends[_ACCOUNT]["aws"]
    keys = {}
    for user, actions in _USERS.items():
        iam.create_user("aws", user)
        allowed = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        iam.put_user_policy(user, user, json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
        key = iam.create_access_key(user)
        keys[user] = key.access_key_id, key.secret_access_key
    return keys


def _fill(folder: Path) -> None:
    from moto.s3.models import s3_backends

    s3 = s3_backends[_ACCOUNT]["aws"]
    for bucket in sorted(folder.iterdir()):
        s3.create_bucket(bucket.name, _REGION)
        for file in sorted(path for path in bucket.rglob("*") if path.is_file()):
            key = s3.put_object(bucket.name, file.relative_to(bucket).as_posix(), file.read_bytes())
            key.last_modified = datetime.fromtimestamp(int(file.stat().st_mtime), UTC)


class _Mortal:
    """An application that dies in the middle of an object."""

    def __init__(self, app: Callable[..., Iterable[bytes]], ends_at: int) -> None:
        self._app, self._left, self._lock = app, ends_at, Lock()

    def __call__(self, request: dict[str, Any], start: Callable[..., Any]) -> Iterator[bytes]:
        is_object = request["REQUEST_METHOD"] == "GET" and "/" in request["PATH_INFO"].strip("/")
        with self._lock:
            self._left -= is_object
            is_last = is_object and self._left == _NEVER
        whole = b"".join(self._app(request, start))
        if is_last:
            yield whole[: len(whole) // 2]
            os._exit(1)
        yield whole


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), int(sys.argv[2]))
