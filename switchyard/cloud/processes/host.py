"""The cloud's handle on a fork server and on the processes that it forks."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from switchyard.cloud.processes import wire

CLOSE_SECONDS = 5.0


class Process:
    """One running process: its output, its end, and the way to end it."""

    def __init__(self, output: IO[bytes]) -> None:
        self.output = output
        self.pid = 0
        self.exit_code: int | None = None
        self._started = threading.Event()
        self._ended = threading.Event()

    def wait(self, timeout: float | None = None) -> int | None:
        """Return the exit code (negative: the signal's number), or None if `timeout` seconds passed."""
        return self.exit_code if self._ended.wait(timeout) else None

    def send_signal(self, number: signal.Signals) -> None:
        """Signal the whole process group; nothing happens when it has already ended."""
        self._started.wait()
        if self.exit_code is not None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:  # forked just now: the group is not there yet
                os.kill(self.pid, number)

    def terminate(self, grace: float) -> None:
        """Ask for the end (SIGTERM), and after `grace` seconds enforce it (SIGKILL)."""
        self.send_signal(signal.SIGTERM)
        if self.wait(grace) is None:
            self.kill()

    def kill(self) -> None:
        """End the process group at once and wait until it has gone."""
        self.send_signal(signal.SIGKILL)
        self.wait()

    def _start(self, pid: int) -> None:
        self.pid = pid
        self._started.set()

    def _end(self, exit_code: int) -> None:
        self.exit_code = exit_code
        self._started.set()
        self._ended.set()


class ProcessHost:
    """Starts processes that have `preload` already imported.

    Parameters
    ----------
    preload : sequence of str
        Modules that the fork server imports before its first child.
    log : Path
        Where the fork server's own complaints go.
    environment : mapping, optional
        Variables that the modules look at while they are imported. Children get their own environment.
    """

    def __init__(self, preload: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self._preload = list(preload)
        self._environment = {**os.environ, **(environment or {})}
        self._log = log
        self._identifiers = itertools.count(1)
        self._lock = threading.Lock()
        self._processes: dict[int, Process] = {}
        self._connection: socket.socket | None = None
        self._closed = False
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the fork server; a second call changes nothing."""
        with self._lock:
            if not self._closed and (self._server is None or self._server.poll() is not None):
                self._launch()

    def spawn(
        self,
        target: str | None,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: Path,
        inherit: Sequence[int] = (),
        mount: tuple[Path, Path] | None = None,
    ) -> Process:
        """Start a process.

        Parameters
        ----------
        target : str or None
            ``module:function``, called with `arguments`; None runs `arguments` as a command line.
        arguments : sequence of str
            What the function, or the command, is given.
        environment : mapping
            The whole environment of the process.
        directory : Path
            Its working directory.
        inherit : sequence of int
            Open files that it gets as its descriptors 3, 4, ...
        mount : tuple of Path, optional
            A folder, and the path under which the process finds it too, if this machine allows that
            (see `switchyard.cloud.processes.mounts`).

        Returns
        -------
        Process
            Its `output` is standard output and standard error, in the order written.
        """
        self.start()
        reading, writing = os.pipe()
        process = Process(os.fdopen(reading, "rb", buffering=0))
        request = {
            "target": target,
            "arguments": list(arguments),
            "environment": dict(environment),
            "directory": str(directory),
            "mount": None if mount is None else [str(path) for path in mount],
        }
        try:
            with self._lock:
                if self._connection is None:
                    process.output.close()
                    raise ProcessLookupError("the fork server has been closed")
                identifier = next(self._identifiers)
                self._processes[identifier] = process
                wire.send(self._connection, {"id": identifier, **request}, (writing, writing, *inherit))
        finally:
            os.close(writing)
        return process

    def hang_up(self) -> None:
        """Tell the fork server to end, with every process that it started; do not wait for it."""
        with self._lock:
            self._closed = True
            connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the fork server and every process that it started."""
        self.hang_up()
        server, self._server = self._server, None
        if server is not None:
            # `wait` with a time-out would look only every 50 ms.
            late = threading.Timer(CLOSE_SECONDS, server.kill)
            late.start()
            server.wait()
            late.cancel()

    def _launch(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs, self._log.open("ab") as log:
            self._server = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "switchyard.cloud.processes.forkserver",
                    str(theirs.fileno()),
                    *self._preload,
                ],
                pass_fds=[theirs.fileno()],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._connection, self._processes = ours, {}
        threading.Thread(target=_listen, args=(ours, self._processes), name="fork-server", daemon=True).start()


def _listen(connection: socket.socket, processes: dict[int, Process]) -> None:
    """Hear from one fork server, until it ends, how its processes fare."""
    while True:
        try:
            received = wire.receive(connection)
        except OSError:
            received = None
        if received is None:
            break
        message, _ = received
        process = processes[message["id"]]
        if "pid" in message:
            process._start(message["pid"])
        else:
            del processes[message["id"]]
            process._end(message["exit_code"])
    connection.close()
    for identifier in list(processes):
        processes.pop(identifier)._end(-signal.SIGKILL)
