"""``python -m switchyard.cloud``: the local cloud as a process."""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

DEFAULT_PORT = 4599
DEFAULT_TIME_SCALE = 0.01


def main() -> None:
    """Start the cloud, say where it listens, and serve until SIGTERM or Ctrl-C."""
    # A thousand modules are about to be imported: nothing of them is garbage.
    gc.disable()
    options = _options()
    try:
        listening = socket.create_server(("127.0.0.1", options.port), backlog=512)
    except OSError as error:
        _refuse(f"port {options.port} on 127.0.0.1 is taken ({error.strerror}); choose another with --port", 2)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    if options.parent_pipe:
        threading.Thread(target=_end_with_parent, args=(ended,), daemon=True).start()
    # Imported only now: a port that is taken is told at once.
    from switchyard.cloud.app import Cloud
    from switchyard.cloud.intrinsics import TemplateError

    cloud = Cloud(listening, options.home.resolve(), options.time_scale)
    try:
        cloud.warm(options.warm)
        cloud.start()
        try:
            stack = cloud.load(options.stack, options.template, dict(options.parameter))
        except TemplateError as error:
            _refuse(str(error), 1)
        state = {"endpoint_url": cloud.endpoint_url, "pid": os.getpid(), "stack_name": stack.name}
        state["parent_pipe"] = options.parent_pipe
        gc.freeze()
        gc.enable()
        with cloud.state_file(state):
            print(json.dumps({**state, "unsupported": stack.unsupported}), flush=True)
            ended.wait()
    finally:
        cloud.close()
    # Everything has ended; taking a thousand modules apart would cost half a second more.
    sys.stdout.flush()
    os._exit(0)


def _options() -> Any:
    parser = argparse.ArgumentParser(prog="python -m switchyard.cloud", description=__doc__)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes any free one (%(default)s)")
    parser.add_argument("--template", type=Path, default=Path("template.yaml"), help="(%(default)s)")
    parser.add_argument("--stack", default="switchyard", help="the stack's name (%(default)s)")
    parser.add_argument("--parameter", type=_parameter, action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--home", type=Path, default=Path(".switchyard"), help="the state folder (%(default)s)")
    parser.add_argument(
        "--time-scale",
        type=float,
        default=DEFAULT_TIME_SCALE,
        help="how long a second of a Wait state or of a retry's interval takes here (%(default)s)",
    )
    parser.add_argument("--warm", action="append", default=[], metavar="FRAMEWORK", help="load a runtime at once")
    parser.add_argument("--parent-pipe", action="store_true", help="end when standard input is closed")
    return parser.parse_args()


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=VALUE")
    return name, value


def _end_with_parent(ended: threading.Event) -> None:
    while sys.stdin.buffer.read(1):
        pass
    ended.set()


def _refuse(message: str, status: int) -> NoReturn:
    print(json.dumps({"error": message}), flush=True)
    raise SystemExit(status)


if __name__ == "__main__":
    main()
