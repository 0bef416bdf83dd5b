"""Asks endpoints with next to no work of the client's own, for tests that ask thousands of times."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urlsplit

from tests.cloud.local_cloud import LocalCloud


@dataclass(frozen=True)
class Answer:
    """What came back: the HTTP status, which variant answered, the body."""

    status: int
    variant: str
    body: bytes


class Asker:
    """One kept connection to an endpoint."""

    def __init__(self, cloud: LocalCloud, endpoint: str) -> None:
        self._path = f"/endpoints/{endpoint}/invocations"
        self._connection = http.client.HTTPConnection(urlsplit(cloud.url).netloc, timeout=30)

    def ask(self, body: str | bytes, **headers: str) -> Answer:
        """Send a request and return its answer, whatever its status."""
        self._connection.request("POST", self._path, body, {"Content-Type": "text/csv", **headers})
        answer = self._connection.getresponse()
        return Answer(answer.status, answer.getheader("x-amzn-invoked-production-variant", ""), answer.read())

    def __enter__(self) -> Asker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
