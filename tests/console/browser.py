"""Speaks to a console's server as its page does."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from switchyard.console.context import Context
from switchyard.console.listening import Listener, listen
from switchyard.console.serve import ConsoleServer

TIMEOUT = 120


@dataclass
class Answer:
    """What the server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Browser:
    """Requests to one console, each over a connection of its own."""

    def __init__(self, listener: Listener, context: Context) -> None:
        self.listener = listener
        self.port = listener.port
        self.url = listener.url
        self.context = context

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            headers_ = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers_, response.read())
        finally:
            connection.close()

    def get(self, path: str, query: Any = (), **parameters: Any) -> Answer:
        """Read an address; `query` takes pairs for names that repeat."""
        pairs = [*query, *parameters.items()]
        return self.request("GET", path + (f"?{urlencode(pairs)}" if pairs else ""))

    def post(self, path: str, body: Any = None, **parameters: Any) -> Answer:
        """Send a JSON document, as the page does."""
        content = b"" if body is None else json.dumps(body).encode()
        address = path + (f"?{urlencode(parameters)}" if parameters else "")
        return self.request("POST", address, content, {"Content-Type": "application/json", "Origin": self.url})

    @contextmanager
    def live(self, *topics: str) -> Iterator[Iterator[dict[str, Any]]]:
        """Watch topics: gives an iterator of messages that waits for the next one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            connection.request("GET", "/api/live?" + urlencode([("topic", topic) for topic in topics]))
            response = connection.getresponse()
            assert response.status == 200, response.read()
            yield (json.loads(line[6:]) for line in response if line.startswith(b"data: "))
        finally:
            connection.close()


@contextmanager
def serving(context: Context, port: int = 0) -> Iterator[Browser]:
    """Serve a console for a while, on any port by default."""
    listener = listen(port=port)
    server = ConsoleServer(context, listener)
    server.start()
    try:
        yield Browser(listener, context)
    finally:
        server.stop()


def home_with_runs(folder: Path, runs: dict[str, dict[str, Any]]) -> Path:
    """Make a state folder that past runs have left: by name, each file's document by its name."""
    for name, files in runs.items():
        kept = folder / "runs" / name
        kept.mkdir(parents=True)
        for file, document in files.items():
            (kept / file).write_text(json.dumps(document))
    return folder
