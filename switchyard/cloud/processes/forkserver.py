"""A process that imports a runtime's libraries once and then forks a ready child for each job.

Importing scikit-learn takes a second; a fork takes milliseconds. Every child is a process of its own
(own memory, own process group, own environment), exactly as if it had been started from the shell.
Run as ``python -m switchyard.cloud.processes.forkserver DESCRIPTOR MODULE...`` by `ProcessHost`.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib
import os
import selectors
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from switchyard.cloud.processes import mounts, orphans, wire

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Serve forks until the cloud closes its end of the socket."""
    connection = socket.socket(fileno=int(arguments[0]))
    gc.disable()  # while importing, nothing is garbage
    for module in arguments[1:]:
        # A module that is not installed is missed by the job that needs it, with a message of its own.
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    gc.freeze()  # children then share these pages for good
    gc.enable()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the cloud has ended
        _serve(connection, _parent_death_signal())


def _serve(connection: socket.socket, in_child: Callable[[], None]) -> None:
    orphans.adopt()
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the cloud's to handle
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    selector = selectors.DefaultSelector()
    selector.register(connection, selectors.EVENT_READ)
    selector.register(wake_read, selectors.EVENT_READ)
    children: dict[int, int] = {}
    try:
        while True:
            for key, _ in selector.select():
                if key.fileobj == wake_read:
                    os.read(wake_read, 4096)
                    continue
                received = wire.receive(connection)
                if received is None:
                    return
                request, files = received
                server = os.getpid()
                if request["mount"] is not None and not mounts.are_allowed():
                    request["mount"] = None
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    selector.close()
                    connection.close()
                    os.close(wake_read)
                    os.close(wake_write)
                    _mount(request)
                    in_child()
                    if os.getppid() != server:
                        os._exit(1)  # the server has died in this very moment
                    _run_child(request, files)
                for descriptor in files:
                    os.close(descriptor)
                children[pid] = request["id"]
                wire.send(connection, {"id": request["id"], "pid": pid})
            _reap(connection, children)
    finally:
        _end(children)
        for pid in children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        orphans.end(running=())


def _reap(connection: socket.socket, children: dict[int, int]) -> None:
    while children:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        identifier = children.pop(pid, None)
        if identifier is not None:
            _end([pid])  # what it left running ends with it, as in a container
            orphans.end(running=children)
            wire.send(connection, {"id": identifier, "exit_code": os.waitstatus_to_exitcode(status)})


def _end(children: Iterable[int]) -> None:
    for pid in children:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _mount(request: dict[str, Any]) -> None:
    if request["mount"] is not None:
        folder, path = map(Path, request["mount"])
        with contextlib.suppress(OSError):  # it finds the folder by its variables
            mounts.show(folder, path)


def _run_child(request: dict[str, Any], files: list[int]) -> None:
    """Become the process that was asked for; never returns."""
    exit_code = 1
    try:
        os.setsid()
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        _take_files(files)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["directory"])
        if request["target"] is None:
            _execute(request["arguments"], request["environment"])
        _reseed()
        module, _, function = request["target"].partition(":")
        getattr(importlib.import_module(module), function)(*request["arguments"])
        exit_code = 0
    except SystemExit as leaving:
        exit_code = _exit_code(leaving)
    except BaseException:
        traceback.print_exc()
    finally:
        # What the interpreter does at its end, without tearing down a library of modules.
        with contextlib.suppress(BaseException):
            threading._shutdown()  # type: ignore[attr-defined]
        with contextlib.suppress(BaseException):
            atexit._run_exitfuncs()
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(exit_code)


def _execute(command: list[str], environment: dict[str, str]) -> None:
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606
    except FileNotFoundError as missing:
        print(missing, file=sys.stderr)
        raise SystemExit(127) from None


def _exit_code(leaving: SystemExit) -> int:
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code & 0xFF
    print(leaving.code, file=sys.stderr)
    return 1


def _take_files(files: list[int]) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    # Above the numbers they are to take, so that none overwrites another.
    moved = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 3 + len(files)) for descriptor in files]
    for number, descriptor in enumerate(moved, start=1):
        os.dup2(descriptor, number)
    for descriptor in {nothing, *files, *moved} - set(range(len(files) + 1)):
        os.close(descriptor)
    # Line by line, as containers run with PYTHONUNBUFFERED.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115


def _reseed() -> None:
    """Give the child random numbers of its own; siblings would share the server's otherwise."""
    import random

    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _parent_death_signal() -> Callable[[], None]:
    """Return what has the kernel end a process with its parent, where the kernel can (Linux).

    For the children alone. To the kernel, a parent is the thread that made the process, and the server's may be one
    that soon ends, such as a pool's; the server sees the cloud's end by the end of its connection.
    """
    if sys.platform != "linux":
        return lambda: None
    import ctypes

    libc = ctypes.CDLL(None)

    def set_signal() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    return set_signal


if __name__ == "__main__":
    main(sys.argv[1:])
