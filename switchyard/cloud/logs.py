"""Writes to CloudWatch Logs: what jobs, endpoints and functions print."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import select
import struct
import termios
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import IO, Any

from switchyard.cloud.account import ACCOUNT_ID, REGION, arn

LOG = logging.getLogger(__name__)
LONGEST_MESSAGE = 256 * 1024 - 26
TAIL_LINES = 40
_CHUNK = 65536


class LogStream:
    """One log stream; it and its group are made by the first line.

    Parameters
    ----------
    may : callable, optional
        Whether the role in whose name it is written may do an action on a resource. Lines that it may not write are
        lost, as on AWS.
    looks_first : bool
        Whether the writer describes the group's streams before it makes its own, as SageMaker does.
    """

    def __init__(
        self,
        group: str,
        stream: str,
        may: Callable[[str, str], Any] = lambda _action, _resource: True,
        *,
        looks_first: bool = False,
    ) -> None:
        self._may = may
        self._looks_first = looks_first
        self.group = group
        self.stream = stream
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._exists = False
        self._lock = threading.Lock()

    def write(self, lines: list[str]) -> None:
        """Append lines, each as one event of this moment."""
        if not lines:
            return
        from moto.logs.models import logs_backends

        backend = logs_backends[ACCOUNT_ID][REGION]
        now = int(time.time() * 1000)
        with self._lock:
            self.tail.extend(line for line in lines if line.strip())
            if not self._is_allowed(backend):
                return
            if not self._exists:
                _make(backend, self.group, self.stream)
                self._exists = True
            backend.put_log_events(
                log_group_name=self.group,
                log_stream_name=self.stream,
                log_events=[{"timestamp": now, "message": line[:LONGEST_MESSAGE]} for line in lines],
            )

    def note(self, line: str) -> None:
        """Append a line of this cloud's own, which does not count as something that the process has said."""
        self.write([line])
        self.tail.clear()

    def _is_allowed(self, backend: Any) -> bool:
        group = arn("logs", f"log-group:{self.group}")
        stream = f"{group}:log-stream:{self.stream}"
        if not self._exists:
            if self.group not in backend.groups and not self._may("logs:CreateLogGroup", f"{group}:log-stream:"):
                return False
            if self._looks_first and not self._may("logs:DescribeLogStreams", f"{group}:log-stream:"):
                return False
            if not self._may("logs:CreateLogStream", stream):
                return False
        return bool(self._may("logs:PutLogEvents", stream))

    def last_line(self) -> str:
        """Return the last line that was not empty, or an empty string."""
        return self.tail[-1] if self.tail else ""


def pump(output: IO[bytes], take: Callable[[list[str]], None]) -> None:
    """Pass on a process's output line by line, several at once when they come fast, until it ends."""
    lines = _Lines(take)
    while chunk := output.read(_CHUNK):
        lines.add(chunk)
    lines.end()
    output.close()


class Pump:
    """Passes on a process's output as `pump` does, in a thread of its own that can be waited for.

    Parameters
    ----------
    output : file
        A pipe, unbuffered.
    take : callable
        What the lines are passed to.
    """

    def __init__(self, output: IO[bytes], take: Callable[[list[str]], None]) -> None:
        self._output = output
        self._lines = _Lines(take)
        self._taking = threading.Lock()  # held from before the pipe is read until the lines have been taken
        self._taken = 0
        threading.Thread(target=self._run, daemon=True).start()

    def drain(self, seconds: float = 5.0) -> None:
        """Wait until the lines that have been written by now are passed on, at most for so long."""
        until, wanted = time.monotonic() + seconds, None
        while self._taking.acquire(timeout=max(until - time.monotonic(), 0)):
            try:
                if self._output.closed:
                    return
                wanted = self._taken + self._unread() if wanted is None else wanted
                if self._taken >= wanted:
                    return
            finally:
                self._taking.release()
            time.sleep(0.001)

    def _unread(self) -> int:
        (count,) = struct.unpack("i", fcntl.ioctl(self._output, termios.FIONREAD, b"\0" * 4))
        return int(count)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        while not self._output.closed:
            poll.poll()
            with self._taking:
                chunk = self._output.read(_CHUNK)
                try:
                    self._lines.add(chunk) if chunk else self._lines.end()
                except Exception:  # a line that cannot be kept stops no process: it would wait for somebody to read on
                    LOG.exception("the output of a process could not be kept")
                self._taken += len(chunk)
                if not chunk:
                    self._output.close()


class _Lines:
    """Makes lines of chunks."""

    def __init__(self, take: Callable[[list[str]], None]) -> None:
        self._take = take
        self._pending = b""

    def add(self, chunk: bytes) -> None:
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        if len(self._pending) > LONGEST_MESSAGE:  # a line without an end must not fill the memory
            lines, self._pending = [*lines, self._pending], b""
        if lines:
            self._take([line.decode("utf-8", "replace").rstrip("\r") for line in lines])

    def end(self) -> None:
        if self._pending:
            self._take([self._pending.decode("utf-8", "replace")])


def _make(backend: object, group: str, stream: str) -> None:
    from moto.logs.exceptions import ResourceAlreadyExistsException

    with contextlib.suppress(ResourceAlreadyExistsException):
        backend.create_log_group(group, {})  # type: ignore[attr-defined]
    with contextlib.suppress(ResourceAlreadyExistsException):
        backend.create_log_stream(group, stream)  # type: ignore[attr-defined]
