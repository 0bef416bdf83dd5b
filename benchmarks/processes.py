"""Starts processes, times them, and sees that none is left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import proc

LONGEST_RUN_SECONDS = 300.0
STOP_SECONDS = 15.0


@dataclass(frozen=True)
class Ended:
    """A process that has ended.

    Parameters
    ----------
    started
        When it was started, in seconds since the epoch.
    seconds
        From before its start until after its end: the whole process's wall time.
    """

    started: float
    seconds: float
    exit_code: int
    output: str
    errors: str


@contextlib.contextmanager
def running(
    command: Sequence[str],
    *,
    directory: Path,
    environment: Mapping[str, str] | None = None,
    output: int | None = subprocess.DEVNULL,
    errors: int | None = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[bytes]]:
    """Keep a process running; however this is left, the process and all that it started end."""
    process = subprocess.Popen(
        command,
        cwd=directory,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        start_new_session=True,  # Ctrl-C is for the benchmark, which then ends everything in good order
    )
    try:
        yield process
    finally:
        end(process)
        if process.stdout is not None:
            process.stdout.close()


def run(command: Sequence[str], *, directory: Path, environment: Mapping[str, str] | None = None) -> Ended:
    """Run a process to its end.

    Parameters
    ----------
    command
        The program and its arguments.
    directory
        Where it runs.
    environment
        Variables on top of this process's own.
    """
    # Files rather than pipes: nobody has to read along while the time is taken.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started, began = time.time(), time.perf_counter()
        with running(
            command,
            directory=directory,
            environment=environment,
            output=output.fileno(),
            errors=errors.fileno(),
        ) as process:
            # `wait(timeout)` would poll, up to 50 ms too late.
            deadline = threading.Timer(LONGEST_RUN_SECONDS, process.kill)
            deadline.start()
            try:
                exit_code = process.wait()
                seconds = time.perf_counter() - began
            finally:
                deadline.cancel()
        output.seek(0)
        errors.seek(0)
        return Ended(
            started,
            seconds,
            exit_code,
            output.read().decode(errors="replace"),
            errors.read().decode(errors="replace"),
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all its descendants: by Ctrl-C first, and what is left after that by force."""
    if process.poll() is not None:
        return
    with _uninterrupted():
        family = proc.descendants(process.pid)
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for descendant in family:
            if proc.is_alive(descendant):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(descendant.pid, signal.SIGKILL)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let an impatient second Ctrl-C not leave a half-ended cloud behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
