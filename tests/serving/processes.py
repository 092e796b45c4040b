"""The command as a process that serves, and requests to it over the network."""

import http.client
import json
import os
import re
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

from tests.sets import COMMAND

LIMIT_S = 60


@dataclass
class Process:
    """A server and the address that it has told."""

    child: subprocess.Popen
    port: int
    token: str
    told: list

    def ask(self, method, path, body=None, query=(), **headers):
        """(status, JSON value); raises OSError or HTTPException where the server is gone."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)
        try:
            sent = {"Authorization": f"Bearer {self.token}", **headers}
            data = None
            if body is not None:
                sent["Content-Type"] = "application/json"
                data = json.dumps(body)
            connection.request(method, f"{path}?{urlencode(query)}" if query else path, data, sent)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def end(self, number=signal.SIGTERM):
        """Send a signal; returns (exit status, standard output, all that was told)."""
        self.child.send_signal(number)
        told = "".join([*self.told, *self.child.stderr])  # by the same reader: it has read ahead
        out = self.child.stdout.read()
        return self.child.wait(LIMIT_S), out, told


@contextmanager
def serving(folder, *options, **environment):
    """Serve a set from a process of its own, at a free port; killed at the end if it is still there."""
    arguments = [COMMAND, "annotate", folder, "--port", "0", *options]
    if "BROWSER" not in environment:
        arguments.append("--no-browser")
    child = subprocess.Popen(
        [str(argument) for argument in arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SMEARPREP_DEBUG": "", **environment},
    )
    try:
        told = []
        for line in child.stderr:
            told.append(line)
            link = re.search(r"http://127\.0\.0\.1:(\d+)/#token=(\S+)", line)
            if link:
                break
        else:
            raise AssertionError("".join(told))
        yield Process(child, int(link[1]), link[2], told)
    finally:
        child.kill()
        child.communicate()
