"""The Lambda runtime API: where a function's worker fetches invocations and posts its answers.

Source: "Using the Lambda runtime API for custom runtimes" (AWS Lambda Developer Guide).
"""

from __future__ import annotations

import queue
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_PREFIX = "/2018-06-01/runtime"
_ANSWER = re.compile(rf"{_PREFIX}/invocation/([^/]+)/(response|error)")


@dataclass
class Invocation:
    """One event on its way through a function.

    Parameters
    ----------
    timeout : float
        Seconds that the function has for it, from when it takes it: until then it is still being started.
    """

    request_id: str
    payload: bytes
    function_arn: str
    timeout: float
    trace_id: str
    answer: bytes = b""
    error: str | None = None
    crash_note: str | None = None
    began: float = field(default_factory=time.time)
    taken: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def deadline(self) -> float:
        """When its time is over, in seconds since the epoch."""
        return self.began + self.timeout

    def take(self) -> None:
        """Note that the function begins with it."""
        self.began = time.time()
        self.taken.set()

    def finish(self, answer: bytes, error: str | None = None) -> None:
        """Give the invocation its answer; only the first one counts."""
        if not self.done.is_set():
            self.answer, self.error = answer, error
            self.done.set()
            self.taken.set()  # nobody takes it any more


class RuntimeApi:
    """The runtime API of one worker, on a port of its own."""

    def __init__(self) -> None:
        self._pending: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._current: Invocation | None = None
        self.is_ready = threading.Event()  # the function has been loaded, or could not be
        self.init_error: bytes | None = None
        self._server = _Server(self)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def request_id(self) -> str:
        """The invocation that the worker has, or had last."""
        return self._current.request_id if self._current is not None else ""

    @property
    def crash_note(self) -> str | None:
        """Why the worker is to crash in that invocation; None when it is not."""
        return self._current.crash_note if self._current is not None else None

    def submit(self, invocation: Invocation) -> None:
        """Hand an invocation to the worker."""
        self._current = invocation
        self._pending.put(invocation)
        if self.init_error is not None:
            self.fail(self.init_error)

    def next(self) -> Invocation | None:
        """Wait for the next invocation; None when the worker is to end."""
        self.is_ready.set()
        invocation = self._pending.get()
        if invocation is not None:
            invocation.take()
        return invocation

    def answer(self, answer: bytes, error: str | None = None) -> None:
        """Take the worker's answer, unless it is to crash before it gives one."""
        if self._current is not None and self._current.crash_note is None:
            self._current.finish(answer, error)

    def finish(self, answer: bytes, error: str | None = None) -> None:
        """Finish the invocation that the worker has, if it has one."""
        if self._current is not None:
            self._current.finish(answer, error)

    def fail(self, error: bytes) -> None:
        """Note that the function could not be loaded, which is the answer to whatever the worker is given."""
        self.init_error = error
        self.is_ready.set()
        self.finish(error, "Unhandled")

    def close(self) -> None:
        """Stop serving, without waiting for it."""
        self._pending.put(None)
        threading.Thread(target=self._shut_down, daemon=True).start()

    def _shut_down(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: RuntimeApi) -> None:
        self.api = api
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path != f"{_PREFIX}/invocation/next":
            self._answer(404)
            return
        invocation = self.server.api.next()
        if invocation is None:
            self.close_connection = True
            return
        self._answer(
            200,
            invocation.payload,
            {
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
                "Lambda-Runtime-Trace-Id": invocation.trace_id,
                "Content-Type": "application/json",
            },
        )

    def do_POST(self) -> None:
        body = self._body()
        match = _ANSWER.fullmatch(self.path)
        if match is None and self.path != f"{_PREFIX}/init/error":
            self._answer(404)
            return
        if match is None:
            self.server.api.fail(body)
        else:
            self.server.api.answer(body, "Unhandled" if match.group(2) == "error" else None)
        self._answer(202)

    def log_message(self, *_: object) -> None:
        """Keep quiet: this traffic is of no interest."""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response_only(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def trace_header() -> str:
    """Return an X-Ray trace header that is not sampled: nothing here records traces."""
    now = time.time()
    root, parent = int(now * 1e9) & (2**96 - 1), int(now * 1e6) & (2**64 - 1)
    return f"Root=1-{int(now):08x}-{root:024x};Parent={parent:016x};Sampled=0"
