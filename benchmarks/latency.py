"""How long an endpoint takes to answer, asked in several ways, and how much it answers at once."""

from __future__ import annotations

import re
import selectors
import socket
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks import proc

REQUESTS_A_ROUND = 200
CONNECTIONS = 8
THROUGHPUT_SECONDS = 1.0
_RECEIVE_BYTES = 65536
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class AnswerError(Exception):
    """When an answer is not 200."""


@dataclass
class Latencies:
    """The latencies of one way of asking: milliseconds, a list for each round."""

    rounds: list[list[float]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Give percentiles over all requests, and the median of each round."""
        everything = sorted(value for values in self.rounds for value in values)
        return {
            "requests": len(everything),
            "p50_ms": percentile(everything, 50),
            "p99_ms": percentile(everything, 99),
            "round_p50_ms": [statistics.median(values) for values in self.rounds],
        }


def percentile(ordered: list[float], percent: int) -> float:
    """Give a percentile by the nearest rank.

    Examples
    --------
    >>> percentile([1.0, 2.0, 3.0, 4.0], 50)
    2.0
    """
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def measure(ask: Callable[[], object], requests: int = REQUESTS_A_ROUND) -> list[float]:
    """Ask again and again, one request after the other; milliseconds for each."""
    taken = []
    for _ in range(requests):
        began = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


class HttpConnection:
    """A kept-alive connection with the least work on the client's side, so that the server's is what counts.

    Parameters
    ----------
    port
        Of the loopback address.
    path, body
        The request: always the same.
    """

    def __init__(self, port: int, path: str, body: bytes) -> None:
        self._request = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: text/csv\r\nAccept: text/csv\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def ask(self) -> None:
        """Send the request and wait for its answer."""
        self.send()
        while not self.receive():
            pass

    def send(self) -> None:
        """Send the request."""
        self._received = b""
        self.socket.sendall(self._request)

    def receive(self) -> bool:
        """Receive what is there; whether the answer is complete.

        Raises
        ------
        AnswerError
            When it is not 200.
        """
        chunk = self.socket.recv(_RECEIVE_BYTES)
        self._received += chunk
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not chunk or (end and b" 200 " not in head[:15]):
            raise AnswerError(self._received[:300].decode("latin-1") or "the connection was closed")
        length = _LENGTH.search(head)
        return bool(end) and length is not None and len(body) >= int(length.group(1))

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()


def throughput(port: int, path: str, body: bytes) -> float:
    """Keep several connections busy from one thread; requests a second."""
    connections = [HttpConnection(port, path, body) for _ in range(CONNECTIONS)]
    selector = selectors.DefaultSelector()
    try:
        answered = 0
        began = time.perf_counter()
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send()
        while (seconds := time.perf_counter() - began) < THROUGHPUT_SECONDS:
            for key, _ in selector.select(THROUGHPUT_SECONDS):
                if key.data.receive():
                    answered += 1
                    key.data.send()
        return answered / seconds
    finally:
        selector.close()
        for connection in connections:
            connection.close()


def find_model_server(cloud_pid: int, body: bytes) -> int | None:
    """Find the port of a model server below the cloud's process: the one that answers such a request."""
    for process in proc.descendants(cloud_pid):
        for port in proc.listening_ports(process.pid):
            try:
                connection = HttpConnection(port, "/invocations", body)
            except OSError:
                continue
            try:
                connection.socket.settimeout(2)
                connection.ask()
            except (OSError, AnswerError):
                continue
            else:
                return port
            finally:
                connection.close()
    return None
