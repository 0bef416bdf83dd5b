"""``python -m switchyard.cloud``: the local cloud as a process."""

from __future__ import annotations

import argparse
import contextlib
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


def main() -> NoReturn:
    """Start the cloud, say where it listens, and serve until SIGTERM or Ctrl-C."""
    # A thousand modules are about to be imported: nothing of them is garbage.
    gc.disable()
    try:
        exit_code = _serve(_options())
    except _RefusedError as refusal:
        print(json.dumps({"error": str(refusal)}))
        exit_code = refusal.exit_code
    # Everything has ended; taking the modules apart would cost half a second more.
    sys.stdout.flush()
    os._exit(exit_code)


class _RefusedError(Exception):
    """What was given cannot be served."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def _serve(options: Any) -> int:
    try:
        listening = socket.create_server(("127.0.0.1", options.port), backlog=512)
    except OSError as error:
        message = f"port {options.port} on 127.0.0.1 is taken ({error.strerror}); choose another with --port"
        raise _RefusedError(message, 2) from None
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    if options.parent_pipe:
        threading.Thread(target=_end_with_parent, args=(ended,), daemon=True).start()
    # Imported only now: a port that is taken is told at once.
    from switchyard.cloud.app import Cloud
    from switchyard.cloud.intrinsics import TemplateError
    from switchyard.cloud.sagemaker.quotas import QuotaError, Quotas

    try:
        cloud = Cloud(listening, options.home.resolve(), options.time_scale, Quotas(dict(options.quota)))
    except QuotaError as error:
        raise _RefusedError(str(error), 2) from None
    except OSError as error:
        raise _RefusedError(f"the state folder {options.home} cannot be written: {error.strerror}", 2) from None
    try:
        cloud.warm(options.warm)
        cloud.start()
        try:
            stack = cloud.load(options.stack, options.template, dict(options.parameter))
        except TemplateError as error:
            raise _RefusedError(str(error), 1) from None
        try:
            https = {} if options.https_port is None else cloud.serve_https(options.https_port)
        except OSError as error:
            message = f"port {options.https_port} on 127.0.0.1 is taken ({error.strerror}); choose another"
            raise _RefusedError(message, 2) from None
        state = {"endpoint_url": cloud.endpoint_url, "pid": os.getpid(), "stack_name": stack.name, "https": https}
        state["parent_pipe"] = options.parent_pipe
        gc.freeze()
        gc.enable()
        with cloud.state_file(state):
            print(json.dumps({**state, "unsupported": stack.unsupported}), flush=True)
            ended.wait()
    finally:
        cloud.close()
    return 0


def _options() -> Any:
    parser = argparse.ArgumentParser(prog="python -m switchyard.cloud", description=__doc__)
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="0 takes any free one (%(default)s)")
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
    parser.add_argument(
        "--quota",
        type=_quota,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a quota of SageMaker's by the name that AWS gives it (without any, nothing is limited)",
    )
    parser.add_argument("--warm", action="append", default=[], metavar="FRAMEWORK", help="load a runtime at once")
    parser.add_argument(
        "--https-port", type=_port, help="take AWS's own host names too, by an HTTPS proxy on this port"
    )
    parser.add_argument("--parent-pipe", action="store_true", help="end when standard input is closed")
    return parser.parse_args()


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port (0 to 65535)")
    return int(text)


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=VALUE")
    return name, value


def _quota(text: str) -> tuple[str, int]:
    name, equals, value = text.rpartition("=")
    if not equals or not value.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=VALUE, with a whole number")
    return name, int(value)


def _end_with_parent(ended: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    ended.set()


if __name__ == "__main__":
    main()
